"""A page of a list whose places are known: where it begins stands in the address."""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from portal.core.web import cursor, read_cursor

Place = tuple[datetime, int]
AT_A_TIME = 50


@dataclass(frozen=True)
class Screenful:
    """The ids of one page, and the cursor of the next; None where the list ends."""

    ids: list[int]
    total: int
    later: str | None
    is_first: bool


def screenful(places: Sequence[Place], after: str | None, *, newest_first: bool, most: int = AT_A_TIME) -> Screenful:
    """The places after the cursor. A row that left the list meanwhile moves nobody to another page."""
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
