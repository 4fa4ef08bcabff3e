"""Taking back one's own words: a line keeps their place, a minute undoes it, and no ruling brings them back."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from portal.conversations import taking_back
from portal.conversations.models import Post, Room, Thread
from portal.conversations.post_showing import TAKEN_BACK, YOU_TOOK_BACK
from portal.core.db import db, transaction
from portal.moderation import carrying_out, ruling
from tests.make import again, at_once

WORDS = "My partner drinks."


@pytest.fixture
def thread(people, make):
    return make.thread(by=people.alice, title="Who decides?")


@pytest.fixture
def post(people, make, thread):
    """Bob's reply."""
    return make.reply(thread, by=people.bob, body=WORDS)


def test_bob_takes_his_words_back_and_a_line_keeps_their_place(browse, people, make, thread, post):
    bob, alice = browse(people.bob), browse(people.alice)
    make.reply(thread, by=people.alice, body="I hear you.")
    answer = bob.post(f"/posts/{post.id}/delete")
    assert (answer.status_code, answer.location) == (303, post.path)
    page = alice.get(f"/threads/{thread.id}").text
    assert TAKEN_BACK in page
    assert "I hear you." in page
    assert WORDS not in page
    assert f"/posts/{post.id}" not in alice.get("/search?q=drinks").text
    assert alice.get(f"/posts/{post.id}/flag").status_code == 409
    assert YOU_TOOK_BACK in bob.get(post.path).text
    assert WORDS not in bob.get(post.path).text


def test_a_page_kept_by_the_browser_is_asked_for_anew(browse, people, thread, post):
    alice = browse(people.alice)
    tag = alice.get(f"/threads/{thread.id}").headers["ETag"]
    browse(people.bob).post(f"/posts/{post.id}/delete")
    assert alice.get(f"/threads/{thread.id}", headers={"If-None-Match": tag}).status_code == 200


def test_for_a_minute_it_is_undone_and_afterwards_it_stays_gone(app, browse, people, thread, post, clock):
    bob, undo = browse(people.bob), f"/posts/{post.id}/delete/undo"
    bob.post(f"/posts/{post.id}/delete")
    assert undo in bob.get(post.path).text
    assert bob.post(undo).status_code == 303
    assert WORDS in browse(people.alice).get(f"/threads/{thread.id}").text
    assert f"/posts/{post.id}" in browse(people.alice).get("/search?q=drinks").text
    bob.post(f"/posts/{post.id}/delete")
    clock.shift(taking_back.UNDO_FOR + timedelta(seconds=1))
    assert undo not in bob.get(post.path).text
    assert bob.post(undo).status_code == 409
    assert WORDS not in browse(people.alice).get(f"/threads/{thread.id}").text


def test_staff_read_it_on_purpose_and_nobody_restores_it(app, browse, people, post):
    browse(people.bob).post(f"/posts/{post.id}/delete")
    page = browse(people.mo).get(post.path).text
    assert "Taken back by its author." in page
    assert WORDS in page
    with app.app_context(), transaction(), pytest.raises(carrying_out.TakenBack):
        ruling.restore(again(post), because="It was fine.", by=again(people.mo))


def test_a_ruling_on_words_taken_back_ends_the_undoing(app, browse, people, post):
    bob = browse(people.bob)
    bob.post(f"/posts/{post.id}/delete")
    with app.app_context(), transaction():
        ruling.hide(again(post), because="It names a person.", by=again(people.mo))
    assert bob.post(f"/posts/{post.id}/delete/undo").status_code == 403
    with app.app_context():
        assert again(post).is_hidden


def test_what_a_moderator_hid_is_not_taken_back_from_under_the_ruling(app, browse, people, post):
    with app.app_context(), transaction():
        ruling.hide(again(post), because="It names a person.", by=again(people.mo))
    assert browse(people.bob).post(f"/posts/{post.id}/delete").status_code == 403
    with app.app_context():
        assert again(post).deleted_at is None


def test_a_thread_that_nobody_replied_to_goes_whole_and_comes_back_whole(app, browse, people, make):
    room = make.room()
    thread = make.thread(by=people.alice, room=room, title="Nobody should read this")
    alice, bob = browse(people.alice), browse(people.bob)
    with app.app_context():
        opening = db.session.scalars(select(Post.id).where(Post.thread_id == thread.id)).one()
    alice.post(f"/posts/{opening}/delete")
    assert bob.get(f"/threads/{thread.id}").status_code == 404
    assert thread.title not in bob.get(f"/rooms/{room.slug}").text
    assert f"/threads/{thread.id}" not in bob.get("/search?q=nobody").text
    with app.app_context():
        assert again(room).thread_count == 0
    with app.app_context(), transaction(), pytest.raises(carrying_out.TakenBack):
        ruling.restore_thread(again(thread), because="It was fine.", by=again(people.mo))
    alice.post(f"/posts/{opening}/delete/undo")
    assert bob.get(f"/threads/{thread.id}").status_code == 200
    assert f"/threads/{thread.id}" in bob.get("/search?q=nobody").text
    with app.app_context():
        assert again(room).thread_count == 1


def test_with_replies_the_thread_stays_and_only_its_opening_words_go(app, browse, people, thread, post):
    with app.app_context():
        opening = db.session.scalars(select(Post).where(Post.thread_id == thread.id, Post.number == 1)).one()
    browse(people.alice).post(f"/posts/{opening.id}/delete")
    page = browse(people.bob).get(f"/threads/{thread.id}").text
    assert TAKEN_BACK in page
    assert WORDS in page
    with app.app_context():
        assert db.session.get_one(Room, thread.room_id).thread_count == 1


def test_lena_whose_membership_ended_takes_his_words_back_from_the_list_of_his_posts(browse, people, make, thread):
    ended = people.lena
    post = make.reply(thread, by=ended, body=WORDS)
    lena = browse(ended)
    assert f"/posts/{post.id}/delete" in lena.get("/account/posts").text
    answer = lena.post(f"/posts/{post.id}/delete")
    assert (answer.status_code, answer.location) == (303, "/account/posts")
    assert WORDS not in browse(people.alice).get(f"/threads/{thread.id}").text


def test_nobody_takes_back_anothers_words(app, browse, people, post):
    for who in (people.alice, people.mo, people.olga):
        assert browse(who).post(f"/posts/{post.id}/delete").status_code == 404
        assert browse(who).post(f"/posts/{post.id}/delete/undo").status_code == 404
    with app.app_context():
        assert not again(post).is_hidden


def test_no_letter_and_no_inbox_tells_of_words_taken_back_before_they_were_told(browse, people, post, work_off, outbox):
    browse(people.bob).post(f"/posts/{post.id}/delete")
    work_off()
    assert not [letter for letter in outbox if "drinks" in str(letter)]
    assert "Who decides?" not in browse(people.alice).get("/notifications").text


def test_twenty_presses_at_once_are_one_and_the_room_counts_once(app, people, make):
    room = make.room()
    thread = make.thread(by=people.alice, room=room)

    def press(_number):
        with app.app_context(), transaction():
            post = db.session.scalars(select(Post).where(Post.thread_id == thread.id)).one()
            taking_back.take_back(post, by=again(people.alice))

    at_once(20, press)
    with app.app_context():
        assert again(room).thread_count == 0
        assert db.session.get_one(Thread, thread.id).is_taken_back
