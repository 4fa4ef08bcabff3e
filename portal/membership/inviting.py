"""Coming in by invitation: the same account, the same record and the same welcome as for anybody who joins."""

from __future__ import annotations

from portal.accounts import inviting, roles
from portal.accounts.models import Invitation, Member, Role
from portal.billing import granting
from portal.core import audit, letters
from portal.core.clock import now
from portal.core.db import db
from portal.core.errors import Refusal
from portal.core.web import absolute
from portal.membership import joining

BECAUSE = "came by invitation"


class NotYours(Refusal):
    message = "This invitation was sent to another address than the one you are signed in with."
    status = 403


class NotNow(Refusal):
    message = "Your account is suspended or being deleted, so this has to wait. The invitation is good until its day."


def join_by(token: str, *, name: str, password: str) -> Member:
    """Make the account that an invitation waits for, and accept it; the link in the letter has shown the mailbox.

    Raises InvitationSpent, and whatever joining raises. Slow: call it before any change.
    """
    invitation = inviting.open_one(token)
    member = joining.join(name=name, email=invitation.email, password=password, is_confirmed=True)
    accept(token, by=member)
    return member


def accept(token: str, *, by: Member) -> None:
    """Take what an invitation offers: role, or membership without charge. Raises InvitationSpent, NotYours, NotNow."""
    if inviting.open_one(token).email != by.email:
        raise NotYours()
    if by.is_suspended or by.is_leaving:  # as roles.change() has it
        raise NotNow()
    invitation = inviting.use(token, member=by)
    by.confirmed_at = by.confirmed_at or now()
    audit.record(by, "invitation.accepted", invitation, role=invitation.role.value)
    if invitation.role is Role.MEMBER:
        if invitation.open_until is None or invitation.open_until > now():
            granting.give(by, because=BECAUSE, until=invitation.open_until, by=_giver(invitation))
    elif not by.is_at_least(invitation.role):
        by.role = invitation.role
        audit.record(_giver(invitation), "member.role_changed", by, because=BECAUSE, now=invitation.role.value)
    db.session.flush()
    letters.post(
        "membership/welcome",
        to=by,
        key=f"mail:welcome:invitation:{invitation.once}",
        role=invitation.role.value,
        may=roles.MAY[invitation.role],
        library_url=absolute("library.library"),
        rooms_url=absolute("conversations.rooms"),
        account_url=absolute("membership.account"),
    )


def _giver(invitation: Invitation) -> Member:
    """The owner who made it; inviting.open_one() took care that there is one."""
    return db.session.get_one(Member, invitation.invited_by_id)
