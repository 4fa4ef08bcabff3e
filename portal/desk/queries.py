"""Everyone who has an account, what was given to them, and Stripe's deliveries, for the owner: a page at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import aliased, defer, joinedload

from portal.accounts.models import Device, Member, Role
from portal.billing.entitlements import Entitlement, Level, Why, everyone, of_several
from portal.billing.gateway import own_account
from portal.billing.models import (
    BillingCustomer,
    EventState,
    Grant,
    Invoice,
    PaymentReversal,
    Plan,
    StripeEvent,
    Subscription,
)
from portal.billing.states import State, state_of
from portal.core.audit import Record
from portal.core.clock import now
from portal.core.db import db
from portal.core.web import Place
from portal.desk.paging import Slice, newest_first

OPEN = "open"  # whoever may come in today, in whatever state; staff do not count among them
_MAY_COME_IN = frozenset({State.MEMBER, State.TRIAL, State.ENDING, State.GRACE, State.COMPLIMENTARY})
SUSPENDED = "suspended"  # stands beside the states of access: whoever is suspended may well pay
_NOTHING = Entitlement(Level.NONE, Why.NEVER)
_NEWEST = 20  # invoices, deliveries and changes on a member's page


# Members


def member(handle: str) -> Select[Member]:
    """Somebody with an account, by the name in its address."""
    return select(Member).where(Member.handle == handle, Member.closed_at.is_(None))


def by_state() -> dict[State, int]:
    """How many accounts are in each state; two statements."""
    answers = everyone()
    rows = db.session.execute(select(Member.id, Member.role).where(Member.closed_at.is_(None)))
    counted = Counter(_state(role, answers.get(member_id)) for member_id, role in rows)
    return {state: counted[state] for state in State}


def count_open() -> int:
    """How many people may come in today; as many as the list of them holds."""
    return sum(count for state, count in by_state().items() if state in _MAY_COME_IN)


def matching(state: str, plan: str, typed: str) -> list[Place]:
    """The places of all accounts that a filter lets through, newest first; "" lets everybody through.

    States are computed, not stored, so a filter by one looks at everybody: two statements, however many they are.
    """
    query = select(Member.created_at, Member.id, Member.role).where(Member.closed_at.is_(None))
    if typed:
        query = query.where(_is_named(typed))
    if state == SUSPENDED:
        query = query.where(Member.suspended_until > now())
    rows = db.session.execute(query.order_by(Member.created_at.desc(), Member.id.desc())).all()
    if plan or state not in {"", SUSPENDED}:
        answers = everyone()
        of_plan = _subscriptions_of(plan) if plan else frozenset()
        rows = [
            row
            for row in rows
            if (state in {"", SUSPENDED} or _fits(_state(row.role, answers.get(row.id)), state))
            and (not plan or answers.get(row.id, _NOTHING).subscription_id in of_plan)
        ]
    return [(row.created_at, row.id) for row in rows]


def search(typed: str, *, most: int) -> Sequence[Member]:
    """The first few accounts whose name, address or handle holds these words."""
    query = select(Member).where(Member.closed_at.is_(None), _is_named(typed))
    return db.session.scalars(query.order_by(Member.name, Member.id).limit(most)).all()


@dataclass(frozen=True)
class Somebody:
    """A member in a list: how they stand, by which plan, and when they were last here."""

    member: Member
    state: State
    plan: str | None
    seen_at: datetime | None


def somebodies(member_ids: Sequence[int]) -> list[Somebody]:
    """The rows of one page, in four statements."""
    members = {each.id: each for each in db.session.scalars(select(Member).where(Member.id.in_(member_ids)))}
    answers = of_several(member_ids)
    plans = dict(
        db.session.execute(
            select(Subscription.id, Plan.name)
            .join(Plan, Plan.id == Subscription.plan_id)
            .where(Subscription.id.in_([answer.subscription_id for answer in answers.values()]))
        ).all()
    )
    seen = dict(
        db.session.execute(
            select(Device.member_id, func.max(Device.seen_at))
            .where(Device.member_id.in_(member_ids))
            .group_by(Device.member_id)
        ).all()
    )
    return [
        Somebody(
            member=members[each],
            state=_state(members[each].role, answers[each]),
            plan=plans.get(answers[each].subscription_id or 0),
            seen_at=seen.get(each),
        )
        for each in member_ids
        if each in members
    ]


@dataclass(frozen=True)
class About:
    """What is known of one member's money and access."""

    customer: BillingCustomer | None
    subscriptions: Sequence[Subscription]
    invoices: Sequence[Invoice]
    reversals: Sequence[PaymentReversal]
    grants: Sequence[Given]
    changes: Sequence[Record]
    events: Sequence[StripeEvent]
    seen_at: datetime | None


def about(who: Member) -> About:
    """All of it, each kind in one statement."""
    customer = db.session.scalar(select(BillingCustomer).where(BillingCustomer.member_id == who.id))
    mine = BillingCustomer.member_id == who.id
    subscriptions = (
        select(Subscription)
        .join(BillingCustomer, BillingCustomer.id == Subscription.customer_id)
        .where(mine)
        .options(defer(Subscription.raw), joinedload(Subscription.plan))
        .order_by(Subscription.started_at.desc(), Subscription.id.desc())
    )
    reversals = (
        select(PaymentReversal)
        .join(BillingCustomer, BillingCustomer.id == PaymentReversal.customer_id)
        .where(mine)
        .order_by(PaymentReversal.id.desc())
    )
    invoices = (
        select(Invoice)
        .join(BillingCustomer, BillingCustomer.id == Invoice.customer_id)
        .where(mine)
        .order_by(Invoice.issued_at.desc(), Invoice.id.desc())
        .limit(_NEWEST)
    )
    theirs = _grants().where(Grant.member_id == who.id).order_by(Grant.created_at.desc(), Grant.id.desc())
    changes = select(Record).where(
        Record.ref_kind == "member", Record.ref_id == who.id, Record.action == "access.changed"
    )
    return About(
        customer=customer,
        subscriptions=db.session.scalars(subscriptions).all(),
        invoices=db.session.scalars(invoices).all(),
        reversals=db.session.scalars(reversals).all(),
        grants=[Given(*row) for row in db.session.execute(theirs)],
        changes=db.session.scalars(changes.order_by(Record.id.desc()).limit(_NEWEST)).all(),
        events=_events_of(customer),
        seen_at=db.session.scalar(select(func.max(Device.seen_at)).where(Device.member_id == who.id)),
    )


