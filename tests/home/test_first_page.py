"""A member's first page: what waits for them, once each, as far as they may know of it."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from portal.conversations import following, posting, reading
from portal.conversations.models import Level, RoomKind, ThreadKind
from portal.core.clock import now
from portal.core.db import transaction
from portal.library import listening
from portal.moderation import ruling
from portal.topics import following as topic_following
from tests.make import again


@pytest.fixture
def waits(browse):
    """`waits(who)`: (title, what is said of it) of what stands under "Waiting for you"."""

    def read(who):
        page = browse(who).get("/").text
        section = re.search(r'aria-labelledby="waits".*?</section>', page, re.S)[0]
        lines = re.findall(r"<li.*?>(.*?)</a>\s*<span.*?>(.*?)<", section, re.S)
        return [(re.sub(r"<.*?>", "", title).strip(), said.split(" · ")[0]) for title, said in lines]

    return read


@pytest.fixture
def do(app):
    def done(what, *things, **more):
        with app.app_context(), transaction():
            return what(*(again(thing) if hasattr(thing, "id") else thing for thing in things), **more)

    return done


def about(room, topic, **more):
    return posting.start(room, topics=[topic], **more)


def test_answers_to_alice_come_first_then_what_she_follows_and_nothing_else(browse, people, make, do, waits):
    hers = make.thread(by=people.alice, title="Who decides?")
    followed = make.thread(by=people.bob, title="Who pays?")
    make.reply(followed, by=people.alice)
    make.reply(hers, by=people.bob)
    make.reply(followed, by=people.cory)
    make.reply(followed, by=people.bob)
    make.thread(by=people.bob, title="Nobody asked her")
    assert waits(people.alice) == [("Who decides?", "1 new reply to you"), ("Who pays?", "3 new posts")]
    page = browse(people.alice).get("/").text
    assert "Nobody asked her" in page  # among what others talk of
    assert page.count("Who pays?") == 1


def test_it_leads_to_the_first_new_post_and_is_gone_when_that_was_read(browse, people, make, do, waits):
    thread = make.thread(by=people.alice, title="Who decides?", posts=21)
    do(reading.see, thread, up_to=20, by=people.alice)
    make.reply(thread, by=people.bob)
    assert f'href="/threads/{thread.id}?page=2#new"' in browse(people.alice).get("/").text
    do(reading.see, thread, up_to=22, by=people.alice)
    assert waits(people.alice) == []
    assert "You have read everything in the conversations you are part of." in browse(people.alice).get("/").text


def test_a_room_she_follows_waits_too_and_a_thread_of_which_she_wants_less_does_not(browse, people, make, do, waits):
    room = make.room()
    do(following.choose_for_room, room, Level.ALL, by=people.alice)
    unopened = make.thread(by=people.bob, room=room, title="In her room")
    for level in (Level.NONE, Level.MINE):
        quiet = make.thread(by=people.bob, room=room, title=f"Not for her: {level}")
        do(following.choose, quiet, level, by=people.alice)
    assert waits(people.alice) == [("In her room", "1 new post")]
    assert f'href="/threads/{unopened.id}">In her room' in browse(people.alice).get("/").text, "she begins at its title"


@pytest.mark.parametrize("how", ["hidden", "taken back", "muted", "coaches only", "hidden whole", "archived"])
def test_what_she_may_not_or_will_not_read_waits_for_nobody(app, browse, people, make, do, waits, how):
    thread = make.thread(by=people.alice, title="Who decides?")
    reply = make.reply(thread, by=people.bob)
    assert waits(people.alice)
    if how == "hidden":
        do(ruling.hide, reply, because="So.", by=people.mo)
    elif how == "taken back":
        browse(people.bob).post(f"/posts/{reply.id}/delete")
    elif how == "muted":
        do(following.choose_for_person, people.bob, Level.NONE, by=people.alice)
    elif how == "hidden whole":
        do(ruling.hide_thread, thread, because="So.", by=people.mo)
    else:
        with app.app_context(), transaction():
            room = again(thread).room
            room.kind, room.archived_at = (room.kind, now()) if how == "archived" else (RoomKind.COACHES, None)
    assert waits(people.alice) == []


def test_whoever_asked_safely_finds_the_answers_and_nobody_finds_their_name(browse, people, make, do, waits):
    thread = do(posting.start, make.room(), title="May I?", body="Words", by=people.bob, safely=True)
    make.reply(thread, by=people.alice)
    make.reply(thread, by=people.cory)
    assert waits(people.bob) == [("May I?", "2 new replies to you")]
    assert waits(people.alice) == [("May I?", "2 new posts")]
    assert "Bob" not in browse(people.alice).get("/").text


def test_a_question_on_a_topic_of_hers_that_nobody_answered_is_put_before_alice_once(browse, people, make, do):
    topic = make.topic("Role clarity")
    do(topic_following.follow, topic, by=people.alice)
    room = make.room()
    asked = {"kind": ThreadKind.QUESTION, "body": "Words", "by": people.bob}
    thread = do(about, room, topic, title="Who closes up?", **asked)
    page = browse(people.alice).get("/").text
    assert "Somebody asks what you may know" in page
    assert page.count("Who closes up?") == 1
    assert "about Role clarity" in page
    assert "Somebody asks" not in browse(people.bob).get("/").text
    make.reply(thread, by=people.cory)
    assert "Somebody asks" not in browse(people.alice).get("/").text


def test_new_things_of_her_topics_stand_first_and_say_so(app, browse, people, make, do):
    topic = make.topic("Role clarity")
    make.tool("Of her topic", topics=[topic])
    make.tool("Of another")
    do(topic_following.follow, topic, by=people.alice)
    page = browse(people.alice).get("/").text
    assert page.index("Of her topic") < page.index("Of another")
    assert page.count("On a topic you follow") == 1
    assert "On a topic you follow" not in browse(people.bob).get("/").text


def test_an_episode_begun_is_offered_until_it_was_heard(app, browse, people, make, do):
    episode = make.episode("What a seat is for")
    assert "Listen on" not in browse(people.alice).get("/").text
    with app.app_context(), transaction():
        listening.note(episode.id, length=600, second=200, heard=200, age=timedelta(), by=again(people.alice))
    assert "Listen on" in browse(people.alice).get("/").text
    assert "Listen on" not in browse(people.bob).get("/").text
    with app.app_context(), transaction():
        listening.note(episode.id, length=600, second=600, heard=400, age=timedelta(), by=again(people.alice))
    assert "Listen on" not in browse(people.alice).get("/").text


def test_it_costs_the_same_for_two_conversations_as_for_twenty(browse, people, make, count_queries):
    alice = browse(people.alice)
    costs = []
    for number in (2, 18):
        for _ in range(number):
            make.reply(make.thread(by=people.alice), by=people.bob)
            make.tool()
        alice.get("/")
        with count_queries() as seen:
            assert alice.get("/").status_code == 200
        costs.append(len(seen))
    assert costs[0] == costs[1] <= 12


def test_without_a_room_cory_and_olga_are_led_to_where_one_is_opened_and_alice_is_told_plainly(browse, people, make):
    for who in (people.cory, people.olga):
        page = _rooms_on_first_page(browse, who)
        assert 'href="/desk/rooms/new"' in page
        assert 'href="/rooms"' not in page
    told = "No room is open yet. As soon as the coach opens one, you find it here."
    assert told in _rooms_on_first_page(browse, people.alice)
    make.room()
    for who in (people.alice, people.cory):
        page = _rooms_on_first_page(browse, who)
        assert "Quiet so far" in page
        assert "No room is open yet" not in page


def _rooms_on_first_page(browse, who):
    return re.search(r'aria-labelledby="talk".*?</section>', browse(who).get("/").text, re.S)[0]
