"""Days and standing in words, the same on the page, in the banner and in letters."""

from __future__ import annotations

from calendar import monthrange
from datetime import datetime

from flask import current_app

from portal.accounts.models import Member
from portal.billing.models import Interval
from portal.core import locales


def day_for(member: Member, moment: datetime) -> str:
    """ "3 May 2026", in the member's own zone; letters are written where no page tells whose zone counts."""
    return locales.day(moment.astimezone(locales.zone_of(member)).date(), locales.manner_of(member))


def money_for(member: Member, minor: int, currency: str) -> str:
    """ "$99", as the member writes it, whoever's request it is."""
    return locales.money(minor, currency.upper(), locales.manner_of(member))


def zone_name(member: Member) -> str:
    """ "Central Time", for the line of a letter that says which zone its dates are in."""
    return locales.zone_name(locales.zone_of(member), locales.manner_of(member))


def tax_note() -> str:
    """What the pages before the button say of tax; nothing where none is worked out."""
    if not current_app.config["STRIPE_TAX"]:
        return ""
    if current_app.config["PRICES_INCLUDE_TAX"]:
        return "Tax is included."
    return "Tax, where it applies, is added and shown on Stripe’s page before you pay."


def renewal_after(moment: datetime, interval: Interval) -> datetime:
    """A month or a year later, on the same day or the last one of a shorter month, as Stripe anchors it."""
    year, month = divmod(moment.year * 12 + moment.month - 1 + interval.months, 12)
    return moment.replace(year=year, month=month + 1, day=min(moment.day, monthrange(year, month + 1)[1]))
