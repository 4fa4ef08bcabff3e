"""One's membership in one sentence, and what follows from it: the next charge, what to do, the banner in grace."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from flask import Flask

from portal.accounts.models import Member
from portal.accounts.signed_in import me_or_none
from portal.billing.entitlements import Entitlement, Level, Why, entitlement_of
from portal.billing.models import LIVE, Subscription
from portal.billing.wording import day_for
from portal.core import web


@dataclass(frozen=True)
class Charge:
    """What Stripe will try to take next."""

    amount_minor: int
    currency: str
    at: datetime


@dataclass(frozen=True)
class Standing:
    """How a member stands, for the page about it."""

    sentence: str
    tone: str  # good, warn, bad, plain
    label: str
    next_charge: Charge | None
    may_join: bool
    owes: bool  # an invoice is open: the way to pay it comes first


def standing_of(member: Member, answer: Entitlement, sub: Subscription | None) -> Standing:
    """Words for the member, in their zone."""
    label, tone, sentence = _words(member, answer, sub)
    is_live = sub is not None and sub.status in LIVE
    return Standing(
        sentence=sentence,
        tone=tone,
        label=label,
        next_charge=_next_charge(sub) if sub is not None else None,
        may_join=not is_live and not answer.is_open and answer.why not in {Why.UNKNOWN_STATUS, Why.LEAVING},
        owes=sub is not None and sub.status in {"past_due", "unpaid"},
    )


def _words(member: Member, answer: Entitlement, sub: Subscription | None) -> tuple[str, str, str]:
    def on(moment: datetime | None) -> str:
        return day_for(member, moment) if moment is not None else "a day to come"

    table: dict[Why, tuple[str, str, str]] = {
        Why.STAFF: ("Staff", "good", "You work here, so everything is open to you without a plan."),
        Why.GRANT: ("Member", "good", _granted(member, answer)),
        Why.PAID: ("Member", "good", f"You are a member. {_goes_on(member, sub)}"),
        Why.TRIAL: ("Trial", "good", f"You are trying it out until {on(sub.trial_end if sub else None)}."),
        Why.ENDING: (
            "Cancelled",
            "warn",
            f"You are a member until {on(answer.until)}. It will not renew, and nothing more is charged.",
        ),
        Why.PAST_DUE: (
            "Payment failed",
            "warn",
            f"Your last payment did not go through. Everything stays open until {on(answer.until)}.",
        ),
        Why.UNREAD: ("Member", "good", "You are a member. We are waiting for news of your renewal from Stripe."),
        Why.UNKNOWN_STATUS: ("Being checked", "warn", "Something about your plan needs a look by us. We are on it."),
        Why.LEAVING: ("Leaving", "warn", "Your account is being deleted. Nothing more will be charged."),
        Why.NEVER: (
            "Not a member yet",
            "plain",
            "You have an account. Tools, full episodes and rooms open with a plan.",
        ),
        Why.LAPSED: ("Lapsed", "plain", _lapsed(member, answer)),
        Why.UNPAID: ("Not paid", "bad", "Your membership is closed because its last payment never went through."),
        Why.PAUSED: ("Paused", "warn", "Your membership is paused, and nothing is charged meanwhile."),
        Why.INCOMPLETE: ("Not paid", "plain", "Your first payment was not finished, so nothing was begun or charged."),
        Why.REFUNDED: ("Refunded", "plain", "Your last payment was given back in full, so your membership is closed."),
        Why.DISPUTED: (
            "On hold",
            "bad",
            "Your bank is asking us about a payment. Your membership waits until that is settled.",
        ),
    }
    return table[answer.why]


def _goes_on(member: Member, sub: Subscription | None) -> str:
    if sub is None or sub.period_end is None:
        return "Everything is open to you."
    elif sub.next_plan is not None and sub.next_from is not None:
        return f"Your plan becomes {sub.next_plan.name.lower()} on {day_for(member, sub.next_from)}."
    else:
        return f"Your plan renews on {day_for(member, sub.period_end)}."


def _granted(member: Member, answer: Entitlement) -> str:
    if answer.until is None:
        return "You are a member without charge."
    return f"You are a member without charge until {day_for(member, answer.until)}."


def _lapsed(member: Member, answer: Entitlement) -> str:
    if answer.until is None:
        return "Your membership has ended. Your words and your account are still yours."
    return f"Your membership ended on {day_for(member, answer.until)}. Your words and your account are still yours."


def _next_charge(sub: Subscription) -> Charge | None:
    if sub.status == "past_due" and sub.next_attempt_at is not None and sub.latest_invoice_due_minor:
        return Charge(sub.latest_invoice_due_minor, sub.currency or "usd", sub.next_attempt_at)
    if sub.status not in {"active", "trialing"} or sub.ends_at is not None or sub.amount_minor is None:
        return None
    if sub.next_plan is not None and sub.next_from is not None:
        return Charge(sub.next_plan.price_minor * sub.quantity, sub.next_plan.currency, sub.next_from)
    if sub.renews_at is None:
        return None
    return Charge(sub.price_minor, sub.currency or "usd", sub.renews_at)


def init_app(app: Flask) -> None:
    web.on_every_page(app, _banner)


def _banner() -> web.Banner | None:
    """In grace, on every page: what happened, until when, and where it is mended."""
    member = me_or_none()
    answer = entitlement_of(member) if member is not None else None
    if member is None or answer is None or answer.level is not Level.GRACE or answer.until is None:
        return None
    day = day_for(member, answer.until)
    return web.Banner(
        text=f"Your last payment did not go through. Everything stays open until {day}.",
        href="/account/billing",
        label="Mend the payment",
        tone="warning",
    )
