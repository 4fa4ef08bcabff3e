"""Without a single webhook the system still becomes right: hourly from Stripe's list of events, daily from the truth.

Everything here only finds out *whom* to read; reading itself is syncing's. A second run finds nothing left to do.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from sqlalchemy import delete, or_, select, update

from portal.accounts.models import Member
from portal.billing import letting_know
from portal.billing.asking import StripeAway, StripeRefused
from portal.billing.attempts import close_attempt
from portal.billing.checking import ask_stripe
from portal.billing.comparing import IDS_KEPT, compare_everything
from portal.billing.entitlements import Why, paid_or_given
from portal.billing.gateway import own_account, stripe_gateway
from portal.billing.invoices import missing_for_customers
from portal.billing.models import (
    AttemptState,
    BillingCustomer,
    CheckoutAttempt,
    EventState,
    StripeEvent,
    Subscription,
)
from portal.billing.prices import sync_prices
from portal.billing.shapes import Event
from portal.billing.syncing import sync_job
from portal.billing.watching import count, note, noted
from portal.billing.webhooks import keep, work_event
from portal.core.clock import now
from portal.core.db import db, transaction
from portal.core.jobs import NotYet, enqueue, periodic

log = structlog.get_logger()
OVERLAP = timedelta(minutes=10)
STRIPE_KEEPS = timedelta(days=29)  # thirty, less a day of caution
PAYLOADS_KEPT = timedelta(days=30)
WARNED_BEFORE = timedelta(days=2)


@periodic("billing.hourly", every=timedelta(hours=1))
def hourly() -> None:
    """Events that never reached us, work that was left lying, attempts that ran out, a grace or a trial that ends."""
    try:
        fetch_missed_events()
    except (StripeAway, StripeRefused) as error:
        pick_up_leftovers()
        tell_of_dates()
        raise NotYet(str(error)) from None
    pick_up_leftovers()
    tell_of_dates()


@periodic("billing.daily", every=timedelta(days=1))
def daily() -> None:
    """Compare all of Stripe's subscriptions with ours, look at key, endpoint, clock and prices, forget what is old."""
    ask_stripe()
    try:
        sync_prices()
        report = compare_everything()
    except (StripeAway, StripeRefused) as error:
        raise NotYet(str(error)) from None
    for finding in report.needs_a_person:
        log.error("reconcile.needs_a_person", finding=str(finding))
    forget_old_events()


def fetch_missed_events() -> int:
    """Put events into the inbox that Stripe has and we have not; returns how many. Raises StripeAway.

    How far we have read is told in Stripe's own time, the newest event's: a clock of ours that is ahead skips nothing.
    """
    began = now()
    with transaction():
        cursor = noted("events_read_to")
    since = datetime.fromisoformat(cursor[0]["moment"]) - OVERLAP if cursor else began - STRIPE_KEEPS
    events = stripe_gateway().events_since(max(since, began - STRIPE_KEEPS))
    missed = _keep_unknown(events)
    with transaction():
        if events:
            note("events_read_to", moment=max(event.created_at for event in events).isoformat())
        if missed:
            total = count("missed_deliveries", missed)
            log.warning("events.missed", now=missed, total=total)
    return missed


def _keep_unknown(events: list[Event]) -> int:
    missed = 0
    for start in range(0, len(events), 200):
        some = events[start : start + 200]
        with transaction():
            known = set(
                db.session.scalars(
                    select(StripeEvent.event_id).where(
                        StripeEvent.account == own_account(), StripeEvent.event_id.in_([e.id for e in some])
                    )
                )
            )
            for event in some:
                if event.id not in known:
                    keep(event, deliveries=0)
                    missed += 1
    return missed


def pick_up_leftovers() -> None:
    """Whatever a crash left half done gets a job of its own: events, announcements, attempts, unread renewals."""
    with transaction():
        _leftover_events()
        _leftover_customers()
        _leftover_attempts()


