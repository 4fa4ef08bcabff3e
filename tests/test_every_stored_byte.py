"""A walk over all that is stored, by every address that could give it out: nothing to whoever may not have it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from sqlalchemy import select

from portal.accounts.models import Member
from portal.billing.models import Grant
from portal.conversations import attaching
from portal.conversations.models import PostFile
from portal.core.clock import now
from portal.core.db import db, transaction
from portal.library import feeds
from portal.library.feed_models import Feed
from portal.library.feed_showing import FeedAddress
from portal.library.models import File, Item, Version
from portal.library.models import Path as LearningPath
from portal.membership import taking_along
from portal.membership.models import Export
from portal.practices.models import Photo
from tests.make import PDF, picture


@dataclass(frozen=True)
class Door:
    """An address, and what stands behind it."""

    path: str
    key: str
    is_free: bool = False  # for anyone with an account
    is_own: bool = False  # for Walt alone, whoever else is a member


@pytest.fixture
def demo(app, make, work_off):
    """The demo's content with an archive and a photo of Walt's, and people who may not have it."""
    done = app.test_cli_runner().invoke(args=["seed"])
    assert done.exit_code == 0, done.output
    with app.app_context():
        walt = db.session.scalars(select(Member).where(Member.handle == "walt")).one()
    make.photo(walt, picture(600, 600))
    thread = make.thread(by=walt)
    for name, content in (("seat.jpg", picture(600, 600)), ("Plan.pdf", PDF)):
        make.attached(thread, by=walt, name=name, content=content)
    with app.app_context(), transaction():
        taking_along.ask(db.session.get_one(Member, walt.id))
    work_off()
    lapsed = make.member("Lapsed", entitled=True)
    suspended = make.member("Held", entitled=True)
    with app.app_context(), transaction():
        for who in (walt, lapsed, suspended):
            feeds.begin(db.session.get_one(Member, who.id))
    with app.app_context(), transaction():
        db.session.get_one(Member, suspended.id).suspended_until = now() + timedelta(days=9)
        _end_grants(lapsed)
    return {"walt": walt, "lapsed": lapsed, "suspended": suspended, "subscriber": make.member("Free")}


def _end_grants(member: Member) -> None:

    for grant in db.session.scalars(select(Grant).where(Grant.member_id == member.id)):
        grant.until = now() - timedelta(days=1)


def stored(app) -> dict[str, bytes]:
    """Every file on the disk, by its key."""
    files = (file for file in Path(app.config["STORAGE_DIR"]).rglob("*") if file.is_file())
    return {file.name: file.read_bytes() for file in files}


def feed_path(app, member: Member, slug: str) -> str:
    token = feeds.token_of(db.session.scalars(select(Feed).where(Feed.member_id == member.id)).one())
    return f"{urlsplit(FeedAddress(token).feed).path.removesuffix('/podcast.xml')}/{slug}/audio"


def doors(app, walt: Member) -> list[Door]:
    """Every address that could give out what any row names."""
    found = []
    with app.app_context():
        rows = db.session.execute(
            select(Item.slug, Item.is_free, Version.number, File.position, File.media_type, File.storage_key)
            .join(Version, Version.item_id == Item.id)
            .join(File, File.version_id == Version.id)
        )
        for slug, is_free, number, position, media_type, key in rows:
            found.append(Door(f"/library/{slug}/file?version={number}&file={position}", key, is_free))
            if media_type.startswith("audio/"):
                found.append(Door(f"/library/{slug}/audio?version={number}", key, is_free))
                found.append(Door(feed_path(app, walt, slug), key))
        for photo in db.session.scalars(select(Photo)):
            found += [
                Door(f"/photos/{photo.token}/{width}.webp", key)
                for width, key in ((96, photo.small_key), (320, photo.large_key))
            ]
        found += [
            Door(attaching.path_of(file.token), file.storage_key) for file in db.session.scalars(select(PostFile))
        ]
        for export in db.session.scalars(select(Export)):
            found.append(Door(f"/account/data/exports/{export.id}/file", export.storage_key, is_own=True))
    return found


@pytest.mark.one_database
def test_every_stored_byte_goes_to_a_member_and_none_to_anyone_else(app, browse, demo):
    """One walk, because loading the demo takes a while."""
    kept, all_doors = stored(app), doors(app, demo["walt"])
    assert set(kept) == {
        door.key for door in all_doors
    }  # nothing lies there without an address, and none leads nowhere
    assert len({door.key for door in all_doors}) > 30
    walt = browse(demo["walt"])
    for door in all_doors:
        gets_it_whole_and_in_parts(walt, door, kept[door.key])
    cory = browse(_by_handle(app, "cory"))
    for door in all_doors:
        if door.is_own:
            gets_nothing(cory, door, kept)
    for who in ("visitor", "subscriber", "lapsed", "suspended"):
        browser = browse(demo.get(who))
        for door in all_doors:
            if door.path.startswith("/feeds/") or (door.is_free and who != "visitor"):
                continue  # the address of a feed is its own key, see below
            gets_nothing(browser, door, kept)
    no_token_opens_what_its_member_may_not_hear(app, browse, demo, all_doors, kept)
    no_path_is_packed_for_them(app, browse, demo)


def gets_it_whole_and_in_parts(browser, door: Door, content: bytes) -> None:
    whole = browser.get(door.path)
    assert (whole.status_code, whole.data == content) == (200, True), door.path
    headers = whole.headers
    assert whole.cache_control.private, door.path
    assert not whole.cache_control.public, door.path
    assert headers["X-Content-Type-Options"] == "nosniff"
    head = browser.head(door.path)
    assert (head.status_code, head.data) == (200, b"")
    assert head.headers["Content-Length"] == str(len(content))
    if door.path.startswith("/photos/"):
        return  # drawn at once; nobody goes on with a picture of a few kilobytes
    part = {"Range": "bytes=10-59"}
    for more, status, expected in (
        (part, 206, content[10:60]),
        (part | {"If-Range": headers["ETag"]}, 206, content[10:60]),
        (part | {"If-Range": '"of another edition"'}, 200, content),
        ({"Range": f"bytes={len(content)}-"}, 416, None),
        ({"If-None-Match": headers["ETag"]}, 304, b""),
    ):
        answer = browser.get(door.path, headers=more)
        assert answer.status_code == status, (door.path, more)
        assert expected is None or answer.data == expected, (door.path, more)
        assert answer.cache_control.private or status == 416, (door.path, more)
    assert browser.head(door.path, headers=part).data == b""


def gets_nothing(browser, door: Door, kept: dict[str, bytes]) -> None:
    content = kept[door.key]
    for asked in (browser.get, browser.head):
        for headers in ({}, {"Range": "bytes=0-99"}, {"If-Range": '"x"', "Range": "bytes=10-"}):
            answer = asked(door.path, headers=headers)
            assert answer.status_code in {303, 403, 404, 410}, (door.path, answer.status_code)
            assert content[:40] not in answer.data, door.path
            assert "Content-Range" not in answer.headers
            assert answer.cache_control.private, door.path


def no_token_opens_what_its_member_may_not_hear(app, browse, demo, all_doors: list[Door], kept) -> None:
    audio = [door for door in all_doors if door.path.startswith("/feeds/")]
    assert audio
    for door in audio:
        slug = door.path.split("/")[-2]
        token = door.path.split("/")[2]
        with app.app_context():
            theirs = [feed_path(app, demo[who], slug) for who in ("lapsed", "suspended")]
        bent = [door.path.replace(token, other) for other in (token[:-1] + "_", token[::-1], "x")]
        for path in theirs + bent:
            gets_nothing(browse(), Door(path, door.key), kept)
    with app.app_context(), transaction():
        feeds.rotate(db.session.scalars(select(Feed).where(Feed.member_id == demo["walt"].id)).one())
    for door in audio:
        gets_nothing(browse(), door, kept)


def no_path_is_packed_for_them(app, browse, demo) -> None:
    with app.app_context():
        slugs = db.session.scalars(select(LearningPath.slug)).all()
    for who in ("visitor", "subscriber", "lapsed", "suspended"):
        for slug in slugs:
            answer = browse(demo.get(who)).get(f"/paths/{slug}/files")
            assert answer.status_code in {303, 403}
            assert b"PK" not in answer.data[:2]


def _by_handle(app, handle: str) -> Member:
    with app.app_context():
        return db.session.scalars(select(Member).where(Member.handle == handle)).one()
