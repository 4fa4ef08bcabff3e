"""Citing: which house rule a ruling applied, as it stood then."""

from __future__ import annotations

from portal.accounts import applying_rules
from portal.accounts.applying_rules import Rule
from portal.moderation.models import SPARES, Reason, Ruling

_PLACES = {  # of the rule among those that came with the portal
    Reason.BREACH_OF_CONFIDENCE: 1,
    Reason.NAMES_PATIENT_OR_EMPLOYEE: 2,
    Reason.SELLING: 3,
    Reason.OFF_TOPIC: 4,
    Reason.DISRESPECT: 5,
    Reason.UNSAFE_ADVICE: 6,
}


def cited(ruling: Ruling) -> Rule | None:
    """None where it found nothing wrong, or what was wrong is in no rule."""
    if ruling.reason not in _PLACES or ruling.outcome in SPARES:
        return None
    return applying_rules.rule(_PLACES[ruling.reason], at=ruling.created_at)
