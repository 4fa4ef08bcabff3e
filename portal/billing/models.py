"""What we sell, what Stripe last told us, and what was given without payment.

Rows that mirror Stripe carry `account` and `livemode`, because ids of test and live mode, or of two accounts, may meet
in one database after a copy. Access is never stored in any of them: entitlements.py computes it from these rows.

There is no outbox table here. What leaves our database leaves as a job (core/jobs.py) or a letter (core/letters.py):
both are rows written in the transaction of their cause and both carry a unique key ("mail:welcome:sub_…"), which is
all that an outbox of billing's own would have added.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.accounts.models import Member
from portal.core.clock import now
from portal.core.db import Model, Words

# Stripe's words for a subscription that can be managed, so that nobody joins a second time.
LIVE = frozenset({"trialing", "active", "past_due", "unpaid", "paused"})
# … and for an attempt that was no membership, because its first payment never succeeded.
NEVER_PAID = frozenset({"incomplete", "incomplete_expired"})
OVER = frozenset({"canceled", "incomplete_expired"})  # nothing more will come of these


class Interval(StrEnum):
    """How often a plan is paid; Stripe's own words."""

    MONTH = "month"
    YEAR = "year"

    @property
    def months(self) -> int:
        return 12 if self is Interval.YEAR else 1


class Plan(Model):
    """What is sold, as the settings describe it; `flask billing sync-prices` finds its price at Stripe."""

    __tablename__ = "plan"

    key: Mapped[str] = mapped_column(String(40), unique=True)  # "monthly", as in /join/monthly
    name: Mapped[str] = mapped_column(String(80))
    interval: Mapped[Interval]
    price_minor: Mapped[int]  # minor units of `currency`
    currency: Mapped[str] = mapped_column(String(3))  # lower case, as Stripe writes it
    lookup_key: Mapped[str] = mapped_column(String(200), unique=True)  # finds the price at Stripe
    features: Mapped[list[str]] = mapped_column(default=list)  # keys of what it opens
    position: Mapped[int] = mapped_column(default=0)  # order on the join page
    refused_because: Mapped[str | None] = mapped_column(Words)  # words for the owner; joining is closed while set
    withdrawn_at: Mapped[datetime | None]  # no longer sold; whoever has it keeps it


class PriceStanding(StrEnum):
    CURRENT = "current"
    GRANDFATHERED = "grandfathered"  # no longer sold, still counts for whoever pays it


class PlanPrice(Model):
    """A price at Stripe that counts as a plan of ours. A subscription to any other price opens nothing."""

    __tablename__ = "plan_price"
    __table_args__ = (
        UniqueConstraint("account", "price_id"),
        Index(
            "ix_plan_price_current",
            "plan_id",
            "account",
            "livemode",
            unique=True,
            sqlite_where=text("standing = 'current'"),
            postgresql_where=text("standing = 'current'"),
        ),
    )

    account: Mapped[str]  # acct_…, or "" where the settings name none
    livemode: Mapped[bool]
    price_id: Mapped[str]  # price_…
    plan_id: Mapped[int] = mapped_column(ForeignKey("plan.id"))
    standing: Mapped[PriceStanding]
    plan: Mapped[Plan] = relationship(lazy="joined", innerjoin=True)


class BillingCustomer(Model):
    """One member as a customer at Stripe, and the state of reading it.

    The row comes first, with the idempotency key under which the customer is created, so that a crash or a timeout
    after Stripe's commit finds the same customer again. `sync_requested` counts the hints that something changed,
    `sync_done` says up to which of them Stripe was read; a lease lets one process read at a time.
    """

    __tablename__ = "billing_customer"
    __table_args__ = (UniqueConstraint("account", "customer_id"),)

    account: Mapped[str]
    livemode: Mapped[bool]
    member_id: Mapped[int | None] = mapped_column(ForeignKey("member.id", ondelete="SET NULL"), unique=True)
    customer_id: Mapped[str | None]  # cus_…; None until Stripe has answered
    create_key: Mapped[str] = mapped_column(String(64))
    sync_requested: Mapped[int] = mapped_column(default=0)
    sync_done: Mapped[int] = mapped_column(default=0)
    lease_owner: Mapped[str | None] = mapped_column(String(32))
    lease_until: Mapped[datetime | None]
    synced_at: Mapped[datetime | None] = mapped_column(index=True)  # when Stripe was last read to the end
    trial_used_at: Mapped[datetime | None]
    email_pushed: Mapped[str | None]  # the address Stripe last got from us
    gone_at: Mapped[datetime | None]  # deleted at Stripe
    member: Mapped[Member | None] = relationship()


