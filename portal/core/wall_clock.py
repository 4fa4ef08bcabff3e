"""What a clock on the wall says, as a moment: also on the days when clocks are moved."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


@dataclass(frozen=True)
class NoSuchTime(Exception):
    """Clocks are moved forward over this time; `after` is the first that exists again."""

    after: datetime


def moment_of(day: date, clock: time, zone: ZoneInfo) -> tuple[datetime, bool]:
    """The moment in UTC, and whether that time comes twice on this day; then the first of the two is meant.

    Raises NoSuchTime for a time that is skipped, as PEP 495 tells it: converted to UTC and back it reads otherwise.
    """
    wall = datetime.combine(day, clock)
    first, second = (wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if first.astimezone(zone).replace(tzinfo=None) != wall:
        raise NoSuchTime(_first_after(wall, zone))
    return first, first != second


def _first_after(wall: datetime, zone: ZoneInfo) -> datetime:
    """The end of the gap, as clocks there show it. Gaps are whole minutes long and shorter than a day."""
    before = wall.replace(tzinfo=zone, fold=0).utcoffset() or timedelta()
    behind = wall.replace(tzinfo=zone, fold=1).utcoffset() or timedelta()
    gap = abs(before - behind)
    at = wall
    while (at - timedelta(minutes=1)) > wall - gap and not _exists(at - timedelta(minutes=1), zone):
        at -= timedelta(minutes=1)
    return at + gap


def _exists(wall: datetime, zone: ZoneInfo) -> bool:
    return wall.replace(tzinfo=zone).astimezone(UTC).astimezone(zone).replace(tzinfo=None) == wall
