"""Carrying out what a member asked for: Stripe is asked outside any transaction, under the key that was written down.

No answer means that it may have happened: the change stays at work, and a job repeats the same call under the same key
until Stripe answers. A definite failure is looked at: Stripe is read anew, and what it has decides.
"""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import structlog

from portal.accounts.models import Member
from portal.billing import changes
from portal.billing.asking import StripeAway, StripeRefused
from portal.billing.checkout import PaymentsAway
from portal.billing.gateway import stripe_gateway
from portal.billing.models import ChangeKind, ChangeState, Subscription, SubscriptionChange
from portal.billing.queries import latest_subscription
from portal.billing.shapes import Malformed
from portal.billing.syncing import UNREADABLE, Busy, read_now
from portal.core.clock import now
from portal.core.db import db, transaction
from portal.core.errors import Refusal, Unavailable
from portal.core.jobs import NotYet, enqueue, job

log = structlog.get_logger()
PATIENCE = 12.0  # seconds a second tab waits for what the first one asked
REMEMBERED = timedelta(hours=23)  # Stripe forgets a key after a day; then only reading tells what happened


class StillAsking(Unavailable):
    message = (
        "Stripe has not answered yet. We keep asking and make the change once at most; look at your billing page again "
        "in a minute."
    )
    retry_after = 60


class NotDone(Refusal):
    message = "Stripe did not accept this change, so nothing was changed or charged. Look at your billing page again."


def current(member_id: int) -> Subscription | None:
    """A member's subscription as Stripe has it now: it may have ended, or been changed, without our having heard.

    Holds no transaction. Raises PaymentsAway, StillAsking.
    """
    with transaction():
        sub = latest_subscription(member_id)
    if sub is None:
        return None
    try:
        read_now(sub.customer_id, cause=f"change looked at by member {member_id}", patience=8.0)
    except Busy:
        raise StillAsking() from None
    except UNREADABLE as error:
        log.warning("subscription_change.not_looked_at", member=member_id, reason=str(error))
        raise PaymentsAway() from None
    with transaction():
        return latest_subscription(member_id)


def ask(member_id: int, sub: Subscription, kind: ChangeKind, params: dict[str, Any]) -> None:
    """Write a change down and carry it out; while another is at work, that one is finished instead.

    Raises PaymentsAway, StillAsking, NotDone.
    """
    change = changes.begin(member_id, sub, kind, params)
    if change is None:
        finish_other(sub.id)
        return
    look_again_later(change)
    _read(change)  # another tab may have done the same between our look and our claim
    if _is_so(change):
        changes.settle(change, ChangeState.OUTDATED)
    else:
        carry_out(change)


def carry_out(change: SubscriptionChange) -> SubscriptionChange:
    """Ask Stripe for a claimed change and settle it. Raises PaymentsAway, StillAsking, NotDone."""
    changes.note(change, sent_at=change.sent_at or now())
    try:
        if _is_too_late(change):
            _judge(change, otherwise=ChangeState.FAILED)
        else:
            _ASK[change.kind](change)
    except StripeRefused as error:
        log.warning("subscription_change.refused", change=change.id, reason=str(error))
        if not _judge(change, otherwise=ChangeState.FAILED, last_error=str(error)):
            raise NotDone() from None
    except (StripeAway, Malformed) as error:
        _unanswered(change, error)
    _read(change)
    return changes.latest_state(change)


def _is_too_late(change: SubscriptionChange) -> bool:
    """Whether only reading may tell what became of it: Stripe forgot the key, or its member is leaving meanwhile, to
    whom nothing more is charged."""
    if change.sent_at is not None and change.sent_at < now() - REMEMBERED:
        return True
    with transaction():
        return change.kind is not ChangeKind.CANCEL and db.session.get_one(Member, change.member_id).is_leaving


