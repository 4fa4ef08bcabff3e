"""Money and standing in words for whoever runs the program; what members read about themselves is billing's."""

from __future__ import annotations

from portal.billing.states import State
from portal.desk.cells import Badge

STATES = {
    State.MEMBER: ("Member", "good"),
    State.TRIAL: ("Trial", "good"),
    State.ENDING: ("Ends soon", "warn"),
    State.GRACE: ("Payment failed", "bad"),
    State.COMPLIMENTARY: ("Without charge", "good"),
    State.LAPSED: ("Lapsed", "plain"),
    State.NEVER: ("Never paid", "plain"),
    State.STAFF: ("Staff", "plain"),
}
# What is ticked when leaving, and why Stripe ended it by itself: Stripe's words, and ours for them.
REASONS = {
    "too_expensive": "Too expensive",
    "missing_features": "Something is missing",
    "switched_service": "Went elsewhere",
    "unused": "Did not use it enough",
    "customer_service": "Not content with our service",
    "too_complex": "Too complicated",
    "low_quality": "Not good enough",
    "other": "Another reason",
    "cancellation_requested": "Cancelled, no reason given",
    "payment_failed": "The payment never came",
    "payment_disputed": "The payment was disputed",
}
DECLINES = {
    "insufficient_funds": "Not enough money on the card",
    "expired_card": "The card has expired",
    "lost_card": "The card was reported lost",
    "stolen_card": "The card was reported stolen",
    "do_not_honor": "The bank said no without a reason",
    "generic_decline": "The bank said no without a reason",
    "card_declined": "The bank said no without a reason",
    "authentication_required": "The bank wants a confirmation",
    "processing_error": "The card could not be processed",
    "incorrect_cvc": "The security code was wrong",
    "card_velocity_exceeded": "The card’s limit is used up",
}


def state_badge(state: State) -> Badge:
    return Badge(*STATES[state])


def reason(word: str | None) -> str:
    """Why somebody left, in words; a word that Stripe adds later is shown as it comes."""
    return "No reason given" if word is None else REASONS.get(word, _as_it_comes(word))


def decline(word: str | None, *, needs_action: bool, tries: int) -> str:
    """Why a payment failed: "The card has expired (3 tries)"."""
    if needs_action:
        return "The bank wants a confirmation"
    told = "The card did not take it" if word is None else DECLINES.get(word, _as_it_comes(word))
    return f"{told} ({tries} tries)" if tries > 1 else told


def _as_it_comes(word: str) -> str:
    return word.replace("_", " ").capitalize()
