"""Read one customer from Stripe and follow it. Webhook, return page, desk and cron all end here.

One process at a time reads a customer: it takes a lease, remembers up to which announcement it reads (`target`), asks
Stripe outside any transaction, and writes everything in one transaction that begins by proving the lease. Whoever lost
the lease meanwhile writes nothing, so the older of two answers can never overwrite the newer. A process that dies
leaves a lease that runs out, and `sync_requested` ahead of `sync_done`, which says that there is still something to do.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import or_, select, update

from portal.accounts.models import Member
from portal.billing import alerting, changes, forgetting, invoices, letting_know, reversing
from portal.billing.asking import StripeAway, StripeRefused
from portal.billing.attempts import close_attempt
from portal.billing.entitlements import KNOWN_STATUSES, Entitlement, open_until, paid_or_given
from portal.billing.gateway import own_account, stripe_gateway
from portal.billing.models import (
    LIVE,
    AttemptState,
    BillingCustomer,
    CheckoutAttempt,
    EventState,
    PlanPrice,
    StripeEvent,
    Subscription,
)
from portal.billing.shapes import Invoice, Item, Malformed, Reversal, Snapshot
from portal.core import audit
from portal.core.clock import now
from portal.core.db import db, transaction
from portal.core.jobs import NotYet, call_off, enqueue, job

log = structlog.get_logger()
LEASE = timedelta(seconds=60)
# Whatever may go wrong while reading; the customer stays as mirrored and is read again later.
UNREADABLE = (StripeAway, StripeRefused, Malformed)


class Busy(Exception):
    """Another process is reading this customer at the moment."""


class _LostLease(Exception):
    """Reading took so long that somebody else has taken over; what was read is old by now."""


def announce(row_id: int) -> int:
    """Note, in the transaction at hand, that a customer changed; returns the number of this announcement."""
    number = db.session.execute(
        update(BillingCustomer)
        .where(BillingCustomer.id == row_id)
        .values(sync_requested=BillingCustomer.sync_requested + 1)
        .returning(BillingCustomer.sync_requested)
    ).scalar_one()
    return int(number)


def read_now(row_id: int, *, cause: str, quick: bool = False, patience: float = 10.0) -> None:
    """Read a customer, beginning after this call. Waits for others; raises Busy when they take longer than `patience`
    seconds, and StripeAway, StripeRefused or Malformed when there is no usable answer."""
    with transaction():
        wanted = announce(row_id)
    deadline = time.monotonic() + patience
    while True:
        try:
            sync_customer(row_id, cause=cause, quick=quick)
        except Busy:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        with transaction():
            done = db.session.scalar(select(BillingCustomer.sync_done).where(BillingCustomer.id == row_id))
        if done is not None and done >= wanted:
            return


def sync_customer(row_id: int, *, cause: str, quick: bool = False, charges: Sequence[str] = ()) -> None:
    """Read a customer until nothing announced is left unread. Raises Busy, StripeAway, StripeRefused, Malformed.

    `cause` stands in the record when access changes: "event evt_…", "return", "reconcile". Refunds and disputes are
    read for the charges that events speak of, for those not settled yet, and for `charges`.
    """
    owner = secrets.token_hex(8)
    customer_id, target = _take_lease(row_id, owner)
    try:
        while True:
            read_at = now()
            answer = _read(row_id, customer_id, charges, quick=quick)
            further = _write(row_id, owner, target, answer, read_at, cause)
            if further is None:
                return
            target = further
    except _LostLease:
        log.warning("sync.lease_lost", customer=row_id)
        _give_back(row_id, owner)
        raise Busy() from None
    except Exception:
        _give_back(row_id, owner)
        raise


@job("billing.sync")
def sync_job(customer: int, cause: str) -> None:
    """Read one customer in the background."""
    try:
        sync_customer(customer, cause=cause)
    except (Busy, *UNREADABLE) as error:
        raise NotYet(str(error) or "busy") from None


@dataclass(frozen=True)
class _Answer:
    customer_id: str  # cus_…, who was asked about
    snapshots: Sequence[Snapshot]
    invoices: Sequence[Invoice] = ()
    reversals: Sequence[Reversal] = ()
    is_gone: bool = False  # Stripe no longer knows the customer


def _take_lease(row_id: int, owner: str) -> tuple[str, int]:
    with transaction():
        free = or_(BillingCustomer.lease_until.is_(None), BillingCustomer.lease_until < now())
        taken = db.session.execute(
            update(BillingCustomer)
            .where(BillingCustomer.id == row_id, free, BillingCustomer.customer_id.is_not(None))
            .values(lease_owner=owner, lease_until=now() + LEASE)
            .returning(BillingCustomer.customer_id, BillingCustomer.sync_requested)
        ).one_or_none()
    if taken is None:
        raise Busy()
    return str(taken.customer_id), int(taken.sync_requested)


def _read(row_id: int, customer_id: str, charges: Sequence[str], *, quick: bool) -> _Answer:
    with transaction():
        charges = sorted({*charges, *reversing.charges_to_read(row_id, customer_id)})
    gateway = stripe_gateway()
    try:
        return _Answer(
            customer_id,
            gateway.subscriptions_of(customer_id, quick=quick),
            gateway.invoices_of(customer_id, quick=quick),
            [back for charge in charges for back in gateway.reversals_of(charge, quick=quick)],
        )
    except StripeRefused as error:
        if error.is_missing:
            return _Answer(customer_id, (), is_gone=True)
        raise


def _give_back(row_id: int, owner: str) -> None:
    with transaction():
        db.session.execute(
            update(BillingCustomer)
            .where(BillingCustomer.id == row_id, BillingCustomer.lease_owner == owner)
            .values(lease_owner=None, lease_until=None)
        )


def _write(row_id: int, owner: str, target: int, answer: _Answer, read_at: datetime, cause: str) -> int | None:
    """Follow what was read; returns the next target when something was announced meanwhile."""
    with transaction():
        _prove_lease(row_id, owner, answer.customer_id)
        customer = db.session.get_one(BillingCustomer, row_id, populate_existing=True)
        member = db.session.get(Member, customer.member_id) if customer.member_id else None
        before = paid_or_given(member.id) if member else None
        followed = _follow(customer, answer, read_at)
        db.session.flush()
        invoices.follow(customer, answer.invoices)
        changes.follow(answer.snapshots)
        moved = reversing.follow(customer, answer.reversals)
        if member is not None and before is not None:
            after = paid_or_given(member.id)
            _record(member, customer, before, after, cause)
            letting_know.of_changes(member, followed, after=after)
            alerting.of_changes(member, [each.row for each in followed], moved, after=after)
            _close_attempts(member, followed)
        else:
            forgetting.forget_details(customer.id)
        _mark_events(customer, target)
        customer.sync_done, customer.synced_at = max(customer.sync_done, target), read_at
        if customer.sync_requested > customer.sync_done:
            customer.lease_until = now() + LEASE
            return customer.sync_requested
        customer.lease_owner = customer.lease_until = None
        return None


def _prove_lease(row_id: int, owner: str, customer_id: str) -> None:
    """Lock the row as its lease holder; the first statement of the transaction, so that nobody comes between.

    Nor is anything written of a customer whom another has replaced meanwhile, because somebody deleted the first at
    Stripe: the new one would be taken for gone.
    """
    mine = db.session.execute(
        update(BillingCustomer)
        .where(
            BillingCustomer.id == row_id,
            BillingCustomer.lease_owner == owner,
            BillingCustomer.customer_id == customer_id,
        )
        .values(lease_until=now() + LEASE)
        .returning(BillingCustomer.id)
    ).scalar()
    if mine is None:
        raise _LostLease()


def _follow(customer: BillingCustomer, answer: _Answer, read_at: datetime) -> list[letting_know.Followed]:
    plans = _plans_by_price()
    rows = {
        row.sub_id: row
        for row in db.session.scalars(select(Subscription).where(Subscription.customer_id == customer.id))
    }
    if answer.is_gone:
        customer.gone_at = customer.gone_at or read_at
        for row in rows.values():
            if not row.is_over:
                row.status, row.ended_at = "canceled", row.ended_at or read_at
        return [letting_know.Followed(row, None) for row in rows.values()]
    followed = []
    for snapshot in answer.snapshots:
        known = rows.get(snapshot.id)
        earlier = known.status if known is not None else None
        row = (
            known
            if known is not None
            else Subscription(account=own_account(), customer_id=customer.id, sub_id=snapshot.id)
        )
        _follow_one(row, snapshot, plans, read_at, is_new=known is None)
        db.session.add(row)
        if snapshot.trial_end and customer.trial_used_at is None:
            customer.trial_used_at = snapshot.started_at
        followed.append(letting_know.Followed(row, earlier))
    return followed


def _follow_one(
    row: Subscription, snapshot: Snapshot, plans: dict[str, int], read_at: datetime, *, is_new: bool
) -> None:
    if snapshot.status not in KNOWN_STATUSES:
        log.error("subscription.unknown_status", subscription=snapshot.id, status=snapshot.status)
        if not is_new and row.status in KNOWN_STATUSES:
            row.kept_until = open_until(row)  # nothing new, and nothing taken before its date
    else:
        row.kept_until = None
    for name, value in mirrored(snapshot, plans).items():
        setattr(row, name, value)
    _anchor_grace(row, snapshot, read_at)
    row.raw, row.fetched_at = snapshot.raw, read_at


def mirrored(snapshot: Snapshot, plans: dict[str, int]) -> dict[str, Any]:
    """The columns that follow from a snapshot alone; reconciling compares them without writing."""
    item = _item_that_counts(snapshot, plans)
    invoice = snapshot.latest_invoice
    period_end = item.period_end if item else None
    return {
        "livemode": snapshot.livemode,
        "status": snapshot.status,
        "price_id": item.price_id if item else None,
        "plan_id": plans.get(item.price_id) if item else None,
        "quantity": item.quantity if item else 1,
        "amount_minor": item.amount_minor if item else None,
        "discount_minor": _discount(snapshot, item),
        "currency": item.currency if item else None,
        "period_start": item.period_start if item else None,
        "period_end": period_end,
        "cancel_at": snapshot.cancel_at,
        "cancel_at_period_end": snapshot.cancel_at_period_end,
        # In flexible billing mode the portal sets cancel_at and leaves the flag alone (stripe/stripe-node#2470).
        "ends_at": snapshot.cancel_at or (period_end if snapshot.cancel_at_period_end else None),
        "ended_at": snapshot.ended_at,
        "cancel_reason": snapshot.cancel_reason,
        "cancel_comment": snapshot.cancel_comment,
        "trial_end": snapshot.trial_end,
        "pause_behavior": snapshot.pause_behavior,
        "collection_method": snapshot.collection_method,
        "card": snapshot.card,
        "schedule_id": snapshot.schedule_id,
        "next_price_id": snapshot.next_price_id,
        "next_plan_id": plans.get(snapshot.next_price_id) if snapshot.next_price_id else None,
        "next_from": snapshot.next_from,
        "started_at": snapshot.started_at,
        "latest_invoice_id": invoice.id if invoice else None,
        "latest_invoice_status": invoice.status if invoice else None,
        "latest_invoice_due_minor": invoice.due_minor if invoice else None,
        "latest_invoice_url": invoice.hosted_url if invoice else None,
        "latest_invoice_attempts": invoice.attempts if invoice else 0,
        "next_attempt_at": invoice.next_attempt_at if invoice else None,
    }


def _item_that_counts(snapshot: Snapshot, plans: dict[str, int]) -> Item | None:
    """The item with a price of ours that runs longest; else the first, to be shown as foreign."""
    ours = [item for item in snapshot.items if item.price_id in plans]
    if ours:
        return max(ours, key=lambda item: item.period_end)
    return snapshot.items[0] if snapshot.items else None


def _discount(snapshot: Snapshot, item: Item | None) -> int:
    """What comes off a period while a discount runs: the share that the latest invoice took off.

    The subscription names its discounts by id only, so their effect is read where Stripe has worked it out.
    """
    invoice = snapshot.latest_invoice
    if item is None or item.amount_minor is None or invoice is None or not snapshot.has_discount:
        return 0
    if invoice.subtotal_minor <= 0:  # a trial's first invoice is over nothing
        return 0
    whole = item.amount_minor * item.quantity
    return min(whole, whole * invoice.discount_minor // invoice.subtotal_minor)


def _anchor_grace(row: Subscription, snapshot: Snapshot, read_at: datetime) -> None:
    """Grace runs from the oldest unpaid renewal and is set once for it; further tries do not move it."""
    row.needs_action, row.declined_because = snapshot.needs_action, (snapshot.declined_because or "")[:60] or None
    if snapshot.status != "past_due":
        row.past_due_since = row.past_due_invoice_id = None
    elif snapshot.open_invoices and row.past_due_invoice_id != snapshot.open_invoices[0].id:
        oldest = snapshot.open_invoices[0]
        row.past_due_invoice_id, row.past_due_since = oldest.id, oldest.created_at
    elif row.past_due_since is None:
        row.past_due_since = read_at


def _plans_by_price() -> dict[str, int]:
    """The allow-list: prices that count, sold today or earlier."""
    known = select(PlanPrice.price_id, PlanPrice.plan_id).where(PlanPrice.account == own_account())
    return dict(db.session.execute(known).all())


def _record(member: Member, customer: BillingCustomer, before: Entitlement, after: Entitlement, cause: str) -> None:
    if (before.level, before.why, before.until) == (after.level, after.why, after.until):
        return
    facts = {"before": before.facts(), "after": after.facts(), "customer": customer.id}
    audit.record(None, "access.changed", member, because=cause, **facts)


def _close_attempts(member: Member, followed: Sequence[letting_know.Followed]) -> None:
    """Somebody who has a subscription needs no open way to another one."""
    if not any(each.row.status in LIVE for each in followed):
        return
    is_open = CheckoutAttempt.state.in_([AttemptState.OPENING, AttemptState.OPEN])
    for attempt in db.session.scalars(select(CheckoutAttempt).where(CheckoutAttempt.member_id == member.id, is_open)):
        enqueue(close_attempt, key=f"billing.close:{attempt.key}", attempt=attempt.id)


def _mark_events(customer: BillingCustomer, target: int) -> None:
    """What was announced before the reading began is told by it, and needs no job of its own any more."""
    told = db.session.execute(
        update(StripeEvent)
        .where(
            StripeEvent.account == customer.account,
            StripeEvent.customer_id == customer.customer_id,
            StripeEvent.sync_number <= target,
            StripeEvent.state.in_([EventState.RECEIVED, EventState.FAILED, EventState.DEAD]),
        )
        .values(state=EventState.DONE, processed_at=now(), last_error=None, next_attempt_at=None)
        .returning(StripeEvent.id, StripeEvent.attempts)
    ).all()
    if told:
        call_off([f"billing.event:{event.id}:{event.attempts}" for event in told])
