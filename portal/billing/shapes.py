"""What Stripe sends, as values of ours.

Words that it may add later (a status, a reason) stand in them as text and are judged by whoever reads them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

Json = dict[str, Any]


class Malformed(Exception):
    """An answer lacks a field that we cannot do without; the message names the object and the field."""


@dataclass(frozen=True)
class Price:
    id: str
    lookup_key: str | None
    amount_minor: int | None
    currency: str
    interval: str | None
    interval_count: int
    is_active: bool
    livemode: bool
    product_id: str
    tax_behavior: str | None  # inclusive, exclusive, unspecified
    is_product_active: bool  # True also where the product was not asked for


@dataclass(frozen=True)
class Item:
    """One line of a subscription. The period lives here since basil, no longer on the subscription."""

    price_id: str
    quantity: int
    amount_minor: int | None
    currency: str
    period_start: datetime
    period_end: datetime


@dataclass(frozen=True)
class Invoice:
    id: str
    status: str | None
    due_minor: int
    total_minor: int
    subtotal_minor: int  # before discounts and tax
    discount_minor: int
    currency: str
    hosted_url: str | None
    pdf_url: str | None
    number: str | None
    attempts: int
    next_attempt_at: datetime | None
    created_at: datetime
    reason: str | None  # subscription_create, subscription_cycle, …
    livemode: bool
    paid_minor: int
    sub_id: str | None
    covers_from: datetime | None  # of what is billed, credits left out
    covers_until: datetime | None


@dataclass(frozen=True)
class Preview:
    """What a change of plan would be billed, taken apart, in minor units; `due_minor` is what the card would pay."""

    currency: str
    due_minor: int
    plan_minor: int
    unused_minor: int  # credit for what is paid already, zero or below
    discount_minor: int  # zero or below
    tax_minor: int  # what comes on top
    balance_minor: int  # credit from earlier that is used up, zero or below; above: kept as credit
    covers_until: datetime | None  # end of the period it pays for

    def figures(self) -> dict[str, int]:
        """For the row of the quote."""
        return {
            "plan": self.plan_minor,
            "unused": self.unused_minor,
            "discount": self.discount_minor,
            "tax": self.tax_minor,
            "balance": self.balance_minor,
        }


@dataclass(frozen=True)
class Switched:
    """Stripe's answer to a change of plan. While it waits for its payment the old plan runs on."""

    waits_for_payment: bool
    invoice: Invoice | None


@dataclass(frozen=True)
class Unpaid:
    """Why an invoice is still open: the bank asks the payer, or the card was declined, with Stripe's words for them."""

    asks_bank: bool = False
    code: str | None = None  # Stripe's word for why the last try failed
    words: str | None = None


@dataclass(frozen=True)
class Snapshot:
    """One subscription as Stripe has it at the moment of asking."""

    id: str
    status: str
    livemode: bool
    items: tuple[Item, ...]
    cancel_at: datetime | None
    cancel_at_period_end: bool
    ended_at: datetime | None
    trial_end: datetime | None
    pause_behavior: str | None
    collection_method: str | None
    cancel_reason: str | None
    cancel_comment: str | None
    card: str | None
    latest_invoice: Invoice | None
    schedule_id: str | None
    next_price_id: str | None  # from `next_from` on, when a schedule has decided it
    next_from: datetime | None
    waits_for_payment: bool  # a change of plan whose invoice is not paid yet
    started_at: datetime
    raw: Json = field(repr=False)
    open_invoices: tuple[Invoice, ...] = ()  # asked for only while past due
    needs_action: bool = False  # the bank wants the member to confirm the open invoice
    declined_because: str | None = None  # Stripe's word for why the last try at the open invoice failed
    has_discount: bool = False  # one is in force for the periods to come


@dataclass(frozen=True)
class Session:
    """A Checkout session. `url` is there while it is open."""

    id: str
    status: str | None  # open, complete, expired
    url: str | None
    customer_id: str | None
    subscription_id: str | None
    expires_at: datetime
    reference: str | None  # metadata[attempt], the key of our row


@dataclass(frozen=True)
class Customer:
    id: str
    is_deleted: bool
    email: str | None
    member_uuid: str | None


@dataclass(frozen=True)
class Event:
    """A hint that something changed. Its payload is kept for people to look at, never read for what is true."""

    id: str
    type: str
    created_at: datetime
    livemode: bool
    account: str | None  # only on events of connected accounts
    api_version: str | None
    object_id: str | None
    customer_id: str | None
    charge_id: str | None  # of charges and disputes; a dispute names no customer
    payload: Json = field(repr=False)


@dataclass(frozen=True)
class Reversal:
    """A refund or a dispute of one charge, with the invoice the charge had paid, as far as Stripe knows one."""

    id: str
    kind: str  # refund, dispute
    status: str
    livemode: bool
    charge_id: str
    amount_minor: int
    currency: str
    is_full: bool  # nothing of the charge is left, all its refunds together; of a dispute: all of it is disputed
    invoice_id: str | None = None
    sub_id: str | None = None
    covers_until: datetime | None = None  # end of what the invoice had paid for


@dataclass(frozen=True)
class ReversalSeen:
    """A refund or dispute in the account's own list: enough to know whether ours says the same."""

    id: str
    status: str
    charge_id: str
    customer_id: str | None


@dataclass(frozen=True)
class Endpoint:
    id: str
    url: str
    is_enabled: bool
    types: frozenset[str]
    api_version: str | None
