"""What has to exist at Stripe once: the billing portal as we offer it, and the endpoint that deliveries go to.

Both are found again by our mark and brought up to date, so running the command twice makes nothing twice.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from flask import current_app
from sqlalchemy import select

from portal.billing.gateway import own_account, stripe_gateway
from portal.billing.models import Plan, PlanPrice, PriceStanding
from portal.billing.prices import offers
from portal.billing.watching import note, noted
from portal.core.db import db, transaction
from portal.core.web import absolute

PORTAL = "portal_configuration"
LEAVING_REASONS = ["too_expensive", "unused", "missing_features", "switched_service", "too_complex", "low_quality"]


def ensure_portal() -> str:
    """The configuration of the hosted portal: card, invoices, cancelling at the period's end, switching our plans."""
    gateway = stripe_gateway()
    products: dict[str, list[str]] = defaultdict(list)
    for price in gateway.prices([offer.lookup_key for offer in offers(current_app.config)]):
        if price.is_active and price.id in _sold():
            products[price.product_id].append(price.id)
    configuration = gateway.keep_portal(return_url=absolute("billing.billing"), features=_features(dict(products)))
    with transaction():
        note(PORTAL, id=configuration)
    return configuration


def portal_configuration() -> str | None:
    """The configuration that was made last; None leaves it to the account's own default."""
    known = noted(PORTAL)
    return str(known[0]["id"]) if known else None


def ensure_endpoint() -> tuple[str, str | None]:
    """Our webhook endpoint with exactly our types and version; its id, and its secret if it was made just now."""
    return stripe_gateway().keep_endpoint(absolute("billing.stripe_events"))


def _sold() -> set[str]:
    with transaction():
        current = (
            select(PlanPrice.price_id)
            .join(Plan, Plan.id == PlanPrice.plan_id)
            .where(
                PlanPrice.account == own_account(),
                PlanPrice.standing == PriceStanding.CURRENT,
                Plan.withdrawn_at.is_(None),
            )
        )
        return set(db.session.scalars(current))


def _features(products: dict[str, list[str]]) -> dict[str, Any]:
    features: dict[str, Any] = {
        "customer_update": {"enabled": True, "allowed_updates": ["name", "address", "tax_id"]},
        "invoice_history": {"enabled": True},
        "payment_method_update": {"enabled": True},
        "subscription_cancel": {
            "enabled": True,
            "mode": "at_period_end",
            "cancellation_reason": {"enabled": True, "options": [*LEAVING_REASONS, "other"]},
        },
    }
    if products:
        features["subscription_update"] = {
            "enabled": True,
            "default_allowed_updates": ["price"],
            "proration_behavior": "always_invoice",
            "products": [{"product": product, "prices": prices} for product, prices in products.items()],
            # A cheaper or shorter plan begins when the paid period is over; a dearer one at once.
            "schedule_at_period_end": {
                "conditions": [{"type": "decreasing_item_amount"}, {"type": "shortening_interval"}]
            },
        }
    return features
