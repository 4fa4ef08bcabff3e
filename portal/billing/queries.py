"""What others may ask of billing without knowing its tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, func, or_, select
from sqlalchemy.orm import defer, joinedload

from portal.accounts.models import Member
from portal.billing.entitlements import days_of_grace
from portal.billing.models import LIVE, BillingCustomer, Plan, Subscription
from portal.billing.revenue import is_ours, is_paying
from portal.core.clock import now
from portal.core.db import db
from portal.core.web import Place

# Stripe's words for a subscription whose leaving says something; one that was never paid was no membership.
_RUNS = ["active", "trialing", "past_due"]


def plans_for_sale() -> Sequence[Plan]:
    """Plans in the order of the join page. One whose price at Stripe is wrong stays listed; joining it says why not."""
    return db.session.scalars(select(Plan).where(Plan.withdrawn_at.is_(None)).order_by(Plan.position, Plan.id)).all()


def every_plan() -> Sequence[Plan]:
    """Plans that are sold and those that were, in the order of the join page."""
    return db.session.scalars(select(Plan).order_by(Plan.position, Plan.id)).all()


def plan_for_sale(key: str) -> Plan | None:
    """The plan with this key while it is sold."""
    return db.session.scalar(select(Plan).where(Plan.key == key, Plan.withdrawn_at.is_(None)))


def latest_subscription(member_id: int) -> Subscription | None:
    """The subscription a member would speak of: the live one, else the one that was begun last; with its plans."""
    found = db.session.scalars(
        select(Subscription)
        .join(BillingCustomer, BillingCustomer.id == Subscription.customer_id)
        .where(BillingCustomer.member_id == member_id, Subscription.plan_id.is_not(None))
        .options(joinedload(Subscription.plan), joinedload(Subscription.next_plan))
        .order_by(Subscription.status.in_(LIVE).desc(), Subscription.started_at.desc(), Subscription.id.desc())
        .limit(1)
        .execution_options(populate_existing=True)  # Stripe may have been read since this request last looked
    )
    return found.one_or_none()


# Lists over all members, for the desk: first the places of all rows, then the rows of one page


def failing() -> list[Place]:
    """Subscriptions whose renewal failed and that are open still; which closes first, stands first."""
    return _places(
        select(Subscription.past_due_since, Subscription.id)
        .where(is_ours(), Subscription.status == "past_due", Subscription.past_due_since > _grace_began())
        .order_by(Subscription.past_due_since, Subscription.id)
    )


def unpaid() -> list[Place]:
    """Subscriptions that opened until their payment never came, and that Stripe has not ended; the latest first."""
    since = func.coalesce(Subscription.past_due_since, Subscription.period_start, Subscription.started_at)
    over = and_(
        Subscription.status == "past_due",
        or_(Subscription.past_due_since.is_(None), Subscription.past_due_since <= _grace_began()),
    )
    return _places(
        select(since, Subscription.id)
        .where(is_ours(), or_(over, Subscription.status == "unpaid"))
        .order_by(since.desc(), Subscription.id.desc())
    )


def ending() -> list[Place]:
    """Subscriptions that were cancelled and run until a day ahead; which ends first, stands first."""
    return _places(
        select(Subscription.ends_at, Subscription.id)
        .where(is_ours(), Subscription.status.in_(_RUNS), Subscription.ends_at > now())
        .order_by(Subscription.ends_at, Subscription.id)
    )


def left_since(moment: datetime) -> list[Place]:
    """Subscriptions that ended since then; the latest first. Whether their member came back is not asked here."""
    return _places(
        select(Subscription.ended_at, Subscription.id)
        .where(is_ours(), Subscription.status == "canceled", Subscription.ended_at >= moment)
        .order_by(Subscription.ended_at.desc(), Subscription.id.desc())
    )


def reasons_since(moment: datetime) -> list[tuple[str | None, int]]:
    """How often each reason was given by those who left since then; the most frequent first."""
    often = func.count()
    rows = db.session.execute(
        select(Subscription.cancel_reason, often)
        .where(is_ours(), Subscription.status == "canceled", Subscription.ended_at >= moment)
        .group_by(Subscription.cancel_reason)
        .order_by(often.desc(), Subscription.cancel_reason)
    )
    return [(reason, int(count)) for reason, count in rows]


def paying(plan: str | None = None) -> list[Place]:
    """Subscriptions that count as revenue, of one plan or all; the newest first."""
    query = select(Subscription.started_at, Subscription.id).where(is_paying())
    if plan is not None:
        query = query.where(Subscription.plan_id == select(Plan.id).where(Plan.key == plan).scalar_subquery())
    return _places(query.order_by(Subscription.started_at.desc(), Subscription.id.desc()))


@dataclass(frozen=True)
class Held:
    """A mirrored subscription with whose it is; None: nobody's any more."""

    sub: Subscription
    member: Member | None


def held(sub_ids: Sequence[int]) -> list[Held]:
    """These subscriptions with their plans and members, in this order; what Stripe sent stays in the table."""
    rows = db.session.execute(
        select(Subscription, Member)
        .join(BillingCustomer, BillingCustomer.id == Subscription.customer_id)
        .outerjoin(Member, Member.id == BillingCustomer.member_id)
        .where(Subscription.id.in_(sub_ids))
        .options(defer(Subscription.raw), joinedload(Subscription.plan))
    )
    found = {sub.id: Held(sub, member) for sub, member in rows}
    return [found[sub_id] for sub_id in sub_ids if sub_id in found]


def _places(query: Select[Any, Any]) -> list[Place]:
    return [(moment, row_id) for moment, row_id in db.session.execute(query)]


def _grace_began() -> datetime:
    """Whose payment failed before this moment is out of grace."""
    return now() - days_of_grace()
