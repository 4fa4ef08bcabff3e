"""Starting, replying and editing: the rules, and what holds when many do it at once."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import func, select

from portal.accounts.policy import Suspended
from portal.conversations import posting
from portal.conversations.models import Follow, Post, PostRevision, Room, Thread
from portal.core.clock import now
from portal.core.db import db, transaction
from portal.moderation import ruling
from tests.make import again, at_once


def test_alice_starts_a_thread_and_everything_that_counts_it_knows(app, people, make):
    room = make.room()
    with app.app_context(), transaction():
        thread = posting.start(again(room), title="Who decides?", body="A *question*.", by=again(people.alice))
    with app.app_context():
        thread, room = again(thread), again(room)
        post = db.session.scalars(select(Post)).one()
        assert (thread.post_count, thread.version, thread.last_author_id) == (1, 1, people.alice.id)
        assert (post.number, post.thread_id, post.body_html) == (1, thread.id, "<p>A <em>question</em>.</p>\n")
        assert room.thread_count == 1
        assert room.last_post_at == thread.last_post_at == post.created_at
        assert db.session.scalars(select(Follow.member_id)).all() == [people.alice.id]


def test_bobs_reply_wakes_the_thread_and_makes_him_follow_it(app, people, make):
    thread = make.thread(by=people.alice)
    reply = make.reply(thread, by=people.bob)
    with app.app_context():
        woken = again(thread)
        assert (woken.post_count, woken.last_author_id, woken.last_post_at) == (2, people.bob.id, reply.created_at)
        assert woken.version > thread.version
        assert db.session.get_one(Room, thread.room_id).last_post_at == reply.created_at
        assert set(db.session.scalars(select(Follow.member_id))) == {people.alice.id, people.bob.id}


def test_an_import_of_old_posts_does_not_turn_back_the_clock_of_a_thread(app, people, make):
    thread = make.thread(by=people.alice)
    long_ago = now() - timedelta(days=400)
    with app.app_context(), transaction():
        old = posting.reply(again(thread), body="From the old place.", by=again(people.bob), at=long_ago)
        assert old.created_at == long_ago
    with app.app_context():
        assert again(thread).last_post_at == thread.last_post_at
        assert db.session.get_one(Room, thread.room_id).last_post_at == thread.last_post_at


def test_who_has_not_confirmed_their_address_waits_with_posting(app, make, people):
    newcomer = make.member("Nell", entitled=True, confirmed_at=None)
    thread = make.thread(by=people.alice)
    with app.app_context(), transaction():
        with pytest.raises(posting.NotConfirmed):
            posting.reply(again(thread), body="Hello", by=again(newcomer))
        with pytest.raises(posting.NotConfirmed):
            posting.start(db.session.get_one(Room, thread.room_id), title="Hi", body="Hello", by=again(newcomer))


def test_a_suspended_member_does_not_post_until_it_ends(app, make, people, clock):
    sue = make.member("Sue", entitled=True, suspended_until=now() + timedelta(days=7))
    thread = make.thread(by=people.alice)
    with app.app_context(), transaction(), pytest.raises(Suspended):
        posting.reply(again(thread), body="Hello", by=again(sue))
    clock.shift(timedelta(days=8))
    with app.app_context(), transaction():
        assert posting.reply(again(thread), body="Hello", by=again(sue)).number == 2


def test_nobody_replies_in_a_closed_or_a_hidden_thread(app, people, make):
    closed, hidden = make.thread(by=people.alice), make.thread(by=people.alice)
    with app.app_context(), transaction():
        ruling.lock(again(closed), because="It is settled.", by=again(people.mo))
        ruling.hide_thread(again(hidden), because="It names a practice.", by=again(people.mo))
    for thread in (closed, hidden):
        with app.app_context(), transaction(), pytest.raises(posting.ThreadLocked):
            posting.reply(again(thread), body="Still…", by=again(people.alice))
    with app.app_context():
        assert (again(closed).post_count, again(hidden).post_count) == (1, 1)


def test_a_thread_that_was_closed_since_it_was_read_takes_no_reply(app, people, make):
    """Bob has the thread before him while Mo closes it; the database decides, not what Bob's page knew."""
    thread = make.thread(by=people.alice)
    with app.app_context(), transaction():
        seen_by_bob, bob = again(thread), again(people.bob)
        db.session.commit()
        with transaction():
            ruling.lock(again(thread), because="It is settled.", by=again(people.mo))
        assert not seen_by_bob.is_locked
        with pytest.raises(posting.ThreadLocked):
            posting.reply(seen_by_bob, body="Still…", by=bob)


