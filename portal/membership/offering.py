"""The plans as a newcomer compares them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from portal.billing.models import Interval, Plan
from portal.billing.prices import offer_of
from portal.billing.queries import plans_for_sale


@dataclass(frozen=True)
class Offer:
    """One plan, and what sets it apart from the others of its tier."""

    key: str
    name: str
    price_minor: int
    currency: str
    interval: str  # "month", "year"
    saving: str | None  # "2 months free"
    favoured: bool


@dataclass(frozen=True)
class Tier:
    """What is sold, with the ways to pay for it."""

    name: str  # "" where only one thing is sold
    includes: tuple[str, ...]  # in the owner's words
    offers: tuple[Offer, ...]


def tiers() -> list[Tier]:
    """What is for sale, in the order of the join page."""
    described = [(offer_of(plan), plan) for plan in plans_for_sale()]
    found = []
    for (name, includes), group in groupby(described, key=lambda pair: (pair[0].tier, pair[0].includes)):
        found.append(Tier(name, includes, _offers([plan for _offer, plan in group])))
    return found


def _offers(plans: Sequence[Plan]) -> tuple[Offer, ...]:
    """The longest commitment that saves money is favoured."""
    return tuple(
        Offer(
            key=plan.key,
            name=plan.name,
            price_minor=plan.price_minor,
            currency=plan.currency,
            interval=str(plan.interval),
            saving=(saving := _saving(plan, plans)),
            favoured=saving is not None,
        )
        for plan in plans
    )


def _saving(plan: Plan, plans: Sequence[Plan]) -> str | None:
    """How many whole months a year's plan gives for nothing, beside the plan by the month in the same currency."""
    monthly = next((p for p in plans if p.interval is Interval.MONTH and p.currency == plan.currency), None)
    if plan.interval is not Interval.YEAR or monthly is None or not monthly.price_minor:
        return None
    months = (12 * monthly.price_minor - plan.price_minor) // monthly.price_minor
    if months < 1:
        return None
    return "1 month free" if months == 1 else f"{months} months free"
