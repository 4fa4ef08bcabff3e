"""Days, times and money as one reader writes them.

Whoever chose a locale gets its own order of day and month. Everybody else reads dates as the program writes them,
"3 May 2026", in the words of the site's locale.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from functools import lru_cache
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_datetime, format_skeleton, format_time, get_timezone_name
from babel.numbers import format_currency, get_currency_precision
from flask import current_app

# Pages are in English; a reader elsewhere may still want the numbers of home. Named as babel names them.
ENGLISH = ("en_US", "en_CA", "en_GB", "en_IE", "en_AU", "en_NZ", "en_ZA", "en_IN")
OTHERS = ("de_DE", "de_CH", "es_ES", "es_US", "fr_FR", "fr_CA", "it_IT", "nl_NL", "pt_BR", "pt_PT")


class Reader(Protocol):
    """What of a person decides how moments and money are written for them."""

    time_zone: Any  # IANA name; None: the site's
    locale: Any  # None: the site's


@dataclass(frozen=True)
class Manner:
    """A locale, and whether somebody chose it for themselves."""

    locale: str
    is_chosen: bool = False


def manner_of(reader: Reader | None) -> Manner:
    """How to write for this reader; None is a visitor."""
    chosen = reader.locale if reader is not None else None
    return Manner(chosen, is_chosen=True) if chosen else Manner(current_app.config["SITE_LOCALE"])


def zone_of(reader: Reader | None) -> ZoneInfo:
    """The zone to write moments in for this reader; None is a visitor."""
    return zone((reader.time_zone if reader is not None else None) or current_app.config["SITE_TIME_ZONE"])


@lru_cache(maxsize=64)
def zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


@lru_cache(maxsize=2048)
def day(on: date, manner: Manner) -> str:
    """ "3 May 2026"; "May 3, 2026" for whoever chose the United States."""
    return format_date(on, "long" if manner.is_chosen else "d MMMM y", locale=manner.locale)


@lru_cache(maxsize=2048)
def weekday(on: date, manner: Manner) -> str:
    """ "Sunday, 3 May 2026"."""
    return format_date(on, "full" if manner.is_chosen else "EEEE, d MMMM y", locale=manner.locale)


@lru_cache(maxsize=2048)
def short_day(on: date, manner: Manner, *, with_year: bool) -> str:
    """ "3 May", with its year "3 May 2026"."""
    if not manner.is_chosen:
        return format_date(on, "d MMM y" if with_year else "d MMM", locale=manner.locale)
    if with_year:
        return format_date(on, "medium", locale=manner.locale)
    return format_skeleton("MMMd", on, locale=manner.locale)


@lru_cache(maxsize=4096)
def clock(hour: int, minute: int, manner: Manner) -> str:
    """ "2:05 PM", "14:05"; with plain spaces, which every mail program draws."""
    return format_time(time(hour, minute), "short", locale=manner.locale).replace("\u202f", " ")


def exact(local: datetime, manner: Manner) -> str:
    """ "Sunday, 3 May 2026, 2:05 PM CDT", of a moment in the reader's zone.

    Put together from parts that recur: Babel takes long over the whole, and a page shows twenty of them.
    """
    hour, sign = clock(local.hour, local.minute, manner), _zone_sign(_Offset(local), manner)
    return f"{weekday(local.date(), manner)}, {hour} {sign}"


def zone_name(moment: ZoneInfo | datetime, manner: Manner) -> str:
    """ "Central Time"."""
    return get_timezone_name(moment, width="long", locale=manner.locale)


@lru_cache(maxsize=512)
def money(minor: int, currency: str, manner: Manner) -> str:
    """`9900, "USD"` → "$99.00" (or "$99" when even). Minor units, never a float."""
    amount = Decimal(minor).scaleb(-get_currency_precision(currency))
    if amount == amount.to_integral_value():
        whole = re.sub(r"\.0+", "", Locale.parse(manner.locale).currency_formats["standard"].pattern)
        return format_currency(amount, currency, whole, locale=manner.locale, currency_digits=False)
    return format_currency(amount, currency, locale=manner.locale)


class _Offset:
    """A moment that equals every other of the same zone and offset, as the zone's sign does ("CDT")."""

    def __init__(self, local: datetime) -> None:
        self.local, self.key = local, (str(local.tzinfo), local.utcoffset())

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Offset) and self.key == other.key


@lru_cache(maxsize=256)
def _zone_sign(moment: _Offset, manner: Manner) -> str:
    return format_datetime(moment.local, "zzz", locale=manner.locale)
