"""Nothing more is charged to somebody who leaves: Stripe is told, asked again, and only its answer counts."""

from __future__ import annotations

import structlog
from sqlalchemy import select

from portal.billing import attempts
from portal.billing.asking import StripeAway, StripeRefused
from portal.billing.customers import customer_id_of
from portal.billing.gateway import stripe_gateway
from portal.billing.models import BillingCustomer, Subscription
from portal.billing.syncing import UNREADABLE, Busy, read_now
from portal.core.db import db, transaction
from portal.core.jobs import NotYet

log = structlog.get_logger()


def end_charges(member_id: int, *, at_once: bool) -> None:
    """Close every way to pay and end every subscription; returns once Stripe has confirmed it, else raises NotYet.

    With `at_once` all of them end now. Without, what is paid for runs to the end of its period, so that somebody who
    changes their mind has lost nothing; whatever could still be charged (a failed payment that would be tried again)
    ends now as well.
    """
    with transaction():
        row = db.session.execute(
            select(BillingCustomer.id, BillingCustomer.customer_id).where(BillingCustomer.member_id == member_id)
        ).one_or_none()
    if row is None or row.customer_id is None:
        return  # nothing was ever begun at Stripe
    try:
        attempts.close_all(member_id)
        read_now(row.id, cause="leaving")
        with transaction():
            running = _running(row.id, at_once=at_once)
        for sub in running:
            _end(sub, at_once=at_once)
        read_now(row.id, cause="leaving")
    except (Busy, *UNREADABLE) as error:
        raise NotYet(str(error) or "busy") from None
    with transaction():
        left = _running(row.id, at_once=at_once)
    if left:
        raise NotYet(f"still running: {', '.join(sub.sub_id for sub in left)}")


def delete_customer(member_id: int) -> None:
    """Stripe forgets name, address and card; the invoices stay, as the law asks. Raises NotYet."""
    with transaction():
        customer_id = customer_id_of(member_id)
    if customer_id is None:
        return
    try:
        stripe_gateway().delete_customer(customer_id)
    except (StripeAway, StripeRefused) as error:
        raise NotYet(str(error)) from None


def may_be_charged(member_id: int) -> bool:
    """Whether the mirror knows a subscription that would go on."""
    row_id = db.session.scalar(select(BillingCustomer.id).where(BillingCustomer.member_id == member_id))
    return row_id is not None and bool(_running(row_id, at_once=False))


def _running(row_id: int, *, at_once: bool) -> list[Subscription]:
    subs = db.session.scalars(select(Subscription).where(Subscription.customer_id == row_id)).all()
    return [sub for sub in subs if not sub.is_over and (at_once or not _ends_unpaid(sub))]


def _ends_unpaid(sub: Subscription) -> bool:
    """It runs out with the period that is paid for."""
    paid = sub.status in {"active", "trialing"}
    return paid and sub.ends_at is not None and sub.period_end is not None and sub.ends_at <= sub.period_end


def _end(sub: Subscription, *, at_once: bool) -> None:
    if not at_once and sub.status in {"active", "trialing"} and sub.ends_at is None:
        try:
            if sub.schedule_id is not None:  # Stripe takes no end from whoever does not hold the schedule
                stripe_gateway().release_schedule(sub.schedule_id)
            stripe_gateway().end_with_period(sub.sub_id)
            return
        except StripeRefused as error:  # a change was scheduled meanwhile: it ends now, which is always possible
            log.info("leaving.ends_now", subscription=sub.sub_id, reason=error.code)
    try:
        stripe_gateway().cancel(sub.sub_id)
    except StripeRefused as error:
        if not error.is_missing:  # somebody ended it in the meantime
            raise
