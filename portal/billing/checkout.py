"""Joining: from the button to Stripe's page, with one customer, one open session and never a second subscription.

Stripe is asked first and outside any transaction; a row is written down before the call it stands for. Twenty parallel
clicks and a crash between any two steps end in the same place.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import structlog
from sqlalchemy import select

from portal.billing import alerting, attempts
from portal.billing.asking import StripeAway, StripeRefused
from portal.billing.customers import customer_of, note_if_gone
from portal.billing.gateway import own_account, stripe_gateway
from portal.billing.models import (
    LIVE,
    AttemptState,
    BillingCustomer,
    CheckoutAttempt,
    Plan,
    PlanPrice,
    PriceStanding,
    Subscription,
)
from portal.billing.prices import sync_prices
from portal.billing.shapes import Malformed
from portal.billing.syncing import Busy, read_now
from portal.billing.trying import trial_days_for
from portal.core.db import db, transaction
from portal.core.errors import Refusal, Unavailable

log = structlog.get_logger()
PATIENCE = 12.0  # seconds a second tab waits for the first one's session


class NotForSale(Unavailable):
    message = "This plan cannot be joined at the moment. The owner has been told; please try again later today."
    retry_after = 3600


class PaymentsAway(Unavailable):
    message = "Our payment partner Stripe is not answering just now. Nothing was charged; please try again in a minute."
    retry_after = 60


class StillWorking(Unavailable):
    message = "Your payment page is still being opened in another tab. Look there, or try again in a moment."
    retry_after = 10


class OtherTerms(Refusal):
    message = "What this costs has changed since you opened the page. Please look at it again before you go on."


@dataclass(frozen=True)
class _Wanted:
    """What is to be paid for: a session for anything else is not reused."""

    plan_id: int
    price_id: str
    trial_days: int


@dataclass(frozen=True)
class Way:
    """Where joining leads: Stripe's Checkout at `url`, or None for someone who has a membership to manage."""

    url: str | None


def terms(plan: Plan, trial_days: int) -> str:
    """What somebody agrees to who presses the button, for the form to bring back: "9900 usd 14"."""
    return f"{plan.price_minor} {plan.currency} {trial_days}"


def begin(member_id: int, plan_key: str, *, agreed: str | None = None) -> Way:
    """The way to pay for a plan; holds no transaction meanwhile. `agreed` are the terms that the page had shown.

    Raises NotForSale, OtherTerms, PaymentsAway, StillWorking.
    """
    plan, price_id = for_sale(plan_key)
    try:
        try:
            return _way(member_id, plan, price_id, agreed)
        except StripeRefused as error:  # perhaps the customer was deleted in Stripe's dashboard
            if not (error.is_missing and note_if_gone(member_id)):
                raise
            return _way(member_id, plan, price_id, agreed)
    except Busy:
        raise StillWorking() from None
    except (StripeAway, StripeRefused, Malformed) as error:
        log.warning("checkout.refused", member=member_id, reason=str(error))
        if isinstance(error, StripeRefused):
            _tell_why_not(plan_key, error)
            raise NotForSale() from None
        raise PaymentsAway() from None


def _way(member_id: int, plan: Plan, price_id: str, agreed: str | None) -> Way:
    row_id, customer_id = customer_of(member_id)
    read_now(row_id, cause="join")
    if _has_something(row_id):
        return Way(None)
    with transaction():
        trial_days = trial_days_for(member_id)
    if agreed is not None and agreed != terms(plan, trial_days):
        raise OtherTerms()
    wanted = _Wanted(plan.id, price_id, trial_days)
    return Way(_session_url(member_id, row_id, customer_id, wanted))


