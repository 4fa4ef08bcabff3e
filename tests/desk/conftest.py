"""Money on the desk is Stripe's: the sandbox of billing's own tests, and people who pay, fail and leave there."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from portal.billing.models import BillingCustomer, Plan, Subscription
from portal.core.clock import now
from portal.core.db import db, transaction
from tests.billing.conftest import begin, empty_sandbox, join, stripe  # noqa: F401  # fixtures of this folder too


@pytest.fixture
def customer_id(app) -> Callable[..., str]:
    """Stripe's id of a member's customer."""

    def ask(member: Any) -> str:
        with app.app_context():
            found = db.session.scalar(select(BillingCustomer.customer_id).where(BillingCustomer.member_id == member.id))
        assert found is not None
        return found

    return ask


@pytest.fixture
def travel(clock, stripe):  # noqa: F811
    """Go to a moment; Stripe does what falls due there, and its deliveries arrive."""

    def travel(moment: datetime) -> None:
        clock.move_to(moment)
        stripe.sandbox.advance(0)
        stripe.deliver()

    return travel


@pytest.fixture
def use_card(stripe):  # noqa: F811
    """From now on this card pays a member's renewals."""

    def use_card(member: Any, card: str = "pm_card_chargeCustomerFail") -> None:
        stripe.use_card(card, whose=member)

    return use_card


@pytest.fixture
def mirror(app) -> Callable[..., int]:
    """A subscription as if it had been read from Stripe: for lists too long to be made one payment at a time."""
    numbers = iter(range(1, 100_000))

    def mirror(member: Any, *, account: str = "", **more: Any) -> int:
        number = next(numbers)
        with app.app_context(), transaction():
            plan = db.session.scalar(select(Plan).where(Plan.key == "monthly")) or _monthly()
            customer = db.session.scalar(
                select(BillingCustomer).where(BillingCustomer.member_id == (member.id if member else None))
            )
            if customer is None:
                customer = BillingCustomer(
                    account=account,
                    livemode=False,
                    member_id=member.id if member else None,
                    customer_id=f"cus_mirrored{number}",
                    create_key=f"key{number}",
                )
                db.session.add(customer)
                db.session.flush()
            values: dict[str, Any] = {
                "status": "active",
                "plan_id": plan.id,
                "amount_minor": 9900,
                "currency": "usd",
                "period_start": now() - timedelta(days=3),
                "period_end": now() + timedelta(days=27),
                "started_at": now() - timedelta(days=3, seconds=number),
            } | more
            sub = Subscription(
                account=account,
                livemode=False,
                customer_id=customer.id,
                sub_id=f"sub_mirrored{number}",
                raw={},
                fetched_at=now(),
                **values,
            )
            db.session.add(sub)
            db.session.flush()
            return sub.id

    return mirror


def _monthly() -> Plan:
    plan = Plan(
        key="monthly", name="Monthly", interval="month", price_minor=9900, currency="usd", lookup_key="test_monthly"
    )
    db.session.add(plan)
    db.session.flush()
    return plan