def _leftover_events() -> None:
    waited = or_(
        (StripeEvent.state == EventState.RECEIVED) & (StripeEvent.received_at < now() - timedelta(minutes=5)),
        (StripeEvent.state == EventState.FAILED) & (StripeEvent.next_attempt_at < now() - timedelta(minutes=5)),
    )
    for event in db.session.scalars(select(StripeEvent).where(waited).limit(500)):
        enqueue(work_event, key=f"billing.event:{event.id}:hour:{_hour()}", event=event.id)


def _leftover_customers() -> None:
    behind = (BillingCustomer.sync_done < BillingCustomer.sync_requested) & BillingCustomer.customer_id.is_not(None)
    unread = BillingCustomer.id.in_(
        select(Subscription.customer_id).where(
            Subscription.status.in_(["active", "trialing"]),
            Subscription.period_end < now() - timedelta(hours=1),
            Subscription.fetched_at < Subscription.period_end,
        )
    )
    wanting = or_(behind, unread, missing_for_customers())
    for row_id in db.session.scalars(select(BillingCustomer.id).where(wanting).limit(500)):
        enqueue(sync_job, key=f"billing.sync:{row_id}:hour:{_hour()}", customer=row_id, cause="reconcile")


def _leftover_attempts() -> None:
    left = CheckoutAttempt.state.in_([AttemptState.OPENING, AttemptState.OPEN])
    for attempt in db.session.scalars(select(CheckoutAttempt).where(left, CheckoutAttempt.expires_at < now())):
        enqueue(close_attempt, key=f"billing.close:{attempt.key}:hour:{_hour()}", attempt=attempt.id)


def tell_of_dates() -> None:
    """Letters that the calendar writes, whether or not Stripe's deliveries arrive."""
    tell_of_grace()
    tell_of_trials()


def tell_of_trials() -> None:
    """Three days before a trial becomes a membership that is paid, its member gets a letter; once."""
    with transaction():
        due = db.session.execute(
            select(Subscription, Member)
            .join(BillingCustomer, BillingCustomer.id == Subscription.customer_id)
            .join(Member, Member.id == BillingCustomer.member_id)
            .where(
                Subscription.status == "trialing",
                Subscription.plan_id.is_not(None),
                Subscription.trial_end <= now() + letting_know.TRIAL_NOTICE,
            )
        ).all()
        for row, member in due:
            letting_know.trial_ends_soon(member, row)


def tell_of_grace() -> None:
    """Two days before a grace ends, and when it has ended, its member gets a letter; each once."""
    with transaction():
        due = db.session.scalars(
            select(Subscription).where(
                Subscription.status == "past_due",
                Subscription.plan_id.is_not(None),
                Subscription.past_due_since.is_not(None),
            )
        ).all()
        for row in due:
            _tell_one(row)


def _tell_one(row: Subscription) -> None:
    member = db.session.get(Member, row.customer.member_id) if row.customer.member_id else None
    if member is None:
        return
    answer = paid_or_given(member.id)
    if answer.why is Why.PAST_DUE and answer.until is not None and answer.until - now() <= WARNED_BEFORE:
        letting_know.grace_ends_soon(member, row, until=answer.until)
    elif not answer.is_open:
        letting_know.ended(member, row)


def forget_old_events() -> None:
    """Payloads after thirty days, ids after thirteen months."""
    with transaction():
        settled = StripeEvent.state.in_([EventState.DONE, EventState.IGNORED])
        db.session.execute(
            update(StripeEvent)
            .where(settled, StripeEvent.payload.is_not(None), StripeEvent.received_at < now() - PAYLOADS_KEPT)
            .values(payload=None)
        )
        db.session.execute(delete(StripeEvent).where(settled, StripeEvent.received_at < now() - IDS_KEPT))


def _hour() -> int:
    return int(now().timestamp() // 3600)