class Subscription(Model):
    """What Stripe last told us about one subscription. `status` is Stripe's raw word; unknown words must not crash."""

    __tablename__ = "subscription"
    __table_args__ = (UniqueConstraint("account", "sub_id"),)

    account: Mapped[str]
    livemode: Mapped[bool]
    customer_id: Mapped[int] = mapped_column(ForeignKey("billing_customer.id"), index=True)
    sub_id: Mapped[str]  # sub_…
    status: Mapped[str] = mapped_column(String(40), index=True)
    price_id: Mapped[str | None]  # of the item that counts; the first one when none is ours
    plan_id: Mapped[int | None] = mapped_column(ForeignKey("plan.id"))  # None: no price of ours, opens nothing
    quantity: Mapped[int] = mapped_column(default=1)
    amount_minor: Mapped[int | None]  # of one period and piece, before discounts and tax
    discount_minor: Mapped[int] = mapped_column(default=0)  # off all of one period, as long as a discount runs
    currency: Mapped[str | None] = mapped_column(String(3))
    period_start: Mapped[datetime | None]
    period_end: Mapped[datetime | None]  # the latest among the items whose price is ours
    cancel_at: Mapped[datetime | None]
    cancel_at_period_end: Mapped[bool] = mapped_column(default=False)
    ends_at: Mapped[datetime | None]  # cancel_at, or period_end when it is to end with the period
    ended_at: Mapped[datetime | None]
    cancel_reason: Mapped[str | None] = mapped_column(String(40))  # what was ticked when leaving
    cancel_comment: Mapped[str | None] = mapped_column(Words)
    trial_end: Mapped[datetime | None]
    pause_behavior: Mapped[str | None] = mapped_column(String(40))  # void, keep_as_draft, mark_uncollectible
    collection_method: Mapped[str | None] = mapped_column(String(40))
    latest_invoice_id: Mapped[str | None]
    latest_invoice_status: Mapped[str | None] = mapped_column(String(40))
    latest_invoice_due_minor: Mapped[int | None]  # still to pay
    latest_invoice_url: Mapped[str | None] = mapped_column(Words)  # Stripe's hosted page of it
    latest_invoice_attempts: Mapped[int] = mapped_column(default=0)
    next_attempt_at: Mapped[datetime | None]
    needs_action: Mapped[bool] = mapped_column(default=False)  # the bank wants the member to confirm
    declined_because: Mapped[str | None] = mapped_column(String(60))  # Stripe's word for why the last try failed
    past_due_since: Mapped[datetime | None]  # made when the oldest unpaid renewal was; retries do not move it
    past_due_invoice_id: Mapped[str | None]
    kept_until: Mapped[datetime | None]  # Stripe says a word we do not know: access as it was, until then
    card: Mapped[str | None] = mapped_column(String(60))  # "Visa ending in 4242"
    schedule_id: Mapped[str | None]  # sub_sched_…, while one holds the subscription
    next_price_id: Mapped[str | None]  # what it will be paid with from `next_from` on, when that is decided already
    next_plan_id: Mapped[int | None] = mapped_column(ForeignKey("plan.id"))
    next_from: Mapped[datetime | None]
    started_at: Mapped[datetime]  # created at Stripe
    raw: Mapped[dict[str, Any]]
    fetched_at: Mapped[datetime]
    customer: Mapped[BillingCustomer] = relationship()
    plan: Mapped[Plan | None] = relationship(foreign_keys=[plan_id])
    next_plan: Mapped[Plan | None] = relationship(foreign_keys=[next_plan_id])

    @property
    def is_over(self) -> bool:
        """Nothing more will come of it at Stripe."""
        return self.status in OVER

    @property
    def renews_at(self) -> datetime | None:
        """When the next period is charged unless somebody cancels: at the end of the trial, or of the period."""
        return self.trial_end if self.status == "trialing" and self.trial_end else self.period_end

    @property
    def price_minor(self) -> int:
        """What one period costs, before discounts and tax, in minor units of `currency`."""
        return (self.amount_minor or 0) * self.quantity


class Invoice(Model):
    """One invoice as Stripe last told us about it, for the member's own page; the paper itself stays at Stripe."""

    __tablename__ = "invoice"
    __table_args__ = (
        UniqueConstraint("account", "invoice_id"),
        Index("ix_invoice_customer", "customer_id", "issued_at"),
    )

    account: Mapped[str]
    livemode: Mapped[bool]
    customer_id: Mapped[int] = mapped_column(ForeignKey("billing_customer.id"))
    subscription_id: Mapped[int | None] = mapped_column(ForeignKey("subscription.id"), index=True)
    invoice_id: Mapped[str]  # in_…
    number: Mapped[str | None]  # as printed on it; None while it is a draft
    status: Mapped[str | None] = mapped_column(String(40))  # Stripe's word: draft, open, paid, void, uncollectible
    reason: Mapped[str | None] = mapped_column(String(60))  # subscription_create, subscription_cycle, …
    currency: Mapped[str] = mapped_column(String(3))
    total_minor: Mapped[int]  # after discounts and with tax; below zero is credit
    paid_minor: Mapped[int]
    due_minor: Mapped[int]  # still to pay
    covers_from: Mapped[datetime | None]  # what it is for, from its lines
    covers_until: Mapped[datetime | None]
    hosted_url: Mapped[str | None] = mapped_column(Words)  # Stripe's page of it: to pay, and afterwards the receipt
    pdf_url: Mapped[str | None] = mapped_column(Words)
    issued_at: Mapped[datetime]  # made at Stripe


