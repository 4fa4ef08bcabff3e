"""Stripe learns a member's new address, so that its receipts arrive. Nothing here decides who pays for what: a customer
belongs to a member by our row, never by an address."""

from __future__ import annotations

from datetime import timedelta

import structlog
from sqlalchemy import or_, select, update

from portal.accounts.models import Member
from portal.billing.asking import StripeAway, StripeRefused
from portal.billing.gateway import stripe_gateway
from portal.billing.models import BillingCustomer
from portal.core.clock import now
from portal.core.db import db, transaction
from portal.core.jobs import NotYet, enqueue, job, periodic

log = structlog.get_logger()


def push(member: Member, *, change: int) -> None:
    """Have Stripe told, after this transaction, of the address that change number `change` brought."""
    row_id = db.session.scalar(select(BillingCustomer.id).where(BillingCustomer.member_id == member.id))
    if row_id is not None:
        enqueue(push_address, key=f"billing.push_address:{row_id}:{change}", customer=row_id)


@job("billing.push_address")
def push_address(customer: int) -> None:
    """Tell Stripe the member's present address, unless it is what Stripe got last."""
    with transaction():
        row = db.session.get_one(BillingCustomer, customer)
        member = db.session.get(Member, row.member_id) if row.member_id else None
        customer_id, before = row.customer_id, row.email_pushed
        if member is None or customer_id is None or row.gone_at is not None or member.email == before:
            return
        address = member.email
    try:
        stripe_gateway().tell_address(customer_id, address)
    except StripeRefused as error:
        if not error.is_missing:
            raise NotYet(str(error)) from None
        log.info("address.customer_is_gone", customer=customer)
        return
    except StripeAway as error:
        raise NotYet(str(error)) from None
    _remember(customer, before, address)


@periodic("billing.sweep_addresses", every=timedelta(hours=1))
def sweep() -> None:
    """Whatever was missed or given up is asked for again."""
    hour = int(now().timestamp() // 3600)
    with transaction():
        behind = db.session.scalars(
            select(BillingCustomer.id)
            .join(Member, Member.id == BillingCustomer.member_id)
            .where(
                BillingCustomer.customer_id.is_not(None),
                BillingCustomer.gone_at.is_(None),
                Member.closed_at.is_(None),
                or_(BillingCustomer.email_pushed.is_(None), BillingCustomer.email_pushed != Member.email),
            )
            .limit(500)
        )
        for row_id in behind:
            enqueue(push_address, key=f"billing.push_address:{row_id}:hour:{hour}", customer=row_id)


def _remember(row_id: int, before: str | None, address: str) -> None:
    """Two calls may have crossed on their way to Stripe; then nobody knows which came last, and it is told again."""
    with transaction():
        was = BillingCustomer.email_pushed.is_(None) if before is None else BillingCustomer.email_pushed == before
        kept = db.session.scalar(
            update(BillingCustomer)
            .where(BillingCustomer.id == row_id, was)
            .values(email_pushed=address)
            .returning(BillingCustomer.id)
        )
        if kept is None:
            db.session.execute(update(BillingCustomer).where(BillingCustomer.id == row_id).values(email_pushed=None))
    if kept is None:
        raise NotYet("another call told Stripe an address at the same time")
    log.info("address.pushed", customer=row_id)
