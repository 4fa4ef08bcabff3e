"""What someone may do with their account alone, whatever they pay."""

from __future__ import annotations

from portal.accounts.models import Member


def may_post(member: Member) -> bool:
    """Words of others reach people by letter, so whoever writes has shown that their own address is real."""
    return member.is_confirmed and not is_held_back(member) and not member.is_leaving and member.closed_at is None


def is_held_back(member: Member) -> bool:
    """Whether a moderator decided that nothing they write reaches others for a while."""
    return member.is_silenced or member.is_suspended
