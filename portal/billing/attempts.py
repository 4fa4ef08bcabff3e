"""Ways to the hosted Checkout: written down before Stripe is called, closed when nobody needs them."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

import structlog
from flask import current_app
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from portal.accounts.models import Member
from portal.billing.asking import StripeAway, StripeRefused
from portal.billing.customers import customer_id_of
from portal.billing.gateway import is_live, own_account, stripe_gateway
from portal.billing.models import AttemptState, CheckoutAttempt, Plan
from portal.billing.shapes import Session
from portal.core.clock import now
from portal.core.db import db, transaction
from portal.core.errors import Refusal
from portal.core.jobs import NotYet, job
from portal.core.web import absolute

log = structlog.get_logger()
LASTS = timedelta(hours=1)
REPEAT_AFTER = timedelta(seconds=30)  # then whoever was opening it is taken for dead


class Leaving(Refusal):
    message = "Your account is being deleted, so nothing new is begun. Keep the account first."


class Closed(Refusal):
    message = "This way to pay was closed in the meantime. Look at your billing page to see how you stand."


_UNDER_WAY = CheckoutAttempt.state.in_([AttemptState.OPENING, AttemptState.OPEN])


def under_way(member_id: int) -> CheckoutAttempt | None:
    """The one attempt of a member that is opening or open."""
    with transaction():
        return db.session.scalar(select(CheckoutAttempt).where(CheckoutAttempt.member_id == member_id, _UNDER_WAY))


def write_down(
    member_id: int, customer_id: str, *, plan_id: int, price_id: str, trial_days: int
) -> CheckoutAttempt | None:
    """A new attempt with the exact call that will open it; None if another tab has one under way."""
    key, expires_at = str(uuid.uuid4()), (now() + LASTS).replace(microsecond=0)
    try:
        with transaction():
            member = db.session.get_one(Member, member_id)
            if member.is_leaving:
                raise Leaving()
            attempt = CheckoutAttempt(
                account=own_account(),
                livemode=is_live(),
                key=key,
                member_id=member_id,
                plan_id=plan_id,
                price_id=price_id,
                params=_params(key, member.uuid, customer_id, price_id, expires_at, plan_id, trial_days),
                expires_at=expires_at,
            )
            db.session.add(attempt)
    except IntegrityError:
        return None
    return attempt


def open_at_stripe(attempt: CheckoutAttempt) -> str:
    """Make an attempt's call under its key; returns the address of its page. Raises StripeAway, StripeRefused, Closed.

    It may have been closed while Stripe was asked, because its member leaves or has a membership by now: then what was
    just opened is closed as well, and nobody learns its address.
    """
    try:
        session = stripe_gateway().open_session(attempt.params, key=attempt.key)
    except StripeRefused as error:
        _settle(attempt.id, AttemptState.EXPIRED, last_error=str(error))
        raise
    except StripeAway as error:
        if error.was_answered:
            # Stripe replays a definite 5xx for a day under this key, so the next attempt takes a new one.
            _settle(attempt.id, AttemptState.EXPIRED, last_error=str(error))
        else:  # it may exist: the same call again, at once, finds it
            _settle(attempt.id, AttemptState.OPENING, last_error=str(error), tried_at=now() - REPEAT_AFTER)
        raise
    if not _settle(attempt.id, AttemptState.OPEN, session_id=session.id, url=session.url, last_error=None):
        _close_unwanted(session.id)
        raise Closed()
    log.info("checkout.opened", attempt=attempt.id, session=session.id)
    return session.url or ""


def take_over(attempt: CheckoutAttempt) -> bool:
    """Whether this request may repeat the call of an attempt that nobody seems to be opening any more."""
    with transaction():
        won = db.session.execute(
            update(CheckoutAttempt)
            .where(
                CheckoutAttempt.id == attempt.id,
                CheckoutAttempt.state == AttemptState.OPENING,
                CheckoutAttempt.tried_at <= now() - REPEAT_AFTER,
            )
            .values(tried_at=now())
            .returning(CheckoutAttempt.id)
        ).scalar()
    return won is not None


def give_up(attempt: CheckoutAttempt) -> None:
    """Let a new attempt take its place; what Stripe may have opened for it is closed first."""
    close_unknown_sessions(attempt.member_id)
    _settle(attempt.id, AttemptState.EXPIRED)


def last_went_wrong(member_id: int) -> bool:
    """Whether the latest attempt ended without our knowing whether Stripe opened a session for it."""
    latest = (
        select(CheckoutAttempt.session_id, CheckoutAttempt.last_error)
        .where(CheckoutAttempt.member_id == member_id)
        .order_by(CheckoutAttempt.id.desc())
        .limit(1)
    )
    with transaction():
        found = db.session.execute(latest).one_or_none()
    return found is not None and found.session_id is None and found.last_error is not None


def close_unknown_sessions(member_id: int) -> None:
    """Expire whatever Stripe has open for a member, asked for by customer because we know no id."""
    with transaction():
        customer_id = customer_id_of(member_id)
    gateway = stripe_gateway()
    for session in gateway.open_sessions(customer_id) if customer_id else []:
        gateway.expire_session(session.id)


def trial_days_of(attempt: CheckoutAttempt) -> int:
    """The days that are free when this attempt is finished."""
    return int(attempt.params["subscription_data"].get("trial_period_days", 0))


def close_all(member_id: int) -> None:
    """No link to Stripe's payment page leads anywhere any more. Raises StripeAway, StripeRefused, NotYet."""
    attempt = under_way(member_id)
    if attempt is not None:
        close_attempt(attempt.id)
    close_unknown_sessions(member_id)


