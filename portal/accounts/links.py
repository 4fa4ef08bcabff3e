"""Mailed links: shown by a GET, used once by a POST, each good for one purpose and for one mailbox.

Office mail scanners open every link in a letter, so opening one changes nothing.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select, update

from portal.accounts.models import LEAVES_AFTER, Member, OneTimeLink, Purpose
from portal.accounts.signed_in import hashed
from portal.core.clock import now
from portal.core.db import db, transaction
from portal.core.errors import Refusal
from portal.core.jobs import periodic

PREFIX = "pfl_"  # so that a leaked one is recognised by scanners of code and logs
GOOD_FOR = {
    Purpose.CONFIRM: timedelta(hours=24),
    Purpose.RESET: timedelta(hours=1),
    Purpose.SIGN_IN: timedelta(minutes=10),
    Purpose.STAY: LEAVES_AFTER,
}
KEPT = timedelta(days=7)


class LinkSpent(Refusal):
    message = "This link has been used, has run out, or was replaced by a newer one."
    status = 410


def issue(member: Member, purpose: Purpose) -> tuple[str, datetime]:
    """A new token for a letter to the member's own address, and the moment it runs out. Only its hash is kept."""
    token = PREFIX + secrets.token_urlsafe(32)
    link = OneTimeLink(
        member_id=member.id,
        purpose=purpose,
        token_hash=hashed(token),
        email=member.email,
        expires_at=now() + GOOD_FOR[purpose],
    )
    db.session.add(link)
    db.session.flush()
    return token, link.expires_at


def owner_of(token: str, purpose: Purpose) -> Member:
    """Whose link this is, if it is still good. Changes nothing. Raises LinkSpent."""
    link = db.session.scalar(
        select(OneTimeLink)
        .join(Member, Member.id == OneTimeLink.member_id)
        .where(
            OneTimeLink.token_hash == hashed(token),
            OneTimeLink.purpose == purpose,
            OneTimeLink.used_at.is_(None),
            OneTimeLink.expires_at > now(),
            OneTimeLink.email == Member.email,
            Member.closed_at.is_(None),
        )
    )
    if link is None:
        raise LinkSpent()
    return link.member


def use(token: str, purpose: Purpose) -> Member:
    """Use the link up, and every other of that purpose for the same person. Raises LinkSpent.

    One conditional UPDATE decides, so twenty clicks at once are one use.
    """
    member_id = db.session.scalar(
        update(OneTimeLink)
        .where(
            OneTimeLink.token_hash == hashed(token),
            OneTimeLink.purpose == purpose,
            OneTimeLink.used_at.is_(None),
            OneTimeLink.expires_at > now(),
            OneTimeLink.member_id.in_(
                select(Member.id).where(Member.email == OneTimeLink.email, Member.closed_at.is_(None))
            ),
        )
        .values(used_at=now())
        .returning(OneTimeLink.member_id)
        .execution_options(synchronize_session=False)
    )
    if member_id is None:
        raise LinkSpent()
    void(member_id, purpose)
    return db.session.get_one(Member, member_id)


def void(member_id: int, purpose: Purpose) -> None:
    """Make all unused links of that purpose useless."""
    db.session.execute(
        update(OneTimeLink)
        .where(OneTimeLink.member_id == member_id, OneTimeLink.purpose == purpose, OneTimeLink.used_at.is_(None))
        .values(used_at=now())
        .execution_options(synchronize_session=False)
    )


def issued_lately(member_id: int, purpose: Purpose, within: timedelta) -> int:
    """How many were sent in that time, to keep a stranger from filling somebody's mailbox."""
    return (
        db.session.scalar(
            select(func.count())
            .select_from(OneTimeLink)
            .where(
                OneTimeLink.member_id == member_id,
                OneTimeLink.purpose == purpose,
                OneTimeLink.created_at > now() - within,
            )
        )
        or 0
    )


@periodic("accounts.sweep_links", every=timedelta(days=1))
def sweep() -> None:
    """Forget links that ran out a week ago."""
    with transaction():
        db.session.execute(delete(OneTimeLink).where(OneTimeLink.expires_at < now() - KEPT))
