"""Another plan: what there is to choose, what it would cost to the cent, and doing exactly that.

A dearer plan, or the same one for longer, begins at once and its invoice is paid at once; a cheaper or shorter one
begins when the paid period is over, and nothing is charged before. In a trial nothing was paid yet, so every plan
begins at once and nothing is charged before the trial ends.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from portal.billing import changes
from portal.billing.asking import StripeAway, StripeRefused
from portal.billing.changing import ask, carry_out, current, finish_other, look_again_later, wait_for
from portal.billing.checkout import PaymentsAway, for_sale
from portal.billing.entitlements import Entitlement, Why, paid_or_given
from portal.billing.gateway import stripe_gateway
from portal.billing.models import (
    ChangeKind,
    ChangeState,
    Plan,
    Subscription,
    SubscriptionChange,
)
from portal.billing.queries import plans_for_sale
from portal.billing.reading_answers import item_id
from portal.billing.shapes import Malformed, Preview
from portal.billing.wording import renewal_after
from portal.core.clock import now
from portal.core.db import transaction
from portal.core.errors import Refusal, Unavailable

log = structlog.get_logger()


class NoSwitch(Refusal):
    """The plan cannot be changed as things stand; the message says why and what to do."""


class Outdated(Refusal):
    message = "What this costs had to be worked out anew, so nothing was changed. Please look at it once more."


@dataclass(frozen=True)
class Choice:
    """A plan someone could change to."""

    plan: Plan
    begins_at_once: bool


def choices(sub: Subscription) -> list[Choice]:
    """What is for sale beside the plan they have, in its currency: Stripe changes no subscription's currency."""
    return [
        Choice(plan, begins_at_once=_begins_at_once(sub, plan))
        for plan in plans_for_sale()
        if plan.id != sub.plan_id and plan.currency == sub.currency and plan.refused_because is None
    ]


def why_not(sub: Subscription | None, answer: Entitlement) -> str | None:
    """Why this plan cannot be changed now, in words for its payer; None if it can."""
    if sub is None or sub.status not in {"active", "trialing", "past_due", "unpaid", "paused"}:
        return "There is no plan to change. Choose one first."
    elif sub.status in {"past_due", "unpaid"}:
        return "Your last payment did not go through. Pay the open invoice first; then you can change the plan."
    elif sub.status == "paused" or sub.pause_behavior is not None:
        return "Your membership is paused. Once it runs again you can change the plan."
    elif answer.why in {Why.DISPUTED, Why.REFUNDED}:
        return "A payment of yours was given back or is disputed. Write to us before you change the plan."
    elif sub.ends_at is not None:
        return "Your membership is cancelled. Take the cancellation back first; then you can change the plan."
    elif sub.next_plan is not None:
        return f"Your plan already becomes {sub.next_plan.name.lower()}. Take that change back first."
    else:
        return None


def quote(member_id: int, plan_key: str) -> str:
    """Work out what changing to a plan means right now and write it down; returns the key of its page.

    Holds no transaction meanwhile. Raises NoSwitch, NotForSale, PaymentsAway, StillAsking.
    """
    plan, price_id = for_sale(plan_key)
    sub = _require_switch(member_id, current(member_id), plan)
    try:
        if sub.schedule_id is not None:  # in its last phase: it decides nothing more and stands in the way
            stripe_gateway().release_schedule(sub.schedule_id)
        if _begins_at_once(sub, plan):
            return _quote_at_once(member_id, sub, plan, price_id).key
        else:
            return _quote_later(member_id, sub, plan, price_id).key
    except (StripeAway, StripeRefused, Malformed) as error:
        log.warning("switch.refused", member=member_id, reason=str(error))
        raise PaymentsAway() from None


def confirm(member_id: int, key: str) -> SubscriptionChange:
    """Do what a quote says, once, and for exactly that amount; returns the change as it was settled.

    Raises Outdated when it ran out or would cost something else by now, NoSwitch, PaymentsAway, StillAsking, NotDone.
    """
    with transaction():
        change = changes.change_of(member_id, key)
    if change is None:
        raise NoSwitch("There is no such change. Choose the plan again.")
    if change.state is ChangeState.QUOTED:
        if change.expires_at is None or change.expires_at <= now():
            changes.settle(change, ChangeState.OUTDATED)
            raise Outdated()
        look_again_later(change)
        if changes.claim(change):
            return _carry_out_as_quoted(changes.latest_state(change))
        change = changes.latest_state(change)
        if change.state is ChangeState.QUOTED:  # another change of this membership was first
            finish_other(change.subscription_id)
            raise Outdated()
    if change.state is ChangeState.WORKING:
        change = wait_for(change)
    if change.state in {ChangeState.OUTDATED, ChangeState.FAILED}:
        raise Outdated()
    return change


def keep_plan(member_id: int) -> None:
    """Take back the change that was to come with the next period. Raises PaymentsAway, StillAsking, NotDone."""
    sub = current(member_id)
    if sub is not None and sub.schedule_id is not None and sub.next_price_id is not None:
        ask(member_id, sub, ChangeKind.KEEP, {"schedule": sub.schedule_id})


