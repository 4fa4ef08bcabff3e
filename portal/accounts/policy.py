"""What someone may do with their account alone, whatever they pay."""

from __future__ import annotations

from portal.accounts.models import Member
from portal.core.errors import Refusal
from portal.core.web import day


class Silenced(Refusal):
    """The message says until when and why."""

    status = 403


class Suspended(Refusal):
    message = "You cannot write to others while your account is suspended."
    status = 403


def may_post(member: Member) -> bool:
    """Words of others reach people by letter, so whoever writes has shown that their own address is real."""
    return member.is_confirmed and not is_held_back(member) and not member.is_leaving and member.closed_at is None


def is_held_back(member: Member) -> bool:
    """Whether a moderator decided that nothing they write reaches others for a while."""
    return member.is_silenced or member.is_suspended


def check_not_held_back(member: Member) -> None:
    """Before anything that others read. Raises Suspended, Silenced."""
    if member.is_suspended:
        raise Suspended()
    if member.silenced_until is not None and member.is_silenced:
        raise Silenced(
            f"You cannot write to others until {day(member.silenced_until)}. "
            f"The reason a moderator gave: {member.silenced_because}"
        )
