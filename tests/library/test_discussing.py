"""The conversation about an item: begun once, whoever is first."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
import time_machine
from sqlalchemy import func, select

from portal.conversations.models import Post, Thread
from portal.core.clock import now
from portal.core.db import db
from portal.library.models import Item


def start(browser, tool, in_room, **more):
    data = {"title": "How do you use it?", "room": in_room.slug, "body": "We filled in three. What next?"} | more
    return browser.post(f"/library/{tool.slug}/thread", data=data)


def test_alice_begins_the_thread_of_a_tool_and_bob_finds_it_there(browse, people, make, app):
    topic, room = make.topic(), make.room()
    tool = make.tool("Role card", topics=[topic])
    alice = browse(people.alice)
    page = alice.get(f"/library/{tool.slug}").text
    assert f'href="/library/{tool.slug}/thread"' in page
    assert 'value="Role card"' in alice.get(f"/library/{tool.slug}/thread").text
    answer = start(alice, tool, room)
    assert answer.status_code == 303
    with app.app_context():
        thread = db.session.scalars(select(Thread)).one()
        assert (thread.title, thread.about_title, thread.about_path) == (
            "How do you use it?",
            "Role card",
            f"/library/{tool.slug}",
        )
        assert [t.slug for t in thread.topics] == [topic.slug]
        assert db.session.get_one(Item, tool.id).thread_id == thread.id
    assert answer.headers["Location"] == f"/threads/{thread.id}"
    bob = browse(people.bob)
    assert "How do you use it?" in bob.get(f"/library/{tool.slug}").text
    again = bob.get(f"/library/{tool.slug}/thread")
    assert (again.status_code, again.headers["Location"]) == (303, f"/threads/{thread.id}")


def test_bob_cannot_flood_a_thread_by_way_of_its_tool(browse, people, make):
    tool, room, browser = make.tool(), make.room(), browse(people.bob)
    with time_machine.travel(now(), tick=False):  # windows begin by the clock: none ends meanwhile
        answers = [start(browser, tool, room, body=f"Buy number {number}.").status_code for number in range(12)]
    assert answers == [303] * 10 + [429] * 2


def test_two_at_once_make_one_thread_and_no_words_are_lost(browse, people, make, app):
    tool, room = make.tool(), make.room()
    browsers = [browse(people.alice), browse(people.bob)]
    for browser in browsers:
        browser.get(f"/library/{tool.slug}/thread")
    gate = Barrier(2)

    def go(number):
        gate.wait()
        return start(browsers[number], tool, room, body=f"Words of number {number}.")

    with ThreadPoolExecutor(2) as threads:
        answers = list(threads.map(go, range(2)))
    assert [a.status_code for a in answers] == [303, 303]
    assert len({a.headers["Location"] for a in answers}) == 1
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Thread)) == 1
        assert set(db.session.scalars(select(Post.body))) == {"Words of number 0.", "Words of number 1."}


def test_the_same_form_sent_twice_is_one_post(browse, people, make, app):
    tool, room, alice = make.tool(), make.room(), browse(people.alice)
    start(alice, tool, room, send_key="k")
    start(alice, tool, room, send_key="k")
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Post)) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"body": ""},
        {"title": ""},
        {"title": " \u202e\x00 "},
        {"title": "x" * 161},
        {"body": "x" * 20_001},
        {"room": "nowhere"},
        {"room": ""},
        {"body": "[a]: /b"},
    ],
)
def test_a_form_that_needs_another_look_comes_back_with_what_was_typed(browse, people, make, app, wrong):
    tool, room = make.tool(), make.room()
    answer = start(browse(people.alice), tool, room, **({"title": "My title", "body": "My words"} | wrong))
    assert answer.status_code == 422
    if "title" not in wrong:
        assert "My title" in answer.text
    if "body" not in wrong:
        assert "My words" in answer.text
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Thread)) == 0


def test_only_members_begin_a_conversation(browse, people, make):
    tool, room = make.tool(), make.room()
    for who in (people.sam, people.lena):
        assert start(browse(who), tool, room).status_code == 403
        assert "The conversation" not in browse(who).get(f"/library/{tool.slug}").text
    assert start(browse(), tool, room).status_code == 303
    assert browse(people.alice).get("/library/nothing/thread").status_code == 404


def test_an_unconfirmed_member_is_told_and_keeps_the_words(browse, make, app):
    newcomer = make.member("Newcomer", entitled=True, confirmed_at=None)
    tool, room = make.tool(), make.room()
    answer = start(browse(newcomer), tool, room, body="My first words")
    assert answer.status_code == 403
    assert "My first words" in answer.text
    assert "confirm your e-mail" in answer.text


def test_a_hidden_thread_is_not_shown_on_the_item(browse, people, make, app):
    from portal.core.clock import now

    tool, room = make.tool(), make.room()
    start(browse(people.alice), tool, room)
    with make._saved():
        db.session.scalars(select(Thread)).one().hidden_at = now()
    page = browse(people.bob).get(f"/library/{tool.slug}").text
    assert "How do you use it?" not in page
    assert "A moderator has hidden it" in page
    assert f"/library/{tool.slug}/thread" not in page  # it would only lead to a page that is not there


def test_the_room_offered_is_where_people_talk_about_the_same_subject(browse, people, make):
    topic = make.topic()
    make.room("Introductions", position=1)
    roles = make.room("Roles and seats", position=2)
    first, second = make.tool("Role card", topics=[topic]), make.tool("Seat map", topics=[topic])
    start(browse(people.alice), first, roles)
    assert f'<option selected value="{roles.slug}">' in browse(people.bob).get(f"/library/{second.slug}/thread").text


def test_alice_begins_it_safely_and_nobody_of_the_members_learns_that_it_was_her(browse, people, make, app):
    tool, room, bob = make.tool("Role card"), make.room(), browse(people.bob)
    alice = browse(people.alice)
    assert "Ask safely" in alice.get(f"/library/{tool.slug}/thread").text
    thread = start(alice, tool, room, safely="y").location
    for page in (thread, f"/rooms/{room.slug}", f"/library/{tool.slug}", "/"):
        assert "Alice" not in bob.get(page).text
    assert "A member" in bob.get(thread).text
    assert "Alice" in browse(people.cory).get(thread).text


def test_whoever_comes_second_and_safely_is_not_put_there_under_their_name(browse, people, make, app):
    tool, room, alice = make.tool("Role card"), make.room(), browse(people.alice)
    alice.get(f"/library/{tool.slug}/thread")
    start(browse(people.bob), tool, room)
    answer = start(alice, tool, room, body="Between us.", safely="y")
    assert answer.status_code == 409
    assert "Between us." in answer.text
    with app.app_context():
        assert db.session.scalar(select(func.count()).where(Post.author_id == people.alice.id)) == 0