def follow_session(attempt: CheckoutAttempt, session: Session) -> AttemptState:
    """Write down what Stripe says of an attempt's session."""
    state = {"open": AttemptState.OPEN, "complete": AttemptState.COMPLETED}.get(
        session.status or "", AttemptState.EXPIRED
    )
    if state is not attempt.state:
        _settle(attempt.id, state)
    return state


@job("billing.close_attempt")
def close_attempt(attempt: int) -> None:
    """End an attempt that is not needed any more: completed if it was paid, else expired at Stripe."""
    with transaction():
        row = db.session.get_one(CheckoutAttempt, attempt)
    if row.state not in {AttemptState.OPENING, AttemptState.OPEN}:
        return
    try:
        if row.session_id is None:
            give_up(row)
        elif follow_session(row, stripe_gateway().session(row.session_id)) is AttemptState.OPEN:
            stripe_gateway().expire_session(row.session_id)
            _settle(row.id, AttemptState.EXPIRED)
    except (StripeAway, StripeRefused) as error:  # refused: it is being paid at this moment; look again later
        raise NotYet(str(error)) from None


def _close_unwanted(session_id: str) -> None:
    try:
        stripe_gateway().expire_session(session_id)
    except (StripeAway, StripeRefused) as error:  # it runs out by itself within the hour
        log.warning("checkout.not_closed", session=session_id, reason=str(error))


def _settle(attempt_id: int, state: AttemptState, **values: Any) -> bool:
    """Whether the attempt was still under way, and is as said now."""
    with transaction():
        settled = db.session.scalar(
            update(CheckoutAttempt)
            .where(CheckoutAttempt.id == attempt_id, _UNDER_WAY)
            .values(state=state, **values)
            .returning(CheckoutAttempt.id)
        )
    return settled is not None


def _params(
    key: str, member_uuid: str, customer_id: str, price_id: str, expires_at: datetime, plan_id: int, trial_days: int
) -> dict[str, Any]:
    plan = db.session.get_one(Plan, plan_id)
    marks = {"member_uuid": member_uuid, "attempt": key}
    params: dict[str, Any] = {
        "mode": "subscription",
        "customer": customer_id,
        "client_reference_id": member_uuid,
        "line_items": [{"price": price_id, "quantity": 1}],
        "success_url": absolute("billing.returned") + "?session_id={CHECKOUT_SESSION_ID}",
        "cancel_url": absolute("billing.checkout", plan=plan.key) + "?back=1",
        "allow_promotion_codes": True,
        "payment_method_collection": "always",
        # The practice's name, its address and its tax id stand on invoices, where whoever pays needs them.
        "name_collection": {"business": {"enabled": True, "optional": True}},
        "tax_id_collection": {"enabled": True},
        "customer_update": {"address": "auto", "name": "auto"},
        "metadata": marks,
        "subscription_data": {
            "metadata": marks,
            "trial_settings": {"end_behavior": {"missing_payment_method": "cancel"}},
        },
        "expires_at": int(expires_at.timestamp()),
    }
    if trial_days:
        params["subscription_data"]["trial_period_days"] = trial_days
    if current_app.config["STRIPE_TAX"]:
        params["automatic_tax"] = {"enabled": True}
    return params
