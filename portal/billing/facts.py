"""What bears on somebody's entitlement: their subscriptions with refunds and disputes, and what was granted to them.

One statement for one member, for a page of members or for everyone; for whoever is here it is part of the statement
that finds them (`with_facts`), since every request asks.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Row,
    ScalarSelect,
    Select,
    and_,
    bindparam,
    func,
    null,
    or_,
    select,
    true,
    type_coerce,
    union_all,
)

from portal.accounts.models import Device
from portal.billing.models import BillingCustomer, Grant, PaymentReversal, ReversalKind, Subscription
from portal.core.db import Moment, db

HARMLESS_DISPUTES = ["won", "warning_needs_response", "warning_under_review", "warning_closed", "prevented"]


@dataclass(frozen=True)
class Sub:
    """What the rule must know about one mirrored subscription."""

    status: str
    ours: bool = True  # its price is on our list
    id: int | None = None
    period_end: datetime | None = None
    trial_end: datetime | None = None
    ends_at: datetime | None = None
    past_due_since: datetime | None = None
    pause_behavior: str | None = None
    kept_until: datetime | None = None
    fetched_at: datetime | None = None
    refunded_until: datetime | None = None  # a full refund covers up to there
    disputed: bool = False


@dataclass(frozen=True)
class Given:
    """What the rule must know about one grant that was not taken back."""

    until: datetime | None = None


Facts = list[Sub | Given]


def of_one(member_id: int) -> Facts:
    """Always fresh. One indexed statement."""
    rows = db.session.connection().execute(_asked(_OF_ONE), {"member_id": member_id})
    return [_fact(row) for row in rows]


def of_several(member_ids: Sequence[int]) -> dict[int, Facts]:
    """By member id; whoever never had anything is in it too."""
    found: dict[int, Facts] = {member_id: [] for member_id in member_ids}
    for row in db.session.execute(_asked(_OF_SEVERAL), {"member_ids": list(member_ids)}):
        found[row.member_id].append(_fact(row))
    return found


def of_everyone() -> dict[int, Facts]:
    """Of everyone who ever had a subscription or a grant, by member id."""
    found: dict[int, Facts] = {}
    for row in db.session.execute(_asked(_OF_EVERYONE)):
        found.setdefault(row.member_id, []).append(_fact(row))
    return found


def with_facts(device: Select[Device]) -> Select[*tuple[Any, ...]]:
    """The statement that finds a device, with a row for each subscription of its member beside each of their grants."""
    customer = BillingCustomer.__table__.c
    return (
        device.add_columns(*_of_subscription(), *_of_grant())
        .outerjoin(BillingCustomer.__table__, customer.member_id == Device.member_id)
        .outerjoin(Subscription.__table__, _SUB.customer_id == customer.id)
        .outerjoin(Grant.__table__, and_(_GRANT.member_id == Device.member_id, _GRANT.taken_at.is_(None)))
    )


def told(rows: Iterable[Row[Any]]) -> Facts:
    """What the rows of `with_facts` say, each thing once."""
    subs = {row.sub_id: _sub(row) for row in rows if row.sub_id is not None}
    grants = {row.grant_id: Given(until=row.granted_until) for row in rows if row.grant_id is not None}
    return [*subs.values(), *grants.values()]


def _fact(row: Row[Any]) -> Sub | Given:
    return _sub(row) if row.sub_id is not None else Given(until=row.granted_until)


def _sub(row: Row[Any]) -> Sub:
    return Sub(
        status=row.status,
        ours=row.plan_id is not None,
        id=row.sub_id,
        period_end=row.period_end,
        trial_end=row.trial_end,
        ends_at=row.ends_at,
        past_due_since=row.past_due_since,
        pause_behavior=row.pause_behavior,
        kept_until=row.kept_until,
        fetched_at=row.fetched_at,
        refunded_until=row.refunded_until,
        disputed=row.disputed > 0,
    )


# Asked at every request: built once, of tables, and without IN, which is taken apart anew at each execution.
_SUB, _CUSTOMER = Subscription.__table__.c, BillingCustomer.__table__.c
_GRANT, _REVERSAL = Grant.__table__.c, PaymentReversal.__table__.c
_OF_ONE, _OF_SEVERAL, _OF_EVERYONE = "one", "several", "everyone"


@cache
def _asked(of: str) -> CompoundSelect[Any]:
    """Subscriptions and grants, one to a row."""
    no_grant = null().label("grant_id"), type_coerce(null(), Moment()).label("granted_until")
    subscriptions = (
        select(_CUSTOMER.member_id, *_of_subscription(), *no_grant)
        .join_from(Subscription.__table__, BillingCustomer.__table__, _CUSTOMER.id == _SUB.customer_id)
        .where(_theirs(_CUSTOMER.member_id, of))
    )
    no_subscription = [null().label(column.name) for column in _of_subscription()]
    grants = select(_GRANT.member_id, *no_subscription, *_of_grant()).where(
        _GRANT.taken_at.is_(None), _theirs(_GRANT.member_id, of)
    )
    return union_all(subscriptions, grants)


def _theirs(column: ColumnElement[int], of: str) -> ColumnElement[bool]:
    if of == _OF_EVERYONE:
        return true()
    if of == _OF_SEVERAL:
        return column.in_(bindparam("member_ids", expanding=True))
    return column == bindparam("member_id")


def _of_subscription() -> tuple[ColumnElement[Any], ...]:
    return (
        _SUB.id.label("sub_id"),
        _SUB.status,
        _SUB.plan_id,
        _SUB.period_end,
        _SUB.trial_end,
        _SUB.ends_at,
        _SUB.past_due_since,
        _SUB.pause_behavior,
        _SUB.kept_until,
        _SUB.fetched_at,
        type_coerce(_refunded_until(), Moment()).label("refunded_until"),
        _disputes().label("disputed"),
    )


def _of_grant() -> tuple[ColumnElement[Any], ...]:
    return _GRANT.id.label("grant_id"), _GRANT.until.label("granted_until")


def _refunded_until() -> ScalarSelect[datetime | None]:
    return (
        select(func.max(_REVERSAL.covers_until))
        .where(
            _REVERSAL.subscription_id == _SUB.id,
            _REVERSAL.kind == ReversalKind.REFUND,
            _REVERSAL.is_full,
            or_(_REVERSAL.status == "succeeded", _REVERSAL.status == "pending"),
        )
        .correlate(Subscription.__table__)
        .scalar_subquery()
    )


def _disputes() -> ScalarSelect[int]:
    harmful = (_REVERSAL.status != harmless for harmless in HARMLESS_DISPUTES)
    return (
        select(func.count())
        .where(_REVERSAL.subscription_id == _SUB.id, _REVERSAL.kind == ReversalKind.DISPUTE, *harmful)
        .correlate(Subscription.__table__)
        .scalar_subquery()
    )
