"""Billing periods: counted from the anchor, so 31 January leads to 28 February and back to 31 March."""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, datetime, timedelta

from stripe_sandbox.store import Object


def after(anchor: int, price: Object, steps: int) -> int:
    """The moment `steps` intervals after the anchor, clipped to the end of short months."""
    recurring = price["recurring"]
    count = recurring["interval_count"] * steps
    start = datetime.fromtimestamp(anchor, UTC)
    if recurring["interval"] in ("day", "week"):
        days = count * (7 if recurring["interval"] == "week" else 1)
        return int((start + timedelta(days=days)).timestamp())
    months = start.month - 1 + count * (12 if recurring["interval"] == "year" else 1)
    year, month = start.year + months // 12, months % 12 + 1
    day = min(start.day, monthrange(year, month)[1])
    return int(start.replace(year=year, month=month, day=day).timestamp())


def end_of(anchor: int, price: Object, start: int) -> int:
    """Where the period that begins at `start` ends: the first anchored moment after it."""
    steps = 1 if anchor <= start else 0
    while after(anchor, price, steps) <= start:
        steps += 1
    return after(anchor, price, steps)
