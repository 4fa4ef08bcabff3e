"""How someone stands, in one word each, for whoever looks over all members. The rule itself is entitlements.py's."""

from __future__ import annotations

from enum import StrEnum

from portal.billing.entitlements import Entitlement, Level, Why


class State(StrEnum):
    """Everyone is in exactly one of these. Suspension is moderation's affair and comes on top."""

    MEMBER = "member"
    TRIAL = "trial"
    ENDING = "ending"  # open until the day it ends
    GRACE = "grace"  # a payment failed, open until a day
    COMPLIMENTARY = "complimentary"  # by grant, nothing is paid
    LAPSED = "lapsed"  # had something once, and the door is closed
    NEVER = "never"  # an account, nothing begun or paid
    STAFF = "staff"


_OPEN = {
    Why.STAFF: State.STAFF,
    Why.GRANT: State.COMPLIMENTARY,
    Why.TRIAL: State.TRIAL,
    Why.ENDING: State.ENDING,
}


def state_of(answer: Entitlement) -> State:
    """The state that an entitlement means. Pure."""
    if answer.level is Level.GRACE:
        return State.GRACE
    if answer.is_open:
        return _OPEN.get(answer.why, State.MEMBER)
    return State.NEVER if answer.why in {Why.NEVER, Why.INCOMPLETE} else State.LAPSED