def members_by_customer(customer_ids: Sequence[str]) -> dict[str | None, Member]:
    """Whose customers of Stripe these are, as far as they are anybody's."""
    rows = db.session.execute(
        select(BillingCustomer.customer_id, Member)
        .join(Member, Member.id == BillingCustomer.member_id)
        .where(BillingCustomer.account == own_account(), BillingCustomer.customer_id.in_(customer_ids))
    )
    return {row.customer_id: row.Member for row in rows}


def members_by_row(row_ids: Sequence[int]) -> Sequence[Member]:
    """The members of these rows of billing_customer, by name."""
    query = (
        select(Member)
        .join(BillingCustomer, BillingCustomer.member_id == Member.id)
        .where(BillingCustomer.id.in_(row_ids))
        .order_by(Member.name, Member.id)
    )
    return db.session.scalars(query).all()


def _state(role: Role, answer: Entitlement | None) -> State:
    return State.STAFF if role is not Role.MEMBER else state_of(answer or _NOTHING)


def _fits(stands: State, wanted: str) -> bool:
    return stands in _MAY_COME_IN if wanted == OPEN else stands == wanted


def _is_named(typed: str) -> Any:
    columns = (Member.name, Member.email, Member.handle)
    return or_(*(column.icontains(typed, autoescape=True) for column in columns))


def _subscriptions_of(plan: str) -> frozenset[int]:
    query = select(Subscription.id).join(Plan, Plan.id == Subscription.plan_id).where(Plan.key == plan)
    return frozenset(db.session.scalars(query))


# Grants


@dataclass(frozen=True)
class Given:
    """A grant with whom it was given to, and by whom."""

    grant: Grant
    member: Member
    by: Member | None

    @property
    def is_open(self) -> bool:
        return self.grant.taken_at is None and (self.grant.until is None or self.grant.until > now())


def grant(grant_id: int) -> Select[Grant]:
    return select(Grant).where(Grant.id == grant_id)


def grants(after: str | None, *, ended_too: bool) -> Slice[Given]:
    """Access that was given, the newest first."""
    query = _grants()
    if not ended_too:
        query = query.where(Grant.taken_at.is_(None), or_(Grant.until.is_(None), Grant.until > now()))
    return newest_first(query, Grant.created_at, after, Given)


def _grants() -> Select[Any, Any, Any]:
    giver = aliased(Member)
    return (
        select(Grant, Member, giver)
        .join(Member, Member.id == Grant.member_id)
        .outerjoin(giver, giver.id == Grant.given_by_id)
    )


# Deliveries

EVENTS = {
    "trouble": (EventState.FAILED, EventState.DEAD),
    "ignored": (EventState.IGNORED,),
    "latest": tuple(EventState),
}


@dataclass(frozen=True)
class Delivery:
    """An event of the inbox and whose it is, if it is anybody's."""

    event: StripeEvent
    member: Member | None


def event(event_id: int) -> Select[StripeEvent]:
    return select(StripeEvent).where(StripeEvent.id == event_id).options(defer(StripeEvent.payload))


def events(which: str, after: str | None) -> Slice[Delivery]:
    """Events of one kind, the newest first."""
    query = (
        select(StripeEvent, Member)
        .outerjoin(
            BillingCustomer,
            (BillingCustomer.customer_id == StripeEvent.customer_id) & (BillingCustomer.account == StripeEvent.account),
        )
        .outerjoin(Member, Member.id == BillingCustomer.member_id)
        .options(defer(StripeEvent.payload))
    )
    if which != "latest":
        query = query.where(StripeEvent.state.in_(EVENTS[which]))
    return newest_first(query, StripeEvent.received_at, after, Delivery)


def events_by_state() -> dict[str, int]:
    """How many events are not done, by state; the ignored ones by their reason too, as "ignored: foreign"."""
    not_done = [state for state in EventState if state is not EventState.DONE]  # most are, and they are not counted
    query = (
        select(StripeEvent.state, StripeEvent.ignored_because, func.count())
        .where(StripeEvent.state.in_(not_done))
        .group_by(StripeEvent.state, StripeEvent.ignored_because)
    )
    counted: Counter[str] = Counter()
    for state, because, count in db.session.execute(query):
        counted[state] += count
        if state is EventState.IGNORED:
            counted[f"ignored: {because}"] += count
    return counted


def _events_of(customer: BillingCustomer | None) -> Sequence[StripeEvent]:
    if customer is None or customer.customer_id is None:
        return []
    query = select(StripeEvent).where(
        StripeEvent.customer_id == customer.customer_id, StripeEvent.account == customer.account
    )
    newest = query.options(defer(StripeEvent.payload)).order_by(StripeEvent.received_at.desc(), StripeEvent.id.desc())
    return db.session.scalars(newest.limit(_NEWEST)).all()