@pytest.mark.parametrize("body", ["", "   \n ", "[x]: https://example.com", "\u200b"])
def test_a_post_that_nobody_could_read_is_not_made(app, people, make, body):
    thread = make.thread(by=people.alice)
    with app.app_context(), transaction(), pytest.raises(posting.NothingToRead):
        posting.reply(again(thread), body=body, by=again(people.bob))


def test_twenty_thousand_characters_are_the_most(app, people, make):
    thread = make.thread(by=people.alice)
    with app.app_context(), transaction():
        posting.reply(again(thread), body="ü" * 20_000, by=again(people.bob))
        with pytest.raises(posting.TooLong):
            posting.reply(again(thread), body="ü" * 20_001, by=again(people.bob))


def test_an_edit_shows_and_keeps_what_was_said_before(app, people, make):
    thread = make.thread(by=people.alice, body="First words.")
    with app.app_context(), transaction():
        post = db.session.scalars(select(Post)).one()
        posting.edit(post, body="Second **words**.", by=again(people.alice))
    with app.app_context():
        post = db.session.scalars(select(Post)).one()
        assert post.body_html == "<p>Second <strong>words</strong>.</p>\n"
        assert post.edited_at is not None
        assert db.session.scalars(select(PostRevision.body)).all() == ["First words."]
        assert again(thread).version == thread.version + 1


def test_an_edit_that_changes_nothing_leaves_no_trace(app, people, make):
    thread = make.thread(by=people.alice, body="First words.")
    with app.app_context(), transaction():
        posting.edit(db.session.scalars(select(Post)).one(), body="First words.", by=again(people.alice))
    with app.app_context():
        assert db.session.scalars(select(Post)).one().edited_at is None
        assert db.session.scalars(select(PostRevision)).all() == []
        assert again(thread).version == thread.version


def test_bob_and_even_the_coach_do_not_edit_what_alice_wrote(app, people, make):
    make.thread(by=people.alice)
    for person in (people.bob, people.mo, people.cory, people.olga):
        with app.app_context(), transaction(), pytest.raises(posting.NotYours):
            posting.edit(db.session.scalars(select(Post)).one(), body="Other words.", by=again(person))


def test_alice_does_not_edit_what_was_ruled_on(app, people, make):
    hidden, closed = make.thread(by=people.alice), make.thread(by=people.alice)
    with app.app_context(), transaction():
        first = db.session.scalars(select(Post).where(Post.thread_id == hidden.id)).one()
        ruling.hide(first, because="It names a patient.", by=again(people.mo))
        ruling.lock(again(closed), because="It is settled.", by=again(people.mo))
    for thread, refusal in ((hidden, posting.NotYours), (closed, posting.ThreadLocked)):
        with app.app_context(), transaction():
            post = db.session.scalars(select(Post).where(Post.thread_id == thread.id)).one()
            with pytest.raises(refusal):
                posting.edit(post, body="Nothing to see.", by=again(people.alice))


