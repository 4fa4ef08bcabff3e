"""The daily letter: one a day and member, at seven where they are, of what may be told when it leaves."""

from __future__ import annotations

import email
import re
from datetime import UTC, datetime, timedelta
from email import policy

import pytest
from sqlalchemy import select

from portal.accounts.models import Member
from portal.core.clock import now
from portal.core.db import db, transaction
from portal.core.letters import Letter
from portal.moderation import flagging, ruling
from portal.moderation.models import Reason
from portal.notifications import bundling, unsubscribing
from portal.notifications.models import CHOSEN, Rhythm, Stream
from tests.make import again

NOON = datetime(2026, 5, 12, 17, tzinfo=UTC)  # in Chicago


@pytest.fixture
def alice(app, people, make, clock):
    """She lives in Chicago and wants everything once a day. Her address is a long one."""
    clock.move_to(NOON)
    local = "alice.of.the.practice.that.has.a.very.long.name.indeed.and.goes.on"[:60]
    alice = make.member(
        "Alice Long", entitled=True, email=f"{local}@a-long-host.example.com", time_zone="America/Chicago"
    )
    with app.app_context(), transaction():
        for stream in CHOSEN:
            unsubscribing.choose(alice.id, stream, Rhythm.DAILY)
    return alice


def _daily(outbox):
    return [message for message in outbox if "Good morning" in (message.body or "")]


def test_what_came_in_a_day_is_one_letter_at_seven_in_the_morning_of_its_reader(
    alice, people, make, clock, work_off, outbox
):
    first, second = make.thread(by=alice, title="Who decides?"), make.thread(by=alice, title="Who signs?")
    for thread in (first, first, second):
        make.reply(thread, by=people.bob, body="She does.")
    work_off()
    clock.move_to(NOON.replace(hour=11, minute=59) + timedelta(days=1))
    work_off()
    assert [m for m in outbox if alice.email in m.recipients] == []
    clock.move_to(NOON.replace(hour=12, minute=0, second=5) + timedelta(days=1))  # seven, in summer time
    work_off()
    [letter] = _daily(outbox)
    assert letter.recipients == [alice.email]
    assert letter.subject == "Who signs?, and one more"
    assert letter.body.count("Bob replied in") == 2
    clock.shift(timedelta(days=3))
    work_off()
    assert len(_daily(outbox)) == 1


def test_what_became_of_a_flag_stands_in_the_letter_as_what_it_was(app, alice, people, make, clock, work_off, outbox):
    post = make.reply(make.thread(by=people.bob, title="Who decides?"), by=people.bob)
    with app.app_context(), transaction():
        flagging.flag(again(post), reason=Reason.SELLING, by=again(alice))
    with app.app_context(), transaction():
        ruling.keep(again(post), because="It sells nothing.", by=again(people.mo))
    work_off()
    clock.shift(timedelta(days=1))
    work_off()
    [letter] = _daily(outbox)
    for words in (letter.body, letter.html):
        assert "A moderator looked at what you flagged in “Who decides?”" in words
        assert "decided that it stays" in words
        assert "replied" not in words


def test_its_link_to_stop_survives_on_the_wire_and_works_without_signing_in(
    app, alice, people, make, clock, work_off, outbox, browse
):
    make.reply(make.thread(by=alice), by=people.bob)
    work_off()
    clock.shift(timedelta(days=1))
    work_off()
    with app.app_context():
        wire = _daily(outbox)[0].as_bytes()
    header = re.search(rb"^List-Unsubscribe: <(\S+)>\r?$", wire, re.MULTILINE)
    assert re.search(rb"^List-Unsubscribe-Post: List-Unsubscribe=One-Click\r?$", wire, re.MULTILINE)
    assert email.message_from_bytes(wire, policy=policy.default)["List-Unsubscribe"] == f"<{header[1].decode()}>"
    browse().post(header[1].decode().removeprefix("http://localhost"), csrf=False)
    with app.app_context():
        assert set(unsubscribing.choices_of(again(alice)).values()) == {Rhythm.SITE}
    assert len(wire) < 60_000


