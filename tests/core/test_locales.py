"""Days, times and money as one reader writes them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from babel import Locale

from portal.accounts.models import Member
from portal.core import locales, web
from portal.core.locales import Manner

DAY = date(2026, 5, 3)
SITE, BRITISH = Manner("en_US"), Manner("en_GB", is_chosen=True)
AMERICAN, GERMAN = Manner("en_US", is_chosen=True), Manner("de_DE", is_chosen=True)


@pytest.mark.parametrize(
    ("manner", "day", "short", "weekday"),
    [
        (SITE, "3 May 2026", "3 May", "Sunday, 3 May 2026"),
        (AMERICAN, "May 3, 2026", "May 3", "Sunday, May 3, 2026"),
        (BRITISH, "3 May 2026", "3 May", "Sunday, 3 May 2026"),
        (GERMAN, "3. Mai 2026", "3. Mai", "Sonntag, 3. Mai 2026"),
    ],
)
def test_a_day_is_written_in_the_order_of_whoever_chose_a_locale(manner, day, short, weekday):
    assert locales.day(DAY, manner) == day
    assert locales.short_day(DAY, manner, with_year=False) == short
    assert locales.weekday(DAY, manner) == weekday


@pytest.mark.parametrize(("manner", "hour"), [(SITE, "9:05 PM"), (BRITISH, "21:05"), (GERMAN, "21:05")])
def test_an_hour_is_told_by_the_clock_of_the_locale(manner, hour):
    assert locales.clock(21, 5, manner) == hour


@pytest.mark.parametrize(
    ("manner", "minor", "currency", "shown"),
    [
        (SITE, 9900, "USD", "$99"),
        (BRITISH, 9900, "USD", "US$99"),
        (GERMAN, 9900, "USD", "99\xa0$"),
        (GERMAN, 123456789, "EUR", "1.234.567,89\xa0€"),
        (GERMAN, 500, "JPY", "500\xa0¥"),
        (Manner("en_IN", is_chosen=True), 1234567800, "INR", "₹1,23,45,678"),
    ],
)
def test_money_is_written_as_the_reader_writes_it(manner, minor, currency, shown):
    assert locales.money(minor, currency, manner) == shown


@pytest.mark.parametrize("name", [*locales.ENGLISH, *locales.OTHERS])
def test_every_locale_on_offer_can_write_everything(name):
    manner = Manner(name, is_chosen=True)
    assert Locale.parse(name).get_display_name("en")
    local = datetime(2026, 5, 3, 21, 5, tzinfo=ZoneInfo("Europe/Berlin"))
    assert "2026" in locales.exact(local, manner)
    assert "3" in locales.short_day(DAY, manner, with_year=False)
    assert locales.zone_name(local, manner)
    assert "99" in locales.money(9900, "USD", manner)


def test_what_is_written_for_somebody_else_leaves_the_reader_their_own_manner(app):
    noon = datetime(2026, 5, 3, 12, tzinfo=UTC)
    with app.test_request_context("/"):
        before = web.day(noon), web.money(9900, "usd")
        with web.written_for(Member(time_zone="Pacific/Auckland", locale="de_DE")):
            assert web.day(noon) == "4. Mai 2026"
            assert web.money(9900, "usd") == "99\xa0$"
        assert (web.day(noon), web.money(9900, "usd")) == before == ("3 May 2026", "$99")
