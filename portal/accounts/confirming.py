"""Showing that an address is one's own: a letter with a link, until then one reads but does not post."""

from __future__ import annotations

from datetime import timedelta

from portal.accounts import links
from portal.accounts.models import Member, Purpose
from portal.accounts.times import in_their_zone
from portal.core import letters
from portal.core.clock import now
from portal.core.db import db
from portal.core.errors import Refusal, TooMuch
from portal.core.web import absolute

PER_HOUR = 5


class AlreadyConfirmed(Refusal):
    message = "Your address is confirmed already. There is nothing left to do."


def send_link(member: Member) -> None:
    """Write the letter that lets `member` confirm their address. Raises AlreadyConfirmed, TooMuch."""
    if member.is_confirmed:
        raise AlreadyConfirmed()
    if links.issued_lately(member.id, Purpose.CONFIRM, timedelta(hours=1)) >= PER_HOUR:
        raise TooMuch(
            "We have sent several letters already. Please look into your spam folder, and try again in an hour.",
            retry_after=3600,
        )
    token, until = links.issue(member, Purpose.CONFIRM)
    letters.post(
        "accounts/confirm",
        to=member,
        link=absolute("accounts.confirm", token=token),
        until=in_their_zone(member, until),
    )


def confirm(token: str) -> Member:
    """Use the link up and remember that the mailbox is theirs. Raises links.LinkSpent."""
    member = links.use(token, Purpose.CONFIRM)
    member.confirmed_at = member.confirmed_at or now()
    db.session.flush()
    return member
