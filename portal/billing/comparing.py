"""The daily walk over everything at Stripe: which customers differ from ours, and what only a person can mend.

It only finds out *whom* to read; reading itself is syncing's. A second walk finds nothing left to do.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Row, select

from portal.billing import alerting
from portal.billing.gateway import own_account, stripe_gateway
from portal.billing.models import LIVE, OVER, BillingCustomer, PaymentReversal, PlanPrice, Subscription
from portal.billing.shapes import Malformed, Snapshot
from portal.billing.syncing import UNREADABLE, Busy, announce, mirrored, sync_customer
from portal.billing.watching import note
from portal.core.clock import now
from portal.core.db import db, transaction

IDS_KEPT = timedelta(days=396)  # of events; refunds and disputes are compared as far back
KEPT = 200  # lines of a report that the desk can show; the numbers are those of all


class Odd(StrEnum):
    """Kinds of what only a person can mend; the desk says for each what to do."""

    UNLINKED = "unlinked"  # pays for a plan of ours and belongs to no member
    PAID_TWICE = "paid twice"
    FOREIGN_PRICE = "foreign price"  # a member pays for something that is no plan of ours
    ONLY_HERE = "only here"  # not known at Stripe
    UNREADABLE = "unreadable"  # an answer lacks what we cannot do without
    UNREAD = "unread"  # Stripe refused, or was away for this one


@dataclass(frozen=True)
class Oddity:
    """One thing that needs a person. Ids only."""

    kind: Odd
    told: str
    customer_id: str | None = None  # cus_…, by which the desk finds whose it is

    def __str__(self) -> str:
        return self.told


@dataclass
class Report:
    """What a run looked at, mended, and leaves to a person. Ids only."""

    checked: int = 0
    missed_events: int = 0
    foreign: int = 0  # live, of customers and prices that are not ours: left alone
    repaired: list[int] = field(default_factory=list)  # our rows of customers
    needs_a_person: list[Oddity] = field(default_factory=list)


def compare_everything() -> Report:
    """Walk all subscriptions at Stripe once, a hundred a call; read anew only the customers that differ."""
    report, began = Report(), now()
    walk = _walk(report)
    with transaction():
        for reason in report.needs_a_person:
            alerting.answer_is_malformed(str(reason))
        report.needs_a_person += [*walk.oddities(), *_only_here(walk, began)]
        report.foreign = walk.foreign
        for row_id in walk.differing:
            announce(row_id)
    charges = _charges_that_differ()
    for row_id in dict.fromkeys([*walk.differing, *charges]):
        try:
            sync_customer(row_id, cause="reconcile", charges=charges.get(row_id, ()))
            report.repaired.append(row_id)
        except Busy:
            continue
        except UNREADABLE as error:
            report.needs_a_person.append(Oddity(Odd.UNREAD, f"customer {row_id}: {error}"))
    with transaction():
        note(
            "reconciled",
            checked=report.checked,
            foreign=report.foreign,
            repaired=report.repaired[:KEPT],
            repaired_in_all=len(report.repaired),
            needs_a_person=[asdict(each) for each in report.needs_a_person[:KEPT]],
            needs_in_all=len(report.needs_a_person),
        )
    return report


@dataclass(frozen=True)
class _Ours:
    """What the walk must know of a customer who is one of ours."""

    row_id: int
    has_member: bool


@dataclass
class _Walk:
    """What a walk keeps of thousands of subscriptions: ids, and more only of those that are alive or differ."""

    customers: dict[str, _Ours]
    plans: dict[str, int]
    seen: set[str] = field(default_factory=set)
    alive: dict[str, list[tuple[str, bool]]] = field(
        default_factory=lambda: defaultdict(list)
    )  # id, has a price of ours
    differing: dict[int, None] = field(default_factory=dict)  # rows of customers, in order and once each
    unreadable: set[str] = field(default_factory=set)  # all of a customer, or nothing: half would look like an end

    @property
    def foreign(self) -> int:
        """How many run that are nobody's and for nothing of ours."""
        strangers = (subs for customer_id, subs in self.alive.items() if customer_id not in self.customers)
        return sum(not is_ours for subs in strangers for _id, is_ours in subs)

    def oddities(self) -> Iterator[Oddity]:
        """What no reading mends: paid by nobody we know, paid twice, or for something that we do not sell."""
        for customer_id, subs in self.alive.items():
            known = self.customers.get(customer_id)
            ours = [sub_id for sub_id, is_ours in subs if is_ours]
            if ours and (known is None or not known.has_member):
                told = f"{ours[0]} of {customer_id} is paid and belongs to no member"
                yield Oddity(Odd.UNLINKED, told, customer_id)
            if known is None:
                continue
            if len(ours) > 1:
                yield Oddity(Odd.PAID_TWICE, f"{' and '.join(ours)} of {customer_id}: paid twice", customer_id)
            for sub_id in (sub_id for sub_id, is_ours in subs if not is_ours):
                yield Oddity(Odd.FOREIGN_PRICE, f"{sub_id} has a price that is none of ours", customer_id)


