"""Access without payment: given by staff with a reason and an end, and taken back. Both leave a record."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import update

from portal.accounts.models import Member
from portal.billing.models import Grant, GrantSource
from portal.core import audit
from portal.core.clock import now
from portal.core.db import db
from portal.core.errors import EndsInThePast, Refusal


class NoReason(Refusal):
    message = "Say why, so that whoever reads the log understands it."
    status = 422


class TakenAlready(Refusal):
    message = "That was taken back already."


def give(
    member: Member,
    *,
    because: str,
    until: datetime | None,
    by: Member,
    source: GrantSource = GrantSource.COMPLIMENTARY,
) -> Grant:
    """Open everything to a member until a moment, or without end. Raises NoReason, EndsInThePast."""
    if not because.strip():
        raise NoReason()
    if until is not None and until <= now():
        raise EndsInThePast()
    grant = Grant(member_id=member.id, source=source, because=because.strip(), given_by_id=by.id, until=until)
    db.session.add(grant)
    db.session.flush()
    audit.record(
        by, "grant.given", grant, because=because, member=member.id, until=until.isoformat() if until else None
    )
    return grant


def take(grant: Grant, *, because: str, by: Member) -> None:
    """End a grant now; whoever else was about to take it finds it taken. Raises NoReason, TakenAlready."""
    if not because.strip():
        raise NoReason()
    mine = db.session.execute(
        update(Grant)
        .where(Grant.id == grant.id, Grant.taken_at.is_(None))
        .values(taken_at=now(), taken_by_id=by.id)
        .returning(Grant.id)
    ).scalar()
    if mine is None:
        raise TakenAlready()
    audit.record(by, "grant.taken", grant, because=because, member=grant.member_id)
