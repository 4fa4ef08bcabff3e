"""Billing without a person: sums, dates and Stripe's ids stay for the books, whatever tells who it was goes."""

from __future__ import annotations

from sqlalchemy import Text, cast, delete, or_, select, update

from portal.accounts.models import Member
from portal.billing.models import (
    BillingCustomer,
    CheckoutAttempt,
    Grant,
    Invoice,
    StripeEvent,
    Subscription,
    SubscriptionChange,
)
from portal.core.clock import now
from portal.core.db import db


def forget(member: Member) -> None:
    """Take the person out of their billing rows. The customer at Stripe is deleted by then."""
    db.session.execute(delete(CheckoutAttempt).where(CheckoutAttempt.member_id == member.id))
    db.session.execute(delete(SubscriptionChange).where(SubscriptionChange.member_id == member.id))
    db.session.execute(delete(Grant).where(Grant.member_id == member.id))
    customer = db.session.scalar(select(BillingCustomer).where(BillingCustomer.member_id == member.id))
    if customer is None:
        return
    forget_details(customer.id)
    _forget_payloads(member, customer)
    customer.member_id = customer.email_pushed = None
    customer.gone_at = customer.gone_at or now()


def forget_details(customer: int) -> None:
    """What a mirrored row says beyond sums and dates; asked again after each reading of a customer without a member."""
    db.session.execute(
        update(Invoice)
        .where(Invoice.customer_id == customer)
        .values(hosted_url=None, pdf_url=None)
        .execution_options(synchronize_session=False)
    )
    db.session.execute(
        update(Subscription)
        .where(Subscription.customer_id == customer)
        .values(raw={}, card=None, cancel_comment=None, latest_invoice_url=None)
        .execution_options(synchronize_session=False)
    )


def _forget_payloads(member: Member, customer: BillingCustomer) -> None:
    """What Stripe sent about them; events of a dispute name the person and not the customer."""
    payload = cast(StripeEvent.payload, Text)
    about = or_(
        StripeEvent.customer_id == customer.customer_id,
        payload.contains(member.email, autoescape=True),
        payload.contains(member.uuid, autoescape=True),
    )
    db.session.execute(
        update(StripeEvent)
        .where(StripeEvent.account == customer.account, about, StripeEvent.payload.is_not(None))
        .values(payload=None)
        .execution_options(synchronize_session=False)
    )
