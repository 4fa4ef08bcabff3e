"""What others may ask of billing without knowing its tables."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from portal.billing.entitlements import everyone
from portal.billing.models import Plan
from portal.core.db import db


def plans_for_sale() -> Sequence[Plan]:
    """Plans in the order of the join page. One whose price at Stripe is wrong stays listed; joining it says why not."""
    return db.session.scalars(select(Plan).where(Plan.withdrawn_at.is_(None)).order_by(Plan.position, Plan.id)).all()


def count_entitled() -> int:
    """How many people may come in today, by plan or by grant; staff are let in by role and not counted."""
    return sum(answer.is_open for answer in everyone().values())
