"""Threads, profiles and nuggets can be flagged too, and a moderator does with each what can be done with it."""

from __future__ import annotations

import re

import pytest
import time_machine
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from portal.accounts.models import Member
from portal.conversations import taking_back
from portal.conversations.models import Post
from portal.conversations.thread_queries import opening_of
from portal.core.clock import now
from portal.core.db import db, transaction
from portal.library.models import Item
from portal.moderation import carrying_out, flagging, forgetting, further_rulings, ruling
from portal.moderation.forms import REASONS
from portal.moderation.models import Flag, Outcome, Reason, Ruling
from portal.practices.models import Photo
from portal.practices.queries import told_of
from tests.make import again


@pytest.fixture
def things(people, make):
    """One of each, Bob's where it is somebody's."""
    make.profile(people.bob, practice="Bob & Sons", title="Surgeon to the Hales", bio="I treat Mr. Hale.")
    return {
        "thread": make.thread(by=people.bob, title="What of Mr. Hale?"),
        "profile": people.bob,
        "nugget": make.nugget("Ten weeks to a calm front desk"),
    }


@pytest.fixture
def flag(app, people):
    def raise_it(thing, by=None, reason=Reason.SELLING):
        with app.app_context(), transaction():
            return flagging.flag(again(thing), reason=reason, by=again(by or people.alice))

    return raise_it


@pytest.fixture
def rule(app, people):
    def decide(what, thing, by=None, because="It names a patient.", **more):
        with app.app_context(), transaction():
            return getattr(ruling, what)(again(thing), because=because, by=again(by or people.mo), **more)

    return decide


KINDS = ["thread", "profile", "nugget"]


@pytest.mark.parametrize("kind", KINDS)
def test_alice_flags_it_once_and_is_told_the_second_time(app, people, things, flag, kind):
    flag(things[kind])
    with pytest.raises(flagging.AlreadyFlagged, match=f"You have flagged this {kind} before"):
        flag(things[kind])
    flag(things[kind], by=people.cory)
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Flag)) == 2


@pytest.mark.parametrize(
    ("page", "unfit"),
    [
        ("/members/bob", {"off_topic", "unsafe_advice"}),
        ("/library/{nugget}", {"off_topic"}),
        ("/threads/{thread}", set()),
    ],
)
def test_alice_is_offered_only_reasons_that_fit_and_sends_no_other(browse, people, things, page, unfit):
    path = page.format(nugget=things["nugget"].slug, thread=things["thread"].id) + "/flag"
    alice = browse(people.alice)
    offered = set(re.findall(r'name="reason" type="radio" value="(\w+)"', alice.get(path).text))
    assert offered == {reason.value for reason in REASONS} - unfit
    for reason in unfit:
        answer = alice.post(path, data={"reason": reason})
        assert answer.status_code == 422
        assert "Choose the reason that comes closest." in answer.text


@pytest.mark.parametrize("kind", ["thread", "profile"])
def test_bob_flags_nothing_of_his_own(people, things, flag, kind):
    with pytest.raises(flagging.OwnWords):
        flag(things[kind], by=people.bob)


@pytest.mark.parametrize("columns", [[], ["post_id", "thread_id"], ["member_id", "item_id"]])
def test_no_row_says_that_two_things_were_flagged_or_none(app, people, make, things, columns):
    post = make.reply(things["thread"], by=people.bob)
    ids = {
        "post_id": post.id,
        "thread_id": things["thread"].id,
        "member_id": people.bob.id,
        "item_id": things["nugget"].id,
    }
    row = {"about": "?", "by_id": people.alice.id, "reason": Reason.SELLING, "rank": 1, "words": ""}
    with app.app_context():
        with pytest.raises(IntegrityError), transaction():
            db.session.execute(Flag.__table__.insert(), [row | {column: ids[column] for column in columns}])
        assert db.session.scalar(select(func.count()).select_from(Flag)) == 0


