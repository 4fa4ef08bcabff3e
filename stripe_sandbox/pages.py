"""What the hosted pages share: headers, money and dates in words."""

from __future__ import annotations

from datetime import UTC, datetime

from flask import Response, current_app, make_response, render_template

from stripe_sandbox import cards
from stripe_sandbox.sandbox import Sandbox
from stripe_sandbox.store import Object

_SIGNS = {"usd": "$", "eur": "€", "gbp": "£", "chf": "CHF ", "cad": "CA$", "aud": "A$"}
COUNTRIES = {
    "US": "United States",
    "GB": "United Kingdom",
    "DE": "Germany",
    "AT": "Austria",
    "CH": "Switzerland",
    "FR": "France",
    "NL": "Netherlands",
    "BE": "Belgium",
    "IE": "Ireland",
    "ES": "Spain",
    "IT": "Italy",
    "SE": "Sweden",
    "DK": "Denmark",
    "FI": "Finland",
    "PL": "Poland",
    "CA": "Canada",
    "AU": "Australia",
    "NZ": "New Zealand",
}


def page(template: str, status: int = 200, **values: object) -> Response:
    """Never kept by the browser, so the back button asks again and meets the truth."""
    with sandbox().store.read() as tx:
        business = tx.account_name
    response = make_response(render_template(template, **SHOWN, business=business, **values), status)
    response.headers["Cache-Control"] = "no-store"
    # No form-action: Checkout leads to the merchant's own pages, which only the session knows.
    response.headers["Content-Security-Policy"] = (
        "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def sandbox() -> Sandbox:
    found: Sandbox = current_app.extensions["sandbox"]
    return found


def money(amount: int, currency: str) -> str:
    """1234 and "usd" make $12.34."""
    sign = "−" if amount < 0 else ""
    return f"{sign}{_SIGNS.get(currency, currency.upper() + ' ')}{abs(amount) / 100:,.2f}"


def day(moment: int) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%-d %B %Y")


def iso(moment: int) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat()


def clock(moment: int) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%-d %b %Y, %H:%M")


SHOWN = {"money": money, "day": day, "iso": iso, "clock": clock}


def per_interval(price: Object) -> str:
    recurring = price["recurring"]
    count = recurring["interval_count"]
    return f"per {recurring['interval']}" if count == 1 else f"every {count} {recurring['interval']}s"


def test_cards() -> list[tuple[str, str]]:
    return [(number, card.label) for number, card in cards.CARDS.items()]


def prefilled(number: str) -> dict[str, str]:
    """Card fields for a number taken from the list of test cards; empty without one."""
    if not number:
        return {"number": "", "expiry": "", "cvc": ""}
    card = cards.CARDS.get(number)
    return {"number": spaced(number), "expiry": "12 / 40", "cvc": "1234" if card and card.brand == "amex" else "123"}


def spaced(number: str) -> str:
    digits = "".join(c for c in number if c.isdigit())
    return " ".join(digits[i : i + 4] for i in range(0, len(digits), 4))
