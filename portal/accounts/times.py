"""Moments in letters: in the zone of whoever is written to, and saying which zone that is."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from babel.dates import format_datetime, get_timezone_name
from flask import current_app

from portal.accounts.models import Member


def in_their_zone(member: Member, moment: datetime) -> str:
    """ "Tuesday, 24 November 2026 at 9:12 AM (Central Time)"."""
    zone = ZoneInfo(member.time_zone or current_app.config["SITE_TIME_ZONE"])
    locale = current_app.config["SITE_LOCALE"]
    local = moment.astimezone(zone)
    text = format_datetime(local, "EEEE, d MMMM y 'at' h:mm a", locale=locale)
    return f"{text} ({get_timezone_name(local, width='long', locale=locale)})"
