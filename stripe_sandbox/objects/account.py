"""The account behind the key."""

from __future__ import annotations

from stripe_sandbox.calls import Call, answers
from stripe_sandbox.store import Object


@answers("get", "/v1/account")
def retrieve_current(call: Call) -> Object:
    name = call.tx.account_name
    return {
        "id": "acct_sandbox",
        "object": "account",
        "business_profile": {
            "annual_revenue": None,
            "estimated_worker_count": None,
            "mcc": "8299",
            "name": name,
            "support_address": None,
            "support_email": None,
            "support_phone": None,
            "support_url": None,
            "url": None,
        },
        "business_type": "individual",
        "capabilities": {"card_payments": "active", "transfers": "active"},
        "charges_enabled": True,
        "country": "US",
        "created": 1700000000,
        "default_currency": "usd",
        "details_submitted": True,
        "email": "owner@example.com",
        "metadata": {},
        "payouts_enabled": True,
        "type": "standard",
    }
