"""The directory of members: who is listed, found by what they let the others read, and by nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, case, or_, select

from portal.accounts.models import Member, Role, initials_of
from portal.billing.entitlements import may_be_open, of_several
from portal.core.clock import now
from portal.core.db import db, is_postgresql
from portal.core.folding import fold
from portal.core.web import Page
from portal.practices.models import Affiliation, Discretion, Field, Part, Practice, Region, Size, Specialty, in_words
from portal.practices.queries import is_shown, line, says

ROWS_A_PAGE = 24
_MOST_WORDS = 5
_FEW = 200
_STAFF = {Role.MODERATOR: "Moderator", Role.COACH: "Coach", Role.OWNER: "Owner"}


@dataclass(frozen=True)
class Wanted:
    """Whom a reader looks for; None and no words mean anybody."""

    words: str = ""
    specialty: Specialty | None = None
    part: Part | None = None
    size: Size | None = None
    region: Region | None = None

    @property
    def is_narrow(self) -> bool:
        return self != Wanted()


@dataclass(frozen=True, slots=True)
class Listed:
    """One person's line, with nothing in it that members may not read."""

    id: int
    handle: str
    name: str
    initials: str
    photo: str | None
    staff: str | None
    line: str
    facts: list[str]


def listed(wanted: Wanted, *, after: str | None = None, before: str | None = None) -> Page[Listed]:
    """One screenful in the order of their addresses, behind or before one of them.

    A row whose membership has just ended is dropped from the page that was read, so a page may be a little shorter.
    """
    first, *_ = wanted.words.split() or [""]
    perhaps = _perhaps(first) if first else None
    if perhaps == []:
        return Page([], newer=None, older=None)
    found = _everybody(wanted, perhaps)
    if before:
        rows = db.session.execute(
            found.where(Member.handle < before).order_by(Member.handle.desc()).limit(ROWS_A_PAGE + 1)
        ).all()
        more, rows = len(rows) > ROWS_A_PAGE, rows[:ROWS_A_PAGE][::-1]
        return _page(rows, earlier=more, later=True) if rows else listed(wanted)
    if after:
        found = found.where(Member.handle > after)
    rows = db.session.execute(found.order_by(Member.handle).limit(ROWS_A_PAGE + 1)).all()
    return _page(rows[:ROWS_A_PAGE], earlier=bool(after), later=len(rows) > ROWS_A_PAGE)


def _page(rows: Sequence[Row[Any]], *, earlier: bool, later: bool) -> Page[Listed]:
    entitled = of_several([row.id for row in rows if row.role is Role.MEMBER])
    here = [row for row in rows if row.role is not Role.MEMBER or entitled[row.id].is_open]
    return Page(
        [_drawn(row) for row in here],
        newer=rows[0].handle if rows and earlier else None,
        older=rows[-1].handle if rows and later else None,
    )


def _drawn(row: Row[Any]) -> Listed:
    facts = [in_words(value) for value in (row.specialty, row.size, row.region) if value]
    under = line(row.title, row.part, row.practice)
    return Listed(row.id, row.handle, row.name, initials_of(row.name), row.photo, _STAFF.get(row.role), under, facts)


def _everybody(wanted: Wanted, perhaps: Sequence[int] | None) -> Select[Any]:
    """Everyone who is listed and fits. Each column comes out, and is compared, only where its owner shows it."""
    narrowed = [
        says(field, column, value)
        for field, column, value in (
            (Field.SPECIALTY, Practice.specialty, wanted.specialty),
            (Field.ROLE, Affiliation.part, wanted.part),
            (Field.SIZE, Practice.size, wanted.size),
            (Field.REGION, Practice.region, wanted.region),
        )
        if value is not None
    ]
    at = now()
    if perhaps is not None:
        narrowed.append(Member.id.in_(perhaps))
    return (
        select(
            Member.id,
            Member.handle,
            Member.name,
            Member.role,
            Member.photo,
            _if_shown(Field.PRACTICE, Practice.name).label("practice"),
            _if_shown(Field.SPECIALTY, Practice.specialty).label("specialty"),
            _if_shown(Field.ROLE, Affiliation.part).label("part"),
            _if_shown(Field.ROLE, Affiliation.title).label("title"),
            _if_shown(Field.SIZE, Practice.size).label("size"),
            _if_shown(Field.REGION, Practice.region).label("region"),
        )
        .select_from(Member)
        .outerjoin(Affiliation, Affiliation.member_id == Member.id)
        .outerjoin(Practice, Practice.id == Affiliation.practice_id)
        .outerjoin(Discretion, Discretion.member_id == Member.id)
        .where(
            Member.closed_at.is_(None),
            Member.leaving_since.is_(None),
            Member.confirmed_at.is_not(None),
            or_(Member.suspended_until.is_(None), Member.suspended_until <= at),
            Discretion.is_unlisted.is_not(True),
            or_(Member.role != Role.MEMBER, may_be_open(Member.id, at=at)),
            *narrowed,
            *(_holds(word) for word in wanted.words.split()[:_MOST_WORDS]),
        )
    )


def _if_shown(field: Field, column: Any) -> ColumnElement[Any]:
    return case((is_shown(field), column))


def _perhaps(word: str) -> Sequence[int] | None:
    """Whoever could be meant by a word, looked up plainly, so that the whole question is asked of few; None of many."""
    by_practice = select(Affiliation.member_id).join(Practice).where(Practice.name.icontains(word, autoescape=True))
    found = db.session.scalars(select(Member.id).where(_is_called(word)).union(by_practice).limit(_FEW + 1)).all()
    return found if len(found) <= _FEW else None


def _is_called(word: str) -> ColumnElement[bool]:
    """That a name, or the address of their page, holds these letters; with or without accents."""
    # SQLite's LIKE takes no notice of case anyway, and is four times as fast without being told to.
    named = Member.name.icontains if is_postgresql() else Member.name.contains
    return or_(named(word, autoescape=True), Member.handle.contains(fold(word), autoescape=True))


def _holds(word: str) -> ColumnElement[bool]:
    """That a name, or the practice they show, holds these letters."""
    practice = _if_shown(Field.PRACTICE, Practice.name)
    return or_(_is_called(word), practice.icontains(word, autoescape=True))
