"""What people look for and do not find: words, how often, on which day. Who they were is not kept.

Coaches read it to know what is missing. What looks like an address, a telephone number or a number of a record is left
out, because people paste all of these into a search field.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, timedelta
from typing import NamedTuple

import structlog
from sqlalchemy import Date, String, UniqueConstraint, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, TimeoutError
from sqlalchemy.orm import Mapped, mapped_column

from portal.core.clock import now
from portal.core.db import Model, db, is_postgresql, transaction
from portal.core.folding import terms_of
from portal.core.jobs import periodic

log = structlog.get_logger()

KEPT = timedelta(days=180)
_LONGEST = 60  # characters of what was looked for
_MOST_A_DAY = 500  # different ones; a script that makes words up fills no table
_PRIVATE = re.compile(r"@|\d[\d\s()./+-]{4,}\d")


class SearchMiss(Model):
    """Words that found nothing on one day, folded."""

    __tablename__ = "search_miss"
    __table_args__ = (UniqueConstraint("day", "words"),)

    day: Mapped[date] = mapped_column(Date)  # UTC
    words: Mapped[str] = mapped_column(String(_LONGEST))
    times: Mapped[int]


class Missed(NamedTuple):
    """What was looked for in vain, how often, and when last."""

    words: str
    times: int
    last: date


def note(typed: str) -> None:
    """Count a search without an answer, beside the reading; whatever goes wrong here costs nobody their page."""
    words = " ".join(terms_of(typed))
    if not 3 <= len(words) <= _LONGEST or _PRIVATE.search(typed):
        return
    day = now().date()
    kind = postgresql if is_postgresql() else sqlite
    counted = kind.insert(SearchMiss).values(day=day, words=words, times=1, created_at=now())
    again = counted.on_conflict_do_update(index_elements=["day", "words"], set_={"times": SearchMiss.times + 1})
    try:
        with transaction():
            if _is_room(day, words):
                db.session.execute(again)
    except (DBAPIError, TimeoutError) as error:
        log.warning("search.miss_not_noted", kind=type(error).__name__)


def most_missed(*, since: date, most: int = 50) -> Sequence[Missed]:
    """What was looked for in vain most often since that day, for the desk."""
    times, last = func.sum(SearchMiss.times), func.max(SearchMiss.day)
    found = db.session.execute(
        select(SearchMiss.words, times, last)
        .where(SearchMiss.day >= since)
        .group_by(SearchMiss.words)
        .order_by(times.desc(), last.desc(), SearchMiss.words)
        .limit(most)
    )
    return [Missed(words, int(times), last) for words, times, last in found]


@periodic("search.forget_misses", every=timedelta(days=1))
def forget_old() -> None:
    """What nobody found half a year ago tells nothing any more."""
    with transaction():
        db.session.execute(delete(SearchMiss).where(SearchMiss.day < (now() - KEPT).date()))


def _is_room(day: date, words: str) -> bool:
    same = select(SearchMiss.id).where(SearchMiss.day == day)
    if db.session.scalar(same.where(SearchMiss.words == words)) is not None:
        return True
    return (db.session.scalar(select(func.count()).select_from(same.subquery())) or 0) < _MOST_A_DAY
