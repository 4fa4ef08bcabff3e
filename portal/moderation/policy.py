"""Who of the staff may decide about a person."""

from __future__ import annotations

from portal.accounts.models import Member, Role
from portal.accounts.policy import is_held_back


def may_judge(staff: Member, member: Member) -> bool:
    """Nobody decides about themselves, nor about somebody of the same role or a higher one; an owner may about anybody
    else. Whoever is silenced or suspended decides about nobody."""
    return may_judge_somebody(staff, member.id, member.role)


def may_judge_somebody(staff: Member, member_id: int, role: Role) -> bool:
    """The same, where no more is at hand of whom it is about."""
    if staff.id == member_id or not staff.is_staff or is_held_back(staff) or staff.is_leaving:
        return False
    return staff.role is Role.OWNER or not role.is_at_least(staff.role)
