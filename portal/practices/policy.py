"""Who may read what a member keeps from the others."""

from __future__ import annotations

from portal.accounts.models import Member


def sees_all(reader: Member, member: Member) -> bool:
    """They themselves, and staff, who help members with their accounts and questions."""
    return reader.id == member.id or (reader.is_staff and not reader.is_suspended)
