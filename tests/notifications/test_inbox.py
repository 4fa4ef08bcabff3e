"""The inbox: each thing once, grouped, in exact words, and nothing in it that its reader may not be told."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import select

from portal.core.clock import now
from portal.core.db import db, transaction
from portal.moderation import ruling
from portal.notifications import inbox as news
from portal.notifications import unsubscribing
from portal.notifications.models import Notification, Rhythm, Stream
from tests.make import again


@pytest.fixture
def inbox(browse):
    """`inbox(alice)`: its lines as she reads them."""

    def read(who, path="/notifications"):
        return [_plain(line) for line in re.findall(r"inbox__open\"[^>]*>(.*?)</button>", browse(who).get(path).text)]

    return read


@pytest.fixture
def count(browse):
    return lambda who: json.loads(browse(who).get("/unread").text)["inbox"]


def _plain(html: str) -> str:
    return html.replace("&#39;", "'")


def test_replies_to_one_thread_are_one_line_that_leads_to_the_first_of_them(
    browse, people, make, work_off, inbox, count
):
    thread = make.thread(by=people.alice, title="Who decides?")
    first = make.reply(thread, by=people.bob)
    for who in (people.cory, people.mo, people.bob):
        make.reply(thread, by=who)
    other = make.thread(by=people.alice, title="Who signs?")
    make.reply(other, by=people.bob)
    work_off()
    assert inbox(people.alice) == ["Bob replied in “Who signs?”", "Bob and 2 others replied in “Who decides?”"]
    assert count(people.alice) == "2"
    page = browse(people.alice).get("/notifications").text
    opening = re.findall(r'action="(/notifications/\d+/open)"', page)
    answer = browse(people.alice).post(opening[1])
    assert (answer.status_code, answer.location) == (303, f"/posts/{first.id}")
    assert count(people.alice) == "1"
    assert browse(people.alice).get("/notifications").text.count("inbox__entry--new") == 1


def test_what_comes_after_looking_is_a_line_of_its_own(browse, people, make, work_off, inbox, count):
    thread = make.thread(by=people.alice, title="Who decides?")
    make.reply(thread, by=people.bob)
    work_off()
    browse(people.alice).post("/notifications/1/open")
    make.reply(thread, by=people.cory)
    work_off()
    assert inbox(people.alice) == ["Cory replied in “Who decides?”", "Bob replied in “Who decides?”"]
    assert count(people.alice) == "1"


def test_opening_a_line_leaves_new_what_came_since_it_was_drawn(browse, people, make, work_off, count):
    thread = make.thread(by=people.alice)
    make.reply(thread, by=people.bob)
    work_off()
    as_drawn = re.search(r'action="(/notifications/\d+/open)"', browse(people.alice).get("/notifications").text)[1]
    make.reply(thread, by=people.cory)
    work_off()
    assert browse(people.alice).post(as_drawn).status_code == 303
    assert count(people.alice) == "1"


def test_reading_the_thread_reads_what_the_inbox_told_of_it_and_opening_the_inbox_reads_nothing(
    browse, people, make, work_off, count
):
    thread = make.thread(by=people.alice)
    make.reply(thread, by=people.bob)
    work_off()
    browse(people.alice).get("/notifications")
    assert count(people.alice) == "1"
    browse(people.alice).post(f"/threads/{thread.id}/read", data={"number": "2"})
    assert count(people.alice) == "0"


def test_reading_half_of_a_thread_leaves_new_what_the_inbox_told_of_the_rest(browse, people, make, work_off, count):
    thread = make.thread(by=people.alice)
    for who in (people.bob, people.cory):
        make.reply(thread, by=who)
    work_off()
    for number, still_new in (("2", "1"), ("3", "0")):
        browse(people.alice).post(f"/threads/{thread.id}/read", data={"number": number})
        assert count(people.alice) == still_new


def test_what_alice_read_in_the_thread_stays_new_to_bob(browse, people, make, work_off, count):
    thread = make.thread(by=people.alice)
    for who in (people.bob, people.cory):
        make.reply(thread, by=who)
    work_off()
    browse(people.alice).post(f"/threads/{thread.id}/read", data={"number": "3"})
    assert (count(people.alice), count(people.bob)) == ("0", "1")


def test_all_is_marked_as_read_and_that_is_undone_but_not_what_was_read_before(
    browse, people, make, work_off, count, clock
):
    for title in ("One", "Two", "Three"):
        make.reply(make.thread(by=people.alice, title=title), by=people.bob)
    work_off()
    alice = browse(people.alice)
    alice.post("/notifications/1/open")
    until = re.search(r'name="until" value="([^"]+)"', alice.get("/notifications").text)[1]
    clock.shift(timedelta(seconds=5))
    make.reply(make.thread(by=people.alice, title="Late"), by=people.bob)
    work_off()
    answer = alice.post("/notifications/read", data={"until": until})
    assert count(people.alice) == "1"  # it came after the page was drawn
    undo = re.search(r'read/undo".*?name="until" value="([^"]+)"', alice.get(answer.location).text, re.DOTALL)[1]
    alice.post("/notifications/read/undo", data={"until": undo})
    assert count(people.alice) == "3"
    for nonsense in ("", "x", "2026-01-01"):
        assert alice.post("/notifications/read", data={"until": nonsense}).status_code == 303
        assert alice.post("/notifications/read/undo", data={"until": nonsense}).status_code == 303
    assert count(people.alice) == "3"


@pytest.mark.parametrize("what", ["hide", "hide_thread", "mute", "circle"])
def test_what_may_no_longer_be_told_is_gone_from_the_lines_and_from_the_count(
    app, browse, people, make, work_off, inbox, count, what
):
    from portal.conversations.models import Room, Thread

    thread, circle = make.thread(by=people.cory, title="Who decides?"), make.circle()
    make.reply(thread, by=people.alice)
    reply = make.reply(thread, by=people.bob)
    work_off()
    assert inbox(people.alice) == ["Bob replied in “Who decides?”"]
    if what == "mute":
        browse(people.alice).post("/members/bob/following", data={"level": "none"})
    with app.app_context(), transaction():
        if what == "circle":
            db.session.get_one(Thread, thread.id).room = db.session.get_one(Room, circle.id)
        elif what != "mute":
            thing = reply if what == "hide" else thread
            getattr(ruling, what)(again(thing), because="It names a patient.", by=again(people.mo))
    assert (inbox(people.alice), count(people.alice)) == ([], "0")
    assert browse(people.alice).post("/notifications/1/open").status_code == 404


def test_whoever_began_a_thread_is_told_of_no_reply_once_it_is_hidden(
    app, browse, people, make, work_off, inbox, count
):
    """She may still open it: its words are hers, and the others' are out of sight."""
    thread = make.thread(by=people.alice, title="Who decides?")
    make.reply(thread, by=people.bob)
    work_off()
    with app.app_context(), transaction():
        ruling.hide_thread(again(thread), because="It names a patient.", by=again(people.mo))
    assert (inbox(people.alice), count(people.alice)) == (["A moderator hid your thread “Who decides?”"], "1")


