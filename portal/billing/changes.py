"""What a member asks to have changed at Stripe: written down before the call, one at a time, settled once.

A change of plan begins as a quote: what it costs, exactly, for a quarter of an hour. Confirming it claims the row, and
the partial index lets one row at a time be at work on a subscription, so that two tabs and twenty equal posts end in
one change. The row's key is the idempotency key of its call: whoever finds it left lying repeats the call and gets the
first one's answer. Nothing here calls Stripe.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import structlog
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from portal.accounts.models import Member
from portal.billing.gateway import is_live, own_account
from portal.billing.models import ChangeKind, ChangeState, Subscription, SubscriptionChange
from portal.billing.shapes import Snapshot
from portal.core import audit
from portal.core.clock import now
from portal.core.db import db, transaction

log = structlog.get_logger()
QUOTE_LASTS = timedelta(minutes=15)  # what it says is worked out to the second of asking
REPEAT_AFTER = timedelta(seconds=30)  # then whoever was asking Stripe is taken for dead


def begin(member_id: int, sub: Subscription, kind: ChangeKind, params: dict[str, Any]) -> SubscriptionChange | None:
    """A change that needs no quote, at work from now on; None if one is at work on this subscription already."""
    try:
        return write_down(member_id, sub, kind, params, state=ChangeState.WORKING, tried_at=now())
    except IntegrityError:
        return None


def write_down(
    member_id: int, sub: Subscription, kind: ChangeKind, params: dict[str, Any], **values: Any
) -> SubscriptionChange:
    """A new change with exactly what it asks for."""
    change = SubscriptionChange(
        account=own_account(),
        livemode=is_live(),
        key=str(uuid.uuid4()),
        member_id=member_id,
        subscription_id=sub.id,
        kind=kind,
        params=params,
        **values,
    )
    with transaction():
        db.session.add(change)
    return change


def claim(change: SubscriptionChange) -> bool:
    """Whether this request may carry a quote out: it was not claimed before, and nothing else is at work."""
    try:
        with transaction():
            won = db.session.execute(
                update(SubscriptionChange)
                .where(SubscriptionChange.id == change.id, SubscriptionChange.state == ChangeState.QUOTED)
                .values(state=ChangeState.WORKING, tried_at=now())
                .returning(SubscriptionChange.id)
            ).scalar()
    except IntegrityError:
        return False
    return won is not None


def take_over(change: SubscriptionChange) -> bool:
    """Whether this request may repeat the call of a change that nobody seems to be working on any more."""
    with transaction():
        won = db.session.execute(
            update(SubscriptionChange)
            .where(
                SubscriptionChange.id == change.id,
                SubscriptionChange.state == ChangeState.WORKING,
                SubscriptionChange.tried_at <= now() - REPEAT_AFTER,
            )
            .values(tried_at=now())
            .returning(SubscriptionChange.id)
        ).scalar()
    return won is not None


def note(change: SubscriptionChange, **values: Any) -> None:
    """Remember about a change at work: that its call is on its way, or that it got no answer."""
    with transaction():
        db.session.execute(
            update(SubscriptionChange)
            .where(SubscriptionChange.id == change.id, SubscriptionChange.state == ChangeState.WORKING)
            .values(**values)
        )


def settle(change: SubscriptionChange, state: ChangeState, **values: Any) -> None:
    """What became of it, with a record when something was changed; whoever is first decides."""
    with transaction():
        _settle(change.id, change.state, state, **values)


def latest_state(change: SubscriptionChange) -> SubscriptionChange:
    with transaction():
        return db.session.get_one(SubscriptionChange, change.id, populate_existing=True)


def change_of(member_id: int, key: str) -> SubscriptionChange | None:
    """A member's own change by its key, for the page about it."""
    return db.session.scalar(
        select(SubscriptionChange).where(SubscriptionChange.member_id == member_id, SubscriptionChange.key == key)
    )


