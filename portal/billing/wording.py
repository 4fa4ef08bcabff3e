"""Days and standing in words, the same on the page, in the banner and in letters."""

from __future__ import annotations

from calendar import monthrange
from datetime import datetime
from zoneinfo import ZoneInfo

from babel.dates import format_date, get_timezone_name
from flask import current_app

from portal.accounts.models import Member
from portal.billing.models import Interval


def zone_of(member: Member) -> ZoneInfo:
    return ZoneInfo(member.time_zone or current_app.config["SITE_TIME_ZONE"])


def day_for(member: Member, moment: datetime) -> str:
    """ "3 May 2026", in the member's own zone; letters are written where no page tells whose zone counts."""
    return format_date(moment.astimezone(zone_of(member)), "d MMMM y", locale=current_app.config["SITE_LOCALE"])


def zone_name(member: Member) -> str:
    """ "Central Time", for the line of a letter that says which zone its dates are in."""
    return get_timezone_name(zone_of(member), width="long", locale=current_app.config["SITE_LOCALE"])


def renewal_after(moment: datetime, interval: Interval) -> datetime:
    """A month or a year later, on the same day or the last one of a shorter month, as Stripe anchors it."""
    months = 12 if interval is Interval.YEAR else 1
    year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    return moment.replace(year=year, month=month + 1, day=min(moment.day, monthrange(year, month + 1)[1]))
