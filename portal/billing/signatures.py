"""Which deliveries are Stripe's: signed with a secret of ours, within five minutes of our clock."""

from __future__ import annotations

import json
from collections.abc import Iterable

from portal.billing.asking import is_signed
from portal.billing.reading_answers import as_event
from portal.billing.shapes import Event, Malformed
from portal.core.clock import now

SIGNATURE_WINDOW = 300  # seconds between Stripe's clock and ours, either way


class BadSignature(Exception):
    """A delivery that does not carry a signature of ours, or is no event."""


class ClockSkew(BadSignature):
    """The signature is good and the time in it is not: someone's clock is off by `seconds` (ours behind: positive)."""

    def __init__(self, seconds: int) -> None:
        self.seconds = seconds
        super().__init__(f"signed {seconds} s away from our clock")


def read_event(body: bytes, header: str | None, secrets: Iterable[str]) -> Event:
    """The event in a delivery, if one of the secrets signed it just now. Raises BadSignature or ClockSkew."""
    if not any(is_signed(body, header, secret) for secret in secrets):
        raise BadSignature("no secret of ours made this signature")
    signed_at = _signed_at(header or "")
    skew = round(signed_at - now().timestamp())
    if abs(skew) > SIGNATURE_WINDOW:
        raise ClockSkew(skew)
    try:
        return as_event(json.loads(body))
    except (ValueError, AttributeError, TypeError, KeyError, Malformed) as error:
        raise BadSignature(f"no event: {type(error).__name__}") from None


def _signed_at(header: str) -> int:
    """The `t=` of a header that was verified, so it is there and whole."""
    return int(next(part[2:] for part in header.split(",") if part.startswith("t=")))
