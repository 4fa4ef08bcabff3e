"""Cancelling and taking it back. What was paid for stays open to its end; what was never paid ends at once."""

from __future__ import annotations

from portal.billing.changing import ask, current
from portal.billing.models import LIVE, ChangeKind, Subscription

# Stripe's words for why someone leaves, and ours beside them; the portal of Stripe's offers the same.
REASONS = {
    "too_expensive": "It costs too much",
    "unused": "I do not use it enough",
    "missing_features": "Something I need is missing",
    "switched_service": "I found something else",
    "too_complex": "It is too complicated",
    "low_quality": "It is not as good as I expected",
    "other": "Another reason",
}


def ends_at_once(sub: Subscription) -> bool:
    """Whether cancelling ends it now: nothing is paid that could still be used up."""
    return sub.status in {"past_due", "unpaid", "paused"}


def cancel(member_id: int, *, reason: str | None, comment: str | None) -> None:
    """Let a membership end; twice is once. Raises PaymentsAway, StillAsking, NotDone.

    Holds no transaction meanwhile.
    """
    sub = current(member_id)
    if sub is None or sub.status not in LIVE or sub.ends_at is not None:
        return
    ask(
        member_id,
        sub,
        ChangeKind.CANCEL,
        {
            "sub": sub.sub_id,
            "schedule": sub.schedule_id,
            "at_once": ends_at_once(sub),
            "feedback": reason if reason in REASONS else None,
            "comment": comment or None,
        },
    )


def take_back(member_id: int) -> None:
    """Let a membership that was to end go on. Raises PaymentsAway, StillAsking, NotDone."""
    sub = current(member_id)
    if sub is not None and sub.status in LIVE and sub.ends_at is not None:
        ask(member_id, sub, ChangeKind.RESUME, {"sub": sub.sub_id})