def test_off_is_nothing_at_all_and_site_is_the_inbox_without_a_letter(app, people, make, work_off, inbox, outbox):
    with app.app_context(), transaction():
        unsubscribing.choose(people.alice.id, Stream.ANSWERS, Rhythm.SITE)
        unsubscribing.choose(people.bob.id, Stream.ANSWERS, Rhythm.OFF)
    for who in (people.alice, people.bob):
        make.reply(make.thread(by=who, title=f"Of {who.name}"), by=people.cory)
    work_off()
    assert (inbox(people.alice), inbox(people.bob)) == (["Cory replied in “Of Alice”"], [])
    assert [m for m in outbox if m.recipients[0] in {people.alice.email, people.bob.email}] == []


def test_of_a_new_tool_its_followers_learn_in_their_inbox(app, browse, people, make, work_off, inbox):
    from portal.library import announcing

    topic = make.topic("Role clarity")
    browse(people.alice).post("/topics/role-clarity/follow")
    tool = make.tool("Role card", topics=[topic])
    with app.app_context(), transaction():
        announcing.announce(again(tool))
    work_off()
    assert inbox(people.alice) == ["New in the library: “Role card”"]
    assert browse(people.alice).post("/notifications/1/open").location == f"/library/{tool.slug}"


def test_a_post_that_two_reasons_tell_of_stands_there_once(browse, people, make, work_off, inbox, outbox):
    thread = make.thread(by=people.alice, title="Who decides?")
    browse(people.alice).post("/members/bob/following", data={"level": "all"})
    make.reply(thread, by=people.bob)
    work_off()
    assert inbox(people.alice) == ["Bob replied in “Who decides?”"]
    assert [m.recipients for m in outbox].count([people.alice.email]) == 1