@pytest.mark.parametrize("what", ["hidden", "moved away", "read", "lapsed"])
def test_nothing_is_told_that_may_not_be_when_it_leaves_and_an_empty_letter_never_leaves(
    app, alice, people, make, clock, work_off, outbox, browse, what
):
    """Also where the letter was written already and had to wait."""
    from portal.billing.models import Grant
    from portal.conversations.models import Room, Thread

    thread, closed = make.thread(by=alice), make.circle()
    reply = make.reply(thread, by=people.bob, body="Mr. Hale.")
    work_off()
    clock.shift(timedelta(days=1))
    with app.app_context():
        bundling.write_daily(alice.id)
        with transaction():
            if what == "hidden":
                ruling.hide(again(reply), because="It names a patient.", by=again(people.mo))
            elif what == "moved away":
                db.session.get_one(Thread, thread.id).room = db.session.get_one(Room, closed.id)
            elif what == "lapsed":
                db.session.scalars(select(Grant).where(Grant.member_id == alice.id)).one().until = NOON
    if what == "read":
        browse(alice).post(f"/threads/{thread.id}/read", data={"number": "2"})
    outbox.clear()
    work_off()
    assert _daily(outbox) == []


def test_of_two_posts_the_hidden_one_is_left_out(app, alice, people, make, clock, work_off, outbox):
    thread = make.thread(by=alice)
    make.reply(thread, by=people.bob, body="She does.")
    hidden = make.reply(thread, by=people.cory, body="Mr. Hale.")
    work_off()
    clock.shift(timedelta(days=1))
    with app.app_context(), transaction():
        ruling.hide(again(hidden), because="It names a patient.", by=again(people.mo))
    work_off()
    [letter] = _daily(outbox)
    assert "She does." in letter.body
    assert "Hale" not in letter.body + letter.html
    assert "Cory" not in letter.body


def test_two_workers_with_the_same_work_write_one_letter(app, alice, people, make, clock, work_off, outbox):
    make.reply(make.thread(by=alice), by=people.bob)
    work_off()
    clock.shift(timedelta(days=1))
    with app.app_context():
        for _ in range(3):
            bundling.write_daily(alice.id)
    work_off()
    assert len(_daily(outbox)) == 1
    with app.app_context():
        assert len(db.session.scalars(select(Letter).where(Letter.kind == "notifications/daily")).all()) == 1


def test_who_no_longer_wants_it_daily_is_not_told_what_waited(app, alice, people, make, clock, work_off, outbox):
    make.reply(make.thread(by=alice, title="Who decides?"), by=people.bob)
    make.reply(make.thread(by=people.bob, title="Who signs?"), by=people.bob, body=f"@{alice.handle} knows.")
    work_off()
    with app.app_context(), transaction():
        unsubscribing.choose(alice.id, Stream.ANSWERS, Rhythm.SITE)
    clock.shift(timedelta(days=1))
    work_off()
    [letter] = _daily(outbox)
    assert "Who decides?" not in letter.body
    assert "Bob mentioned you in “Who signs?”" in letter.body, "of everything else she is told as she wanted it"


def test_of_a_day_with_much_in_it_the_letter_tells_twelve_and_how_many_more_there_are(
    alice, people, make, clock, work_off, outbox
):
    for number in range(bundling.MOST_TOLD + 2):
        make.reply(make.thread(by=alice, title=f"Number {number}"), by=people.bob)
    work_off()
    clock.shift(timedelta(days=1))
    work_off()
    [letter] = _daily(outbox)
    assert letter.body.count("replied in") == bundling.MOST_TOLD
    assert "2 more" in letter.body


@pytest.mark.parametrize("what", ["leaving_since", "closed_at", "confirmed_at"])
def test_nobody_who_leaves_or_whose_address_is_in_doubt_gets_what_waited(
    app, alice, people, make, clock, work_off, outbox, what
):
    make.reply(make.thread(by=alice), by=people.bob)
    work_off()
    clock.shift(timedelta(days=1))
    with app.app_context(), transaction():
        setattr(again(alice), what, None if what == "confirmed_at" else now())
    work_off()
    assert _daily(outbox) == []


@pytest.mark.parametrize(
    ("at", "zone", "leaves"),
    [
        ("2026-05-12T04:00+00:00", "Europe/Paris", "2026-05-12T05:00+00:00"),
        ("2026-05-12T05:00+00:00", "Europe/Paris", "2026-05-13T05:00+00:00"),
        ("2026-03-28T12:00+00:00", "Europe/Paris", "2026-03-29T05:00+00:00"),  # the night of summer time
        ("2026-10-31T23:00+00:00", "America/Chicago", "2026-11-01T13:00+00:00"),  # and its end
    ],
)
def test_it_leaves_at_seven_on_their_clock_also_when_clocks_are_moved(app, clock, at, zone, leaves):
    clock.move_to(datetime.fromisoformat(at))
    with app.test_request_context():
        assert bundling.next_letter(Member(time_zone=zone)) == datetime.fromisoformat(leaves)
