"""The edge to Stripe: what comes back is a frozen value of shapes.py, what goes wrong an exception of asking.py."""

from __future__ import annotations

from typing import cast

from flask import Flask, current_app

from portal.billing.checkout_calls import CheckoutCalls
from portal.billing.event_calls import EventCalls
from portal.billing.reversal_calls import ReversalCalls
from portal.billing.subscription_calls import SubscriptionCalls


class Gateway(CheckoutCalls, SubscriptionCalls, ReversalCalls, EventCalls):
    """Stripe as we use it: everything that we ask it."""


def init_app(app: Flask) -> None:
    """Refuse an impossible pair at once: a live key must never be sent to a sandbox."""
    key, base = app.config["STRIPE_SECRET_KEY"], app.config["STRIPE_API_BASE"]
    if base and not key.startswith(("sk_test_", "rk_test_")):
        raise ValueError("STRIPE_API_BASE points to a sandbox, so STRIPE_SECRET_KEY must be a test key")


def stripe_gateway() -> Gateway:
    """The application's gateway, made when first needed: the SDK takes half a second to import."""
    found = current_app.extensions.get("stripe_gateway")
    if found is None:
        config = current_app.config
        found = Gateway(config["STRIPE_SECRET_KEY"], api_base=config["STRIPE_API_BASE"])
        current_app.extensions["stripe_gateway"] = found
    return cast(Gateway, found)


def own_account() -> str:
    """What our rows carry as `account`: acct_… as the settings name it, or nothing."""
    return str(current_app.config["STRIPE_ACCOUNT"])


def is_live() -> bool:
    return "_live_" in str(current_app.config["STRIPE_SECRET_KEY"])[:8]
