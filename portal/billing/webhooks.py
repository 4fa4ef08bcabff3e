"""Deliveries from Stripe: verified, written down, answered; then the customer they speak of is read anew.

An event is a hint. Its body is never a source of truth, its order means nothing, and the same one may come again.
What was answered 200 is in the inbox and will be worked on until it is done, or dead and seen.
"""

from __future__ import annotations

from datetime import timedelta

import structlog
from flask import current_app
from sqlalchemy import ColumnElement, select, true, update
from sqlalchemy.dialects import postgresql, sqlite

from portal.accounts.models import Member
from portal.billing import alerting
from portal.billing.event_calls import SUBSCRIBED
from portal.billing.gateway import is_live as we_are_live
from portal.billing.gateway import own_account, stripe_gateway
from portal.billing.models import BillingCustomer, EventState, StripeEvent
from portal.billing.reversing import charge_of
from portal.billing.shapes import Customer, Event, Malformed
from portal.billing.signatures import BadSignature, ClockSkew, read_event
from portal.billing.syncing import UNREADABLE, Busy, announce, sync_customer
from portal.billing.watching import note
from portal.core import audit
from portal.core.clock import now
from portal.core.db import db, is_postgresql, transaction
from portal.core.errors import Refusal
from portal.core.jobs import BACKOFF, NotYet, enqueue, job

log = structlog.get_logger()
_MALFORMED = f"{Malformed.__name__}: "
RETRIED_AT_ONCE = 500
INLINE_FIRST = timedelta(seconds=10)  # the process that took the delivery tries before a worker does


class Refused(Exception):
    """The delivery is not Stripe's, or not in time: 400, nothing is stored."""


def receive(body: bytes, header: str | None) -> int | None:
    """Verify a delivery and write it down durably; returns the inbox row to work on, None if there is nothing to do.

    Raises Refused for what is not signed by Stripe; a database that cannot keep it raises its own error.
    """
    try:
        event = read_event(body, header, current_app.config["STRIPE_WEBHOOK_SECRETS"])
    except ClockSkew as skew:
        log.error("webhook.clock_skew", seconds=skew.seconds)
        with transaction():
            note("clock_skew", seconds=skew.seconds)
        raise Refused() from None
    except BadSignature as error:
        log.warning("webhook.refused", reason=str(error))
        raise Refused() from None
    if event.type not in SUBSCRIBED:
        return None
    with transaction():
        return keep(event, deliveries=1)


def keep(event: Event, *, deliveries: int) -> int | None:
    """Put an event into the inbox, in the transaction at hand; None if it was there, or is none of ours.

    `deliveries` is 0 when reconciling found it: Stripe never got it to us.
    """
    account, foreign = own_account(), _foreign(event)
    insert = (postgresql if is_postgresql() else sqlite).insert(StripeEvent)
    row = db.session.execute(
        insert.values(
            account=account,
            event_id=event.id,
            type=event.type,
            livemode=event.livemode,
            api_version=event.api_version,
            stripe_created_at=event.created_at,
            object_id=event.object_id,
            customer_id=event.customer_id,
            payload=event.payload,
            state=EventState.IGNORED if foreign else EventState.RECEIVED,
            ignored_because=foreign,
            deliveries=deliveries,
            attempts=0,
            received_at=now(),
            created_at=now(),
        )
        .on_conflict_do_update(
            index_elements=["account", "event_id"],
            set_={"deliveries": StripeEvent.deliveries + deliveries},
        )
        .returning(StripeEvent.id, StripeEvent.deliveries, StripeEvent.sync_number, StripeEvent.state)
    ).one()
    is_new = row.deliveries == deliveries and row.state is not EventState.DONE and row.sync_number is None
    if foreign or not is_new:
        log.info("event.again" if not foreign else "event.ignored", stripe_event=event.id, because=foreign)
        return None
    _announce_for(int(row.id), event, account)
    due = now() + INLINE_FIRST if deliveries else now()
    enqueue(work_event, key=f"billing.event:{row.id}:0", at=due, event=int(row.id))
    log.info("event.received", stripe_event=event.id, type=event.type)
    return int(row.id)


def process(event_id: int, *, quick: bool = False) -> None:
    """Read the customer that an event of the inbox speaks of. Raises Busy while another process does so.

    What goes wrong is written beside the event and tried again later, for about a day and a half.
    """
    with transaction():
        event = db.session.get_one(StripeEvent, event_id)
        if event.state in {EventState.DONE, EventState.IGNORED}:
            return
        if event.next_attempt_at is not None and event.next_attempt_at > now():  # somebody tried in between
            return
        name, attempts = event.event_id, event.attempts
        customer = _row_for(event.customer_id)
    try:
        if customer is None:
            customer = _link(event_id)
        if customer is None:
            return
        sync_customer(customer, cause=f"event {name}", quick=quick)
    except UNREADABLE as error:
        _note_failure(event_id, attempts + 1, f"{type(error).__name__}: {error}")


@job("billing.event")
def work_event(event: int) -> None:
    """What the process that took the delivery did not finish."""
    try:
        process(event)
    except Busy:
        raise NotYet("its customer is being read") from None


