"""Times that clocks show, on ordinary days and when they are moved."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import pytest

from portal.core.wall_clock import NoSuchTime, moment_of

CHICAGO, BERLIN, LORD_HOWE = (ZoneInfo(name) for name in ("America/Chicago", "Europe/Berlin", "Australia/Lord_Howe"))

pytestmark = pytest.mark.one_database


@pytest.mark.parametrize(
    ("day", "clock", "zone", "utc"),
    [
        (date(2026, 3, 7), time(9), CHICAGO, "2026-03-07 15:00"),
        (date(2026, 3, 9), time(9), CHICAGO, "2026-03-09 14:00"),
        (date(2026, 3, 8), time(1, 59), CHICAGO, "2026-03-08 07:59"),
        (date(2026, 3, 8), time(3), CHICAGO, "2026-03-08 08:00"),
        (date(2026, 10, 25), time(1, 59), BERLIN, "2026-10-24 23:59"),
        (date(2026, 10, 25), time(3), BERLIN, "2026-10-25 02:00"),
    ],
)
def test_nine_in_the_morning_is_nine_in_the_morning_on_either_side_of_the_change(day, clock, zone, utc):
    moment, twice = moment_of(day, clock, zone)
    assert (f"{moment:%Y-%m-%d %H:%M}", twice) == (utc, False)


@pytest.mark.parametrize(
    ("day", "clock", "zone", "after"),
    [
        (date(2026, 3, 8), time(2, 0), CHICAGO, "2026-03-08 03:00"),
        (date(2026, 3, 8), time(2, 30), CHICAGO, "2026-03-08 03:00"),
        (date(2026, 3, 8), time(2, 59), CHICAGO, "2026-03-08 03:00"),
        (date(2026, 10, 4), time(2, 15), LORD_HOWE, "2026-10-04 02:30"),
    ],
)
def test_a_time_that_is_skipped_is_refused_with_the_next_that_exists(day, clock, zone, after):
    with pytest.raises(NoSuchTime) as no:
        moment_of(day, clock, zone)
    assert f"{no.value.after:%Y-%m-%d %H:%M}" == after


def test_of_a_time_that_comes_twice_the_first_is_meant(app):
    moment, twice = moment_of(date(2026, 11, 1), time(1, 30), CHICAGO)
    assert (moment, twice) == (datetime(2026, 11, 1, 6, 30, tzinfo=UTC), True)
