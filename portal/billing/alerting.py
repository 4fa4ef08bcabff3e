"""What coaches and owners are told about others' money: by letter, once per cause, in the transaction of the cause."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from portal.accounts.models import Member, Role
from portal.billing.entitlements import KNOWN_STATUSES, Entitlement, Why
from portal.billing.facts import HARMLESS_DISPUTES
from portal.billing.models import LIVE, PaymentReversal, Plan, ReversalKind, StripeEvent, Subscription
from portal.billing.reversing import Moved
from portal.core import letters, locales
from portal.core.clock import now
from portal.core.db import db


def of_changes(
    member: Member, subscriptions: Sequence[Subscription], moved: Sequence[Moved], *, after: Entitlement
) -> None:
    """Write the alerts that follow from one reading of a customer."""
    _paid_twice(member, subscriptions)
    for row in subscriptions:
        if row.status not in KNOWN_STATUSES:
            _unknown_status(member, row)
        elif row.status == "past_due" and row.plan_id is not None and after.why is Why.PAST_DUE:
            _payment_failed(member, row, after)
    for each in moved:
        _money_moved(member, each, after)


def tell_staff(key: str, *, subject: str, told: Sequence[str]) -> None:
    """One letter a coach and owner for this key, ever; `told` are its paragraphs."""
    staff = select(Member).where(
        Member.role.in_([Role.COACH, Role.OWNER]), Member.closed_at.is_(None), Member.leaving_since.is_(None)
    )
    for each in db.session.scalars(staff.order_by(Member.id)).all():
        try:
            with db.session.begin_nested():
                letters.post("billing/alert", to=each, key=f"alert:{key}:{each.id}", subject=subject, told=list(told))
        except IntegrityError:  # another process had the same to tell at this moment
            continue


def event_is_dead(event: StripeEvent) -> None:
    """An event is out of tries. One letter a day: when the reason is a lost key, hundreds of events share it."""
    told = [
        f"The event {event.event_id} ({event.type}) from Stripe could not be worked on for a day and a half, so it was "
        f"given up: {event.last_error}.",
        "Others may follow for the same reason. When it is mended, `flask billing reconcile` makes everything right.",
    ]
    tell_staff(f"dead:{now():%Y%m%d}", subject="An event from Stripe was given up", told=told)


def plan_is_closed(plan: Plan, *, because: str) -> None:
    """Nobody can join a plan any more until somebody mends its price or the settings."""
    told = [
        f"The plan “{plan.name}” cannot be joined at the moment: {because}.",
        "Whoever has it keeps it. Mend the price in Stripe's dashboard, or what the settings say of it, then run "
        "`flask billing sync-prices`.",
    ]
    tell_staff(f"plan-closed:{plan.key}:{now():%Y%m%d}", subject=f"“{plan.name}” cannot be joined", told=told)


def checkout_is_refused(plan_key: str, *, because: str) -> None:
    """Somebody wanted to pay and Stripe would not open its page, for a reason that does not pass by itself."""
    told = [
        f"Somebody wanted to join the plan “{plan_key}”, and Stripe refused to open its payment page: {because}.",
        "Nothing was charged. Until it is mended, nobody can join; `flask billing check` may say more.",
    ]
    tell_staff(f"checkout-refused:{plan_key}:{now():%Y%m%d}", subject="Stripe refuses to open Checkout", told=told)


def answer_is_malformed(reason: str) -> None:
    """Stripe's answer lacks something we cannot do without: access stays as it was until somebody looks."""
    told = [
        f"Stripe's answer cannot be read: {reason}.",
        "Nobody's access changes by it. Look at the object in Stripe's dashboard; a newer version of this program may "
        "be needed.",
    ]
    tell_staff(f"malformed:{reason[:160]}", subject="An answer of Stripe's cannot be read", told=told)