def unfinished(subscription_id: int) -> SubscriptionChange | None:
    """The change that Stripe is being asked for, or that waits for the member's bank."""
    return db.session.scalar(
        select(SubscriptionChange)
        .where(
            SubscriptionChange.subscription_id == subscription_id,
            SubscriptionChange.state.in_([ChangeState.WORKING, ChangeState.ASKING]),
        )
        .order_by(SubscriptionChange.id.desc())
        .limit(1)
    )


def waits_for_bank(subscription_id: int) -> bool:
    """Whether an invoice of an earlier change lies open, which its member may still pay."""
    asking = select(SubscriptionChange.id).where(
        SubscriptionChange.subscription_id == subscription_id, SubscriptionChange.state == ChangeState.ASKING
    )
    return db.session.scalar(asking.limit(1)) is not None


def follow(snapshots: Sequence[Snapshot]) -> None:
    """Settle, in the transaction at hand, what waited for a bank: Stripe has the new plan now, or has given it up."""
    waiting = db.session.execute(
        select(SubscriptionChange, Subscription)
        .join(Subscription, Subscription.id == SubscriptionChange.subscription_id)
        .where(
            SubscriptionChange.state == ChangeState.ASKING,
            Subscription.sub_id.in_([snapshot.id for snapshot in snapshots]),
        )
    ).all()
    for change, row in waiting:
        if row.price_id == change.price_id:
            _settle(change.id, ChangeState.ASKING, ChangeState.DONE)
        elif not any(snapshot.id == row.sub_id and snapshot.waits_for_payment for snapshot in snapshots):
            _settle(change.id, ChangeState.ASKING, ChangeState.DROPPED)


def is_so(change: SubscriptionChange, row: Subscription) -> bool:
    """Whether Stripe, as last read, has what the change wanted."""
    if change.kind is ChangeKind.SWITCH:
        return row.price_id == change.price_id
    elif change.kind is ChangeKind.SWITCH_LATER:
        return row.next_price_id == change.price_id
    elif change.kind is ChangeKind.KEEP:
        return row.next_price_id is None
    elif change.kind is ChangeKind.CANCEL:
        return row.ends_at is not None or row.is_over
    else:
        return row.ends_at is None


_RECORDED = {
    (ChangeKind.SWITCH, ChangeState.DONE): "plan.changed",
    (ChangeKind.SWITCH, ChangeState.DECLINED): "plan.change_declined",
    (ChangeKind.SWITCH, ChangeState.DROPPED): "plan.change_dropped",
    (ChangeKind.SWITCH_LATER, ChangeState.DONE): "plan.change_decided",
    (ChangeKind.KEEP, ChangeState.DONE): "plan.change_taken_back",
    (ChangeKind.CANCEL, ChangeState.DONE): "membership.cancelled",
    (ChangeKind.RESUME, ChangeState.DONE): "membership.resumed",
}


def _settle(change_id: int, earlier: ChangeState, state: ChangeState, **values: Any) -> None:
    settled = None if state in {ChangeState.WORKING, ChangeState.ASKING} else now()
    row = db.session.execute(
        update(SubscriptionChange)
        .where(SubscriptionChange.id == change_id, SubscriptionChange.state == earlier)
        .values(state=state, settled_at=settled, **values)
        .returning(SubscriptionChange.member_id, SubscriptionChange.subscription_id, SubscriptionChange.kind)
    ).one_or_none()
    if row is None:
        return
    action = _RECORDED.get((row.kind, state))
    if action is None:
        log.info("subscription_change.settled", change=change_id, kind=row.kind, state=state)
        return
    change = db.session.get_one(SubscriptionChange, change_id, populate_existing=True)
    facts = {name: getattr(change, name) for name in ("price_id", "due_minor", "currency") if getattr(change, name)}
    member = db.session.get_one(Member, row.member_id)
    audit.record(member, action, db.session.get_one(Subscription, row.subscription_id), change=change_id, **facts)
