"""Who may come in, told a second time and apart from the portal: the table of the billing document, read over the
sandbox's own objects, grants and a moment. Slow, plain, and without a line of the portal's rules."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

HOUR, DAY = 3600, 86400
GRACE = 7 * DAY
FOR_EVER = float("inf")
FULL, IN_GRACE, CLOSED = 2, 1, 0
OPEN_DISPUTE = {"needs_response", "under_review", "lost"}


@dataclass(frozen=True)
class Expected:
    """How far the door is open, until when (seconds), and every reason that leads there."""

    level: int
    until: float
    reasons: frozenset[str]


class Account:
    """What Stripe holds at this moment."""

    def __init__(self, objects: dict[str, list[dict[str, Any]]], prices: set[str]) -> None:
        self.prices = prices
        self.customers, self.subscriptions = objects["customer"], objects["subscription"]
        self.invoices, self.charges = objects["invoice"], objects["charge"]
        self.payments, self.disputes = objects["invoice_payment"], objects["dispute"]

    def expect(self, member_uuid: str, grants: Iterable[float | None], at: float) -> Expected:
        """`grants` are the ends of what staff gave and did not take back, None for no end."""
        answers = [self._granted(until, at) for until in grants]
        for customer in self.customers:
            if customer["metadata"].get("member_uuid") == member_uuid:
                answers += [self._subscribed(s, at) for s in self.subscriptions if s["customer"] == customer["id"]]
        return best(answers)

    def _granted(self, until: float | None, at: float) -> Expected:
        if until is None:
            return _says(FULL, FOR_EVER, "grant")
        return _says(FULL, until, "grant") if until > at else _says(CLOSED, 0, "lapsed")

    def _subscribed(self, sub: dict[str, Any], at: float) -> Expected:
        promised = self._promised(sub)
        if promised.level == CLOSED:
            return promised
        paid = list(self._paid_for(sub))
        if any(
            d["charge"] == charge["id"] and d["status"] in OPEN_DISPUTE for d in self.disputes for charge, _ in paid
        ):
            return _says(CLOSED, 0, "disputed")
        if any(c["refunded"] and max(line["period"]["end"] for line in i["lines"]["data"]) > at for c, i in paid):
            return _says(CLOSED, 0, "refunded")
        if promised.until <= at:
            return _says(CLOSED, 0, "unpaid" if promised.level == IN_GRACE else "lapsed")
        return promised

    def _promised(self, sub: dict[str, Any]) -> Expected:
        ends = [i["current_period_end"] for i in sub["items"]["data"] if i["price"]["id"] in self.prices]
        if not ends:
            return _says(CLOSED, 0, "never")
        status, end = sub["status"], max(ends)
        ending = sub["cancel_at"] or (end if sub["cancel_at_period_end"] else None)
        if status == "past_due":
            unpaid = [i["created"] for i in self._invoices_of(sub) if i["status"] == "open" and _renews(i)]
            return _says(IN_GRACE, min(min(unpaid) + GRACE, ending or FOR_EVER), "past due")
        if status not in {"active", "trialing"}:
            return _says(CLOSED, 0, _CLOSED[status])
        if ending:
            return _says(FULL, ending, "ending")
        if (sub["pause_collection"] or {}).get("behavior") == "void":
            return _says(FULL, sub["trial_end"] if status == "trialing" else end, "ending")
        if status == "trialing":
            return _says(FULL, sub["trial_end"] + 24 * HOUR, "trial")
        return _says(FULL, end + 72 * HOUR, "paid")

    def _invoices_of(self, sub: dict[str, Any]) -> list[dict[str, Any]]:
        return [i for i in self.invoices if i["parent"]["subscription_details"]["subscription"] == sub["id"]]

    def _paid_for(self, sub: dict[str, Any]) -> Iterable[tuple[dict[str, Any], dict[str, Any]]]:
        for invoice in self._invoices_of(sub):
            intents = {p["payment"]["payment_intent"] for p in self.payments if p["invoice"] == invoice["id"]}
            yield from ((c, invoice) for c in self.charges if c["payment_intent"] in intents)


def best(answers: Sequence[Expected]) -> Expected:
    """The best level for the longest time; of closed doors every reason is kept."""
    if not answers:
        return _says(CLOSED, 0, "never")
    level, until = max((a.level, a.until) for a in answers)
    return Expected(
        level, until, frozenset().union(*(a.reasons for a in answers if (a.level, a.until) == (level, until)))
    )


def _renews(invoice: dict[str, Any]) -> bool:
    return invoice["billing_reason"] != "subscription_create"


def _says(level: int, until: float, reason: str) -> Expected:
    return Expected(level, until if level else 0, frozenset({reason}))


_CLOSED = {
    "unpaid": "unpaid",
    "paused": "paused",
    "incomplete": "incomplete",
    "incomplete_expired": "incomplete",
    "canceled": "lapsed",
}
