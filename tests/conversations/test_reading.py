"""What is unread: exactly the words of others that somebody has not seen, on every device, through everything."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest
from sqlalchemy import select

from portal.conversations import following, reading
from portal.conversations.models import Level, Post, Reading, Room, RoomKind, Thread
from portal.core.clock import now
from portal.core.db import db, transaction
from portal.moderation import ruling
from tests.make import again, at_once


@pytest.fixture
def unread(app):
    """`unread(bob)`: by room, those with something; `unread(bob, thread)`: in one thread."""

    def ask(who, thread=None):
        with app.app_context():
            if thread is not None:
                found = reading.thread_for(again(who), thread.id)[1]
                return found.count if found else 0
            return {count.slug: count.count for count in reading.counts(again(who)) if count.count}

    return ask


@pytest.fixture
def do(app):
    """`do(lambda: …)`: in a transaction of its own."""

    def it(what):
        with app.app_context(), transaction():
            return what()

    return it


def test_words_of_others_are_unread_until_they_are_read_and_ones_own_never_are(people, make, unread, browse):
    room = make.room()
    thread = make.thread(by=people.alice, room=room)
    make.reply(thread, by=people.bob)
    make.reply(thread, by=people.alice)
    assert (unread(people.bob), unread(people.alice)) == ({room.slug: 2}, {room.slug: 1})
    browse(people.bob).post(f"/threads/{thread.id}/read", data={"number": "1"})
    assert unread(people.bob) == {room.slug: 1}
    browse(people.bob).post(f"/threads/{thread.id}/read", data={"number": "3"})
    assert unread(people.bob) == {}
    assert unread(people.alice) == {room.slug: 1}


def test_reading_marks_nothing_by_itself_and_neither_does_looking_ahead(browse, people, make, unread):
    thread = make.thread(by=people.alice)
    for headers in ({}, {"Sec-Purpose": "prefetch"}, {"Sec-Purpose": "prefetch;prerender"}):
        browse(people.bob).get(f"/threads/{thread.id}", headers=headers)
    assert unread(people.bob, thread) == 1


def test_the_page_reports_quietly_and_its_button_leads_back_to_the_room(browse, people, make, unread):
    room = make.room()
    thread, bob = make.thread(by=people.alice, room=room, posts=2), browse(people.bob)
    assert bob.post(f"/threads/{thread.id}/read", data={"number": "1", "quietly": "1"}).status_code == 204
    answer = bob.post(f"/threads/{thread.id}/read", data={"number": "2"})
    assert (answer.status_code, answer.location) == (303, f"/rooms/{room.slug}")
    assert unread(people.bob) == {}


def test_reading_less_than_before_changes_nothing_and_more_than_there_is_is_all_there_is(
    app, browse, people, make, unread
):
    thread, bob = make.thread(by=people.alice, posts=3), browse(people.bob)
    for number in ("3", "1", "0", "-5", "999999999", "x"):
        bob.post(f"/threads/{thread.id}/read", data={"number": number})
    assert unread(people.bob, thread) == 0
    make.reply(thread, by=people.alice)
    assert unread(people.bob, thread) == 1
    with app.app_context():
        assert db.session.scalars(select(Reading.last_number)).all() == [3]


def test_the_thread_shows_where_the_new_begins_and_lists_lead_there(browse, people, make):
    room = make.room()
    thread = make.thread(by=people.alice, room=room, posts=25)
    bob = browse(people.bob)
    assert f'href="/threads/{thread.id}" title="Go on' in bob.get(f"/rooms/{room.slug}").text, "where its title stands"
    unopened = bob.get(f"/threads/{thread.id}").text
    assert "New to you" in unopened
    assert "New since you were here" not in unopened, "he never was"
    bob.post(f"/threads/{thread.id}/read", data={"number": "21"})
    listed = bob.get(f"/rooms/{room.slug}").text
    assert f'href="/threads/{thread.id}?page=2#new"' in listed
    assert "4 new</a>" in listed
    first, second = (bob.get(f"/threads/{thread.id}?page={page}").text for page in (1, 2))
    assert f'href="/threads/{thread.id}?page=2#new">Continue at the first new post' in first
    assert 'id="new"' not in first
    after_line = second[second.index('id="new"') :]
    assert "Post number 22." in after_line
    assert "Post number 21." not in after_line
    assert "Post number 21." in second
    bob.post(f"/threads/{thread.id}/read", data={"number": "25"})
    assert 'id="new"' not in bob.get(f"/threads/{thread.id}?page=2").text
    assert " new</a>" not in bob.get(f"/rooms/{room.slug}").text


def test_what_is_hidden_is_nothing_to_read(people, make, unread, do):
    thread = make.thread(by=people.alice)
    reply = make.reply(thread, by=people.alice)
    do(lambda: ruling.hide(again(reply), because="So.", by=again(people.mo)))
    assert unread(people.bob, thread) == 1
    do(lambda: ruling.restore(again(reply), because="So.", by=again(people.mo)))
    assert unread(people.bob, thread) == 2
    do(lambda: ruling.hide_thread(again(thread), because="So.", by=again(people.mo)))
    assert unread(people.bob) == unread(people.mo) == {}
    late = make.thread(by=people.bob)
    make.reply(late, by=people.alice)
    do(lambda: ruling.hide_thread(again(late), because="So.", by=again(people.mo)))
    assert unread(people.bob) == {}  # he may still open it, and nothing calls him there


@pytest.mark.parametrize("what", ["thread", "room", "person"])
def test_what_bob_wants_to_hear_nothing_of_does_not_count(people, make, unread, do, what):
    thread = make.thread(by=people.alice)

    def choose(level):
        bob = again(people.bob)
        if what == "thread":
            following.choose(again(thread), level, by=bob)
        elif what == "room":
            following.choose_for_room(again(thread).room, level, by=bob)
        else:
            following.choose_for_person(again(people.alice), level, by=bob)

    do(lambda: choose(Level.NONE))
    assert unread(people.bob) == {}
    do(lambda: choose(Level.MINE))
    assert len(unread(people.bob)) == 1


def test_words_under_no_name_count_whomever_bob_muted(app, people, make, unread, do):
    """A count that leaves them out would tell him whose they are."""
    thread = make.thread(by=people.cory)
    reply = make.reply(thread, by=people.alice)
    do(lambda: setattr(again(reply), "veiled_at", now()))
    for person in (people.alice, people.cory):
        do(lambda muted=person: following.choose_for_person(again(muted), Level.NONE, by=again(people.bob)))
    assert unread(people.bob, thread) == 1


def test_a_room_that_bob_does_not_see_counts_nothing_for_him(people, make, unread):
    make.thread(by=people.cory, room=make.room(kind=RoomKind.COACHES))
    make.thread(by=people.cory, room=make.circle(people.alice))
    assert unread(people.bob) == {}
    assert len(unread(people.alice)) == 1


def test_what_was_said_before_bob_came_or_long_ago_counts_as_read(browse, people, make, unread, clock):
    thread = make.thread(by=people.alice)
    newcomer = make.member("Nina", entitled=True)
    assert unread(newcomer) == {}
    make.reply(thread, by=people.alice)
    assert unread(newcomer, thread) == 1
    browse(newcomer).post(f"/threads/{thread.id}/read")
    page = browse(newcomer).get(f"/threads/{thread.id}").text
    assert page.count("Mark unread") == 1, "marking what was said before she came would change nothing"
    clock.shift(reading.UNREAD_FOR + timedelta(days=1))
    assert unread(newcomer) == unread(people.bob) == {}


def test_bob_puts_a_post_back_to_unread(browse, people, make, unread):
    room = make.room()
    thread, bob = make.thread(by=people.alice, room=room, posts=4), browse(people.bob)
    bob.post(f"/threads/{thread.id}/read", data={"number": "4"})
    page = bob.get(f"/threads/{thread.id}").text
    back = re.findall(r'formaction="(/posts/\d+/unread)"', page)[2]
    assert bob.post(back).location == f"/rooms/{room.slug}"
    assert unread(people.bob, thread) == 2
    bob.post("/rooms/read", data={"until": now().isoformat()})
    assert unread(people.bob, thread) == 0
    bob.post(back)
    assert unread(people.bob, thread) == 2


@pytest.mark.parametrize("every", [True, False])
def test_all_is_marked_and_unmarked_again_without_script(browse, people, make, unread, every):
    room, other = make.room(), make.room()
    thread = make.thread(by=people.alice, room=room, posts=2)
    make.thread(by=people.alice, room=other)
    bob, path = browse(people.bob), "/rooms" if every else f"/rooms/{room.slug}"
    page = bob.get(path).text
    action = "/rooms/read" if every else f"/rooms/{room.slug}/read"
    form = page[page.index(f'action="{action}"') :]
    until = re.search(r'name="until" value="([^"]+)"', form)[1].replace("&#43;", "+")
    make.reply(thread, by=people.alice)  # came while Bob was looking at the page: he has not seen it
    answer = bob.post(action, data={"until": until})
    left = {room.slug: 1} if every else {room.slug: 1, other.slug: 1}
    assert unread(people.bob) == left
    offer = bob.get(answer.location).text
    offer = offer[offer.index('action="/rooms/read/undo"') :]
    fields = dict(re.findall(r'name="(until|room)" value="([^"]*)"', offer[: offer.index("</form>")]))
    bob.post("/rooms/read/undo", data={name: value.replace("&#43;", "+") for name, value in fields.items()})
    assert unread(people.bob) == {room.slug: 3, other.slug: 1}


def test_undoing_keeps_what_was_read_since_and_an_earlier_mark(people, make, unread, do):
    thread = make.thread(by=people.alice)
    room = [db_room(make, thread)]
    first = do(lambda: _mark(room, people.bob))
    make.reply(thread, by=people.alice)
    make.reply(thread, by=people.alice)
    second = do(lambda: _mark(room, people.bob))
    do(lambda: reading.see(again(thread), up_to=2, by=again(people.bob)))
    do(lambda: reading.undo_marks(second, by=again(people.bob)))
    assert unread(people.bob, thread) == 1
    do(lambda: reading.undo_marks(second, by=again(people.bob)))
    do(lambda: reading.undo_marks(first, by=again(people.alice)))
    assert unread(people.bob, thread) == 1


def test_alice_takes_back_no_mark_of_bobs_made_at_the_same_moment(people, make, unread, do):
    thread, until = make.thread(by=people.cory), now() + timedelta(seconds=1)
    room = db_room(make, thread)
    for who in (people.alice, people.bob):
        do(lambda who=who: reading.mark_rooms([again(room)], until=until, by=again(who)))
    do(lambda: reading.undo_marks(until, by=again(people.alice)))
    assert (unread(people.alice, thread), unread(people.bob, thread)) == (1, 0)


def test_what_was_marked_from_an_older_page_unmarks_nothing(people, make, unread, do):
    """A page that stood open marks what it showed; another device has marked more meanwhile."""
    early = now()
    thread = make.thread(by=people.alice)
    room = db_room(make, thread)
    do(lambda: _mark([room], people.bob))
    do(lambda: reading.mark_rooms([again(room)], until=early, by=again(people.bob)))
    assert unread(people.bob, thread) == 0


def _mark(rooms, who):
    until = now()
    reading.mark_rooms([again(room) for room in rooms], until=until, by=again(who))
    return until


def db_room(make, thread):
    with make.app.app_context():
        return db.session.get_one(Room, thread.room_id)


@pytest.mark.parametrize("until", ["", "yesterday", "2020-01-01", "9999-99-99T00:00:00Z", "x" * 500])
def test_nonsense_for_a_moment_marks_nothing(browse, people, make, unread, until):
    make.thread(by=people.alice)
    assert browse(people.bob).post("/rooms/read", data={"until": until}).status_code == 303
    assert len(unread(people.bob)) == 1
    assert browse(people.bob).get("/rooms", query_string={"undo": until}).status_code == 200


def test_a_moment_ahead_marks_no_more_than_now(browse, people, make, unread):
    thread = make.thread(by=people.alice)
    browse(people.bob).post("/rooms/read", data={"until": "2099-01-01T00:00:00+00:00"})
    make.reply(thread, by=people.alice)
    assert unread(people.bob, thread) == 1


# On every device


def test_the_counters_are_asked_for_and_cost_a_line_while_nothing_changed(browse, people, make):
    room = make.room()
    thread = make.thread(by=people.alice, room=room, posts=2)
    laptop, phone = browse(people.bob), browse(people.bob)
    first = laptop.get("/unread")
    assert json.loads(first.text) == {"rooms": "2", "inbox": "0", "by_room": {room.slug: "2"}}
    tag = first.headers["ETag"]
    assert laptop.get("/unread", headers={"If-None-Match": tag}).status_code == 304
    phone.post(f"/threads/{thread.id}/read", data={"number": "2", "quietly": "1"})
    second = laptop.get("/unread", headers={"If-None-Match": tag})
    assert (second.status_code, json.loads(second.text)) == (200, {"rooms": "0", "inbox": "0", "by_room": {}})


def test_counters_are_for_members(browse, people):
    assert browse().get("/unread").status_code == 303
    for outsider in (people.lena, people.sam):
        assert browse(outsider).get("/unread").status_code == 403


def test_beyond_ninety_nine_posts_of_a_room_nobody_counts(app, browse, people, make, unread):
    thread = make.thread(by=people.alice)
    with app.app_context(), transaction():
        words = {"thread_id": thread.id, "author_id": people.alice.id, "body": "x", "body_html": "x"}
        db.session.add_all([Post(number=n, **words) for n in range(2, 140)])
        again(thread).post_count = 139
    assert list(unread(people.bob).values()) == [reading.MOST]
    assert "99+ new" in browse(people.bob).get("/rooms").text


# Costs


def test_the_counters_and_lists_cost_the_same_for_one_thread_and_for_many(browse, people, make, count_queries):
    room = make.room()
    make.thread(by=people.alice, room=room)
    bob = browse(people.bob)
    paths = ["/rooms", f"/rooms/{room.slug}", "/unread"]

    def costs():
        found = []
        for path in paths:
            with count_queries() as queries:
                assert bob.get(path).status_code == 200
            found.append(len(queries))
        return found

    few = costs()
    for _ in range(12):
        make.thread(by=people.alice, room=room, posts=2)
        make.thread(by=people.alice, posts=2)
    assert costs() == few
    assert max(few) <= 8


def test_a_thread_costs_at_most_eight_queries_with_something_new_in_it(browse, people, make, count_queries):
    thread, bob = make.thread(by=people.alice, posts=3), browse(people.bob)
    bob.get("/rooms")
    with count_queries() as queries:
        assert 'id="new"' in bob.get(f"/threads/{thread.id}").text
    assert len(queries) <= 8


def test_twenty_equal_reports_at_once_are_one_mark(app, people, make):
    thread = make.thread(by=people.alice, posts=3)

    def report(number):
        with app.app_context(), transaction():
            reading.see(again(thread), up_to=1 + number % 3, by=again(people.bob))

    assert at_once(20, report) == [None] * 20
    with app.app_context():
        assert db.session.scalars(select(Reading.last_number)).all() == [3]


def test_an_archived_room_counts_nothing(app, people, make, unread):
    thread = make.thread(by=people.alice)
    with app.app_context(), transaction():
        db.session.get_one(Thread, thread.id).room.archived_at = now()
    assert unread(people.bob) == {}
