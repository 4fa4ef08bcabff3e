"""Invitations by letter: made, looked at, used once, taken back. What one brings is said in membership/inviting.py."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import contains_eager, joinedload

from portal.accounts.addresses import canonical
from portal.accounts.models import Invitation, Member, Role
from portal.accounts.roles import MAY
from portal.accounts.signed_in import hashed
from portal.accounts.times import in_their_zone
from portal.core import audit, letters
from portal.core.clock import now
from portal.core.db import db
from portal.core.errors import EndsInThePast, Refusal
from portal.core.web import absolute

PREFIX = "pfi_"
LASTS = timedelta(days=14)


class InvitationSpent(Refusal):
    message = "This invitation has been used, has run out, or was taken back."
    status = 410


class HasTheRole(Refusal):
    message = "This person has that role already."


class JustInvited(Refusal):
    message = "Somebody else has just invited this address. Reload the page to see it."


@dataclass
class Stranger:
    """Whoever reads a mailbox that belongs to no account yet; what a letter must know of its reader."""

    email: str
    name: str = ""
    first_name: str = ""
    id: int = 0
    time_zone: str | None = None
    locale: str | None = None


def invite(email: str, role: Role, *, open_until: datetime | None = None, by: Member) -> Invitation:
    """Keep a place for an address and write to it; an earlier invitation to it is replaced.

    Raises NotAnAddress, EndsInThePast, HasTheRole, JustInvited.
    """
    address = canonical(email)
    if open_until is not None and open_until <= now():
        raise EndsInThePast()
    known = db.session.scalar(select(Member).where(Member.email == address, Member.closed_at.is_(None)))
    if known is not None and role is not Role.MEMBER and known.is_at_least(role):
        raise HasTheRole()
    earlier = db.session.scalar(select(Invitation).where(Invitation.email == address, Invitation.ended_at.is_(None)))
    if earlier is not None:
        withdraw(earlier, by=by)
    token = PREFIX + secrets.token_urlsafe(32)
    invitation = Invitation(
        email=address,
        role=role,
        open_until=open_until if role is Role.MEMBER else None,
        token_hash=hashed(token),
        invited_by_id=by.id,
        expires_at=now() + LASTS,
    )
    try:
        with db.session.begin_nested():
            db.session.add(invitation)
            db.session.flush()
    except IntegrityError:  # the partial index: another owner was first
        raise JustInvited() from None
    audit.record(by, "invitation.made", invitation, role=role.value)
    letters.post(
        "accounts/invitation",
        to=known or Stranger(address),
        key=f"invitation:{invitation.once}",
        address=address,
        by=by.name,
        role=role.value,
        may=MAY[role],
        link=absolute("membership.invitation", token=token),
        until=in_their_zone(by, invitation.expires_at),
    )
    return invitation


def open_one(token: str) -> Invitation:
    """The invitation a link leads to while it can be accepted. Changes nothing. Raises InvitationSpent.

    It counts as long as whoever made it owns the site: nobody leaves a door open behind them.
    """
    found = db.session.scalar(
        select(Invitation)
        .join(Member, Member.id == Invitation.invited_by_id)
        .where(
            Invitation.token_hash == hashed(token),
            Invitation.ended_at.is_(None),
            Invitation.expires_at > now(),
            Member.role == Role.OWNER,
            Member.closed_at.is_(None),
            Member.leaving_since.is_(None),
        )
        .options(contains_eager(Invitation.invited_by))
    )
    if found is None:
        raise InvitationSpent()
    return found


def use(token: str, *, member: Member) -> Invitation:
    """Use an invitation up for the member whose address it was sent to. Raises InvitationSpent.

    One conditional UPDATE decides, so twenty clicks at once are one acceptance.
    """
    used = db.session.scalar(
        update(Invitation)
        .where(
            Invitation.token_hash == hashed(token),
            Invitation.ended_at.is_(None),
            Invitation.expires_at > now(),
            Invitation.email == member.email,
        )
        .values(ended_at=now(), member_id=member.id)
        .returning(Invitation.id)
        .execution_options(synchronize_session=False)
    )
    if used is None:
        raise InvitationSpent()
    return db.session.get_one(Invitation, used, populate_existing=True)


def withdraw(invitation: Invitation, *, by: Member) -> None:
    """Take an invitation back; its link leads nowhere from now on. Raises InvitationSpent."""
    mine = db.session.scalar(
        update(Invitation)
        .where(Invitation.id == invitation.id, Invitation.ended_at.is_(None))
        .values(ended_at=now())
        .returning(Invitation.id)
    )
    if mine is None:
        raise InvitationSpent()
    audit.record(by, "invitation.withdrawn", invitation)


def waiting() -> Sequence[Invitation]:
    """Invitations that nobody has accepted yet, those that ran out included; the newest first."""
    return db.session.scalars(
        select(Invitation)
        .where(Invitation.ended_at.is_(None))
        .options(joinedload(Invitation.invited_by))
        .order_by(Invitation.id.desc())
    ).all()
