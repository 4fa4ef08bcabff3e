"""Following begins by taking part and is changed by the member alone: of a thread, a room, a person."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from portal.conversations import following, posting
from portal.conversations.models import Level, Post, RoomKind
from portal.core.db import db, transaction
from portal.notifications.models import Stream
from portal.topics import following as topics_following
from tests.make import again


@pytest.fixture
def hears(app, people):
    """`hears(post)`: the names of those who hear of it by letter."""

    def ask(post):
        with app.app_context():
            ids = {one for some in following.who_hears_of(again(post)).values() for one in some}
        return {name for name, who in vars(people).items() if who.id in ids}

    return ask


@pytest.fixture
def choose(browse):
    """`choose(bob, "/threads/7", "none")`: on its page."""

    def press(who, path, level):
        assert browse(who).post(f"{path}/following", data={"level": level}).status_code == 303

    return press


def test_whoever_takes_part_hears_of_all_and_others_of_nothing(people, make, hears):
    thread = make.thread(by=people.alice)
    assert hears(make.reply(thread, by=people.bob)) == {"alice"}
    assert hears(make.reply(thread, by=people.cory)) == {"alice", "bob"}


def test_whoever_answers_before_the_news_of_a_post_left_does_not_hear_of_it(people, make, hears):
    thread = make.thread(by=people.alice)
    post = make.reply(thread, by=people.bob)
    make.reply(thread, by=people.cory)
    assert hears(post) == {"alice"}


def test_an_answer_to_bob_by_whom_he_follows_is_an_answer(app, people, make, choose):
    choose(people.bob, f"/members/{people.alice.handle}", "all")
    post = make.reply(make.thread(by=people.bob), by=people.alice)
    with app.app_context():
        assert following.who_hears_of(again(post)) == {Stream.ANSWERS: [people.bob.id]}


def test_bob_chooses_for_a_thread_without_writing(browse, people, make, hears, choose):
    thread = make.thread(by=people.alice)
    path = f"/threads/{thread.id}"
    assert "You hear when it concerns you" in browse(people.bob).get(path).text
    for level, names in (("all", {"bob"}), ("mine", set()), ("none", set()), ("all", {"bob"})):
        choose(people.bob, path, level)
        assert hears(make.reply(thread, by=people.alice)) == names
    assert "You hear of every reply" in browse(people.bob).get(path).text


def test_replying_does_not_undo_what_alice_chose(people, make, hears, choose):
    thread = make.thread(by=people.alice)
    choose(people.alice, f"/threads/{thread.id}", "none")
    make.reply(thread, by=people.alice)
    assert hears(make.reply(thread, by=people.bob)) == set()


def test_what_is_chosen_for_a_room_holds_for_its_threads_until_one_is_chosen_for_itself(people, make, hears, choose):
    room = make.room()
    choose(people.bob, f"/rooms/{room.slug}", "all")
    thread = make.thread(by=people.alice, room=room)
    assert hears(_opening(make, thread)) == {"bob"}
    choose(people.bob, f"/threads/{thread.id}", "none")
    assert hears(make.reply(thread, by=people.alice)) == set()
    choose(people.bob, f"/rooms/{room.slug}", "none")
    choose(people.bob, f"/threads/{thread.id}", "all")
    assert hears(make.reply(thread, by=people.alice)) == {"bob"}
    assert hears(_opening(make, make.thread(by=people.alice, room=room))) == set()


def test_bob_follows_alice_and_hears_of_her_everywhere_but_where_he_wants_nothing(people, make, hears, choose):
    thread, quiet = make.thread(by=people.cory), make.thread(by=people.cory)
    choose(people.bob, "/members/alice", "all")
    choose(people.bob, f"/threads/{quiet.id}", "none")
    assert hears(make.reply(thread, by=people.alice)) == {"cory", "bob"}
    assert hears(make.reply(quiet, by=people.alice)) == {"cory"}
    assert hears(_opening(make, make.thread(by=people.alice))) == {"bob"}
    choose(people.bob, "/members/alice", "mine")
    assert hears(make.reply(thread, by=people.alice)) == {"cory"}


def test_whom_bob_muted_sends_him_no_letter_and_stands_folded_for_him_alone(browse, people, make, hears, choose):
    thread = make.thread(by=people.bob)
    choose(people.bob, "/members/alice", "none")
    assert hears(make.reply(thread, by=people.alice, body="Words of Alice.")) == set()
    folded = "Show what Alice wrote; you muted them</summary><p>Words of Alice."
    page = browse(people.bob).get(f"/threads/{thread.id}").text
    assert folded in page
    assert "posts__new" not in page
    for other in (people.alice, people.cory):
        assert folded not in browse(other).get(f"/threads/{thread.id}").text
    assert "mute" not in browse(people.alice).get("/members/bob").text.split("<main")[1].replace("Follow or mute", "")
    choose(people.bob, "/members/alice", "mine")
    assert folded not in browse(people.bob).get(f"/threads/{thread.id}").text


def test_nobody_follows_or_mutes_themselves(browse, people):
    assert "This is you" in browse(people.bob).get("/members/bob/following").text
    assert browse(people.bob).post("/members/bob/following", data={"level": "none"}).status_code == 409
    assert browse(people.bob).get("/members/nobody/following").status_code == 404


def test_a_new_thread_is_told_to_whoever_follows_its_topic(app, people, make, hears):
    topic, room = make.topic(), make.room()
    with app.app_context(), transaction():
        topics_following.follow(again(topic), by=again(people.bob))
        thread = posting.start(again(room), title="T", body="B", by=again(people.alice), topics=[again(topic)])
    assert hears(_opening(make, thread)) == {"bob"}
    assert hears(make.reply(thread, by=people.cory)) == {"alice"}


def test_the_letter_about_a_new_thread_says_that_it_began(browse, people, make, outbox, work_off, choose):
    choose(people.bob, "/members/alice", "all")
    make.thread(by=people.alice, title="Who decides?")
    work_off()
    assert [letter.subject for letter in outbox] == ["Alice began “Who decides?”"]
    assert "Alice wrote:" in outbox[0].html


def test_a_follower_of_a_person_gets_no_letter_from_a_room_they_do_not_see(people, make, outbox, work_off, choose):
    choose(people.bob, "/members/cory", "all")
    make.thread(by=people.cory, room=make.room(kind=RoomKind.COACHES))
    make.thread(by=people.cory, room=make.circle(people.alice))
    work_off()
    assert outbox == []


def test_nonsense_for_a_level_changes_nothing(browse, people, make, hears):
    thread = make.thread(by=people.alice)
    for nonsense in ("", "loud", "ALL"):
        browse(people.bob).post(f"/threads/{thread.id}/following", data={"level": nonsense})
    assert hears(make.reply(thread, by=people.alice)) == set()


def test_choosing_twice_is_choosing_once(app, people, make):
    thread = make.thread(by=people.alice)
    with app.app_context(), transaction():
        for level in (Level.NONE, Level.NONE, Level.ALL):
            following.choose(again(thread), level, by=again(people.bob))
            following.choose_for_room(again(thread).room, level, by=again(people.bob))
            following.choose_for_person(again(people.alice), level, by=again(people.bob))
    with app.app_context():
        assert following.level_for_person(again(people.alice), again(people.bob)) is Level.ALL


def _opening(make, thread):
    with make.app.app_context():
        return db.session.scalars(select(Post).where(Post.thread_id == thread.id, Post.number == 1)).one()