class NothingToRetry(Refusal):
    message = "That event has been worked on in the meantime."


def try_again(event: StripeEvent, *, by: Member) -> None:
    """Back to work on a failed or dead event, in the transaction at hand. Raises NothingToRetry."""
    if not _back_to_work(StripeEvent.id == event.id, most=1):
        raise NothingToRetry()
    audit.record(by, "event.retried", event)


def try_all_again(*, by: Member) -> int:
    """The same for all of them, so many at a time; returns how many."""
    found = _back_to_work(true(), most=RETRIED_AT_ONCE)
    if found:
        audit.record(by, "events.retried", by, events=len(found))
    return len(found)


def _back_to_work(which: ColumnElement[bool], *, most: int) -> list[int]:
    """Whoever finds an event in trouble takes it; a second click at the same moment finds none."""
    in_trouble = StripeEvent.state.in_([EventState.FAILED, EventState.DEAD])
    some = select(StripeEvent.id).where(in_trouble, which).order_by(StripeEvent.id).limit(most)
    found = db.session.scalars(
        update(StripeEvent)
        .where(StripeEvent.id.in_(some), in_trouble)
        .values(state=EventState.RECEIVED, attempts=0, next_attempt_at=None)
        .returning(StripeEvent.id)
    ).all()
    for event_id in found:
        enqueue(work_event, key=f"billing.event:{event_id}:again:{now().timestamp()}", event=event_id)
    return list(found)


def _foreign(event: Event) -> str | None:
    """Why an event is none of ours, if it is not: the other mode, or another account."""
    if event.livemode != we_are_live():
        return "livemode"
    account = own_account()
    if event.account and event.account != account:
        return "account"
    return None


def _announce_for(row_id: int, event: Event, account: str) -> None:
    if event.customer_id is None:
        return
    customer = db.session.scalar(
        select(BillingCustomer).where(
            BillingCustomer.account == account, BillingCustomer.customer_id == event.customer_id
        )
    )
    if customer is None:
        return
    row = db.session.get_one(StripeEvent, row_id, populate_existing=True)
    row.sync_number = announce(customer.id)
    if customer.member_id is None and not event.type.startswith("charge."):
        row.payload = None  # its member is forgotten here, and Stripe's body may still name them


def _row_for(customer_id: str | None) -> int | None:
    if customer_id is None:
        return None
    return db.session.scalar(
        select(BillingCustomer.id).where(
            BillingCustomer.account == own_account(), BillingCustomer.customer_id == customer_id
        )
    )


def _link(event_id: int) -> int | None:
    """Find whose event it is when we do not know its customer: by our mark on the customer, asked of Stripe.

    The insert of a customer's id may still be under way, or was lost in a crash. Without a mark it is foreign.
    """
    with transaction():
        event = db.session.get_one(StripeEvent, event_id)
        customer_id, charge_id = event.customer_id, charge_of(event)
    if customer_id is None and charge_id is not None:  # a dispute names its charge only
        customer_id = stripe_gateway().payer_of(charge_id)
    customer = stripe_gateway().customer(customer_id) if customer_id else None
    with transaction():
        event = db.session.get_one(StripeEvent, event_id)
        event.customer_id = customer_id
        row_id = _row_for(customer_id) or (_take_in(customer) if customer is not None else None)
        if row_id is None:
            event.state, event.ignored_because, event.processed_at = EventState.IGNORED, "foreign", now()
            log.warning("event.foreign", stripe_event=event.event_id)
            return None
        event.sync_number = announce(row_id)
        return row_id


def _take_in(customer: Customer) -> int | None:
    """Our row of the member whose mark a customer carries, if that row has no customer yet."""
    if customer.member_uuid is None or customer.is_deleted:
        return None
    return db.session.execute(
        update(BillingCustomer)
        .where(
            BillingCustomer.customer_id.is_(None),
            BillingCustomer.member_id == select(Member.id).where(Member.uuid == customer.member_uuid).scalar_subquery(),
        )
        .values(customer_id=customer.id)
        .returning(BillingCustomer.id)
    ).scalar()


def _note_failure(event_id: int, attempts: int, reason: str) -> None:
    with transaction():
        event = db.session.get_one(StripeEvent, event_id)
        if event.state in {EventState.DONE, EventState.IGNORED}:  # another process was luckier
            return
        event.attempts, event.last_error = attempts, reason[:500]
        if reason.startswith(_MALFORMED):
            alerting.answer_is_malformed(reason.removeprefix(_MALFORMED))
        if attempts > len(BACKOFF):
            event.state, event.next_attempt_at = EventState.DEAD, None
            alerting.event_is_dead(event)
            log.error("event.dead", stripe_event=event.event_id, attempts=attempts)
            return
        event.state, event.next_attempt_at = EventState.FAILED, now() + BACKOFF[attempts - 1]
        enqueue(work_event, key=f"billing.event:{event.id}:{attempts}", at=event.next_attempt_at, event=event.id)
        log.warning("event.failed", stripe_event=event.event_id, attempts=attempts, reason=reason[:200])
