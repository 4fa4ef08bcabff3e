"""A subscription's life, flexible billing: begun, paid, overdue, set to end, ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from stripe_sandbox import discounting, invoicing, paying, periods
from stripe_sandbox.store import Object, Transaction, changes, new_id

DEAD = ("canceled", "incomplete_expired")
INCOMPLETE_SECONDS = 23 * 3600
TRIAL_NOTICE_SECONDS = 3 * 86400


@dataclass(frozen=True)
class Order:
    """What someone wants to subscribe to, whether through Checkout or the API."""

    customer: str
    items: list[tuple[Object, int]]  # price, quantity
    base_url: str
    metadata: dict[str, str] = field(default_factory=dict)
    item_metadata: list[dict[str, str]] = field(default_factory=list)
    default_payment_method: str | None = None
    trial_end: int | None = None
    missing_payment_method: str = "create_invoice"
    discounts: list[tuple[str, str | None]] = field(default_factory=list)  # coupon, promotion code
    automatic_tax: bool = False
    description: str | None = None
    session: str | None = None
    billing_mode: str = "flexible"
    save_default_payment_method: str = "off"


def begin(tx: Transaction, order: Order) -> Object:
    """The subscription with its first invoice finalised: `incomplete` while that wants money, else running."""
    anchor = order.trial_end or tx.now
    subscription = _body(tx, order, anchor)
    tx.add(subscription)
    for coupon, code in order.discounts:
        discounting.grant(tx, subscription, coupon, code, session=order.session)
    trial = order.trial_end is not None
    lines = invoicing.regular_lines(subscription, trial=trial)
    invoice = invoicing.draw_up(tx, subscription, lines, reason="subscription_create", base_url=order.base_url)
    tx.emit("customer.subscription.created", subscription)
    if not trial:
        tx.plan("expire_incomplete", subscription["id"], tx.now + INCOMPLETE_SECONDS)
    else:
        plan_period(tx, subscription)
    customer = tx.get("customer", order.customer)
    if customer["currency"] is None:
        customer["currency"] = subscription["currency"]
        tx.save(customer)
    invoicing.finalise(tx, invoice, base_url=order.base_url)
    return tx.get("subscription", subscription["id"])


def after_payment(tx: Transaction, subscription: Object, invoice: Object) -> None:
    """An invoice was paid: the first one starts the subscription, a late one brings it back."""
    before = dict(subscription)
    if subscription["status"] == "incomplete" and subscription["latest_invoice"] == invoice["id"]:
        subscription["status"] = "active"
        tx.plan("expire_incomplete", subscription["id"], None)
        plan_period(tx, subscription)
    elif subscription["status"] in ("past_due", "unpaid") and not _owes(tx, subscription):
        subscription["status"] = "active"
        _set_delinquent(tx, subscription["customer"], False)
    elif subscription["status"] == "paused" and tx.private(invoice["id"]).get("resumes"):
        subscription["status"], subscription["status_details"] = "active", None
        plan_period(tx, subscription)
        tx.emit("customer.subscription.resumed", subscription)
    if (pending := subscription["pending_update"]) and subscription["latest_invoice"] == invoice["id"]:
        from stripe_sandbox import switching

        switching.apply_pending(tx, subscription, pending)
    save_and_announce(tx, subscription, before)


def after_failure(tx: Transaction, subscription: Object, invoice: Object) -> None:
    """A renewal or an upgrade could not be collected."""
    before = dict(subscription)
    if subscription["status"] == "active" and not subscription["pending_update"]:
        subscription["status"] = "past_due"
        _set_delinquent(tx, subscription["customer"], True)
    save_and_announce(tx, subscription, before)


def after_closing(tx: Transaction, subscription: Object) -> None:
    """An invoice was voided or written off: nothing owed means in good standing, or never begun."""
    if subscription["pending_update"] and tx.get("invoice", subscription["latest_invoice"])["status"] == "void":
        forget_pending(tx, subscription)
    if _owes(tx, subscription):
        return
    before = dict(subscription)
    if subscription["status"] in ("past_due", "unpaid"):
        subscription["status"] = "active"
        _set_delinquent(tx, subscription["customer"], False)
        save_and_announce(tx, subscription, before)
    elif subscription["status"] == "incomplete":
        expire_incomplete(tx, subscription)


def set_end(
    tx: Transaction, subscription: Object, *, at: int | None, at_period_end: bool, details: dict[str, Any] | None = None
) -> None:
    """Plan the end, or with `at=None` take the plan back. The billing portal sets `at` alone (flexible billing)."""
    subscription["cancel_at"], subscription["cancel_at_period_end"] = at, at_period_end
    subscription["canceled_at"] = tx.now if at is not None else None
    reason = "cancellation_requested" if at is not None else None
    subscription["cancellation_details"] = {
        "comment": (details or {}).get("comment") or None,
        "feedback": (details or {}).get("feedback") or None,
        "reason": reason,
    }
    tx.plan("cancel", subscription["id"], at)


def end_now(tx: Transaction, subscription: Object, *, reason: str, details: dict[str, Any] | None = None) -> Object:
    """Over, at once. An unpaid beginning is `incomplete_expired` and its invoice void."""
    was_incomplete = subscription["status"] == "incomplete"
    subscription["status"] = "incomplete_expired" if was_incomplete else "canceled"
    subscription["ended_at"] = tx.now
    subscription["canceled_at"] = subscription["canceled_at"] or tx.now
    old = subscription["cancellation_details"] or {}
    subscription["cancellation_details"] = {
        "comment": (details or {}).get("comment") or old.get("comment"),
        "feedback": (details or {}).get("feedback") or old.get("feedback"),
        "reason": reason,
    }
    _forget_plans(tx, subscription["id"])
    tx.save(subscription)
    for invoice in tx.select("invoice", parent=subscription["id"]):
        if invoice["status"] == "open" and was_incomplete:
            invoicing.void(tx, invoice)
        elif invoice["status"] in ("open", "draft"):
            invoice["auto_advance"], invoice["next_payment_attempt"] = False, None
            for what in ("retry", "finalise", "give_up"):
                tx.plan(what, invoice["id"], None)
            tx.save(invoice)
    tx.emit("customer.subscription.deleted", subscription)
    return subscription


def expire_incomplete(tx: Transaction, subscription: Object) -> None:
    """23 hours without a first payment (docs.stripe.com/billing/subscriptions/overview)."""
    if subscription["status"] != "incomplete":
        return
    before = dict(subscription)
    subscription["status"], subscription["ended_at"] = "incomplete_expired", tx.now
    _forget_plans(tx, subscription["id"])
    tx.save(subscription)
    for invoice in tx.select("invoice", parent=subscription["id"]):
        if invoice["status"] == "open":
            invoicing.void(tx, invoice)
    tx.emit("customer.subscription.updated", subscription, changes(before, subscription))


def forget_pending(tx: Transaction, subscription: Object) -> None:
    """A declined change: the plan stays as it was and the invoice is void."""
    from stripe_sandbox import switching

    tx.plan("drop_pending", subscription["id"], None)
    switching.drop_pending(tx, subscription)


def period_end(subscription: Object) -> int:
    return int(max(item["current_period_end"] for item in subscription["items"]["data"]))


def make_item(
    tx: Transaction,
    subscription: str,
    price: Object,
    quantity: int,
    start: int,
    end: int,
    metadata: dict[str, str] | None = None,
) -> Object:
    return {
        "id": new_id("si_", 14),
        "object": "subscription_item",
        "billed_until": None,
        "billing_thresholds": None,
        "created": tx.now,
        "current_period_end": end,
        "current_period_start": start,
        "discounts": [],
        "metadata": metadata or {},
        "plan": plan_of(price),
        "price": price,
        "quantity": quantity,
        "subscription": subscription,
        "tax_rates": [],
    }


def plan_of(price: Object) -> Object:
    """The old name for a recurring price, still part of every item."""
    recurring = price["recurring"]
    return {
        "id": price["id"],
        "object": "plan",
        "active": price["active"],
        "amount": price["unit_amount"],
        "amount_decimal": price["unit_amount_decimal"],
        "billing_scheme": "per_unit",
        "created": price["created"],
        "currency": price["currency"],
        "interval": recurring["interval"],
        "interval_count": recurring["interval_count"],
        "livemode": False,
        "metadata": price["metadata"],
        "meter": None,
        "nickname": price["nickname"],
        "product": price["product"],
        "tiers_mode": None,
        "transform_usage": None,
        "trial_period_days": None,
        "usage_type": recurring["usage_type"],
    }


def plan_period(tx: Transaction, subscription: Object) -> None:
    """What the running period will bring: its end, and in a trial the notice three days before."""
    tx.plan("renew", subscription["id"], period_end(subscription))
    if subscription["status"] == "trialing":
        notice = subscription["trial_end"] - TRIAL_NOTICE_SECONDS
        tx.plan("trial_notice", subscription["id"], max(notice, tx.now))


def _forget_plans(tx: Transaction, id: str) -> None:
    for what in ("renew", "trial_notice", "expire_incomplete", "cancel", "resume_collection"):
        tx.plan(what, id, None)


def _owes(tx: Transaction, subscription: Object) -> bool:
    return any(i["status"] == "open" for i in tx.select("invoice", parent=subscription["id"]))


def _set_delinquent(tx: Transaction, customer: str, delinquent: bool) -> None:
    body = tx.find(customer, "customer")
    if body and not body.get("deleted") and body["delinquent"] != delinquent:
        body["delinquent"] = delinquent
        tx.save(body)
        tx.emit("customer.updated", body, {"delinquent": not delinquent})


def save_and_announce(tx: Transaction, subscription: Object, before: Object) -> None:
    """One `customer.subscription.updated` for all that changed since `before`; none if nothing did."""
    tx.save(subscription)
    if changed := changes(before, subscription):
        tx.emit("customer.subscription.updated", subscription, changed)


def _body(tx: Transaction, order: Order, anchor: int) -> Object:
    id = new_id("sub_1")
    trial = order.trial_end is not None
    first = order.items[0][0]
    metadata = order.item_metadata or [{} for _ in order.items]
    items = []
    for (price, quantity), extra in zip(order.items, metadata, strict=True):
        end = order.trial_end if order.trial_end is not None else periods.end_of(anchor, price, tx.now)
        items.append(make_item(tx, id, price, quantity, tx.now, end, extra))
    return {
        "id": id,
        "object": "subscription",
        "application": None,
        "application_fee_percent": None,
        "automatic_tax": {
            "disabled_reason": None,
            "enabled": order.automatic_tax,
            "liability": {"type": "self"} if order.automatic_tax else None,
        },
        "billing_cycle_anchor": anchor,
        "billing_cycle_anchor_config": None,
        "billing_mode": {
            "flexible": {"proration_discounts": "included"} if order.billing_mode == "flexible" else None,
            "type": order.billing_mode,
        },
        "billing_schedules": [],
        "billing_thresholds": None,
        "cancel_at": None,
        "cancel_at_period_end": False,
        "canceled_at": None,
        "cancellation_details": {"comment": None, "feedback": None, "reason": None},
        "collection_method": "charge_automatically",
        "created": tx.now,
        "currency": first["currency"],
        "customer": order.customer,
        "customer_account": None,
        "days_until_due": None,
        "default_payment_method": order.default_payment_method,
        "default_source": None,
        "default_tax_rates": [],
        "description": order.description,
        "discounts": [],
        "ended_at": None,
        "invoice_settings": {"account_tax_ids": None, "issuer": {"type": "self"}},
        "items": {
            "object": "list",
            "data": items,
            "has_more": False,
            "url": f"/v1/subscription_items?subscription={id}",
        },
        "latest_invoice": None,
        "livemode": False,
        "metadata": order.metadata,
        "next_pending_invoice_item_invoice": None,
        "on_behalf_of": None,
        "pause_collection": None,
        "payment_settings": {
            "payment_method_options": None,
            "payment_method_types": None,
            "save_default_payment_method": order.save_default_payment_method,
        },
        "pending_invoice_item_interval": None,
        "pending_setup_intent": None,
        "pending_update": None,
        "schedule": None,
        "start_date": tx.now,
        "status": "trialing" if trial else "incomplete",
        "status_details": None,
        "test_clock": (tx.find(order.customer) or {}).get("test_clock"),
        "transfer_data": None,
        "trial_end": order.trial_end,
        "trial_settings": {"end_behavior": {"missing_payment_method": order.missing_payment_method}},
        "trial_start": tx.now if trial else None,
    }


def use_card_everywhere(tx: Transaction, owner: Object, method: Object) -> list[Object]:
    """The customer's default from now on, and what each running subscription is paid with. Returns these."""
    paying.attach(tx, method, owner["id"])
    before = dict(owner)
    owner["invoice_settings"] = owner["invoice_settings"] | {"default_payment_method": method["id"]}
    tx.save(owner)
    tx.emit("customer.updated", owner, changes(before, owner))
    running = [s for s in tx.select("subscription", customer=owner["id"]) if s["status"] not in DEAD]
    return [use_card(tx, subscription, method) for subscription in running]


def use_card(tx: Transaction, subscription: Object, method: Object) -> Object:
    """Attach a card and make it the one this subscription is paid with."""
    paying.attach(tx, method, subscription["customer"])
    before = dict(subscription)
    subscription["default_payment_method"] = method["id"]
    save_and_announce(tx, subscription, before)
    return subscription