class ChangeKind(StrEnum):
    SWITCH = "switch"  # another plan at once
    SWITCH_LATER = "switch later"  # another plan from the next period on
    KEEP = "keep"  # take a plan back that was to come with the next period
    CANCEL = "cancel"
    RESUME = "resume"  # take a cancellation back


class ChangeState(StrEnum):
    QUOTED = "quoted"  # shown to the member, with what it costs
    WORKING = "working"  # Stripe is being asked
    DONE = "done"
    ASKING = "asking"  # the member's bank wants a confirmation; the old plan runs meanwhile
    DECLINED = "declined"  # the card was; the old plan runs on
    DROPPED = "dropped"  # given up while the bank was waited for
    OUTDATED = "outdated"  # too old a quote, or it would cost something else by now
    FAILED = "failed"  # Stripe said no


class SubscriptionChange(Model):
    """One change that a member asks of Stripe. At most one is at work on a subscription; the partial index decides."""

    __tablename__ = "subscription_change"
    __table_args__ = (
        Index(
            "ix_subscription_change_one_working",
            "subscription_id",
            unique=True,
            sqlite_where=text("state = 'working'"),
            postgresql_where=text("state = 'working'"),
        ),
        Index("ix_subscription_change_state", "subscription_id", "state"),
    )

    account: Mapped[str]
    livemode: Mapped[bool]
    key: Mapped[str] = mapped_column(String(36), unique=True)  # the idempotency key of the call; the page's address
    member_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"), index=True)
    subscription_id: Mapped[int] = mapped_column(ForeignKey("subscription.id", ondelete="CASCADE"))
    kind: Mapped[ChangeKind]
    state: Mapped[ChangeState] = mapped_column(default=ChangeState.QUOTED)
    params: Mapped[dict[str, Any]]  # exactly what is asked for, so that the call can be repeated under its key
    plan_id: Mapped[int | None] = mapped_column(ForeignKey("plan.id"))  # to this one; only changes of plan have these
    price_id: Mapped[str | None]
    from_plan_id: Mapped[int | None] = mapped_column(ForeignKey("plan.id"))
    from_price_id: Mapped[str | None]
    currency: Mapped[str | None] = mapped_column(String(3))
    due_minor: Mapped[int | None]  # charged on confirming, exactly
    figures: Mapped[dict[str, Any] | None]  # how that comes about: shapes.Preview
    renews_minor: Mapped[int | None]  # of each further period, before discounts and tax
    renews_at: Mapped[datetime | None]
    begins_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]  # of the quote
    tried_at: Mapped[datetime | None]  # when somebody last went to work on it
    sent_at: Mapped[datetime | None]  # when its call was first made: from then on it may have happened
    settled_at: Mapped[datetime | None]
    invoice_id: Mapped[str | None]  # the one it was, or is to be, paid with
    invoice_url: Mapped[str | None] = mapped_column(Words)
    last_error: Mapped[str | None] = mapped_column(Words)
    plan: Mapped[Plan | None] = relationship(foreign_keys=[plan_id], lazy="joined")
    from_plan: Mapped[Plan | None] = relationship(foreign_keys=[from_plan_id], lazy="joined")


class GrantSource(StrEnum):
    """Why someone may come in without paying. Seats of a practice and gifts will be sources of their own."""

    COMPLIMENTARY = "complimentary"
    MANUAL = "manual"  # paid another way, by invoice or bank transfer


class Grant(Model):
    """Access given by staff, with who, why and until when. Taking it back sets `taken_at`; rows are never deleted."""

    __tablename__ = "grant"
    __table_args__ = (Index("ix_grant_member", "member_id", "taken_at"),)

    member_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"))
    source: Mapped[GrantSource]
    because: Mapped[str] = mapped_column(Words)
    given_by_id: Mapped[int | None] = mapped_column(ForeignKey("member.id", ondelete="SET NULL"))
    until: Mapped[datetime | None]  # None: without end
    taken_at: Mapped[datetime | None]
    taken_by_id: Mapped[int | None] = mapped_column(ForeignKey("member.id", ondelete="SET NULL"))


class AttemptState(StrEnum):
    OPENING = "opening"  # the row is there, Stripe has not answered yet
    OPEN = "open"
    COMPLETED = "completed"
    EXPIRED = "expired"  # also: given up, refused by Stripe