def for_sale(plan_key: str) -> tuple[Plan, str]:
    """A plan that is sold and its price at Stripe. Raises NotForSale."""
    with transaction():
        found = db.session.execute(
            select(Plan, PlanPrice.price_id)
            .join(PlanPrice, PlanPrice.plan_id == Plan.id)
            .where(
                Plan.key == plan_key,
                Plan.withdrawn_at.is_(None),
                Plan.refused_because.is_(None),
                PlanPrice.account == own_account(),
                PlanPrice.standing == PriceStanding.CURRENT,
            )
        ).one_or_none()
    if found is None:
        log.error("checkout.not_for_sale", plan=plan_key)
        raise NotForSale()
    return found.Plan, str(found.price_id)


def _tell_why_not(plan_key: str, error: StripeRefused) -> None:
    """Stripe understood and said no, so waiting does not help: somebody archived the price since we looked, or set tax
    up by half. Either way the owner hears of it."""
    try:
        closed = any(found.plan == plan_key and found.problem for found in sync_prices())
    except (StripeAway, StripeRefused):
        closed = False
    if not closed:
        with transaction():
            alerting.checkout_is_refused(plan_key, because=str(error))


def _has_something(row_id: int) -> bool:
    with transaction():
        statuses = db.session.scalars(select(Subscription.status).where(Subscription.customer_id == row_id)).all()
    return any(status in LIVE for status in statuses)


def _session_url(member_id: int, row_id: int, customer_id: str, wanted: _Wanted) -> str:
    """The open session for just this: the one under way, or a new one after the other was closed."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        attempt = attempts.under_way(member_id)
        if attempt is None:
            _clear_leftovers(row_id)
            if attempts.last_went_wrong(member_id):
                attempts.close_unknown_sessions(member_id)
            made = attempts.write_down(
                member_id,
                customer_id,
                plan_id=wanted.plan_id,
                price_id=wanted.price_id,
                trial_days=wanted.trial_days,
            )
            if made is not None:
                return attempts.open_at_stripe(made)
        elif attempt.state is AttemptState.OPENING:
            if url := _opening(attempt):
                return url
        elif url := _reused(attempt, row_id, wanted):
            return url
    raise StillWorking()


def _opening(attempt: CheckoutAttempt) -> str | None:
    """Another tab is opening it: wait a little, or take over from a tab that died."""
    if attempts.take_over(attempt):
        if attempt.expires_at.timestamp() - time.time() < _SHORTEST:
            attempts.give_up(attempt)  # Stripe wants at least half an hour; the same call would be refused
            return None
        return attempts.open_at_stripe(attempt)
    time.sleep(0.15)
    return None


def _reused(attempt: CheckoutAttempt, row_id: int, wanted: _Wanted) -> str | None:
    """The address of an open session for just this; any other is closed, and the next round makes a new one."""
    session = stripe_gateway().session(attempt.session_id or "")
    state = attempts.follow_session(attempt, session)
    is_same = (attempt.price_id, attempts.trial_days_of(attempt)) == (wanted.price_id, wanted.trial_days)
    if state is AttemptState.OPEN and is_same:
        return session.url
    if state is AttemptState.OPEN:
        try:
            attempts.follow_session(attempt, stripe_gateway().expire_session(session.id))
        except StripeRefused:  # it is being paid at this very moment
            read_now(row_id, cause="join")
            raise StillWorking() from None
    if state is AttemptState.COMPLETED:
        read_now(row_id, cause="join")
        if _has_something(row_id):
            raise StillWorking("Your payment went through a moment ago. Reload the page to go on as a member.")
    return None


def _clear_leftovers(row_id: int) -> None:
    """A first payment that failed leaves an `incomplete` subscription; it must not stand in the way for 23 hours."""
    with transaction():
        left = db.session.scalars(
            select(Subscription.sub_id).where(Subscription.customer_id == row_id, Subscription.status == "incomplete")
        ).all()
        customer_id = db.session.get_one(BillingCustomer, row_id).customer_id
    for sub_id in left:
        try:
            stripe_gateway().cancel(sub_id)
        except StripeRefused as error:
            log.info("checkout.leftover_kept", subscription=sub_id, reason=error.code)
    if left and customer_id:
        read_now(row_id, cause="join")


_SHORTEST = 31 * 60  # seconds that a session must have left when it is made