def test_twenty_equal_submits_at_once_make_one_post(app, browse, people, make):
    thread = make.thread(by=people.alice)
    bobs = [browse(people.bob) for _ in range(20)]
    data = {"body": "Ask her what she would miss.", "send_key": "one-form"}
    answers = at_once(20, lambda n: bobs[n].post(f"/threads/{thread.id}/posts", data=data))
    assert {a.status_code for a in answers} == {303}
    assert len({a.location for a in answers}) == 1
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Post)) == 2
        assert (again(thread).post_count, again(thread).version) == (2, thread.version + 1)


def test_bob_may_say_sixty_things_in_ten_minutes_and_alice_as_many_beside_him(browse, people, make):
    path, bob = f"/threads/{make.thread(by=people.alice).id}/posts", browse(people.bob)
    with time_machine.travel(now(), tick=False):  # windows begin by the clock: none ends meanwhile
        answers = [bob.post(path, data={"body": f"Thing {number}."}).status_code for number in range(61)]
    assert answers == [303] * 60 + [429]
    assert browse(people.alice).post(path, data={"body": "And mine."}).status_code == 303


def test_ten_equal_submits_of_a_new_thread_make_one_thread(app, browse, people, make):
    room = make.room()
    with_ten_windows = [browse(people.bob) for _ in range(10)]
    data = {"title": "Who decides?", "body": "A question.", "send_key": "one-form"}
    path = f"/rooms/{room.slug}/threads/new"
    answers = at_once(10, lambda n: with_ten_windows[n].post(path, data=data))
    assert {a.status_code for a in answers} == {303}
    assert len({a.location for a in answers}) == 1
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Thread)) == 1
        assert again(room).thread_count == 1


def test_other_words_sent_from_the_same_form_are_another_post(app, browse, people, make):
    """The browser may bring back a page with its old key; words typed into it are not to be lost."""
    thread, bob = make.thread(by=people.alice), browse(people.bob)
    for words in ("One thing.", "And another."):
        bob.post(f"/threads/{thread.id}/posts", data={"body": words, "send_key": "kept"})
    with app.app_context():
        assert again(thread).post_count == 3


def test_nobody_can_use_up_the_key_of_somebody_elses_form(app, browse, people, make):
    thread = make.thread(by=people.alice)
    for person in (people.bob, people.cory):
        data = {"body": "The same words.", "send_key": "guessed"}
        assert browse(person).post(f"/threads/{thread.id}/posts", data=data).status_code == 303
    with app.app_context():
        authors = db.session.scalars(select(Post.author_id).order_by(Post.number)).all()
        assert authors == [people.alice.id, people.bob.id, people.cory.id]


def test_fifty_members_replying_at_once_are_all_there(app, browse, people, make):
    thread = make.thread(by=people.alice)
    members = [make.member(entitled=True) for _ in range(50)]
    windows = [browse(member) for member in members]
    path = f"/threads/{thread.id}/posts"
    answers = at_once(50, lambda n: windows[n].post(path, data={"body": f"Reply {n}."}))
    assert [a.status_code for a in answers] == [303] * 50
    with app.app_context():
        posts = db.session.scalars(select(Post).where(Post.thread_id == thread.id).order_by(Post.number)).all()
        assert [p.number for p in posts] == list(range(1, 52))
        assert {p.author_id for p in posts[1:]} == {m.id for m in members}
        stands = again(thread)
        assert (stands.post_count, stands.version) == (51, thread.version + 50)
        assert stands.last_post_at == max(p.created_at for p in posts)
        assert db.session.scalar(select(func.count()).select_from(Follow)) == 51


def test_what_fifty_wrote_at_once_can_be_read_on_three_pages(browse, people, make):
    thread = make.thread(by=people.alice, posts=51)
    alice = browse(people.alice)
    pages = [alice.get(f"/threads/{thread.id}?page={n}").text for n in (1, 2, 3)]
    assert "Post number 20." in pages[0]
    assert "Post number 21." not in pages[0]
    assert "Post number 21." in pages[1]
    assert "Post number 51." in pages[2]
