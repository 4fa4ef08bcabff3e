"""Who may do more than a member: given and taken by an owner, and never so that nobody is left to own the site."""

from __future__ import annotations

from sqlalchemy import Select, case, select

from portal.accounts.models import Device, Member, Role
from portal.accounts.signing_in import end_all_devices
from portal.core import audit, letters
from portal.core.db import db
from portal.core.errors import Refusal
from portal.core.web import absolute

# What each role may do, in the words of the page and of the letter.
MAY = {
    Role.MEMBER: "what every member may",
    Role.MODERATOR: "rule on flags: keep, hide, close",
    Role.COACH: "what a moderator may, and write the library, run the rooms and see the desk’s figures",
    Role.OWNER: "everything, people and money included",
}


class LastOwner(Refusal):
    message = "Somebody has to own the site. Make another member an owner first."


class NotConfirmed(Refusal):
    message = "Their address is not confirmed yet. They find the link in the letter that we sent them."


class NotNow(Refusal):
    message = "This account is suspended or closed, so its role stays as it is."


def change(member: Member, role: Role, *, by: Member, here: Device | None = None) -> None:
    """Give somebody another role, and sign them out so that it counts at once. Raises LastOwner, NotConfirmed, NotNow.

    `here` is the browser of an owner who changes their own role; it stays signed in.
    """
    if member.role is role:
        return
    if member.closed_at is not None or member.is_leaving or member.is_suspended:
        raise NotNow()
    if not member.is_confirmed:  # whoever joined with somebody else's address has shown nothing yet
        raise NotConfirmed()
    if member.role is Role.OWNER:
        require_another_owner(member)
    was, member.role = member.role, role
    end_all_devices(member, but=here)
    audit.record(by, "member.role_changed", member, because=f"{was} to {role}", was=was.value, now=role.value)
    letters.post(
        "accounts/role-changed",
        to=member,
        role=role.value,
        may=MAY[role],
        sign_in_url=absolute("accounts.sign_in"),
    )


def require_another_owner(member: Member) -> None:
    """Nobody may stop being an owner while they are the only one. Raises LastOwner.

    The owners' rows are locked in one order, so that of two owners who leave at once the second is told.
    """
    owners = db.session.scalars(_owners().with_for_update()).all()
    if all(owner_id == member.id for owner_id in owners):
        raise LastOwner()


def staff() -> Select[Member]:
    """Everybody with a role, owners first."""
    rank = {Role.OWNER: 0, Role.COACH: 1, Role.MODERATOR: 2}
    return (
        select(Member)
        .where(Member.role != Role.MEMBER, Member.closed_at.is_(None))
        .order_by(case(rank, value=Member.role), Member.name, Member.id)
    )


def _owners() -> Select[int]:
    stay = Member.closed_at.is_(None) & Member.leaving_since.is_(None)
    return select(Member.id).where(Member.role == Role.OWNER, stay).order_by(Member.id)
