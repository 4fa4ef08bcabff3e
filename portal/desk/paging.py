"""Pages of the desk's lists: where one begins stands in the address, and a row that goes meanwhile moves nobody."""

from __future__ import annotations

import bisect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from sqlalchemy import Select, literal, tuple_
from sqlalchemy.orm import InstrumentedAttribute

from portal.core.db import db
from portal.core.web import Place, cursor, read_cursor

T = TypeVar("T")
AT_A_TIME = 50


@dataclass(frozen=True)
class Screenful:
    """The ids of one page, and the cursor of the next; None where the list ends."""

    ids: list[int]
    total: int
    later: str | None
    is_first: bool


def screenful(places: Sequence[Place], after: str | None, *, newest_first: bool, most: int = AT_A_TIME) -> Screenful:
    """The places after the cursor, of a list whose places are known."""
    place, start = read_cursor(after), 0
    if place is not None and newest_first:
        start = bisect.bisect_right(places, _backwards(place), key=_backwards)
    elif place is not None:
        start = bisect.bisect_right(places, place)
    shown = places[start : start + most]
    more = start + most < len(places)
    return Screenful(
        ids=[row_id for _, row_id in shown],
        total=len(places),
        later=cursor(*shown[-1]) if more else None,
        is_first=place is None,
    )


def _backwards(place: Place) -> tuple[float, int]:
    return -place[0].timestamp(), -place[1]


@dataclass(frozen=True)
class Slice(Generic[T]):
    """One page of a list that the database orders, and the cursor of the next."""

    rows: Sequence[T]
    later: str | None
    is_first: bool


def newest_first(
    query: Select[*tuple[Any, ...]], moment: InstrumentedAttribute[datetime], after: str | None, draw: Callable[..., T]
) -> Slice[T]:
    """The rows after the cursor by this moment, each drawn from its columns; the first of these is what has it."""
    place, row_id = read_cursor(after), moment.class_.id
    if place is not None:
        query = query.where(tuple_(moment, row_id) < tuple_(literal(place[0], moment.type), literal(place[1])))
    found = db.session.execute(query.order_by(moment.desc(), row_id.desc()).limit(AT_A_TIME + 1)).all()
    shown = found[:AT_A_TIME]
    more = len(found) > AT_A_TIME
    return Slice(
        [draw(*row) for row in shown],
        later=cursor(getattr(shown[-1][0], moment.key), shown[-1][0].id) if more else None,
        is_first=place is None,
    )