def _walk(report: Report) -> _Walk:
    account = own_account()
    with transaction():
        known = db.session.execute(
            select(BillingCustomer.customer_id, BillingCustomer.id, BillingCustomer.member_id).where(
                BillingCustomer.account == account, BillingCustomer.customer_id.is_not(None)
            )
        ).all()
        prices = select(PlanPrice.price_id, PlanPrice.plan_id).where(PlanPrice.account == account)
        walk = _Walk(
            customers={row.customer_id: _Ours(row.id, row.member_id is not None) for row in known},
            plans=dict(db.session.execute(prices).all()),
        )
    for page in stripe_gateway().every_subscription():
        readable = []
        for customer_id, found in page:
            if isinstance(found, Malformed):
                walk.unreadable.add(customer_id)
                report.needs_a_person.append(Oddity(Odd.UNREADABLE, str(found), customer_id))
            else:
                readable.append((customer_id, found))
        report.checked += len(readable)
        _look_at(walk, readable)
    for customer_id in walk.unreadable & walk.customers.keys():
        walk.differing.pop(walk.customers[customer_id].row_id, None)
    return walk


def _look_at(walk: _Walk, page: list[tuple[str, Snapshot]]) -> None:
    """Compare one page of the walk with what we have of the same subscriptions."""
    ids = [snapshot.id for _customer, snapshot in page]
    columns = [column for column in Subscription.__table__.c if column.name != "raw"]  # long, and compared by no one
    ours = select(*columns).where(Subscription.account == own_account(), Subscription.sub_id.in_(ids))
    with transaction():
        mirror = {row.sub_id: row for row in db.session.execute(ours)}
    for customer_id, snapshot in page:
        walk.seen.add(snapshot.id)
        if snapshot.status in LIVE:
            is_ours = any(item.price_id in walk.plans for item in snapshot.items)
            walk.alive[customer_id].append((snapshot.id, is_ours))
        known = walk.customers.get(customer_id)
        if known is not None and known.has_member and _differs(mirror.get(snapshot.id), snapshot, walk.plans):
            walk.differing[known.row_id] = None


def _differs(row: Row[Any] | None, snapshot: Snapshot, plans: dict[str, int]) -> bool:
    return row is None or any(getattr(row, name) != value for name, value in mirrored(snapshot, plans).items())


def _only_here(walk: _Walk, began: datetime) -> list[Oddity]:
    """Subscriptions that Stripe did not list; those we read after the walk began may be younger than its first page."""
    rows = db.session.execute(
        select(Subscription.sub_id, BillingCustomer.customer_id)
        .join(BillingCustomer, BillingCustomer.id == Subscription.customer_id)
        .where(
            Subscription.account == own_account(),
            Subscription.status.not_in(OVER),
            Subscription.fetched_at < began,
        )
        .order_by(Subscription.sub_id)
    )
    return [
        Oddity(Odd.ONLY_HERE, f"{row.sub_id} is here and not at Stripe", row.customer_id)
        for row in rows
        if row.sub_id not in walk.seen and row.customer_id not in walk.unreadable
    ]


def _charges_that_differ() -> dict[int, list[str]]:
    """Charges of our customers with a refund or dispute that is not mirrored as it is. Raises StripeAway."""
    seen = [each for each in stripe_gateway().reversals_since(now() - IDS_KEPT) if each.customer_id]
    found: dict[int, list[str]] = defaultdict(list)
    if not seen:
        return found
    with transaction():
        mirrored_as = dict(
            db.session.execute(
                select(PaymentReversal.reversal_id, PaymentReversal.status).where(
                    PaymentReversal.account == own_account()
                )
            ).all()
        )
        differing = [each for each in seen if mirrored_as.get(each.id) != each.status]
        row_of = dict(
            db.session.execute(
                select(BillingCustomer.customer_id, BillingCustomer.id).where(
                    BillingCustomer.account == own_account(),
                    BillingCustomer.customer_id.in_([each.customer_id for each in differing]),
                )
            ).all()
        )
        for each in differing:
            if row_id := row_of.get(each.customer_id):
                found[row_id].append(each.charge_id)
                announce(row_id)
    return found


def as_lines(report: Report) -> list[str]:
    """The report for a terminal."""
    return [
        f"checked   {report.checked} subscriptions at Stripe",
        f"missed    {report.missed_events} events that had not reached us",
        f"repaired  {len(report.repaired)}",
        *(f"          customer {each}" for each in report.repaired),
        f"a person  {len(report.needs_a_person)}",
        *(f"          {each}" for each in report.needs_a_person),
    ]
