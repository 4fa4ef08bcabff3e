"""What members pay a month: one definition, the figure, and the condition under which a subscription counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, func, or_, select

from portal.billing.entitlements import days_of_grace
from portal.billing.gateway import is_live, own_account
from portal.billing.models import Interval, Plan, Subscription
from portal.core.clock import now
from portal.core.db import db

# Printed beside the figure; whoever changes what counts changes these words.
DEFINITION = (
    "What the plans that are paid today bring in a month, before tax and Stripe’s fees. A yearly price counts a "
    "twelfth, a discount is taken off while it runs. Counted: subscriptions to our plans that are active, those that "
    "end on a day ahead too, and those whose payment failed as long as their days of grace last. Not counted: trials, "
    "access that was given, plans discounted to nothing, collections that are paused, and whoever pays for nothing of "
    "ours. Refunds and disputes are not taken off. It counts subscriptions, not people, and each currency by itself."
)
_per_period = Subscription.amount_minor * Subscription.quantity - Subscription.discount_minor


@dataclass(frozen=True)
class PlanRevenue:
    """What one plan brings in, in one currency."""

    key: str
    name: str
    interval: Interval
    currency: str
    subscriptions: int
    period_minor: int  # all of them together, for one period

    @property
    def monthly_minor(self) -> int:
        return _rounded(self.period_minor, self.interval.months)


def is_ours() -> ColumnElement[bool]:
    """A subscription to a plan of ours, in the account and mode that the settings name."""
    return and_(
        Subscription.plan_id.is_not(None),
        Subscription.account == own_account(),
        Subscription.livemode.is_(is_live()),
    )


def is_paying() -> ColumnElement[bool]:
    """DEFINITION, as a condition."""
    in_grace = Subscription.past_due_since > now() - days_of_grace()
    return and_(
        is_ours(),
        or_(Subscription.status == "active", and_(Subscription.status == "past_due", in_grace)),
        Subscription.pause_behavior.is_(None),
        or_(Subscription.ends_at.is_(None), Subscription.ends_at > now()),
        _per_period > 0,
    )


def by_plan() -> list[PlanRevenue]:
    """In the order of the join page."""
    rows = db.session.execute(
        select(Plan.key, Plan.name, Plan.interval, Subscription.currency, func.count(), func.sum(_per_period))
        .select_from(Subscription)
        .join(Plan, Plan.id == Subscription.plan_id)
        .where(is_paying())
        .group_by(Plan.id, Plan.key, Plan.name, Plan.interval, Plan.position, Subscription.currency)
        .order_by(Plan.position, Plan.id, Subscription.currency)
    )
    return [PlanRevenue(*row[:3], row[3] or "usd", int(row[4]), int(row[5] or 0)) for row in rows]


def a_month(plans: Sequence[PlanRevenue]) -> dict[str, int]:
    """Minor units a month by currency; rounded once, of the sum."""
    twelfths: dict[str, int] = {}
    for plan in plans:
        yearly = plan.period_minor * 12 // plan.interval.months
        twelfths[plan.currency] = twelfths.get(plan.currency, 0) + yearly
    return {currency: _rounded(total, 12) for currency, total in sorted(twelfths.items())}


def per_period(sub: Subscription) -> int:
    """What one subscription brings in each period."""
    return sub.price_minor - sub.discount_minor


def per_month(sub: Subscription) -> int:
    """Its part of the monthly figure; many twelfths may differ by a few cents from their rounded sum."""
    return _rounded(per_period(sub), sub.plan.interval.months) if sub.plan is not None else 0


def _rounded(minor: int, months: int) -> int:
    """The nearest minor unit, halves upward; never by way of a float."""
    return (2 * minor + months) // (2 * months)
