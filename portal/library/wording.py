"""Lengths, other pages and what membership costs, in words."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import current_app

from portal.billing.models import Interval
from portal.billing.prices import offers
from portal.core.web import money


def monthly_price() -> str:
    """What membership costs a month, in words; the least of it where several are sold."""
    monthly = [offer for offer in offers(current_app.config) if offer.interval is Interval.MONTH]
    least = min(monthly, key=lambda offer: offer.price_minor)
    return f"{'from ' if len(monthly) > 1 else ''}{money(least.price_minor, least.currency)} a month"


def length_in_words(seconds: int) -> str:
    """ "4 min", "1 h 5 min"."""
    minutes = max(1, round(seconds / 60))
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def host_of(link: str) -> str:
    """Whose page a link leads to: "example.org". A link that leads nowhere must not cost anybody the list it is in."""
    try:
        host = urlsplit(link).hostname
    except ValueError:
        host = None
    return (host or "another page").removeprefix("www.")
