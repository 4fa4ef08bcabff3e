"""Plans as the settings describe them, and the prices at Stripe that lookup keys lead to.

A plan whose price is missing, archived or says something else than the settings stays closed, with the reason for the
owner: nobody is ever sent to pay an amount that the page did not say.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from flask import current_app
from sqlalchemy import select, update

from config import Tier
from portal.billing.alerting import plan_is_closed
from portal.billing.gateway import Gateway, is_live, own_account, stripe_gateway
from portal.billing.models import Interval, Plan, PlanPrice, PriceStanding
from portal.billing.shapes import Price
from portal.core.clock import now
from portal.core.db import db, transaction

log = structlog.get_logger()


@dataclass(frozen=True)
class Offer:
    """One plan as the settings have it."""

    key: str
    tier: str  # the name of what is sold; "" where only one thing is
    name: str  # of the plan: "Monthly", or "Circle, monthly"
    interval: Interval
    price_minor: int
    currency: str
    lookup_key: str
    includes: tuple[str, ...] = ()  # in the owner's words


@dataclass(frozen=True)
class Finding:
    """What became of one plan: its price, or why it cannot be sold."""

    plan: str
    price_id: str | None
    problem: str | None


def offers(config: Mapping[str, Any]) -> list[Offer]:
    """The plans of the settings, in the order of the join page."""
    only = Tier("", "", config["PLAN_MONTHLY_MINOR"], config["PLAN_ANNUAL_MINOR"], ())
    return [
        offer
        for tier in config["PLAN_TIERS"] or (only,)
        for offer in (
            _offer(tier, "monthly", Interval.MONTH, tier.monthly_minor, config),
            _offer(tier, "annual", Interval.YEAR, tier.annual_minor, config),
        )
    ]


def _offer(tier: Tier, word: str, interval: Interval, price_minor: int, config: Mapping[str, Any]) -> Offer:
    return Offer(
        key="-".join(filter(None, [tier.key, word])),
        tier=tier.name,
        name=f"{tier.name}, {word}" if tier.name else word.capitalize(),
        interval=interval,
        price_minor=price_minor,
        currency=config["PLAN_CURRENCY"],
        lookup_key="_".join(filter(None, [config["PLAN_LOOKUP_PREFIX"], tier.key, word])),
        includes=tier.includes,
    )


def offer_of(plan: Plan) -> Offer:
    """What the settings say of a plan that is sold: its tier, and what it includes."""
    described = {offer.key: offer for offer in offers(current_app.config)}
    return described.get(plan.key) or Offer(
        plan.key, "", plan.name, plan.interval, plan.price_minor, plan.currency, plan.lookup_key
    )


def sync_prices() -> list[Finding]:
    """Write the plans, find their prices, open or close them for joining. Running it twice changes nothing more.

    In development with a sandbox, missing products and prices are made; a real account is its owner's to fill.
    """
    gateway, wanted = stripe_gateway(), offers(current_app.config)
    with transaction():
        _write_plans(wanted)
    found = {price.lookup_key: price for price in gateway.prices([offer.lookup_key for offer in wanted])}
    if current_app.config["STRIPE_API_BASE"]:
        found |= {o.lookup_key: _make(gateway, o) for o in wanted if o.lookup_key not in found}
    with transaction():
        return [_settle(offer, found.get(offer.lookup_key)) for offer in wanted]


def _write_plans(wanted: Sequence[Offer]) -> None:
    """As the settings have them. What they no longer name is withdrawn: nobody joins it, whoever has it keeps it."""
    plans = {plan.key: plan for plan in db.session.scalars(select(Plan))}
    for key in plans.keys() - {offer.key for offer in wanted}:
        plans[key].withdrawn_at = plans[key].withdrawn_at or now()
    for position, offer in enumerate(wanted):
        plan = plans.get(offer.key)
        if plan is None:
            plan = Plan(key=offer.key, refused_because="its price was not looked up yet")
            db.session.add(plan)
        plan.name, plan.interval, plan.position = offer.name, offer.interval, position
        plan.price_minor, plan.currency, plan.lookup_key = offer.price_minor, offer.currency, offer.lookup_key
        plan.features, plan.withdrawn_at = [feature_key(words) for words in offer.includes], None


def feature_key(words: str) -> str:
    """ "Every tool" becomes "every-tool", as `Plan.features` holds it."""
    return re.sub(r"\W+", "-", words.casefold()).strip("-")


def _make(gateway: Gateway, offer: Offer) -> Price:
    return gateway.make_price(
        product=f"{current_app.config['SITE_NAME']}, {offer.name if offer.tier else offer.name.lower()}",
        lookup_key=offer.lookup_key,
        amount_minor=offer.price_minor,
        currency=offer.currency,
        interval=offer.interval,
        tax_behavior="inclusive" if current_app.config["PRICES_INCLUDE_TAX"] else "exclusive",
    )


def _settle(offer: Offer, price: Price | None) -> Finding:
    plan = db.session.scalars(select(Plan).where(Plan.key == offer.key)).one()
    problem = _problem(offer, price)
    if problem != plan.refused_because:
        log.info("plan.checked", plan=plan.key, price=price.id if price else None, open=problem is None)
        if problem is not None:
            plan_is_closed(plan, because=problem)
    plan.refused_because = problem
    if price is not None and problem is None:
        _make_current(plan, price)
    return Finding(plan.key, price.id if price else None, problem)


def _problem(offer: Offer, price: Price | None) -> str | None:
    """Words for the owner, who can mend it at Stripe or in the settings."""
    if price is None:
        return f"no price at Stripe carries the lookup key {offer.lookup_key}"
    if not price.is_active:
        return f"{price.id} is archived at Stripe"
    if not price.is_product_active:
        return f"{price.product_id}, the product of {price.id}, is archived at Stripe"
    return _difference(offer, price)


def _difference(offer: Offer, price: Price) -> str | None:
    if price.livemode != is_live():
        return f"{price.id} is of the other mode (test or live) than our key"
    if price.currency != offer.currency:
        return f"{price.id} is in {price.currency}, PLAN_CURRENCY says {offer.currency}"
    if (price.interval, price.interval_count) != (offer.interval, 1):
        return f"{price.id} is paid every {price.interval_count} {price.interval}, the plan every {offer.interval}"
    if price.amount_minor != offer.price_minor:
        return f"{price.id} costs {price.amount_minor}, the settings say {offer.price_minor} (in cents)"
    if current_app.config["STRIPE_TAX"]:
        return _tax_problem(price, is_included=current_app.config["PRICES_INCLUDE_TAX"])
    return None


def _tax_problem(price: Price, *, is_included: bool) -> str | None:
    """A price that says nothing of tax gets it added, unless the account's own default is another; so only one that
    says "inclusive" may be sold as such."""
    if is_included and price.tax_behavior != "inclusive":
        return f"{price.id} does not say that tax is included (tax_behavior), PRICES_INCLUDE_TAX says so"
    if not is_included and price.tax_behavior == "inclusive":
        return f"{price.id} includes tax (tax_behavior), PRICES_INCLUDE_TAX says that it is added"
    return None


def _make_current(plan: Plan, price: Price) -> None:
    """The price that is sold from now on; earlier ones keep counting for whoever pays them."""
    account = own_account()
    db.session.execute(
        update(PlanPrice)
        .where(PlanPrice.plan_id == plan.id, PlanPrice.account == account, PlanPrice.price_id != price.id)
        .values(standing=PriceStanding.GRANDFATHERED)
    )
    row = db.session.scalar(select(PlanPrice).where(PlanPrice.account == account, PlanPrice.price_id == price.id))
    if row is None:
        row = PlanPrice(account=account, price_id=price.id)
        db.session.add(row)
    row.livemode, row.plan_id, row.standing = price.livemode, plan.id, PriceStanding.CURRENT
    db.session.flush()
