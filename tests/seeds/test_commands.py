"""`flask seed`: everything is there after the first run, and the second changes nothing."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from portal.accounts.models import Member, Role
from portal.conversations.models import Post, Room, Thread
from portal.core.clock import now
from portal.core.db import db
from portal.core.jobs import Job
from portal.core.letters import Letter
from portal.library.models import Episode, File, Guest, Item, Kind, Path, PathStep
from portal.moderation import appealing
from portal.moderation.models import Flag
from portal.moderation.person_models import Appeal
from portal.seeds import people as demo
from portal.seeds import reading
from portal.topics.models import Topic


@pytest.fixture
def seed(app):
    """Run `flask seed` with these options; what it said."""

    def run(*options):
        answer = app.test_cli_runner().invoke(args=["seed", *options])
        if answer.exception is not None and not isinstance(answer.exception, SystemExit):
            raise answer.exception
        return answer.exit_code, answer.output

    return run


def counts(app):
    with app.app_context():
        return {
            table.name: db.session.scalar(select(func.count()).select_from(table))
            for table in db.metadata.sorted_tables
        }


def test_a_first_run_finds_a_living_program_and_a_second_changes_nothing(app, seed, work_off):
    """One test for many statements, because loading takes a second or two."""
    assert seed()[0] == 0
    work_off()
    with app.app_context():
        everything_that_was_written_is_loaded()
        all_markdown_is_rendered_and_every_file_is_what_it_says()
        the_counters_agree_with_what_is_there()
        the_demo_looks_alive_and_nothing_lies_ahead()
        one_person_is_silenced_and_asks_for_a_second_look()
        nobody_gets_a_letter_about_what_was_said_before_the_demo_began()
    before = counts(app)
    code, said = seed()
    assert code == 0
    assert "nothing was loaded" in said
    assert counts(app) == before


def everything_that_was_written_is_loaded():
    for kind, folder in {
        Kind.TOOL: "tools",
        Kind.RESOURCE: "resources",
        Kind.NUGGET: "nuggets",
        Kind.EPISODE: "episodes",
    }.items():
        slugs = set(db.session.scalars(select(Item.slug).where(Item.kind == kind)))
        told = {sheet.slug for sheet in reading.sheets("stories")} if kind is Kind.NUGGET else set()
        assert slugs == {sheet.slug for sheet in reading.sheets(folder)} | told
        assert slugs
    assert set(db.session.scalars(select(Path.slug))) == {sheet.slug for sheet in reading.sheets("paths")}
    steps = sum(len(sheet.about["items"]) for sheet in reading.sheets("paths"))
    assert db.session.scalar(select(func.count()).select_from(PathStep)) == steps
    assert set(db.session.scalars(select(Topic.slug))) == {sheet.slug for sheet in reading.sheets("topics")}
    assert set(db.session.scalars(select(Room.slug))) == {sheet.slug for sheet in reading.sheets("rooms")}
    assert set(db.session.scalars(select(Member.handle))) == {person["handle"] for person in reading.people()}
    threads = reading.threads()
    assert db.session.scalar(select(func.count()).select_from(Thread)) == len(threads)
    assert db.session.scalar(select(func.count()).select_from(Post)) == sum(len(t["posts"]) for t in threads)
    flags = sum(1 for thread in threads for said in (thread, *thread["posts"]) if said.get("flag"))
    assert db.session.scalar(select(func.count()).select_from(Flag)) == flags


def all_markdown_is_rendered_and_every_file_is_what_it_says():
    waiting = {sheet.slug for sheet in reading.sheets("stories") if sheet.about["state"] != "agreed"}
    for item in db.session.scalars(select(Item)):
        assert bool(item.body) == bool(item.body_html), item.slug
        assert item.topics, item.slug
        assert item.is_published or item.slug in waiting, item.slug
    for post in db.session.scalars(select(Post)):
        assert post.body_html.startswith("<")
    files = db.session.scalars(select(File)).all()
    assert {f.media_type for f in files} >= {"application/pdf", "audio/mpeg"}
    assert not [f.name for f in files if f.media_type == "application/octet-stream"]
    for episode in db.session.scalars(select(Episode)):
        assert episode.seconds
        assert episode.transcript.startswith("WEBVTT")
        assert episode.tool_id
        assert episode.step
        assert episode.chapters
        assert episode.hear
        assert episode.thread_id
    assert db.session.scalar(select(func.count(Guest.id))) > 0


def the_counters_agree_with_what_is_there():
    for thread in db.session.scalars(select(Thread)):
        posts = db.session.scalars(select(Post).where(Post.thread_id == thread.id).order_by(Post.number)).all()
        assert [p.number for p in posts] == list(range(1, thread.post_count + 1))
        assert [p.created_at for p in posts] == sorted(p.created_at for p in posts)
        assert thread.last_post_at == posts[-1].created_at
        assert thread.last_author_id == posts[-1].author_id
    for room in db.session.scalars(select(Room)):
        threads = db.session.scalars(select(Thread).where(Thread.room_id == room.id)).all()
        assert room.thread_count == len([t for t in threads if not t.is_hidden])  # one waits for a moderator
        assert room.last_post_at == max((t.last_post_at for t in threads), default=None)


def the_demo_looks_alive_and_nothing_lies_ahead():
    newest = db.session.scalar(select(func.max(Post.created_at)))
    assert timedelta() < now() - newest < timedelta(days=2)
    assert db.session.scalar(select(func.count()).select_from(Item).where(Item.published_at > now())) == 0
    assert db.session.scalar(select(func.count()).select_from(Flag).where(Flag.created_at > now())) == 0


def one_person_is_silenced_and_asks_for_a_second_look():
    [gil] = db.session.scalars(select(Member).where(Member.silenced_until > now()))
    assert timedelta(days=13) < gil.silenced_until - now() <= timedelta(days=14)
    [appeal] = db.session.scalars(select(Appeal).where(Appeal.decided_at.is_(None)))
    assert appeal.by_id == gil.id
    for handle, may in {"cory": True, "olga": True, "mo": False}.items():
        staff = db.session.scalars(select(Member).where(Member.handle == handle)).one()
        assert appealing.may_decide(staff, appeal, appealing.the_house()) is may, handle


def nobody_gets_a_letter_about_what_was_said_before_the_demo_began():
    about_others = Letter.kind.not_like("library/consent-%")  # clients are asked now, so that one can open their links
    assert db.session.scalar(select(func.count()).select_from(Letter).where(about_others)) == 0
    assert db.session.scalar(select(func.count()).select_from(Job).where(Job.last_error.is_not(None))) == 0


def test_the_demo_people_come_in_with_the_printed_password_as_what_they_are(app, seed, browse):
    seed()
    code, said = seed("--print-people")
    assert code == 0
    assert demo.PASSWORD in said
    for role in ("owner", "coach", "moderator", "member", "lapsed", "subscriber"):
        assert role in said
    answer = browse().post("/sign-in", data={"email": "alice@example.com", "password": demo.PASSWORD})
    assert answer.status_code == 303
    with app.app_context():
        cast = {m.handle: m for m in db.session.scalars(select(Member))}
    for handle, status in {"alice": 200, "priya": 200, "walt": 200, "lena": 403, "sam": 403, "cory": 200}.items():
        assert browse(cast[handle]).get("/library/role-card/file").status_code == status, handle
    assert (cast["olga"].role, cast["mo"].role) == (Role.OWNER, Role.MODERATOR)


def test_without_demo_people_there_is_nobody_to_print(seed):
    code, said = seed("--print-people")
    assert code != 0
    assert "no demo people" in said


def test_in_production_the_library_and_empty_rooms_are_loaded_and_never_people(app, seed):
    app.config["ENV"] = "production"
    try:
        assert seed()[0] != 0
        assert seed("--print-people")[0] != 0
        assert counts(app)["item"] == 0
        assert seed("--content")[0] == 0
        assert "nothing was loaded" in seed("--content")[1]
    finally:
        app.config["ENV"] = "testing"
    after = counts(app)
    assert after["item"] == sum(len(list(reading.sheets(f))) for f in ("tools", "resources", "nuggets", "episodes"))
    assert after["room"] == len(list(reading.sheets("rooms")))
    assert after["member"] == after["thread"] == after["post"] == 0
