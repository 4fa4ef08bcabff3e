"""What the portal remembers about its connection to Stripe: how far events were read, a clock that was off, counts."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import select

from portal.billing.models import Watch
from portal.core.clock import now
from portal.core.db import db


def note(key: str, **value: Any) -> None:
    """Remember, in the transaction at hand, instead of what was remembered under this key."""
    row = db.session.scalar(select(Watch).where(Watch.key == key).with_for_update())
    if row is None:
        row = Watch(key=key)
        db.session.add(row)
    row.value, row.noted_at = value, now()
    db.session.flush()


def noted(key: str) -> tuple[dict[str, Any], datetime] | None:
    """What was remembered, and when."""
    row = db.session.scalar(select(Watch).where(Watch.key == key))
    return (row.value, row.noted_at) if row is not None else None


def count(key: str, more: int) -> int:
    """Add to a number that is remembered."""
    known = noted(key)
    total = int(known[0].get("count", 0)) + more if known else more
    note(key, count=total)
    return total
