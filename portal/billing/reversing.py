"""Money that went back, or that a bank asks about: which charges to read, and following what Stripe says of them.

An event about a charge is a hint like any other: it names the charge, and whoever reads the customer reads the charge
with all its refunds and disputes. What they mean for access is entitlements.py's to say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from portal.billing.gateway import own_account
from portal.billing.models import (
    BillingCustomer,
    EventState,
    PaymentReversal,
    ReversalKind,
    StripeEvent,
    Subscription,
)
from portal.billing.reading_answers import as_event
from portal.billing.shapes import Malformed, Reversal
from portal.core import audit
from portal.core.db import db

# Stripe's last words. A dispute that was lost may still be appealed, which comes with an event of its own.
_SETTLED = ["succeeded", "failed", "canceled", "won", "lost", "warning_closed", "prevented"]


@dataclass(frozen=True)
class Moved:
    """A refund or dispute that is new, or that stands otherwise than before (`earlier`, None: it was not known)."""

    row: PaymentReversal
    earlier: str | None


def charge_of(event: StripeEvent) -> str | None:
    """The charge an event of the inbox is about, if it is about one."""
    if not event.type.startswith("charge.") or event.payload is None:
        return None
    try:
        return as_event(event.payload).charge_id
    except Malformed:
        return None


def charges_to_read(row_id: int, customer_id: str) -> set[str]:
    """The charges that untold events speak of, and those whose refund or dispute is not settled."""
    untold = select(StripeEvent).where(
        StripeEvent.account == own_account(),
        StripeEvent.customer_id == customer_id,
        StripeEvent.state.in_([EventState.RECEIVED, EventState.FAILED, EventState.DEAD]),
        StripeEvent.type.startswith("charge."),
    )
    unsettled = select(PaymentReversal.charge_id).where(
        PaymentReversal.customer_id == row_id, PaymentReversal.status.not_in(_SETTLED)
    )
    named = {charge_of(event) for event in db.session.scalars(untold)}
    return {charge for charge in named | set(db.session.scalars(unsettled)) if charge is not None}


def follow(customer: BillingCustomer, reversals: Sequence[Reversal]) -> list[Moved]:
    """Mirror what was read, in the transaction at hand, after the customer's subscriptions; returns what is new."""
    if not reversals:
        return []
    known = {
        row.reversal_id: row
        for row in db.session.scalars(select(PaymentReversal).where(PaymentReversal.customer_id == customer.id))
    }
    subs = dict(
        db.session.execute(
            select(Subscription.sub_id, Subscription.id).where(Subscription.customer_id == customer.id)
        ).all()
    )
    moved = []
    for reversal in reversals:
        row = known.get(reversal.id)
        before = (row.status, row.is_full) if row is not None else None
        if row is None:
            row = PaymentReversal(account=own_account(), customer_id=customer.id, reversal_id=reversal.id)
        _follow_one(row, reversal, subs.get(reversal.sub_id or ""))
        db.session.add(row)
        if before != (row.status, row.is_full):
            moved.append(Moved(row, before[0] if before else None))
            facts = {"status": row.status, "is_full": row.is_full, "customer": customer.id, "charge": row.charge_id}
            facts["member"] = customer.member_id
            audit.record(None, f"payment.{row.kind}", row, because=row.reversal_id, **facts)
    db.session.flush()
    return moved


def _follow_one(row: PaymentReversal, reversal: Reversal, subscription_id: int | None) -> None:
    row.livemode = reversal.livemode
    row.kind, row.status = ReversalKind(reversal.kind), reversal.status
    row.charge_id, row.invoice_id, row.subscription_id = reversal.charge_id, reversal.invoice_id, subscription_id
    row.amount_minor, row.currency, row.is_full = reversal.amount_minor, reversal.currency, reversal.is_full
    row.covers_until = reversal.covers_until
