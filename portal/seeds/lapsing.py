"""The demo's people for whom money does not simply run: one whose renewal failed, one on the way out, one who left.

Time has to pass for that, so they live on clocks of their own at Stripe (its test clocks), which begin in the past.
"""

from __future__ import annotations

import json
import secrets
import urllib.parse
import urllib.request
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from flask import current_app
from sqlalchemy import select

from portal.accounts.models import Member
from portal.billing.gateway import is_live, own_account
from portal.billing.models import BillingCustomer, Plan, PlanPrice, PriceStanding, Subscription
from portal.core.clock import now
from portal.core.db import db, transaction

A_MONTH = timedelta(days=32)  # the longest, and a day for the draft and its charge


def fall_behind(member_id: int, plan: str, *, days: int) -> None:
    """They paid for a month, and the renewal failed so many days ago."""
    began = now() - A_MONTH - timedelta(days=days)
    clock, customer, sub = _subscribe(member_id, plan, began)
    card = _post("payment_methods/pm_card_chargeCustomerFail/attach", customer=customer)["id"]
    _post(f"subscriptions/{sub}", default_payment_method=card)
    _post(f"test_helpers/test_clocks/{clock}/advance", frozen_time=int(now().timestamp()))


def leave(member_id: int, plan: str, *, days: int, reason: str, words: str) -> None:
    """They paid for a month and ended it so many days ago."""
    went = now() - timedelta(days=days)
    clock, _customer, sub = _subscribe(member_id, plan, went - A_MONTH)
    _post(f"test_helpers/test_clocks/{clock}/advance", frozen_time=int(went.timestamp()))
    _send("DELETE", f"subscriptions/{sub}", cancellation_details={"feedback": reason, "comment": words})


def be_leaving(member_id: int, *, reason: str, words: str) -> None:
    """They have cancelled, and their plan runs until the end of what was paid for."""
    mine = select(BillingCustomer.id).where(BillingCustomer.member_id == member_id).scalar_subquery()
    with transaction():
        sub = db.session.scalars(select(Subscription.sub_id).where(Subscription.customer_id == mine)).one()
    details = {"feedback": reason, "comment": words}
    _post(f"subscriptions/{sub}", cancel_at_period_end="true", cancellation_details=details)


def _subscribe(member_id: int, plan: str, began: datetime) -> tuple[str, str, str]:
    """Their clock, customer and subscription, begun at that moment with a card that pays."""
    with transaction():
        member = db.session.get_one(Member, member_id)
        about = {"email": member.email, "name": member.name, "metadata": {"member_uuid": member.uuid}}
        price = db.session.scalars(
            select(PlanPrice.price_id)
            .join(Plan, Plan.id == PlanPrice.plan_id)
            .where(Plan.key == plan, PlanPrice.standing == PriceStanding.CURRENT, PlanPrice.account == own_account())
        ).one()
    clock = _post("test_helpers/test_clocks", frozen_time=int(began.timestamp()))["id"]
    customer = _post("customers", test_clock=clock, **about)["id"]
    with transaction():
        db.session.add(
            BillingCustomer(
                account=own_account(),
                livemode=is_live(),
                member_id=member_id,
                customer_id=customer,
                create_key=secrets.token_hex(16),
            )
        )
    card = _post("payment_methods/pm_card_visa/attach", customer=customer)["id"]
    items = [{"price": price}]
    sub = _post("subscriptions", customer=customer, items=items, default_payment_method=card)["id"]
    return clock, customer, sub


def _post(path: str, **values: Any) -> dict[str, Any]:
    return _send("POST", path, **values)


def _send(method: str, path: str, **values: Any) -> dict[str, Any]:
    """A call as somebody makes it in Stripe's dashboard; the portal's own calls are the gateway's."""
    body = urllib.parse.urlencode(list(_flat(values))).encode()
    headers = {
        "Authorization": f"Bearer {current_app.config['STRIPE_SECRET_KEY']}",
        "Content-Type": "application/x-www-form-urlencoded",
    }
    address = f"{current_app.config['STRIPE_API_BASE']}/v1/{path}"
    request = urllib.request.Request(address, data=body, headers=headers, method=method)
    with urllib.request.urlopen(request, timeout=10) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """`{"a": {"b": 1}}` as Stripe's forms write it: a[b]=1."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(inner, f"{name}[{key}]" if name else key)
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from _flat(inner, f"{name}[{place}]")
    else:
        yield name, str(value)
