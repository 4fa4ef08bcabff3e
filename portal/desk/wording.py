"""Money and standing in words for whoever runs the program; what members read about themselves is billing's."""

from __future__ import annotations

from portal.accounts.models import Member
from portal.billing.entitlements import Entitlement, Why
from portal.billing.models import Subscription
from portal.billing.states import State, state_of
from portal.core.web import day
from portal.desk.cells import Badge

STATES = {
    State.MEMBER: ("Member", "good"),
    State.TRIAL: ("Trial", "good"),
    State.ENDING: ("Cancelled", "warn"),
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


# What reconciling leaves to a person, and what that person does.
ODDITIES = {
    "unlinked": (
        "Paid, and belongs to nobody",
        "Somebody pays for a plan of ours without an account here. Ask them to join with this portal, then cancel this "
        "subscription at Stripe and give back what it took.",
    ),
    "paid twice": (
        "Paid twice",
        "Cancel what is too much at Stripe and give back what it took. They come in once, whatever they pay.",
    ),
    "foreign price": (
        "A price that is none of ours",
        "It opens nothing here. Move the subscription to a price of ours at Stripe, or leave it if it is for something "
        "else.",
    ),
    "only here": (
        "Here, and not at Stripe",
        "Stripe does not know it. Read the member anew; if it stays, the key may be that of another account.",
    ),
    "unreadable": (
        "Cannot be read",
        "Stripe’s answer lacks something we need. Access stays as it was; a newer version of this program may help.",
    ),
    "unread": ("Not read this time", "Stripe refused or was away. The next comparison tries again by itself."),
}
IGNORED = {
    "foreign": (
        "Nobody’s",
        "Their customer belongs to no member. With a shared Stripe account that is as it should be.",
    ),
    "livemode": (
        "Of the other mode",
        "They were sent in live mode and our key is a test key, or the other way round. Remove the other mode’s "
        "endpoint at Stripe.",
    ),
    "account": ("Of another account", "They come from an account that is not the one in STRIPE_ACCOUNT."),
}
EVENT_STATES = {
    "received": ("Waiting", "plain"),
    "done": ("Done", "good"),
    "ignored": ("Not ours", "plain"),
    "failed": ("Will be tried again", "warn"),
    "dead": ("Gave up", "bad"),
}
CHANGES = {
    "full": "open",
    "grace": "open, in grace",
    "none": "closed",
}


def standing(member: Member, answer: Entitlement, sub: Subscription | None) -> tuple[Badge, str]:
    """How somebody stands, in a badge and one sentence for the owner."""
    state = State.STAFF if member.is_staff else state_of(answer)
    return state_badge(state), _sentence(state, answer, sub)


def _sentence(state: State, answer: Entitlement, sub: Subscription | None) -> str:
    until = f" until {day(answer.until)}" if answer.until else " without end"
    plan = sub.plan.name.lower() if sub is not None and sub.plan is not None else ""
    if state is State.STAFF:
        return "Works here, so everything is open without a plan."
    if state is State.COMPLIMENTARY:
        return f"Has access without payment{until}."
    if state is State.TRIAL:
        return (
            f"Tries the {plan} plan. The first payment is due on {day(sub.trial_end)}."
            if sub and sub.trial_end
            else "Is on a trial."
        )
    if state is State.ENDING:
        return f"Has cancelled. The {plan} plan runs{until}, and nothing more is charged."
    if state is State.GRACE:
        return f"The renewal of the {plan} plan did not go through. Everything stays open{until}."
    if state is State.NEVER:
        return (
            "Began to pay and never finished."
            if answer.why is Why.INCOMPLETE
            else "Has an account and never had a plan."
        )
    if state is State.LAPSED:
        return _CLOSED.get(answer.why, "Had a membership, and it has ended.")
    return (
        f"Pays for the {plan} plan. It renews on {day(sub.period_end)}." if sub and sub.period_end else "Is a member."
    )


_CLOSED = {
    Why.UNPAID: "Closed: the last payment never came.",
    Why.PAUSED: "Closed: the subscription is paused at Stripe.",
    Why.REFUNDED: "Closed: the last payment was given back in full.",
    Why.DISPUTED: "Closed: the bank disputes a payment.",
    Why.UNKNOWN_STATUS: "Closed: Stripe uses a word for it that this program does not know.",
}
