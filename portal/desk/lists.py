"""The lists behind the figures about money: what stands in each, and in which order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from portal.billing import queries, revenue
from portal.billing.entitlements import Entitlement, Level, Why, of_several, open_until
from portal.billing.queries import Held
from portal.billing.states import state_of
from portal.core.clock import now
from portal.core.web import Place
from portal.desk import wording
from portal.desk.cells import Badge, Cell, Column, Link, Money, Person, person

LEFT_WITHIN = timedelta(days=90)


@dataclass(frozen=True)
class Line:
    """A subscription in a list, with whose it is and how they stand today."""

    held: Held
    answer: Entitlement


@dataclass(frozen=True)
class Listing:
    """One list: its words, the places of its rows in their order, and its columns."""

    name: str  # in its address and its file's name
    title: str
    lede: str
    empty: str  # what it means that nobody is in it
    places: Callable[[], list[Place]]
    columns: tuple[Column, ...]
    newest_first: bool = True


def lines(sub_ids: Sequence[int]) -> list[Line]:
    """The rows of one page, in two statements however many they are."""
    rows = queries.held(sub_ids)
    answers = of_several([row.member.id for row in rows if row.member is not None])
    nobody = Entitlement(Level.NONE, Why.NEVER)
    return [Line(row, answers[row.member.id] if row.member is not None else nobody) for row in rows]


def _left() -> list[Place]:
    return queries.left_since(now() - LEFT_WITHIN)


def _who(line: Line) -> Cell:
    return person(line.held.member)


def _plan(line: Line) -> Cell:
    plan = line.held.sub.plan
    return plan.name if plan is not None else None


def _due(line: Line) -> Cell:
    return _money(line, line.held.sub.latest_invoice_due_minor)


def _why_failed(line: Line) -> Cell:
    sub = line.held.sub
    return wording.decline(sub.declined_because, needs_action=sub.needs_action, tries=sub.latest_invoice_attempts)


def _invoice(line: Line) -> Cell:
    url = line.held.sub.latest_invoice_url
    return Link("Open it at Stripe", url) if url and url.startswith(("https://", "http://")) else None


def _money(line: Line, minor: int | None) -> Cell:
    return None if minor is None else Money(minor, line.held.sub.currency or "usd")


def _stands(line: Line) -> Cell:
    label, tone = wording.STATES[state_of(line.answer)]
    return Badge(label, tone)


_WHO = Column("Who", _who, Person)
_PLAN = Column("Plan", _plan)
_REASON = Column("Reason", lambda line: wording.reason(line.held.sub.cancel_reason))
_COMMENT = Column("In their words", lambda line: line.held.sub.cancel_comment)
_OWED = (
    Column("To pay", _due, Money),
    Column("Since", lambda line: line.held.sub.past_due_since, datetime),
)
_FAILED = (
    Column("Why", _why_failed),
    Column("Next try", lambda line: line.held.sub.next_attempt_at or "None planned", datetime),
    Column("Invoice", _invoice, Link),
)

FAILING = Listing(
    "failing",
    "Payments that fail",
    "Their renewal did not go through. Everything stays open to them until the day that is named; they were told by "
    "letter how to mend it. Whoever closes first stands first.",
    "Every renewal went through. Whoever’s card is refused stands here, with the day until which all stays open.",
    queries.failing,
    (_WHO, *_OWED, Column("Open until", lambda line: open_until(line.held.sub), datetime), *_FAILED),
    newest_first=False,
)
UNPAID = Listing(
    "unpaid",
    "Closed, not paid",
    "Their days of grace are over and the door is closed, but the subscription goes on at Stripe. A payment opens it "
    "again at once.",
    "Nobody’s door is closed over a payment that never came.",
    queries.unpaid,
    (_WHO, *_OWED, *_FAILED),
)
ENDING = Listing(
    "ending",
    "Leaving",
    "They cancelled, and everything stays open until the day that was paid for. They can take it back until then.",
    "Nobody is on the way out. Whoever cancels stands here until the day it ends.",
    queries.ending,
    (_WHO, _PLAN, Column("Ends on", lambda line: line.held.sub.ends_at, datetime), _REASON, _COMMENT),
    newest_first=False,
)
LEFT = Listing(
    "left",
    "Left lately",
    f"Subscriptions that ended in the last {LEFT_WITHIN.days} days, with the reason that was given. Whoever came back "
    "since is shown as a member.",
    f"No subscription ended in the last {LEFT_WITHIN.days} days.",
    _left,
    (
        _WHO,
        _PLAN,
        Column("Ended on", lambda line: line.held.sub.ended_at, datetime),
        _REASON,
        _COMMENT,
        Column("Today", _stands, Badge),
    ),
)
PAYING = Listing(
    "paying",
    "Revenue a month",
    revenue.DEFINITION,
    "No subscription brings in anything yet.",
    queries.paying,
    (
        _WHO,
        _PLAN,
        Column("Each period", lambda line: _money(line, revenue.per_period(line.held.sub)), Money),
        Column("A month", lambda line: _money(line, revenue.per_month(line.held.sub)), Money),
        Column("Since", lambda line: line.held.sub.started_at, datetime),
        Column("Today", _stands, Badge),
    ),
)
LISTINGS = {each.name: each for each in (FAILING, UNPAID, ENDING, LEFT, PAYING)}
