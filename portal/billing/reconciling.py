"""Without a single webhook the system still becomes right: hourly from Stripe's list of events, daily from the truth.

Everything here only finds out *whom* to read; reading itself is syncing's. A second run finds nothing left to do.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from sqlalchemy import delete, or_, select, update

from portal.accounts.models import Member
from portal.billing import alerting, letting_know
from portal.billing.attempts import close_attempt
from portal.billing.checking import ask_stripe
from portal.billing.entitlements import Why, paid_or_given
from portal.billing.gateway import StripeAway, StripeRefused, own_account, stripe_gateway
from portal.billing.models import (
    LIVE,
    AttemptState,
    BillingCustomer,
    CheckoutAttempt,
    EventState,
    PaymentReversal,
    PlanPrice,
    StripeEvent,
    Subscription,
)
from portal.billing.prices import sync_prices
from portal.billing.shapes import Event, Malformed, Snapshot
from portal.billing.syncing import UNREADABLE, Busy, announce, mirrored, sync_customer, sync_job
from portal.billing.watching import count, note, noted
from portal.billing.webhooks import keep, work_event
from portal.core.clock import now
from portal.core.db import db, transaction
from portal.core.jobs import NotYet, enqueue, periodic

log = structlog.get_logger()
OVERLAP = timedelta(minutes=10)
STRIPE_KEEPS = timedelta(days=29)  # thirty, less a day of caution
PAYLOADS_KEPT, IDS_KEPT = timedelta(days=30), timedelta(days=396)
WARNED_BEFORE = timedelta(days=2)


@dataclass
class Report:
    """What a run looked at, mended, and leaves to a person. Ids only."""

    checked: int = 0
    missed_events: int = 0
    repaired: list[str] = field(default_factory=list)
    needs_a_person: list[str] = field(default_factory=list)


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
        log.error("reconcile.needs_a_person", finding=finding)
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
    for row_id in db.session.scalars(select(BillingCustomer.id).where(or_(behind, unread)).limit(500)):
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


def compare_everything() -> Report:
    """Walk all subscriptions at Stripe once, a hundred a call; read anew only the customers that differ."""
    report = Report()
    by_customer: dict[str, list[Snapshot]] = defaultdict(list)
    unreadable: set[str] = set()
    for customer_id, found in stripe_gateway().every_subscription():
        if isinstance(found, Malformed):
            unreadable.add(customer_id)
            report.needs_a_person.append(str(found))
        else:
            by_customer[customer_id].append(found)
    for customer_id in unreadable:  # all of a customer, or nothing: half of it would look like an end
        by_customer.pop(customer_id, None)
    with transaction():
        for reason in report.needs_a_person:
            alerting.answer_is_malformed(reason)
        differing = _differing(by_customer, report, unreadable)
    charges = _charges_that_differ()
    for row_id in dict.fromkeys([*differing, *charges]):
        try:
            sync_customer(row_id, cause="reconcile", charges=charges.get(row_id, ()))
            report.repaired.append(f"customer {row_id}")
        except Busy:
            continue
        except UNREADABLE as error:
            report.needs_a_person.append(f"customer {row_id}: {error}")
    with transaction():
        note(
            "reconciled",
            checked=report.checked,
            repaired=len(report.repaired),
            needs_a_person=report.needs_a_person[:50],
        )
    return report


def _differing(by_customer: dict[str, list[Snapshot]], report: Report, unreadable: set[str]) -> list[int]:
    """Our rows of customers whose subscriptions are not mirrored as they are, in the transaction at hand."""
    plans = dict(
        db.session.execute(
            select(PlanPrice.price_id, PlanPrice.plan_id).where(PlanPrice.account == own_account())
        ).all()
    )
    customers = {
        row.customer_id: row
        for row in db.session.scalars(
            select(BillingCustomer).where(
                BillingCustomer.account == own_account(), BillingCustomer.customer_id.is_not(None)
            )
        )
    }
    mirror: dict[int, dict[str, Subscription]] = defaultdict(dict)
    for sub in db.session.scalars(select(Subscription).where(Subscription.account == own_account())):
        mirror[sub.customer_id][sub.sub_id] = sub
    differing = []
    for customer_id, snapshots in by_customer.items():
        report.checked += len(snapshots)
        customer = customers.get(customer_id)
        _note_oddities(customer, customer_id, snapshots, plans, report)
        if customer is not None and _differs(mirror[customer.id], snapshots, plans):
            announce(customer.id)
            differing.append(customer.id)
    for known_id, customer in customers.items():
        if known_id in unreadable:
            continue
        only_here = set(mirror[customer.id]) - {s.id for s in by_customer.get(known_id or "", [])}
        for sub_id in sorted(only_here):
            if not mirror[customer.id][sub_id].is_over:
                report.needs_a_person.append(f"{sub_id} is here and not at Stripe")
    return differing


def _charges_that_differ() -> dict[int, list[str]]:
    """Charges of our customers with a refund or dispute that is not mirrored as it is. Raises StripeAway."""
    seen = [each for each in stripe_gateway().reversals_since(now() - IDS_KEPT) if each.customer_id]
    found: dict[int, list[str]] = defaultdict(list)
    if not seen:
        return found
    with transaction():
        mirrored_as = dict(
            db.session.execute(
                select(PaymentReversal.reversal_id, PaymentReversal.status).where(
                    PaymentReversal.account == own_account()
                )
            ).all()
        )
        differing = [each for each in seen if mirrored_as.get(each.id) != each.status]
        row_of = dict(
            db.session.execute(
                select(BillingCustomer.customer_id, BillingCustomer.id).where(
                    BillingCustomer.account == own_account(),
                    BillingCustomer.customer_id.in_([each.customer_id for each in differing]),
                )
            ).all()
        )
        for each in differing:
            if row_id := row_of.get(each.customer_id):
                found[row_id].append(each.charge_id)
                announce(row_id)
    return found


def _note_oddities(
    customer: BillingCustomer | None,
    customer_id: str,
    snapshots: list[Snapshot],
    plans: dict[str, int],
    report: Report,
) -> None:
    live = [s for s in snapshots if s.status in LIVE]
    ours = [s for s in live if any(item.price_id in plans for item in s.items)]
    if ours and (customer is None or customer.member_id is None):
        report.needs_a_person.append(f"{ours[0].id} of {customer_id} is paid and belongs to no member")
    if customer is not None and len(ours) > 1:
        report.needs_a_person.append(f"{' and '.join(s.id for s in ours)} of {customer_id}: paid twice")
    if customer is not None:
        report.needs_a_person += [f"{s.id} has a price that is none of ours" for s in live if s not in ours]


def _differs(rows: dict[str, Subscription], snapshots: list[Snapshot], plans: dict[str, int]) -> bool:
    for snapshot in snapshots:
        row = rows.get(snapshot.id)
        if row is None or any(getattr(row, name) != value for name, value in mirrored(snapshot, plans).items()):
            return True
    return False


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


def as_lines(report: Report) -> list[str]:
    """The report for a terminal."""
    return [
        f"checked   {report.checked} subscriptions at Stripe",
        f"missed    {report.missed_events} events that had not reached us",
        f"repaired  {len(report.repaired)}",
        *(f"          {each}" for each in report.repaired),
        f"a person  {len(report.needs_a_person)}",
        *(f"          {each}" for each in report.needs_a_person),
    ]
