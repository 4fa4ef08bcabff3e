"""The daily letter: what somebody wanted to hear of once a day, in one letter at seven in the morning where they are.

It has no words until it leaves. What came is gathered by the letter's number in the transaction that writes it, so two
workers write one; what may be told of it is asked when it is sent, and again if it had to wait.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from flask import current_app
from sqlalchemy import select, update

from portal.accounts.models import Member
from portal.core import letters, locales
from portal.core.admission import Audience
from portal.core.clock import now
from portal.core.db import db, transaction
from portal.core.jobs import enqueue, job
from portal.core.letters import Letter
from portal.core.wall_clock import NoSuchTime, moment_of
from portal.core.web import absolute
from portal.notifications import inbox
from portal.notifications.models import Notification
from portal.notifications.unsubscribing import stop_daily_url

DAILY_AT = time(7)  # on the clock of whoever reads it
MOST_TOLD = 12  # conversations and things in one letter; the rest is in the inbox


def next_letter(member: Member) -> datetime:
    """When their next daily letter leaves."""
    zone = locales.zone_of(member)
    today = now().astimezone(zone).date()
    return min(at for at in (_at(today + timedelta(days=days), member) for days in (0, 1)) if at > now())


def ask_for_letter(member: Member) -> None:
    """Have one written at that moment, however often it is asked for."""
    due_at = next_letter(member)
    enqueue(write_daily, key=f"daily:{member.once}:{due_at.isoformat()}", at=due_at, member_id=member.id)


@job("notifications.daily")
def write_daily(member_id: int) -> None:
    """Gather what is due and have a letter leave about it; nothing came, or it was read on the site: no letter."""
    with transaction():
        member = db.session.get(Member, member_id)
        if member is None or member.closed_at or member.is_leaving or not member.is_confirmed:
            return
        due = select(Notification.id).where(*_waiting(member), Notification.due_at <= now())
        newest = db.session.scalar(due.order_by(Notification.id.desc()).limit(1))
        if newest is None:
            return
        letter = letters.post_later(
            "notifications/daily",
            to=member,
            key=f"daily:{member.once}:{newest}",
            unsubscribe_url=stop_daily_url(member),
        )
        if letter is None:
            return
        db.session.execute(
            update(Notification)
            .where(*_waiting(member), Notification.due_at <= now())
            .values(letter_id=letter.id)
            .execution_options(synchronize_session=False)
        )


@letters.worded_when_sent("notifications/daily")
def words_of(letter: Letter) -> dict[str, Any] | None:
    """What it says to its reader now; None if nothing of it may be told, or all was read since."""
    member = db.session.get(Member, letter.member_id)
    if member is None or Audience.ENTITLED not in current_app.extensions["audiences_of"](member):
        return None
    of_letter = Notification.letter_id == letter.id
    groups = inbox.told_in(member, [of_letter, Notification.read_at.is_(None)])
    if not groups:
        return None
    return {
        "to": member,
        "groups": groups[:MOST_TOLD],
        "more": max(0, len(groups) - MOST_TOLD),
        "site_url": current_app.config["PUBLIC_URL"],
        "link": absolute("notifications.inbox"),
        "mail_link": absolute("notifications.mail"),
        "at": locales.clock(DAILY_AT.hour, DAILY_AT.minute, locales.manner_of(member)),
        "zone": locales.zone_name(locales.zone_of(member), locales.manner_of(member)),
    }


def _waiting(member: Member) -> list[Any]:
    return [Notification.member_id == member.id, Notification.letter_id.is_(None), Notification.read_at.is_(None)]


def _at(day: date, member: Member) -> datetime:
    zone = locales.zone_of(member)
    try:
        return moment_of(day, DAILY_AT, zone)[0]
    except NoSuchTime as skipped:
        return skipped.after.replace(tzinfo=zone).astimezone(UTC)
