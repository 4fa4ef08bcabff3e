"""Publishing on a schedule, and telling those who follow a topic: once, in order, and only while it is out."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from portal.core import jobs, search
from portal.core.admission import Audience
from portal.core.clock import now
from portal.core.db import db, transaction
from portal.core.wall_clock import moment_of
from portal.library import publishing
from portal.library.models import Item, Tool
from portal.notifications import unsubscribing
from portal.notifications.models import Rhythm, Stream
from portal.topics import following
from portal.topics.models import Topic
from tests.make import again, at_once

CHICAGO = ZoneInfo("America/Chicago")


@pytest.fixture
def topic(app, people, make):
    """Role clarity, which Alice, Bob, Lena and Sam follow."""
    topic = make.topic("Role clarity")
    with app.app_context(), transaction():
        for who in (people.alice, people.bob, people.lena, people.sam):
            following.follow(db.session.get_one(Topic, topic.id), by=again(who))
    return topic


def publish(app, item, *, by=None, **how):
    with app.app_context(), transaction():
        publishing.publish(db.session.get_one(Item, item.id), by=again(by) if by else None, **how)


def change(app, do, item, **how):
    with app.app_context(), transaction():
        do(db.session.get_one(Item, item.id), **how)


def told(outbox):
    return [(message.recipients[0].split("@")[0], message.subject) for message in outbox]


def test_members_who_follow_its_topic_are_told_and_those_who_cannot_open_it_are_not(
    app, people, make, topic, outbox, work_off
):
    tool = make.tool("Role card", topics=[topic], published=False)
    publish(app, tool, by=people.cory, announce=True)
    work_off()
    assert sorted(told(outbox)) == [("alice", "New tool: Role card"), ("bob", "New tool: Role card")]
    assert outbox[0].extra_headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert f"/library/{tool.slug}" in outbox[0].body


def test_a_free_tool_is_told_to_everyone_with_an_account(app, people, make, topic, outbox, work_off):
    tool = make.tool("Role card", topics=[topic], published=False, is_free=True)
    publish(app, tool, announce=True)
    work_off()
    assert {who for who, _ in told(outbox)} == {"alice", "bob", "lena", "sam"}


def test_nobody_is_told_unless_the_coach_ticks_it(app, people, make, topic, outbox, work_off):
    publish(app, make.tool("Role card", topics=[topic], published=False), by=people.cory)
    work_off()
    assert told(outbox) == []


def test_whoever_turned_it_off_is_not_told(app, people, make, topic, outbox, work_off):
    with app.app_context(), transaction():
        unsubscribing.choose(people.alice.id, Stream.NEW_ITEMS, Rhythm.OFF)
    publish(app, make.tool("Role card", topics=[topic], published=False), announce=True)
    work_off()
    assert {who for who, _ in told(outbox)} == {"bob"}


def test_published_withdrawn_and_published_again_it_is_told_once(app, people, make, topic, outbox, work_off):
    tool = make.tool("Role card", topics=[topic], published=False)
    for _ in range(3):
        publish(app, tool, by=people.cory, announce=True)
        work_off()
        change(app, publishing.withdraw, tool, because="A slip", by=people.cory)
        change(app, publishing.bring_back, tool, by=people.cory)
        work_off()
    assert len(told(outbox)) == 2, "Alice and Bob, once each"


def test_a_button_pressed_ten_times_tells_once(app, people, make, topic, outbox, work_off):
    tool = make.tool("Role card", topics=[topic], published=False)
    at_once(10, lambda _: publish(app, tool, announce=True))
    work_off()
    assert len(told(outbox)) == 2


def test_what_is_withdrawn_before_the_letters_leave_is_told_to_nobody(app, people, make, topic, outbox, work_off):
    tool = make.tool("Role card", topics=[topic], published=False)
    publish(app, tool, announce=True)
    change(app, publishing.withdraw, tool, because="Names a client", by=people.cory)
    work_off()
    assert told(outbox) == []


def test_a_client_s_story_is_not_told_by_letter_unless_its_client_said_so(app, make, topic, outbox, work_off):
    nugget = make.nugget(topics=[topic])
    publish(app, nugget, announce=True)
    work_off()
    assert told(outbox) == []


def test_a_client_s_story_is_told_by_letter_where_its_client_said_so_and_is_still_of_that_mind(
    app, people, make, topic, outbox, work_off
):
    told_of = make.nugget("Told of", topics=[topic], places=["members", "mail"])
    taken_back = make.nugget("Taken back", topics=[topic], places=["members", "mail"])
    for nugget in (told_of, taken_back):
        publish(app, nugget, announce=True)
    with app.app_context(), transaction():
        publishing.withdraw(db.session.get_one(Item, taken_back.id), because="Asked to", by=again(people.cory))
    work_off()
    assert sorted(told(outbox)) == [("alice", "New story: Told of"), ("bob", "New story: Told of")]


def find(app, words):
    with app.app_context():
        return [hit.title for hit in search.search(words, audiences=[Audience.ANYONE])]


def test_scheduled_across_a_clock_change_it_appears_when_clocks_on_the_wall_say_so(
    app, people, make, topic, outbox, work_off, clock
):
    """Chicago moves its clocks forward on 14 March 2027 at two in the morning."""
    clock.move_to(datetime(2027, 3, 13, 12, tzinfo=CHICAGO))
    tool = make.tool("Role card", topics=[topic], published=False)
    at, _ = moment_of(date(2027, 3, 15), time(9), CHICAGO)
    publish(app, tool, by=people.cory, at=at, announce=True)
    clock.move_to(datetime(2027, 3, 15, 13, 59, tzinfo=UTC))
    work_off()
    assert (find(app, "role"), told(outbox)) == ([], [])
    clock.move_to(datetime(2027, 3, 15, 14, 0, 1, tzinfo=UTC))  # nine in the morning, an hour earlier than before
    assert now().astimezone(CHICAGO).hour == 9
    work_off()
    assert (find(app, "role"), len(told(outbox))) == (["Role card"], 2)


def test_after_a_day_without_a_worker_all_appear_once_and_in_the_order_of_their_moments(
    app, people, make, topic, outbox, work_off, clock
):
    clock.move_to(datetime(2027, 11, 6, 12, tzinfo=CHICAGO))  # the night before clocks go back
    moments = {
        "Third": moment_of(date(2027, 11, 7), time(9), CHICAGO)[0],
        "First": moment_of(date(2027, 11, 7), time(1, 30), CHICAGO)[0],  # comes twice that night
        "Second": moment_of(date(2027, 11, 7), time(2, 0), CHICAGO)[0],
        "Tomorrow": moment_of(date(2027, 11, 9), time(9), CHICAGO)[0],
    }
    for title, at in moments.items():
        publish(app, make.tool(title, topics=[topic], published=False), at=at, announce=True)
    clock.move_to(datetime(2027, 11, 8, 12, tzinfo=CHICAGO))
    for _ in range(2):
        work_off()
        publishing_again(app)
    assert [subject for who, subject in told(outbox) if who == "alice"] == [
        "New tool: First",
        "New tool: Second",
        "New tool: Third",
    ]
    with app.app_context():
        order = db.session.query(Tool.title).filter(Tool.appeared_at.is_not(None)).order_by(Tool.appeared_at).all()
    assert [title for (title,) in order] == ["First", "Second", "Third"]


def publishing_again(app):
    """The periodic look, and each job once more: a worker that died may have done all of it already."""
    with app.app_context():
        publishing.bring_out_due()
        publishing.appear(1)


def test_of_two_workers_at_once_each_thing_appears_and_is_told_once(app, make, topic, outbox, work_off, clock):
    tomorrow = now() + timedelta(days=1)
    for number in range(5):
        tool = make.tool(f"Tool {number}", topics=[topic], published=False)
        publish(app, tool, at=tomorrow + timedelta(minutes=number), announce=True)
    clock.shift(timedelta(days=2))

    def work(_):
        with app.app_context():
            return jobs.work_off()

    at_once(4, work)
    work_off()
    wanted = [f"New tool: Tool {n}" for n in range(5)]
    assert sorted(subject for who, subject in told(outbox) if who == "bob") == wanted
    with app.app_context():
        appeared = db.session.query(Tool.title).filter(Tool.appeared_at.is_not(None)).order_by(Tool.id).all()
    assert [f"New tool: {title}" for (title,) in appeared] == wanted


def test_moved_taken_back_or_withdrawn_it_does_not_appear_at_the_old_moment(app, people, make, topic, work_off, clock):
    tomorrow = now() + timedelta(days=1)
    moved, back, gone = (make.tool(title, published=False) for title in ("Moved", "Unscheduled", "Withdrawn"))
    for tool in (moved, back, gone):
        publish(app, tool, at=tomorrow)
    publish(app, moved, at=tomorrow + timedelta(days=5))
    change(app, publishing.unschedule, back, by=people.cory)
    change(app, publishing.withdraw, gone, because="Not yet", by=people.cory)
    clock.shift(timedelta(days=2))
    work_off()
    assert [find(app, word) for word in ("moved", "unscheduled", "withdrawn")] == [[], [], []]
    clock.shift(timedelta(days=5))
    work_off()
    assert find(app, "moved") == ["Moved"]
    with pytest.raises(publishing.NotScheduled):
        change(app, publishing.unschedule, moved, by=people.cory)


def test_what_is_brought_back_keeps_its_date_and_what_is_out_cannot_be(app, people, make, topic):
    tool = make.tool("Role card", at=now() - timedelta(days=9))
    before = tool.published_at
    change(app, publishing.withdraw, tool, because="A slip", by=people.cory)
    assert find(app, "role") == []
    change(app, publishing.bring_back, tool, by=people.cory)
    assert find(app, "role") == ["Role card"]
    with app.app_context():
        assert db.session.get_one(Item, tool.id).published_at == before
    with pytest.raises(publishing.NotWithdrawn):
        change(app, publishing.bring_back, tool, by=people.cory)