def drop_waiting(member_id: int, key: str) -> None:
    """Give up a change that waits for the bank: its invoice is void, the plan stays. Raises PaymentsAway."""
    with transaction():
        change = changes.change_of(member_id, key)
    if change is None or change.state is not ChangeState.ASKING or change.invoice_id is None:
        return
    try:
        stripe_gateway().void(change.invoice_id)
    except (StripeAway, StripeRefused, Malformed) as error:
        log.warning("switch.not_dropped", change=change.id, reason=str(error))
        raise PaymentsAway() from None
    current(member_id)  # settles the change, by whichever came first: paid after all, or dropped


def _require_switch(member_id: int, sub: Subscription | None, plan: Plan) -> Subscription:
    with transaction():
        reason = why_not(sub, paid_or_given(member_id))
        waiting = changes.unfinished(sub.id) if sub is not None else None
    if sub is None or reason is not None:
        raise NoSwitch(reason)
    if waiting is not None:
        raise NoSwitch("A change of your plan is under way already. Finish it, or leave it, first.")
    if sub.plan_id == plan.id:
        raise NoSwitch(f"You have the {plan.name.lower()} plan already.")
    if sub.currency != plan.currency:
        raise NoSwitch("This plan is sold in another currency. Cancel first, and join it when your plan has ended.")
    return sub


def _begins_at_once(sub: Subscription, plan: Plan) -> bool:
    if sub.status == "trialing" or sub.plan is None or sub.amount_minor is None:
        return True
    return plan.interval.months >= sub.plan.interval.months and plan.price_minor > sub.amount_minor


def _quote_at_once(member_id: int, sub: Subscription, plan: Plan, price_id: str) -> SubscriptionChange:
    moment = now().replace(microsecond=0)
    params = _params(sub, price_id) | {"proration_date": int(moment.timestamp())}
    preview = _preview(params)
    ends = sub.trial_end if sub.status == "trialing" else preview.covers_until
    return changes.write_down(
        member_id,
        sub,
        ChangeKind.SWITCH,
        params,
        begins_at=moment,
        renews_at=ends or renewal_after(moment, plan.interval),
        due_minor=preview.due_minor,
        figures=preview.figures(),
        **_terms(sub, plan, price_id),
    )


def _quote_later(member_id: int, sub: Subscription, plan: Plan, price_id: str) -> SubscriptionChange:
    return changes.write_down(
        member_id,
        sub,
        ChangeKind.SWITCH_LATER,
        _params(sub, price_id) | {"interval": str(plan.interval)},
        begins_at=sub.period_end,
        renews_at=sub.period_end,
        due_minor=0,
        **_terms(sub, plan, price_id),
    )


def _params(sub: Subscription, price_id: str) -> dict[str, Any]:
    item = item_id(sub.raw, sub.price_id)
    if item is None or sub.period_end is None:
        raise NoSwitch("Your plan cannot be changed from here. Write to us, and we will change it for you.")
    return {"sub": sub.sub_id, "item": item, "price": price_id}


def _terms(sub: Subscription, plan: Plan, price_id: str) -> dict[str, Any]:
    return {
        "plan_id": plan.id,
        "price_id": price_id,
        "from_plan_id": sub.plan_id,
        "from_price_id": sub.price_id,
        "currency": plan.currency,
        "renews_minor": plan.price_minor * sub.quantity,
        "expires_at": now() + changes.QUOTE_LASTS,
    }


def _preview(wanted: Mapping[str, Any]) -> Preview:
    return stripe_gateway().preview_change(
        wanted["sub"], item=wanted["item"], price=wanted["price"], proration_date=wanted["proration_date"]
    )


def _carry_out_as_quoted(change: SubscriptionChange) -> SubscriptionChange:
    """A claimed quote, after a last look whether it still says what would happen."""
    try:
        holds = _still_holds(change)
    except (StripeAway, StripeRefused, Malformed, Unavailable) as error:
        log.warning("switch.not_looked_at", change=change.id, reason=str(error))
        changes.settle(change, ChangeState.OUTDATED, last_error=str(error))
        raise PaymentsAway() from None
    if not holds:
        changes.settle(change, ChangeState.OUTDATED)
        raise Outdated()
    return carry_out(change)


def _still_holds(change: SubscriptionChange) -> bool:
    sub = current(change.member_id)
    if sub is None or sub.id != change.subscription_id or sub.price_id != change.from_price_id:
        return False
    with transaction():
        reason = why_not(sub, paid_or_given(change.member_id))
        has_another = changes.waits_for_bank(sub.id)  # two quotes were open, and the first one was confirmed
    if reason is not None or has_another:
        return False
    elif change.kind is ChangeKind.SWITCH_LATER:
        return sub.status == "active" and sub.period_end == change.begins_at
    else:
        return _preview(change.params).due_minor == change.due_minor