@pytest.mark.parametrize(
    ("kind", "what", "outcome"),
    [
        ("thread", "keep", Outcome.KEPT),
        ("thread", "lock", Outcome.LOCKED),
        ("thread", "hide_thread", Outcome.HIDDEN),
        ("profile", "keep", Outcome.KEPT),
        ("profile", "clear", Outcome.CLEARED),
        ("nugget", "keep", Outcome.KEPT),
        ("nugget", "withdraw", Outcome.WITHDRAWN),
    ],
)
def test_one_ruling_settles_all_its_flags_and_whoever_comes_second_is_told(
    app, people, things, flag, rule, kind, what, outcome
):
    first, second = flag(things[kind]), flag(things[kind], by=people.olga)
    rule(what, things[kind], by=people.cory, answering=first.id)
    with app.app_context():
        made = db.session.scalars(select(Ruling)).one()
        assert made.outcome is outcome
        assert made.author_id == (None if kind == "nugget" else people.bob.id)
        assert all(f.ruling_id == made.id for f in (again(first), again(second)))
    with pytest.raises(carrying_out.AlreadyRuled, match="Cory was first"):
        rule(what, things[kind], by=people.olga, answering=second.id)
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Ruling)) == 1


def test_what_bob_said_about_himself_is_gone_from_his_profile_and_he_is_told(
    app, people, make, things, flag, rule, outbox, work_off
):
    make.photo(people.bob)
    flag(people.bob)
    rule("clear", people.bob)
    with app.app_context():
        bob = again(people.bob)
        told = told_of(bob, reader=again(people.mo))
        assert (bob.name, told.bio, told.title, told.practice, told.photo) == ("Bob", None, None, None, None)
        assert db.session.scalar(select(func.count()).select_from(Photo)) == 0
    work_off()
    (letter,) = [m for m in outbox if "bob@example.com" in m.recipients]
    assert letter.subject == "Your profile was emptied"
    for words in ("It names a patient.", "http://localhost/members/bob"):
        assert words in letter.body
        assert words in letter.html
    assert "Mr. Hale" not in letter.body


def test_bob_hears_nothing_of_a_profile_that_stays(people, things, flag, rule, outbox, work_off):
    flag(people.bob)
    rule("keep", people.bob)
    work_off()
    assert [m for m in outbox if "bob@example.com" in m.recipients] == []


def test_only_a_coach_takes_a_nugget_out_of_the_library(app, people, things, flag, rule):
    flag(things["nugget"])
    with pytest.raises(ruling.NotACoach):
        rule("withdraw", things["nugget"])
    with app.app_context():
        assert db.session.get_one(Item, things["nugget"].id).is_published
    rule("withdraw", things["nugget"], by=people.cory)
    with app.app_context():
        assert not db.session.get_one(Item, things["nugget"].id).is_published


def test_nothing_is_taken_down_that_nobody_flagged(people, things, rule):
    for what, kind in (("clear", "profile"), ("withdraw", "nugget"), ("keep", "thread")):
        with pytest.raises(carrying_out.AlreadyRuled):
            rule(what, things[kind], by=people.cory)


def test_mo_judges_neither_his_profile_nor_a_thread_of_his(people, make, flag, rule):
    thread = make.thread(by=people.mo)
    for thing, what in ((thread, "keep"), (people.mo, "keep"), (people.mo, "clear")):
        with pytest.raises(carrying_out.OwnWords):
            rule(what, thing)


def test_flags_on_bobs_profile_go_with_his_account(app, people, things, flag):
    flag(people.bob)
    with app.app_context(), transaction():
        forgetting.forget(db.session.get_one(Member, people.bob.id))
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Flag)) == 0


@pytest.mark.parametrize("kind", KINDS)
def test_alice_finds_a_quiet_link_where_she_reads_flags_it_and_mo_finds_it(browse, people, things, kind):
    place = {
        "thread": f"/threads/{things['thread'].id}",
        "profile": "/members/bob",
        "nugget": f"/library/{things['nugget'].slug}",
    }[kind]
    alice = browse(people.alice)
    assert f'href="{place}/flag"' in alice.get(place).text
    assert f"Flag this {kind}" in alice.get(f"{place}/flag").text
    assert alice.post(f"{place}/flag", data={"reason": "because"}).status_code == 422
    answer = alice.post(f"{place}/flag", data={"reason": "disrespect", "words": "Line two."})
    assert (answer.status_code, answer.location) == (303, place)
    assert "Thank you. A moderator will look at it" in alice.get(place).text
    assert alice.post(f"{place}/flag", data={"reason": "disrespect"}).status_code == 409
    assert "Line two." in browse(people.mo).get("/moderation").text


