"""Addresses, money, moments, cursors and names."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.core import web
from portal.core.logs import redacted


@pytest.mark.parametrize(
    "wanted",
    [
        "//evil.example",
        "/\\evil.example",
        "https://evil.example",
        "\t//evil.example",
        "/\t/evil.example",
        "javascript:alert(1)",
        "/%0d%0aSet-Cookie:x",
        "evil.example",
        "",
        None,
        "/a b",
        "/ü",
        "///evil.example",
        "\\\\evil.example",
    ],
)
def test_next_leads_nowhere_but_home(wanted: str | None):
    found = web.local_path(wanted, "/account")
    assert found == "/account" or not found.startswith(("//", "/\\"))
    if wanted != "/%0d%0aSet-Cookie:x":
        assert found == "/account"


@pytest.mark.parametrize("wanted", ["/library", "/library?kind=tool&q=role%20card", "/threads/7?page=2#post-31"])
def test_next_leads_to_pages_of_ours(wanted: str):
    assert web.local_path(wanted, "/account") == wanted


@pytest.mark.parametrize(
    ("minor", "currency", "shown"),
    [
        (9900, "usd", "$99"),
        (9950, "usd", "$99.50"),
        (99000, "usd", "$990"),
        (123456700, "usd", "$1,234,567"),
        (500, "jpy", "¥500"),
        (0, "eur", "€0"),
    ],
)
def test_money_is_minor_units_in_words_of_the_locale(app, minor: int, currency: str, shown: str):
    with app.app_context():
        assert web.money(minor, currency) == shown


def test_letters_link_to_the_public_address_whatever_host_was_asked_for(app):
    with app.test_request_context("/", headers={"Host": "localhost"}):
        assert web.absolute("home.about") == "http://localhost/about"


@given(
    st.datetimes(min_value=datetime(1990, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    st.integers(min_value=1, max_value=2**31 - 1),
)
def test_a_cursor_comes_back_as_it_went(moment: datetime, row_id: int):
    assert web.read_cursor(web.cursor(moment, row_id)) == (moment, row_id)


@given(st.text())
def test_nonsense_is_no_cursor_and_no_error(text: str):
    found = web.read_cursor(text)
    assert found is None or isinstance(found[1], int)


@given(st.text())
def test_a_name_keeps_no_control_and_no_bidi_characters(text: str):
    name = web.plain_name(text)
    assert all(c.isprintable() for c in name)
    assert not set(name) & set("\u200e\u200f\u202a\u202e\u2066\u2069")
    assert name == " ".join(name.split())


def test_a_moment_is_shown_in_the_readers_zone_and_exactly_on_hover(app):
    with app.test_request_context("/"):
        shown = web.when(datetime(2024, 1, 5, 20, 30, tzinfo=UTC))
    assert 'datetime="2024-01-05T20:30:00Z"' in shown
    assert "5 Jan 2024" in shown
    assert "2:30" in shown  # America/Chicago, the site's own


def test_today_is_a_time_and_yesterday_a_date(app, clock):
    clock.move_to(datetime(2026, 6, 10, 18, 0, tzinfo=UTC))
    with app.test_request_context("/"):
        assert "1:00" in web.when(datetime.now(UTC)).split(">")[1]
        assert "9 Jun" in web.when(datetime.now(UTC) - timedelta(days=1)).split(">")[1]


def test_numbers_in_addresses_fall_back():
    assert [web.whole_number(t, otherwise=1, most=50) for t in ("7", "-1", "0", "abc", "9" * 30, None, "²", "60")] == [
        7,
        1,
        1,
        1,
        1,
        1,
        1,
        50,
    ]


def test_logs_keep_no_addresses_keys_or_tokens():
    line = redacted("alice@example.com asked /password/reset/pfl_abc123 with sk_live_abcdef and whsec_zzz")
    line += redacted(
        "broken at /sign-in?next=%2Faccount%2Femail%2Fconfirm%2Fpfl_abc123 and pfi_xyz-9 alone, pff_Ab_c-9 too"
    )
    line += redacted("GET /feeds/never-ours/podcast.xml")
    for secret in ("alice", "pfl_abc123", "pfi_xyz", "pff_Ab", "never-ours", "sk_live", "whsec_zzz"):
        assert secret not in line
    assert len(redacted("x" * 10_000)) == 2000