def _paid_twice(member: Member, subscriptions: Sequence[Subscription]) -> None:
    live = sorted(row.sub_id for row in subscriptions if row.plan_id is not None and row.status in LIVE)
    if len(live) < 2:
        return
    told = [
        f"{_named(member)} has more than one subscription at Stripe: {' and '.join(live)}.",
        "They come in once and pay for each. Cancel what is too much in Stripe's dashboard, and give back what it "
        "took; the other one keeps their access.",
    ]
    tell_staff(f"paid-twice:{'.'.join(live)}", subject=f"{member.name} pays more than once", told=told)


def _unknown_status(member: Member, row: Subscription) -> None:
    told = [
        f"Stripe calls the subscription {row.sub_id} of {_named(member)} “{row.status}”, a word this program does "
        "not know.",
        "It opens nothing new. What was open before stays open until the end of what was paid for.",
    ]
    tell_staff(f"unknown-status:{row.sub_id}:{row.status}", subject=f"{member.name}: an unknown state", told=told)


def _payment_failed(member: Member, row: Subscription, after: Entitlement) -> None:
    amount = _money(row.latest_invoice_due_minor or row.amount_minor or 0, row.currency or "usd")
    why = "their bank wants them to confirm it" if row.needs_action else "their card did not take it"
    until = _day(member, after.until or now())
    told = [
        f"The renewal of {_named(member)} over {amount} did not go through: {why} (invoice {row.past_due_invoice_id}).",
        f"They were told by letter how to mend it. Everything stays open to them until {until} (their time).",
    ]
    tell_staff(f"payment-failed:{row.past_due_invoice_id}", subject=f"{member.name}: a payment failed", told=told)


def _money_moved(member: Member, moved: Moved, after: Entitlement) -> None:
    row = moved.row
    amount = _money(row.amount_minor, row.currency)
    if row.kind is ReversalKind.REFUND:
        if row.is_full and row.status in {"succeeded", "pending"}:
            _refunded(member, row, after)
    elif _is_open(row.status) and (moved.earlier is None or not _is_open(moved.earlier)):
        told = [
            f"The bank of {_named(member)} disputes a payment of {amount} (dispute {row.reversal_id}).",
            f"{_access(after)} It comes back by itself if the dispute is won.",
            "Answer the dispute in Stripe's dashboard before its date runs out there.",
        ]
        tell_staff(
            f"dispute:{row.reversal_id}:{row.status}", subject=f"{member.name}: a payment is disputed", told=told
        )
    elif row.status in {"won", "lost"}:
        told = [
            f"The dispute {row.reversal_id} of {_named(member)} over {amount} was {row.status}.",
            _access(after),
        ]
        if row.status == "lost":
            told.append(_may_still_charge(row))
        tell_staff(
            f"dispute:{row.reversal_id}:{row.status}", subject=f"{member.name}: the dispute was {row.status}", told=told
        )


def _is_open(dispute: str) -> bool:
    """Whether a dispute waits for a decision, in a word of Stripe's that we know or one that we do not."""
    return dispute != "lost" and dispute not in HARMLESS_DISPUTES


def _refunded(member: Member, row: PaymentReversal, after: Entitlement) -> None:
    told = [
        f"{_named(member)} got a payment back in full: the last refund was {_money(row.amount_minor, row.currency)} "
        f"({row.reversal_id}).",
        _access(after),
        _may_still_charge(row),
    ]
    tell_staff(f"refund:{row.charge_id}", subject=f"{member.name}: a payment was given back in full", told=told)


def _access(after: Entitlement) -> str:
    if after.is_open:
        return f"Their access is open ({after.why})."
    return f"Their access is closed ({after.why})."


def _may_still_charge(row: PaymentReversal) -> str:
    return (
        "The subscription itself goes on at Stripe until somebody cancels it there, and would charge again."
        if row.subscription_id is not None
        else "The payment belonged to no subscription of ours."
    )


def _money(minor: int, currency: str) -> str:
    """As the site writes it, whoever's request it is: all of the staff read the same words."""
    return locales.money(minor, currency.upper(), locales.manner_of(None))


def _day(member: Member, moment: datetime) -> str:
    """The member's day, as the site writes days."""
    return locales.day(moment.astimezone(locales.zone_of(member)).date(), locales.manner_of(None))


def _named(member: Member) -> str:
    return f"{member.name} ({member.email})"
