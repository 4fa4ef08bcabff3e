"""May they come in, why, until when: one pure function over local rows and the clock."""

from __future__ import annotations

from flask import Flask

from portal.accounts.models import Member, Role
from portal.core.admission import Audience


def audiences_of(member: Member) -> frozenset[Audience]:
    found = {Audience.ANYONE, Audience.SIGNED_IN}
    if member.is_staff:
        found.add(Audience.ENTITLED)
    if member.is_at_least(Role.MODERATOR):
        found.add(Audience.MODERATORS)
    if member.is_at_least(Role.COACH):
        found.add(Audience.COACHES)
    if member.is_at_least(Role.OWNER):
        found.add(Audience.OWNERS)
    return frozenset(found)


def init_app(app: Flask) -> None:
    pass
