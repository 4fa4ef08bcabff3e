"""Stripe's test cards and how each behaves (docs.stripe.com/testing)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from stripe_sandbox.errors import ApiError

DECLINES = {
    "generic_decline": ("card_declined", "Your card was declined."),
    "insufficient_funds": ("card_declined", "Your card has insufficient funds."),
    "lost_card": ("card_declined", "Your card was declined."),
    "stolen_card": ("card_declined", "Your card was declined."),
    "expired_card": ("expired_card", "Your card has expired."),
    "incorrect_cvc": ("incorrect_cvc", "Your card's security code is incorrect."),
    "processing_error": (
        "processing_error",
        "An error occurred while processing your card. Try again in a little bit.",
    ),
    "authentication_required": (
        "authentication_required",
        "Your card was declined. This transaction requires authentication.",
    ),
}


@dataclass(frozen=True)
class TestCard:
    """`declines` at once when paid or saved; `fails_later` saves well and declines every charge; `challenge` is
    "setup" (once, then quiet) or "always"."""

    label: str
    brand: str = "visa"
    declines: str | None = None
    fails_later: bool = False
    challenge: str | None = None
    disputes: bool = False


CARDS = {
    "4242424242424242": TestCard("Succeeds"),
    "5555555555554444": TestCard("Succeeds (Mastercard)", brand="mastercard"),
    "378282246310005": TestCard("Succeeds (American Express)", brand="amex"),
    "4000000000000002": TestCard("Declined", declines="generic_decline"),
    "4000000000009995": TestCard("Declined, insufficient funds", declines="insufficient_funds"),
    "4000000000009987": TestCard("Declined, lost card", declines="lost_card"),
    "4000000000009979": TestCard("Declined, stolen card", declines="stolen_card"),
    "4000000000000069": TestCard("Declined, expired card", declines="expired_card"),
    "4000000000000127": TestCard("Declined, wrong security code", declines="incorrect_cvc"),
    "4000000000000119": TestCard("Declined, processing error", declines="processing_error"),
    "4000002500003155": TestCard("Bank confirmation once, then quiet", challenge="setup"),
    "4000002760003184": TestCard("Bank confirmation every time", challenge="always"),
    "4000000000000341": TestCard("Can be saved, every charge fails", fails_later=True),
    "4000000000000259": TestCard("Succeeds, disputed later", disputes=True),
}


@dataclass(frozen=True)
class TypedCard:
    """What someone typed into a card form and passed its checks."""

    number: str
    month: int
    year: int
    card: TestCard


def read_card(number: str, expiry: str, cvc: str, *, now: int) -> TypedCard:
    """Stripe's own sentences for a wrong card field. Raises ApiError with `param` number, expiry or cvc."""
    digits = "".join(c for c in number if c.isdigit())
    if len(digits) < 13:
        raise _wrong("Your card number is incomplete.", "number", "incomplete_number")
    if not _passes_luhn(digits):
        raise _wrong("Your card number is invalid.", "number", "incorrect_number")
    if digits not in CARDS:
        raise _wrong("This is no test card. Take one from the list below.", "number", "testmode_charges_only")
    month, year = _expiry(expiry)
    today = datetime.fromtimestamp(now, UTC)
    if not 1 <= month <= 12:
        raise _wrong("Your card's expiration date is invalid.", "expiry", "invalid_expiry_month")
    if (year, month) < (today.year, today.month):
        raise _wrong("Your card's expiration year is in the past.", "expiry", "invalid_expiry_year")
    wanted = 4 if CARDS[digits].brand == "amex" else 3
    if not cvc.strip().isdigit() or len(cvc.strip()) != wanted:
        raise _wrong("Your card's security code is incomplete.", "cvc", "incomplete_cvc")
    return TypedCard(digits, month, year, CARDS[digits])


def decline(code: str) -> ApiError:
    main, message = DECLINES[code]
    return ApiError(message, status=402, type="card_error", code=main, decline_code=code, keeps=True)


def _expiry(text: str) -> tuple[int, int]:
    digits = [part for part in text.replace("-", "/").replace(" ", "").split("/") if part]
    if len(digits) == 1 and digits[0].isdigit() and len(digits[0]) == 4:
        digits = [digits[0][:2], digits[0][2:]]
    if len(digits) != 2 or not all(d.isdigit() for d in digits):
        raise _wrong("Your card's expiration date is incomplete.", "expiry", "incomplete_expiry")
    year = int(digits[1])
    return int(digits[0]), year + 2000 if year < 100 else year


def _passes_luhn(digits: str) -> bool:
    total = 0
    for position, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if position % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def _wrong(message: str, param: str, code: str) -> ApiError:
    return ApiError(message, status=402, type="card_error", code=code, param=param)
