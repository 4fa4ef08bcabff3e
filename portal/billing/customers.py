"""A member as a customer at Stripe: made once, found again under the same key, never linked by an e-mail address."""

from __future__ import annotations

import secrets
import time

import structlog
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from portal.accounts.models import Member
from portal.billing.asking import StripeAway, StripeBusy, StripeRefused
from portal.billing.gateway import is_live, own_account, stripe_gateway
from portal.billing.models import BillingCustomer
from portal.core.clock import now
from portal.core.db import db, transaction

log = structlog.get_logger()
PATIENCE = 8.0  # seconds to wait for another request that creates the same customer


def customer_of(member_id: int) -> tuple[int, str]:
    """Our row and Stripe's id of a member's customer, made if need be. Raises StripeAway, StripeRefused.

    The row with its key is committed before Stripe is called, so a crash or a lost answer leads to the same customer.
    One that was deleted in Stripe's dashboard is replaced; what was paid under it stays in the same row's history.
    """
    _let_go_if_gone(member_id)
    row_id, customer_id = _row_of(member_id)
    deadline = time.monotonic() + PATIENCE
    while customer_id is None:
        try:
            customer_id = _make(row_id)
        except StripeBusy:  # another tab is just being answered under the same key
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
            customer_id = _known(row_id)
    return row_id, customer_id


def customer_id_of(member_id: int) -> str | None:
    """A member's customer at Stripe, as far as we know of one."""
    return db.session.scalar(select(BillingCustomer.customer_id).where(BillingCustomer.member_id == member_id))


def note_if_gone(member_id: int) -> bool:
    """Ask Stripe whether a member's customer was deleted there, and remember it. Raises StripeAway, StripeRefused."""
    with transaction():
        customer_id = customer_id_of(member_id)
    if customer_id is None or not stripe_gateway().customer(customer_id).is_deleted:
        return False
    with transaction():
        db.session.execute(
            update(BillingCustomer)
            .where(BillingCustomer.member_id == member_id, BillingCustomer.customer_id == customer_id)
            .values(gone_at=now())
        )
    return True


def _let_go_if_gone(member_id: int) -> None:
    gone = BillingCustomer.member_id == member_id, BillingCustomer.gone_at.is_not(None)
    with transaction():
        if db.session.scalar(select(BillingCustomer.id).where(*gone)) is None:
            return
        row_id = db.session.scalar(
            update(BillingCustomer)
            .where(*gone)
            .values(customer_id=None, gone_at=None, create_key=secrets.token_hex(16))
            .returning(BillingCustomer.id)
        )
        log.info("customer.let_go", customer=row_id)


def _row_of(member_id: int) -> tuple[int, str | None]:
    find = select(BillingCustomer.id, BillingCustomer.customer_id).where(BillingCustomer.member_id == member_id)
    with transaction():
        if found := db.session.execute(find).one_or_none():
            return found
    try:
        with transaction():
            db.session.add(
                BillingCustomer(
                    account=own_account(), livemode=is_live(), member_id=member_id, create_key=secrets.token_hex(16)
                )
            )
    except IntegrityError:  # another tab was first
        pass
    with transaction():
        return db.session.execute(find).one()


def _make(row_id: int) -> str:
    with transaction():
        row = db.session.get_one(BillingCustomer, row_id)
        member = db.session.get_one(Member, row.member_id)
        email, name, uuid, key = member.email, member.name, member.uuid, row.create_key
    try:
        made = stripe_gateway().make_customer(email=email, name=name, member_uuid=uuid, key=key)
    except StripeBusy:
        raise
    except StripeAway as error:
        if error.was_answered:
            _start_over(row_id, key, email=email, member_uuid=uuid)
        raise
    except StripeRefused:  # the address changed since a call under this key whose answer was lost
        _start_over(row_id, key, email=email, member_uuid=uuid)
        raise
    return _remember(row_id, made.id, email)


def _start_over(row_id: int, key: str, *, email: str, member_uuid: str) -> None:
    """A definite 5xx is replayed for a day under its key: look whether the customer exists, else take a new key."""
    found = stripe_gateway().find_customer(email=email, member_uuid=member_uuid)
    if found is not None:
        _remember(row_id, found.id, email)
        return
    with transaction():
        db.session.execute(
            update(BillingCustomer)
            .where(BillingCustomer.id == row_id, BillingCustomer.create_key == key)
            .values(create_key=secrets.token_hex(16))
        )


def _remember(row_id: int, customer_id: str, email: str) -> str:
    """Keep the id and the address Stripe got unless one is kept already; whichever was first stays."""
    with transaction():
        kept = db.session.execute(
            update(BillingCustomer)
            .where(BillingCustomer.id == row_id, BillingCustomer.customer_id.is_(None))
            .values(customer_id=customer_id, email_pushed=email)
            .returning(BillingCustomer.id)
        ).scalar()
    if kept is not None:
        log.info("customer.made", customer=row_id)
    return _known(row_id) or customer_id


def _known(row_id: int) -> str | None:
    with transaction():
        return db.session.scalar(select(BillingCustomer.customer_id).where(BillingCustomer.id == row_id))