def test_nobody_opens_or_marks_what_is_bobs(app, browse, people, make, work_off, count):
    make.reply(make.thread(by=people.bob), by=people.cory)
    work_off()
    assert browse(people.alice).post("/notifications/1/open").status_code == 404
    browse(people.alice).post("/notifications/read", data={"until": "2100-01-01T00:00:00+00:00"})
    assert count(people.bob) == "1"


def test_what_alice_takes_back_leaves_what_bob_marked_at_the_same_moment(app, browse, people, make, work_off, count):
    thread = make.thread(by=people.alice)
    make.reply(thread, by=people.bob)
    make.reply(thread, by=people.cory)
    work_off()
    with app.app_context(), transaction(), time_machine.travel(now(), tick=False):
        for who in (people.alice, people.bob):
            marked_at = news.mark_all(again(who), until=now())
        news.undo(again(people.alice), marked_at)
    assert (count(people.alice), count(people.bob)) == ("1", "0")


def test_pages_follow_each_other_without_a_gap_and_odd_addresses_fall_back(people, make, work_off, inbox, browse):
    room = make.room()
    for number in range(23):
        make.reply(make.thread(by=people.alice, room=room, title=f"Thread {number}"), by=people.bob)
    work_off()
    page = browse(people.alice).get("/notifications").text
    older = re.search(r'href="(/notifications\?before=\d+)"', page)[1]
    both = inbox(people.alice) + inbox(people.alice, older)
    assert both == [f"Bob replied in “Thread {number}”" for number in reversed(range(23))]
    for odd in ("?before=x", "?before=-1", "?before=99999999999999", "?undo=x"):
        assert len(inbox(people.alice, f"/notifications{odd}")) == 20


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00Z"])
def test_the_first_and_the_last_moment_there_are_break_no_page_and_no_button(browse, people, moment):
    alice = browse(people.alice)
    for page in ("/notifications", "/rooms"):
        assert alice.get(page, query_string={"undo": moment}).status_code == 200
        for button in ("read", "read/undo"):
            assert alice.post(f"{page}/{button}", data={"until": moment}).status_code == 303


def test_it_costs_the_same_queries_for_two_entries_as_for_twenty(app, people, make, work_off, browse, count_queries):
    room = make.room()

    def grow(to):
        for number in range(to):
            thread = make.thread(by=people.alice, room=room, title=f"Thread {number}")
            make.reply(thread, by=people.bob)
        work_off()

    alice = browse(people.alice)
    costs = []
    for more in (2, 18):
        grow(more)
        with count_queries() as queries:
            assert alice.get("/notifications").status_code == 200
        costs.append(len(queries))
    assert costs[0] == costs[1] <= 8
    with app.app_context():
        assert len(db.session.scalars(select(Notification)).all()) == 20


def test_what_was_asked_safely_stands_there_under_no_name_whoever_reads_and_whomever_they_mute(
    app, browse, people, make, work_off, inbox
):
    from portal.conversations.models import Post

    thread = make.thread(by=people.cory, title="Who decides?")
    make.reply(thread, by=people.alice)
    reply = make.reply(thread, by=people.bob)
    with app.app_context(), transaction():
        db.session.get_one(Post, reply.id).veiled_at = reply.created_at
    work_off()
    browse(people.alice).post("/members/bob/following", data={"level": "none"})
    assert inbox(people.alice) == ["A member replied in “Who decides?”"]
    assert inbox(people.cory)[0].startswith("A member")
