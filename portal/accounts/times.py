"""Moments in letters: in the zone of whoever is written to, and saying which zone that is."""

from __future__ import annotations

from datetime import datetime

from portal.accounts.models import Member
from portal.core import locales


def in_their_zone(member: Member, moment: datetime) -> str:
    """ "Tuesday, 24 November 2026 at 9:12 AM (Central Time)"."""
    local, manner = moment.astimezone(locales.zone_of(member)), locales.manner_of(member)
    hour = locales.clock(local.hour, local.minute, manner)
    return f"{locales.weekday(local.date(), manner)} at {hour} ({locales.zone_name(local, manner)})"
