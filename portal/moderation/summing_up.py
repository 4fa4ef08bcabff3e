"""Summing up: what was flagged and decided of late, for every member to read, in numbers that point at nobody.

A number below FEWEST is not told, nor one from which it could be worked out: there are no totals beside the parts. The
day that runs is left out, or whoever looks twice in an hour reads whose words were just flagged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, extract, func, select

from portal.core import locales
from portal.core.clock import now
from portal.core.db import db
from portal.moderation.forms import REASONS
from portal.moderation.models import Flag, Outcome, Ruling, Verdict
from portal.moderation.person_models import Appeal, Sanction, SanctionKind

DAYS = 90
FEWEST = 3  # from here on a number is told
NONE, FEW, ALL_BUT_FEW = "None", f"Fewer than {FEWEST}", f"All but fewer than {FEWEST}"
BY_PORTAL = "Nobody flagged it; the portal had it looked at first"
OUTCOMES = {
    Outcome.KEPT: "It stays as it is",
    Outcome.NOTED: "It stays, and its author was written to",
    Outcome.EDITED: "A part of it was edited out",
    Outcome.HIDDEN: "Hidden",
    Outcome.DELETED: "Deleted",
    Outcome.MOVED: "Moved to another room",
    Outcome.LOCKED: "Closed to new replies",
    Outcome.CLEARED: "Taken off a profile",
    Outcome.WITHDRAWN: "Taken out of the library",
    Outcome.RESTORED: "Shown again",
    Outcome.UNLOCKED: "Opened to replies again",
}


@dataclass(frozen=True)
class Summary:
    """What happened from the first day to the last, both included, as the page says it."""

    first: date
    last: date
    flags: Sequence[tuple[str, str]]  # why, how many; in an order that tells nothing of the small numbers
    rulings: Sequence[tuple[str, str]]
    took: str  # the median from a member's flag to the ruling on it
    appeals: str
    granted: str
    silences: str
    suspensions: str

    @property
    def is_empty(self) -> bool:
        return not self.flags and not self.rulings and {self.appeals, self.silences, self.suspensions} == {NONE}


def sum_up() -> Summary:
    """The days that are over, as the site counts them. Five statements, however much there was."""
    zone = locales.zone_of(None)
    today = now().astimezone(zone).date()
    first = today - timedelta(days=DAYS)
    since, until = (datetime.combine(day, time.min, zone) for day in (first, today))
    sanctions = _counts(Sanction.kind, _between(Sanction.created_at, since, until))
    appeals, granted = _appeals(since, until)
    return Summary(
        first=first,
        last=today - timedelta(days=1),
        flags=_flags(since, until),
        rulings=_told(OUTCOMES, _counts(Ruling.outcome, _between(Ruling.created_at, since, until))),
        took=_took(since, until),
        appeals=_number(appeals),
        granted=ALL_BUT_FEW if granted >= FEWEST and 0 < appeals - granted < FEWEST else _number(granted),
        silences=_number(sanctions.get(SanctionKind.SILENCE, 0)),
        suspensions=_number(sanctions.get(SanctionKind.SUSPENSION, 0)),
    )


def _flags(since: datetime, until: datetime) -> list[tuple[str, str]]:
    counts = _counts(Flag.reason, _between(Flag.created_at, since, until))
    raised = sum(count for reason, count in counts.items() if reason not in REASONS)
    return _told(REASONS, counts) + ([(BY_PORTAL, _number(raised))] if raised else [])


def _told(words: Mapping[Any, str], counts: Mapping[Any, int]) -> list[tuple[str, str]]:
    """What there was, in the order of the words."""
    return [(said, _number(counts[key])) for key, said in words.items() if key in counts]


def _counts(kind: Any, within: ColumnElement[bool]) -> dict[Any, int]:
    rows = db.session.execute(select(kind, func.count().label("many")).where(within).group_by(kind))
    return {row[0]: row.many for row in rows}


def _appeals(since: datetime, until: datetime) -> tuple[int, int]:
    """Those of these days, and how many of them were granted by their end."""
    is_granted = and_(Appeal.verdict == Verdict.OVERTURNED, Appeal.decided_at < until)
    query = select(func.count(), func.count().filter(is_granted)).where(_between(Appeal.created_at, since, until))
    made, granted = db.session.execute(query).one()
    return made, granted


def _took(since: datetime, until: datetime) -> str:
    """Of the flags of members that were ruled on in these days; rounded, so that no single one is recognised."""
    seconds = extract("epoch", Flag.ruled_at) - extract("epoch", Flag.created_at)
    ruled = (
        select(
            seconds.label("seconds"),
            func.row_number().over(order_by=seconds).label("place"),
            func.count().over().label("all"),
        )
        .where(_between(Flag.ruled_at, since, until), Flag.by_id.is_not(None))
        .subquery()
    )
    middle = ruled.c.place.in_([(ruled.c.all + 1) // 2, (ruled.c.all + 2) // 2])
    median, count = db.session.execute(select(func.avg(ruled.c.seconds), func.max(ruled.c.all)).where(middle)).one()
    return _in_words(float(median)) if (count or 0) >= FEWEST else "Too few to say"


def _in_words(seconds: float) -> str:
    hours, days = round(seconds / 3600), round(seconds / 86400)
    if seconds < 3600:
        return "Within an hour"
    if hours < 48:
        return "About an hour" if hours == 1 else f"About {hours} hours"
    return f"About {days} days"


def _number(count: int) -> str:
    if count == 0:
        return NONE
    return FEW if count < FEWEST else f"{count:,}"


def _between(moment: Any, since: datetime, until: datetime) -> ColumnElement[bool]:
    return and_(moment >= since, moment < until)
