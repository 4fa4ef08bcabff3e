"""Turning the pages of a list of conversations, from a cursor on: what is older than it, or what is newer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from enum import Enum
from functools import cache

from sqlalchemy import ColumnElement, Integer, bindparam, tuple_

from portal.conversations.queries import Asked, Line, Lines
from portal.core.db import Moment, db
from portal.core.web import Page, cursor, read_cursor


def page_of(
    asked: Asked,
    moment: ColumnElement[datetime],
    number: ColumnElement[int],
    *,
    older: str | None,
    newer: str | None,
    most: int,
    place: Callable[[Line], tuple[datetime, int]],
) -> Page[Line]:
    """One screenful, newest first, beside a cursor: what is older than it, or what is newer. Nonsense means the top."""
    query, values = asked
    after, before = read_cursor(older), read_cursor(newer)
    at = after or before
    values = values | {"most": most + 1} | ({"at_moment": at[0], "at_number": at[1]} if at else {})
    side = Side.OLDER if after else Side.NEWER if before else Side.TOP
    found = db.session.connection().execute(_beside(query, moment, number, side), values).all()
    more, rows = len(found) > most, found[:most]
    if side is Side.NEWER:
        rows = rows[::-1]
    if not rows and at:
        return page_of(asked, moment, number, older=None, newer=None, most=most, place=place)
    if not rows:
        return Page([], None, None)
    is_top = side is Side.TOP or (side is Side.NEWER and not more)
    is_end = side is not Side.NEWER and not more
    return Page(
        rows,
        newer=None if is_top else cursor(*place(rows[0])),
        older=None if is_end else cursor(*place(rows[-1])),
    )


class Side(Enum):
    """Where a page lies, seen from its cursor."""

    TOP = "top"
    OLDER = "older"
    NEWER = "newer"


@cache
def _beside(query: Lines, moment: ColumnElement[datetime], number: ColumnElement[int], side: Side) -> Lines:
    key = tuple_(moment, number)
    at = tuple_(bindparam("at_moment", type_=Moment()), bindparam("at_number", type_=Integer()))
    if side is Side.NEWER:
        query = query.where(key > at).order_by(moment, number)
    else:
        query = (query.where(key < at) if side is Side.OLDER else query).order_by(moment.desc(), number.desc())
    return query.limit(bindparam("most"))
