"""May they come in, why, until when: one pure function over local rows and the clock.

Nothing here calls Stripe. `entitlement_of(member)` costs whoever is here no query, since they were found with what it
needs; `judge(facts, at)` is the rule itself, without database or clock, in the order of billing's own document.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from flask import Flask, current_app, g
from sqlalchemy import (
    ColumnElement,
    Row,
    SQLColumnExpression,
    or_,
    select,
)

from portal.accounts.models import Member, Role
from portal.billing import facts
from portal.billing.facts import Facts, Given, Sub
from portal.billing.models import BillingCustomer, Grant, Subscription
from portal.core.admission import Audience
from portal.core.clock import now

TRIAL_SLACK = timedelta(hours=24)
RENEWAL_SLACK = timedelta(hours=72)  # the invoice is drafted for about an hour, retried, and its news may come late
UNREAD_SLACK = timedelta(days=7)  # on top, while Stripe could not be asked since: open, but not for ever


class Level(StrEnum):
    NONE = "none"
    GRACE = "grace"  # everything stays open, with a banner, until a date
    FULL = "full"


class Why(StrEnum):
    """Why someone may, or may no longer, come in."""

    STAFF = "staff"
    LEAVING = "leaving"  # the account is being deleted
    GRANT = "grant"
    PAID = "paid"
    TRIAL = "trial"
    ENDING = "ending"  # cancelled, open until the day it ends
    PAST_DUE = "past due"  # grace
    UNREAD = "unread"  # past its slack, but Stripe could not be asked
    UNKNOWN_STATUS = "unknown status"
    NEVER = "never"
    LAPSED = "lapsed"  # there was something once
    UNPAID = "unpaid"  # grace is over, or Stripe gave up collecting
    PAUSED = "paused"
    INCOMPLETE = "incomplete"  # the first payment never succeeded
    REFUNDED = "refunded"
    DISPUTED = "disputed"


_RANK = [Level.NONE, Level.GRACE, Level.FULL]
# Which of several reasons for a closed door is told, the most telling last.
_TELLING = [
    Why.NEVER,
    Why.INCOMPLETE,
    Why.LAPSED,
    Why.UNKNOWN_STATUS,
    Why.PAUSED,
    Why.UNPAID,
    Why.REFUNDED,
    Why.DISPUTED,
]
# Stripe's words under which nobody comes in, whatever the dates say.
_CLOSED = {
    "unpaid": Why.UNPAID,
    "paused": Why.PAUSED,
    "incomplete": Why.INCOMPLETE,
    "incomplete_expired": Why.INCOMPLETE,
    "canceled": Why.LAPSED,
}
KNOWN_STATUSES = frozenset({*_CLOSED, "trialing", "active", "past_due"})


@dataclass(frozen=True)
class Entitlement:
    """The answer. `until` None with a level means: without end."""

    level: Level
    why: Why
    until: datetime | None = None
    ends_on: datetime | None = None  # it was cancelled and will not renew
    subscription_id: int | None = None  # ours, of the row that decided

    @property
    def is_open(self) -> bool:
        return self.level is not Level.NONE

    def facts(self) -> dict[str, Any]:
        """For the record: states and moments, no words."""
        return {"level": self.level, "why": self.why, "until": self.until.isoformat() if self.until else None}


def entitlement_of(member: Member) -> Entitlement:
    """The entitlement at this moment, asked of the database once a request and person."""
    known: dict[int, Entitlement] = g.setdefault("entitlements", {})
    if member.is_leaving:
        return Entitlement(Level.NONE, Why.LEAVING)
    if member.id not in known:
        known[member.id] = Entitlement(Level.FULL, Why.STAFF) if member.is_staff else paid_or_given(member.id)
    return known[member.id]


def keep_for(member: Member, rows: Sequence[Row[Any]]) -> None:
    """Whoever is here was found with their facts (`facts.with_facts`): this request need not ask for them."""
    if not member.is_staff:
        g.setdefault("entitlements", {})[member.id] = _judged(facts.told(rows))


def paid_or_given(member_id: int) -> Entitlement:
    """What subscriptions and grants say, whoever it is; always fresh. Syncing compares it before and after."""
    return _judged(facts.of_one(member_id))


def everyone() -> dict[int, Entitlement]:
    """The entitlement of everyone who ever had a subscription or a grant, by member id; for the desk, one query."""
    return _each_judged(facts.of_everyone())


def of_several(member_ids: Sequence[int]) -> dict[int, Entitlement]:
    """The same for one page of members; whoever never had anything is in it too."""
    return _each_judged(facts.of_several(member_ids))


def _judged(known: Facts) -> Entitlement:
    return judge(known, at=now(), grace=days_of_grace())


def _each_judged(found: dict[int, Facts]) -> dict[int, Entitlement]:
    at, grace = now(), days_of_grace()
    return {member_id: judge(known, at=at, grace=grace) for member_id, known in found.items()}


def may_be_open(member_id: SQLColumnExpression[int], *, at: datetime) -> ColumnElement[bool]:
    """Narrows a list of people in the database to those who may come in; `of_several` has the last word on each."""
    grant = select(Grant.id).where(
        Grant.member_id == member_id, Grant.taken_at.is_(None), or_(Grant.until.is_(None), Grant.until > at)
    )
    running = (
        select(Subscription.id)
        .join(BillingCustomer, BillingCustomer.id == Subscription.customer_id)
        .where(
            BillingCustomer.member_id == member_id,
            Subscription.plan_id.is_not(None),
            Subscription.status.not_in(_CLOSED),
        )
    )
    return or_(grant.exists(), running.exists())


def open_until(row: Subscription) -> datetime | None:
    """How long a mirrored subscription opens by itself, before any of it changes; None if it opens nothing."""
    if row.is_over or row.plan_id is None:
        return None
    sub = Sub(
        status=row.status,
        period_end=row.period_end,
        trial_end=row.trial_end,
        ends_at=row.ends_at,
        past_due_since=row.past_due_since,
        pause_behavior=row.pause_behavior,
    )
    answer = _by_status(sub, days_of_grace())
    return answer.until if answer.is_open else None


def audiences_of(member: Member) -> frozenset[Audience]:
    """The audiences a member belongs to. Suspended people keep their account and lose the rest, staff or not; whoever
    is about to leave keeps the way back and their own data. Silenced staff read on and decide nothing, since a ruling
    or an item is words that reach others."""
    found = {Audience.ANYONE, Audience.ACCOUNT}
    if member.is_leaving:
        return frozenset(found)
    found.add(Audience.SIGNED_IN)
    if member.is_suspended:
        return frozenset(found)
    if entitlement_of(member).is_open:
        found.add(Audience.ENTITLED)
    if member.is_silenced:
        return frozenset(found)
    if member.is_at_least(Role.MODERATOR):
        found.add(Audience.MODERATORS)
    if member.is_at_least(Role.COACH):
        found.add(Audience.COACHES)
    if member.is_at_least(Role.OWNER):
        found.add(Audience.OWNERS)
    return frozenset(found)


def judge(known: Iterable[Sub | Given], *, at: datetime, grace: timedelta) -> Entitlement:
    """The best of what all subscriptions and grants say, for the longest time. Pure."""
    answers = [_of_grant(fact, at) if isinstance(fact, Given) else _of_subscription(fact, at, grace) for fact in known]
    if not answers:
        return Entitlement(Level.NONE, Why.NEVER)
    return max(answers, key=_weight)


def _weight(answer: Entitlement) -> tuple[int, int, datetime]:
    if not answer.is_open:
        return 0, _TELLING.index(answer.why), answer.until or _LONG_AGO
    return _RANK.index(answer.level), int(answer.until is None), answer.until or _LONG_AGO


def _of_grant(grant: Given, at: datetime) -> Entitlement:
    if grant.until is not None and grant.until <= at:
        return Entitlement(Level.NONE, Why.LAPSED, grant.until)
    return Entitlement(Level.FULL, Why.GRANT, grant.until)


def _of_subscription(sub: Sub, at: datetime, grace: timedelta) -> Entitlement:
    answer = _by_status(sub, grace)
    if answer.is_open and sub.disputed:
        return Entitlement(Level.NONE, Why.DISPUTED, subscription_id=sub.id)
    if answer.is_open and sub.refunded_until is not None and sub.refunded_until > at:
        return Entitlement(Level.NONE, Why.REFUNDED, subscription_id=sub.id)
    if not answer.is_open or answer.until is None or answer.until > at:
        return answer
    if answer.why in {Why.PAID, Why.TRIAL} and _is_unread_since(answer.until, sub):
        longer = answer.until + UNREAD_SLACK
        if longer > at:
            return Entitlement(answer.level, Why.UNREAD, longer, subscription_id=sub.id)
    over = Why.UNPAID if answer.why is Why.PAST_DUE else Why.LAPSED
    return Entitlement(Level.NONE, over, answer.until, subscription_id=sub.id)


def _by_status(sub: Sub, grace: timedelta) -> Entitlement:
    """The table: level and last moment by Stripe's word alone, before the clock and the reversals are asked."""
    if not sub.ours:
        return Entitlement(Level.NONE, Why.NEVER, subscription_id=sub.id)
    elif sub.status in _CLOSED:
        return Entitlement(Level.NONE, _CLOSED[sub.status], subscription_id=sub.id)
    elif sub.status in {"trialing", "active"}:
        return _while_paid(sub)
    elif sub.status == "past_due":
        return _in_grace(sub, grace)
    elif sub.kept_until is not None:
        return Entitlement(Level.FULL, Why.UNKNOWN_STATUS, sub.kept_until, subscription_id=sub.id)
    else:
        return Entitlement(Level.NONE, Why.UNKNOWN_STATUS, subscription_id=sub.id)