def wait_for(change: SubscriptionChange) -> SubscriptionChange:
    """The change once it is settled by whoever works on it; taken over from somebody dead. Raises StillAsking."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        latest = changes.latest_state(change)
        if latest.state is not ChangeState.WORKING:
            return latest
        if changes.take_over(latest):
            return _go_on_with(latest)
        time.sleep(0.15)
    raise StillAsking()


def finish_other(subscription_id: int) -> None:
    """Wait for the change that is at work on a subscription, whatever it is. Raises StillAsking."""
    with transaction():
        other = changes.unfinished(subscription_id)
    if other is not None and other.state is ChangeState.WORKING:
        wait_for(other)


def look_again_later(change: SubscriptionChange) -> None:
    """A job looks whether the change was settled, should this process die or Stripe stay silent."""
    with transaction():
        enqueue(repeat, key=f"billing.change:{change.key}", at=now() + 2 * changes.REPEAT_AFTER, change=change.id)


@job("billing.repeat_change")
def repeat(change: int) -> None:
    """Repeat the call of a change that is still at work."""
    with transaction():
        row = db.session.get_one(SubscriptionChange, change)
    if row.state is not ChangeState.WORKING:
        return
    if not changes.take_over(row):
        raise NotYet("somebody is working on it")
    try:
        _go_on_with(row)
    except Unavailable as no:
        raise NotYet(no.message) from None
    except NotDone:
        return


def _go_on_with(change: SubscriptionChange) -> SubscriptionChange:
    """Repeat a call that may have been made; a quote whose call was never made is shown to the member anew instead."""
    if change.sent_at is None and change.kind in {ChangeKind.SWITCH, ChangeKind.SWITCH_LATER}:
        changes.settle(change, ChangeState.OUTDATED)
        return changes.latest_state(change)
    return carry_out(change)


def _switch(change: SubscriptionChange) -> None:
    """The new plan at once, if its invoice is paid; a declined card leaves the old plan and no open invoice."""
    wanted, gateway = change.params, stripe_gateway()
    answer = gateway.change_price(
        wanted["sub"],
        item=wanted["item"],
        price=wanted["price"],
        proration_date=wanted["proration_date"],
        key=change.key,
    )
    if answer.waits_for_payment and answer.invoice is not None:
        unpaid = gateway.why_unpaid(answer.invoice.id)
        if unpaid.asks_bank:
            changes.settle(
                change, ChangeState.ASKING, invoice_id=answer.invoice.id, invoice_url=answer.invoice.hosted_url
            )
        else:
            gateway.void(answer.invoice.id)
            changes.settle(change, ChangeState.DECLINED, invoice_id=answer.invoice.id, last_error=unpaid.words)
    else:
        changes.settle(change, ChangeState.DONE, invoice_id=answer.invoice.id if answer.invoice else None)


def _switch_later(change: SubscriptionChange) -> None:
    wanted = change.params
    stripe_gateway().change_price_later(
        wanted["sub"], price=wanted["price"], interval=wanted["interval"], key=change.key
    )
    changes.settle(change, ChangeState.DONE)


def _keep(change: SubscriptionChange) -> None:
    stripe_gateway().release_schedule(change.params["schedule"])
    changes.settle(change, ChangeState.DONE)


def _cancel(change: SubscriptionChange) -> None:
    wanted, gateway = change.params, stripe_gateway()
    if wanted["schedule"]:  # Stripe takes no end from whoever does not hold the schedule
        gateway.release_schedule(wanted["schedule"])
    if wanted["at_once"]:
        gateway.cancel(wanted["sub"], feedback=wanted["feedback"], comment=wanted["comment"])
    else:
        gateway.end_with_period(wanted["sub"], feedback=wanted["feedback"], comment=wanted["comment"])
    changes.settle(change, ChangeState.DONE)


def _resume(change: SubscriptionChange) -> None:
    """Whichever of the two says that it ends: our page sets one, Stripe's portal the other."""
    stripe_gateway().go_on(change.params["sub"])
    changes.settle(change, ChangeState.DONE)


_ASK = {
    ChangeKind.SWITCH: _switch,
    ChangeKind.SWITCH_LATER: _switch_later,
    ChangeKind.KEEP: _keep,
    ChangeKind.CANCEL: _cancel,
    ChangeKind.RESUME: _resume,
}


def _unanswered(change: SubscriptionChange, error: StripeAway | Malformed) -> None:
    """A definite 5xx is replayed for a day under its key, so what Stripe has now decides; silence is asked again."""
    log.warning("subscription_change.unanswered", change=change.id, reason=str(error))
    if not getattr(error, "was_answered", True):
        changes.note(change, tried_at=now() - changes.REPEAT_AFTER, last_error=str(error))
        raise StillAsking() from None
    if not _judge(change, otherwise=ChangeState.FAILED, last_error=str(error)):
        raise PaymentsAway() from None


def _judge(change: SubscriptionChange, *, otherwise: ChangeState, last_error: str | None = None) -> bool:
    """Read Stripe anew and settle the change by what it has; whether that is what was wanted."""
    try:
        _read_or_raise(change)
    except (Busy, *UNREADABLE):
        changes.note(change, tried_at=now() - changes.REPEAT_AFTER, last_error=last_error)
        raise StillAsking() from None
    happened = _is_so(change)
    changes.settle(change, ChangeState.DONE if happened else otherwise, last_error=last_error)
    return happened


def _is_so(change: SubscriptionChange) -> bool:
    with transaction():
        return changes.is_so(change, db.session.get_one(Subscription, change.subscription_id))


def _read(change: SubscriptionChange) -> None:
    """Show the member what Stripe has now; if it cannot be read at once, its event brings it."""
    try:
        _read_or_raise(change)
    except (Busy, *UNREADABLE) as error:
        log.warning("subscription_change.unread", change=change.id, reason=str(error))


def _read_or_raise(change: SubscriptionChange) -> None:
    with transaction():
        customer = db.session.get_one(Subscription, change.subscription_id).customer_id
    read_now(customer, cause=f"{change.kind} asked by member {change.member_id}", patience=5.0)
