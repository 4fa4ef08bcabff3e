"""A member's invoices: mirrored whenever their customer is read, listed for them without asking Stripe.

The daily comparison walks subscriptions, never invoices: a customer whose latest invoice is not here yet (members from
before this table, a crash at the wrong moment) is found in our own rows and read like anyone else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, exists, func, or_, select

from portal.billing.gateway import own_account
from portal.billing.models import BillingCustomer, Invoice, PaymentReversal, ReversalKind, Subscription
from portal.billing.shapes import Invoice as InvoiceAtStripe
from portal.core.db import db
from portal.core.web import Page, cursor, money

A_PAGE = 24


@dataclass(frozen=True)
class InvoiceLine:
    """One invoice as its payer reads it."""

    issued_at: datetime
    what: str  # "Renewal"
    covers_from: datetime | None
    covers_until: datetime | None
    number: str | None
    amount: str  # "$99.00", as its reader writes money
    state: str  # "Paid"
    tone: str  # of the status component
    is_open: bool  # `url` is where it is paid; else where its receipt is
    url: str | None


def follow(customer: BillingCustomer, invoices: Sequence[InvoiceAtStripe]) -> None:
    """Mirror what was read, in the transaction at hand, after the customer's subscriptions."""
    known = {
        row.invoice_id: row for row in db.session.scalars(select(Invoice).where(Invoice.customer_id == customer.id))
    }
    subs = dict(
        db.session.execute(
            select(Subscription.sub_id, Subscription.id).where(Subscription.customer_id == customer.id)
        ).all()
    )
    for invoice in invoices:
        row = known.get(invoice.id)
        if row is None:
            row = Invoice(account=own_account(), customer_id=customer.id, invoice_id=invoice.id)
            db.session.add(row)
        _follow_one(row, invoice, subs.get(invoice.sub_id or ""))


def missing_for_customers() -> ColumnElement[bool]:
    """Whether the latest invoice of one of a customer's subscriptions is not here, though it could be read."""
    here = exists().where(Invoice.account == Subscription.account, Invoice.invoice_id == Subscription.latest_invoice_id)
    lacking = exists().where(
        Subscription.customer_id == BillingCustomer.id, Subscription.latest_invoice_id.is_not(None), ~here
    )
    return and_(BillingCustomer.customer_id.is_not(None), BillingCustomer.gone_at.is_(None), lacking)


def invoices_of(member_id: int, *, before: tuple[datetime, int] | None = None, most: int = A_PAGE) -> Page[InvoiceLine]:
    """A member's invoices, the newest first. Drafts, voided ones and a first payment never made are nobody's bills."""
    given_back = (
        select(func.sum(PaymentReversal.amount_minor))
        .where(
            PaymentReversal.invoice_id == Invoice.invoice_id,
            PaymentReversal.account == Invoice.account,
            PaymentReversal.kind == ReversalKind.REFUND,
            PaymentReversal.status.in_(["succeeded", "pending"]),
        )
        .correlate(Invoice)
        .scalar_subquery()
    )
    unfinished = and_(Invoice.status == "open", Invoice.reason == "subscription_create")
    statement = (
        select(Invoice, given_back.label("given_back"))
        .join(BillingCustomer, BillingCustomer.id == Invoice.customer_id)
        .where(BillingCustomer.member_id == member_id, Invoice.status.in_(_SHOWN), ~unfinished)
        .order_by(Invoice.issued_at.desc(), Invoice.id.desc())
        .limit(most + 1)
    )
    if before is not None:
        moment, row_id = before
        statement = statement.where(
            or_(Invoice.issued_at < moment, and_(Invoice.issued_at == moment, Invoice.id < row_id))
        )
    found = db.session.execute(statement).all()
    last = found[most - 1].Invoice if len(found) > most else None
    return Page(
        [_line(row.Invoice, row.given_back or 0) for row in found[:most]],
        newer=None,
        older=cursor(last.issued_at, last.id) if last is not None else None,
    )


_SHOWN = ["open", "paid", "uncollectible"]
_WHAT = {
    "subscription_create": "Joining",
    "subscription_cycle": "Renewal",
    "subscription_update": "Change of plan",
}


def _follow_one(row: Invoice, invoice: InvoiceAtStripe, subscription_id: int | None) -> None:
    row.livemode, row.subscription_id = invoice.livemode, subscription_id
    row.number, row.status, row.reason, row.currency = invoice.number, invoice.status, invoice.reason, invoice.currency
    row.total_minor, row.paid_minor, row.due_minor = invoice.total_minor, invoice.paid_minor, invoice.due_minor
    row.covers_from, row.covers_until = invoice.covers_from, invoice.covers_until
    row.hosted_url, row.pdf_url, row.issued_at = invoice.hosted_url, invoice.pdf_url, invoice.created_at


def _line(row: Invoice, given_back: int) -> InvoiceLine:
    state, tone = _state(row, given_back)
    return InvoiceLine(
        issued_at=row.issued_at,
        what=_WHAT.get(row.reason or "", "Invoice"),
        covers_from=row.covers_from,
        covers_until=row.covers_until,
        number=row.number,
        amount=money(row.total_minor, row.currency),
        state=state,
        tone=tone,
        is_open=row.status == "open",
        url=row.hosted_url,
    )


def _state(row: Invoice, given_back: int) -> tuple[str, str]:
    if row.status == "open":
        return "To pay", "warn"
    elif row.status == "uncollectible":
        return "Not collected", "plain"
    elif row.total_minor < 0:
        return "Credit", "plain"
    elif row.total_minor == 0:
        return "Nothing to pay", "plain"
    elif given_back >= row.total_minor:
        return "Given back", "plain"
    elif given_back:
        return f"Paid, {money(given_back, row.currency)} given back", "good"
    else:
        return "Paid", "good"