def _while_paid(sub: Sub) -> Entitlement:
    end, slack = sub.period_end, RENEWAL_SLACK
    if sub.status == "trialing":
        end, slack = sub.trial_end or sub.period_end, TRIAL_SLACK
    if end is None:  # no period of a price of ours: nothing was promised
        return Entitlement(Level.NONE, Why.LAPSED, subscription_id=sub.id)
    elif sub.ends_at is not None:
        return Entitlement(Level.FULL, Why.ENDING, sub.ends_at, sub.ends_at, sub.id)
    elif sub.pause_behavior == "void":
        return Entitlement(Level.FULL, Why.ENDING, end, end, sub.id)
    else:
        return Entitlement(
            Level.FULL, Why.TRIAL if sub.status == "trialing" else Why.PAID, end + slack, subscription_id=sub.id
        )


def _in_grace(sub: Sub, grace: timedelta) -> Entitlement:
    if sub.past_due_since is None:
        return Entitlement(Level.NONE, Why.UNPAID, subscription_id=sub.id)
    last = sub.past_due_since + grace
    return Entitlement(Level.GRACE, Why.PAST_DUE, min(last, sub.ends_at or last), sub.ends_at, sub.id)


def _is_unread_since(moment: datetime, sub: Sub) -> bool:
    return sub.fetched_at is not None and sub.fetched_at < moment


def days_of_grace() -> timedelta:
    """How long everything stays open after a renewal failed."""
    return timedelta(days=current_app.config["GRACE_DAYS"])


def init_app(app: Flask) -> None:
    """What billing puts on every page."""
    from portal.billing import gateway, standing  # they ask this module, so it meets them only when all is loaded

    gateway.init_app(app)
    standing.init_app(app)


_LONG_AGO = datetime.fromisoformat("0001-01-02T00:00:00+00:00")
