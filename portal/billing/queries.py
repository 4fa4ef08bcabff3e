"""What others may ask of billing without knowing its tables."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from portal.billing.entitlements import everyone
from portal.billing.models import LIVE, BillingCustomer, Plan, Subscription
from portal.core.db import db


def plans_for_sale() -> Sequence[Plan]:
    """Plans in the order of the join page. One whose price at Stripe is wrong stays listed; joining it says why not."""
    return db.session.scalars(select(Plan).where(Plan.withdrawn_at.is_(None)).order_by(Plan.position, Plan.id)).all()


def count_entitled() -> int:
    """How many people may come in today, by plan or by grant; staff are let in by role and not counted."""
    return sum(answer.is_open for answer in everyone().values())


def plan_for_sale(key: str) -> Plan | None:
    """The plan with this key while it is sold."""
    return db.session.scalar(select(Plan).where(Plan.key == key, Plan.withdrawn_at.is_(None)))


def latest_subscription(member_id: int) -> Subscription | None:
    """The subscription a member would speak of: the live one, else the one that was begun last; with its plan."""
    found = db.session.scalars(
        select(Subscription)
        .join(BillingCustomer, BillingCustomer.id == Subscription.customer_id)
        .where(BillingCustomer.member_id == member_id, Subscription.plan_id.is_not(None))
        .options(joinedload(Subscription.plan))
        .order_by(Subscription.status.in_(LIVE).desc(), Subscription.started_at.desc(), Subscription.id.desc())
        .limit(1)
    )
    return found.one_or_none()