class CheckoutAttempt(Model):
    """One way to the hosted Checkout. At most one is on its way per member, which the partial index decides."""

    __tablename__ = "checkout_attempt"
    __table_args__ = (
        Index(
            "ix_checkout_attempt_one_open",
            "member_id",
            unique=True,
            sqlite_where=text("state IN ('opening', 'open')"),
            postgresql_where=text("state IN ('opening', 'open')"),
        ),
        UniqueConstraint("account", "session_id"),
    )

    account: Mapped[str]
    livemode: Mapped[bool]
    key: Mapped[str] = mapped_column(String(36), unique=True)  # the idempotency key of the call
    member_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"), index=True)
    plan_id: Mapped[int] = mapped_column(ForeignKey("plan.id"))
    price_id: Mapped[str]
    params: Mapped[dict[str, Any]]  # exactly what is sent, so that the call can be repeated under its key
    session_id: Mapped[str | None]  # cs_…
    url: Mapped[str | None] = mapped_column(Words)
    state: Mapped[AttemptState] = mapped_column(default=AttemptState.OPENING)
    tried_at: Mapped[datetime] = mapped_column(default=now)  # when the call was last made
    expires_at: Mapped[datetime]
    last_error: Mapped[str | None] = mapped_column(Words)


class EventState(StrEnum):
    RECEIVED = "received"
    DONE = "done"  # its customer was read from Stripe after it came
    IGNORED = "ignored"  # not ours: `ignored_because` says how
    FAILED = "failed"  # will be tried again
    DEAD = "dead"  # out of tries; staff may try again


class StripeEvent(Model):
    """One event as it came: a hint that a customer changed, never data. Payloads are kept 30 days, ids 13 months."""

    __tablename__ = "stripe_event"
    __table_args__ = (
        UniqueConstraint("account", "event_id"),
        Index("ix_stripe_event_due", "state", "next_attempt_at"),
        Index("ix_stripe_event_customer", "customer_id", "state"),
        Index("ix_stripe_event_received_at", "received_at", "id"),
    )

    account: Mapped[str]
    livemode: Mapped[bool]
    event_id: Mapped[str]  # evt_…
    type: Mapped[str] = mapped_column(String(80))
    api_version: Mapped[str | None] = mapped_column(String(40))
    stripe_created_at: Mapped[datetime]  # one second fine and full of ties: never an order
    object_id: Mapped[str | None]
    customer_id: Mapped[str | None]  # cus_…
    sync_number: Mapped[int | None]  # the customer's announcement it became; told once sync_done reaches it
    payload: Mapped[dict[str, Any] | None]
    state: Mapped[EventState] = mapped_column(default=EventState.RECEIVED)
    ignored_because: Mapped[str | None] = mapped_column(String(40))  # livemode, account, foreign
    deliveries: Mapped[int] = mapped_column(default=1)  # 0: Stripe never got it to us, reconcile found it
    attempts: Mapped[int] = mapped_column(default=0)
    next_attempt_at: Mapped[datetime | None]
    last_error: Mapped[str | None] = mapped_column(Words)
    received_at: Mapped[datetime] = mapped_column(default=now)
    processed_at: Mapped[datetime | None]


class ReversalKind(StrEnum):
    REFUND = "refund"
    DISPUTE = "dispute"


class PaymentReversal(Model):
    """Money that went back, or is disputed: read fresh from Stripe, mapped to the invoice it had paid."""

    __tablename__ = "payment_reversal"
    __table_args__ = (UniqueConstraint("account", "reversal_id"),)

    account: Mapped[str]
    livemode: Mapped[bool]
    reversal_id: Mapped[str]  # re_… or dp_…
    kind: Mapped[ReversalKind]
    charge_id: Mapped[str | None]
    invoice_id: Mapped[str | None]
    customer_id: Mapped[int] = mapped_column(ForeignKey("billing_customer.id"), index=True)
    subscription_id: Mapped[int | None] = mapped_column(ForeignKey("subscription.id"), index=True)
    amount_minor: Mapped[int]
    currency: Mapped[str] = mapped_column(String(3))
    is_full: Mapped[bool]  # nothing of the charge is left, all its refunds together
    status: Mapped[str] = mapped_column(String(40))  # Stripe's word: succeeded, needs_response, won, lost …
    covers_until: Mapped[datetime | None]  # end of the period its invoice had paid for


class Watch(Model):
    """One thing the portal remembers about its connection to Stripe: how far events were read, when clocks differed."""

    __tablename__ = "billing_watch"

    key: Mapped[str] = mapped_column(String(60), unique=True)
    value: Mapped[dict[str, Any]]
    noted_at: Mapped[datetime] = mapped_column(default=now)
