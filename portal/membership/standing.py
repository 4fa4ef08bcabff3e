"""How someone's membership stands, in words for themselves."""

from __future__ import annotations

from dataclasses import dataclass

from portal.billing.entitlements import Entitlement, Level, Why
from portal.core.web import day


@dataclass(frozen=True)
class Standing:
    label: str
    tone: str  # of the status component: plain, good, warn, bad
    sentence: str
    may_join: bool  # there is nothing running that a new plan would double


def standing(found: Entitlement) -> Standing:
    """The label and the one sentence for the account page."""
    until = day(found.until) if found.until else ""
    if found.level is Level.GRACE:
        return Standing(
            "Payment due",
            "warn",
            f"The last payment did not go through. Everything stays open until {until}."
            if until
            else "The last payment did not go through.",
            may_join=False,
        )
    if found.is_open:
        return Standing("Member", "good", _open(found, until), may_join=False)
    return Standing(*_CLOSED.get(found.why, _LAPSED), may_join=found.why in {Why.NEVER, Why.LAPSED, Why.REFUNDED})


def _open(found: Entitlement, until: str) -> str:
    if found.why is Why.STAFF:
        return "Everything is open to you because you work here."
    if found.ends_on is not None:
        return (
            f"Your membership was cancelled and stays open until {day(found.ends_on)}. You can still change your mind."
        )
    if found.why is Why.GRANT:
        return f"Your membership was given to you, until {until}." if until else "Your membership was given to you."
    if found.why is Why.TRIAL:
        return f"Your trial runs until {until}." if until else "Your trial is running."
    return "Your membership is running, and everything is open to you."


_LAPSED = ("Lapsed", "plain", "Your membership has ended. Your words and your account are still here.")
_CLOSED = {
    Why.NEVER: ("Not a member yet", "plain", "You have an account. Tools, full episodes and rooms open with a plan."),
    Why.INCOMPLETE: ("Payment not finished", "warn", "Your first payment was begun and not finished."),
    Why.UNPAID: ("Payment due", "bad", "The last payments did not go through, so your membership is closed for now."),
    Why.PAUSED: ("Paused", "plain", "Your membership is paused."),
    Why.REFUNDED: ("Refunded", "plain", "Your payment was returned, and your membership ended with it."),
    Why.DISPUTED: ("On hold", "bad", "Your bank disputes the payment. Write to us, and we will sort it out."),
}