def test_bob_is_not_offered_to_flag_himself(browse, people, things):
    bob = browse(people.bob)
    for place in (f"/threads/{things['thread'].id}", "/members/bob"):
        assert f'{place}/flag"' not in bob.get(place).text
        assert bob.get(f"{place}/flag").status_code == 409


def test_flags_on_things_of_every_kind_count_together(browse, people, make):
    thread, alice = make.thread(by=people.bob, posts=9), browse(people.alice)
    with make.app.app_context():
        ids = db.session.scalars(select(Post.id).where(Post.thread_id == thread.id)).all()
    places = [*(f"/posts/{n}" for n in ids), "/members/bob", "/members/cory", f"/threads/{thread.id}"]
    with time_machine.travel(now(), tick=False):  # windows begin by the clock: none ends meanwhile
        answers = [alice.post(f"{place}/flag", data={"reason": "selling"}).status_code for place in places]
    assert answers == [303] * 10 + [429] * 2


def test_what_is_not_there_for_alice_cannot_be_flagged(browse, people, make):
    draft, tool = make.nugget("Not yet", published=False), make.tool()
    for place in ("/threads/999", "/members/nobody", f"/library/{draft.slug}", f"/library/{tool.slug}"):
        assert browse(people.alice).get(f"{place}/flag").status_code == 404
    for outsider in (people.lena, people.sam):
        assert browse(outsider).get("/members/bob/flag").status_code == 403


def _gone(what, post, people):
    if what == "taken back":
        taking_back.take_back(post, by=again(people.bob))
    elif what == "held":
        flagging.flag(post, reason=Reason.BREACH_OF_CONFIDENCE, by=again(people.cory))
    else:
        (ruling.hide if what == "hidden" else further_rulings.delete)(post, because="So.", by=again(people.mo))


@pytest.mark.parametrize("what", ["hidden", "held", "deleted", "taken back"])
def test_whoever_flags_a_thread_reads_there_nothing_of_a_beginning_that_is_gone(app, browse, people, make, what):
    thread = make.thread(by=people.bob, body="It was Quarzenfels.")
    make.reply(thread, by=people.cory, body="Not here, please.")
    form = f"/threads/{thread.id}/flag"
    assert "Quarzenfels" in browse(people.alice).get(form).text
    with app.app_context(), transaction():
        _gone(what, opening_of(again(thread)), people)
    for answer in (browse(people.alice).get(form), browse(people.alice).post(form, data={"reason": "x"})):
        assert "Flag this thread" in answer.text
        assert "Quarzenfels" not in answer.text


def test_a_flag_on_a_thread_goes_along_when_that_is_joined_with_another(
    app, browse, people, make, flag, rule, work_off
):
    gone, kept = (
        make.thread(by=people.mo, title="Aqaba", body="It was Dana."),
        make.thread(by=people.bob, title="All of it"),
    )
    with app.app_context():
        opening = opening_of(again(gone))
    flag(gone)
    flag(gone, by=people.cory)
    flag(opening, by=people.cory)
    assert (
        browse(people.mo).post(f"/desk/threads/{gone.id}/join", data={"into": f"/threads/{kept.id}"}).status_code == 303
    )
    case = browse(people.olga).get(f"/moderation/cases/post/{opening.id}").text
    assert "Alice" in case
    assert f"/moderation/cases/post/{opening.id}" in browse(people.olga).get("/moderation").text
    assert f"/moderation/cases/thread/{gone.id}" not in browse(people.olga).get("/moderation").text
    assert "It was Dana." not in browse(people.mo).get("/moderation").text
    rule("hide", opening, by=people.olga)
    work_off()
    assert "Members do not read it any more" in browse(people.alice).get("/notifications").text
    with app.app_context():
        assert db.session.scalars(select(Flag).where(Flag.ruled_at.is_(None))).all() == []
