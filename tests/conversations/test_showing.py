"""A thread that did not change is not drawn again; one that changed always is."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from portal.accounts.models import Role
from portal.conversations import following, posting
from portal.conversations.models import Level, Post
from portal.core.clock import now
from portal.core.db import db, transaction
from portal.moderation import ruling
from tests.make import again


def _visit(reader, path, tag=None):
    return reader.get(path, headers={"If-None-Match": tag} if tag else {})


@pytest.fixture
def change(app):
    """`change(lambda: posting.reply(…))`: in a transaction of its own."""

    def make_it(do):
        with app.app_context(), transaction():
            do()

    return make_it


def test_the_same_page_again_is_not_modified(browse, people, make, count_queries):
    thread, bob = make.thread(by=people.alice, posts=20), browse(people.bob)
    path = f"/threads/{thread.id}"
    with count_queries() as drawn:
        first = _visit(bob, path)
    with count_queries() as known:
        again = _visit(bob, path, first.headers["ETag"])
    assert (first.status_code, again.status_code, again.data) == (200, 304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    assert first.headers["Cache-Control"] == "private, no-cache"
    assert "Cookie" in again.headers["Vary"]
    assert not any("post.body_html" in statement for statement in known)
    assert len(known) < len(drawn)


@pytest.mark.parametrize(
    "what", ["reply", "edit", "hide", "restore", "lock", "unlock", "hide_thread", "restore_thread"]
)
def test_every_visible_change_is_seen_at_once(browse, people, make, change, what):
    thread, mo = make.thread(by=people.alice), browse(people.mo)
    post = make.reply(thread, by=people.bob)
    undone = {"restore": "hide", "unlock": "lock", "restore_thread": "hide_thread"}

    def rule(name):
        thing = post if name in {"hide", "restore"} else thread
        return lambda: getattr(ruling, name)(again(thing), because="So.", by=again(people.mo))

    writes = {
        "reply": lambda: posting.reply(again(thread), body="More.", by=again(people.bob)),
        "edit": lambda: posting.edit(again(post), body="Better.", by=again(people.bob)),
    }
    if what in undone:
        change(rule(undone[what]))
    path = f"/threads/{thread.id}"
    first = _visit(mo, path)
    change(writes.get(what) or rule(what))
    second = _visit(mo, path, first.headers["ETag"])
    assert second.status_code == 200
    assert second.text != first.text


@pytest.mark.parametrize(
    "what",
    [
        *("name", "photo", "zone", "locale", "a moderator now", "unconfirmed", "silenced", "muted"),
        *("theme", "page", "another reader", "another session", "tomorrow"),
    ],
)
def test_what_differs_by_reader_is_another_page(app, browse, people, make, change, clock, what):
    clock.move_to(datetime(2026, 5, 12, 18, 0).astimezone())
    thread, bob = make.thread(by=people.alice, posts=21), browse(people.bob)
    make.reply(thread, by=people.bob)
    path = f"/threads/{thread.id}"
    tag = _visit(bob, path).headers["ETag"]
    assert _visit(bob, path, tag).status_code == 304

    if what == "name":
        change(lambda: setattr(again(people.bob), "name", "Robert"))
    elif what == "photo":
        make.photo(people.bob)
    elif what == "a moderator now":
        change(lambda: setattr(again(people.bob), "role", Role.MODERATOR))
    elif what == "silenced":
        change(lambda: setattr(again(people.bob), "silenced_until", now() + timedelta(days=7)))
    elif what == "zone":
        change(lambda: setattr(again(people.bob), "time_zone", "Europe/Paris"))
    elif what == "locale":
        change(lambda: setattr(again(people.bob), "locale", "en_GB"))
    elif what == "unconfirmed":
        change(lambda: setattr(again(people.bob), "confirmed_at", None))
    elif what == "muted":
        change(lambda: following.choose(again(thread), Level.NONE, by=again(people.bob)))
    elif what == "theme":
        bob.set_cookie("theme", "dark")
    elif what == "page":
        path += "?page=2"
    elif what == "another reader":
        bob = browse(people.alice)
    elif what == "another session":
        bob = browse(people.bob)
    elif what == "tomorrow":
        clock.shift(timedelta(days=1))
    assert _visit(bob, path, tag).status_code == 200


def test_a_lapsed_member_with_an_old_copy_learns_nothing(app, browse, people, make, change):
    from portal.billing.models import Grant

    thread, bob = make.thread(by=people.alice), browse(people.bob)
    path = f"/threads/{thread.id}"
    tag = _visit(bob, path).headers["ETag"]
    ended = Grant.__table__.update().where(Grant.member_id == people.bob.id).values(until=now() - timedelta(days=9))
    change(lambda: db.session.execute(ended))
    assert _visit(bob, path, tag).status_code == 403


def test_a_page_with_a_message_on_it_is_not_kept(browse, people, make):
    thread, bob = make.thread(by=people.alice), browse(people.bob)
    path = f"/threads/{thread.id}"
    tag = _visit(bob, path).headers["ETag"]
    bob.post(f"{path}/following", data={"level": "all"})
    told = _visit(bob, path, tag)
    assert told.status_code == 200
    assert "ETag" not in told.headers
    assert "no-store" in told.headers["Cache-Control"]
    assert "You will hear of every new post" in told.text
    assert "You will hear of every new post" not in _visit(bob, path).text


def test_the_form_of_a_kept_page_still_works(browse, people, make):
    """The copy in the browser carries a token; it must be one that its session accepts."""
    import re

    thread, bob = make.thread(by=people.alice), browse(people.bob)
    path = f"/threads/{thread.id}"
    kept = _visit(bob, path)
    assert _visit(bob, path, kept.headers["ETag"]).status_code == 304
    form = kept.text[kept.text.index('id="reply"') :]
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', form)[1]
    answer = bob.post(f"{path}/posts", data={"body": "From the kept page.", "csrf_token": token})
    assert answer.status_code == 303


def test_nothing_but_columns_is_loaded_for_a_page(app, browse, people, make, count_queries):
    """Whole rows of posts and members would be twice the work."""
    thread = make.thread(by=people.alice, posts=3)
    bob = browse(people.bob)
    with count_queries() as queries:
        bob.get(f"/threads/{thread.id}")
    posts = [q for q in queries if f"{Post.__tablename__}.body_html" in q]
    assert len(posts) == 1
    assert "post.body," not in posts[0]
    assert "password_hash" not in posts[0]


def test_whom_alice_folds_away_is_folded_in_a_page_that_her_browser_kept(browse, people, make):
    thread = make.thread(by=people.alice)
    make.reply(thread, by=people.bob)
    path, laptop, phone = f"/threads/{thread.id}", browse(people.alice), browse(people.alice)
    laptop.post(f"{path}/read", data={"number": 2, "quietly": "1"})
    kept = _visit(laptop, path).headers["ETag"]
    assert _visit(laptop, path, kept).status_code == 304
    phone.post("/members/bob/following", data={"level": "none"})
    assert _visit(laptop, path, kept).status_code == 200
    phone.post("/members/bob/following", data={"level": "mine"})
    assert _visit(laptop, path, kept).status_code == 304
