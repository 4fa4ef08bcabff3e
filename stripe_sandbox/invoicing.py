"""An invoice's life: drawn up, finalised, paid, failed, voided, written off; and what each does to its subscription."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from stripe_sandbox import discounting, identifying, paying
from stripe_sandbox.amounts import Sum, add_up
from stripe_sandbox.errors import ApiError
from stripe_sandbox.paying import Outcome
from stripe_sandbox.store import Object, Transaction, changes, new_id

DRAFT_SECONDS = 3600
RETRY_DAYS = (1, 3, 5, 7, 9, 11, 13, 14)  # after the first failure; Smart Retries choose their own moments


@dataclass(frozen=True)
class Line:
    """One row to be billed; `amount` overrides price times quantity, as prorations do."""

    item: Object
    price: Object
    quantity: int
    start: int
    end: int
    amount: int
    proration: bool = False
    description: str = ""


def regular_lines(subscription: Object, *, trial: bool = False) -> list[Line]:
    lines = []
    for item in subscription["items"]["data"]:
        price, quantity = item["price"], item["quantity"]
        amount = 0 if trial else (price["unit_amount"] or 0) * quantity
        lines.append(Line(item, price, quantity, item["current_period_start"], item["current_period_end"], amount))
    return lines


def total_of(tx: Transaction, subscription: Object, lines: list[Line], *, discounts: list[str] | None = None) -> Sum:
    customer = tx.find(subscription["customer"]) or {}
    country = (customer.get("address") or {}).get("country")
    behaviour = lines[0].price["tax_behavior"] if lines else "unspecified"
    ids = subscription["discounts"] if discounts is None else discounts
    return add_up(
        [line.amount for line in lines],
        discounts=discounting.usable(tx, ids),
        country=country,
        taxed=subscription["automatic_tax"]["enabled"],
        inclusive=behaviour == "inclusive",
    )


def draw_up(
    tx: Transaction,
    subscription: Object,
    lines: list[Line],
    *,
    reason: str,
    base_url: str = "",
    preview: bool = False,
    proration_date: int | None = None,
) -> Object:
    """A draft invoice. A preview is not stored and gets an id of its own kind."""
    body = _body(tx, subscription, lines, reason=reason, preview=preview, proration_date=proration_date)
    if preview:
        return body
    tx.add(body, parent=subscription["id"], private={"base_url": base_url})
    subscription["latest_invoice"] = body["id"]
    tx.save(subscription)
    tx.emit("invoice.created", body)
    return body


def finalise(tx: Transaction, invoice: Object, *, base_url: str) -> Object:
    """Number it and open it; nothing to pay makes it paid at once."""
    before = dict(invoice)
    customer = tx.get("customer", invoice["customer"])
    invoice["number"] = f"{customer['invoice_prefix']}-{customer['next_invoice_sequence']:04d}"
    customer["next_invoice_sequence"] += 1
    invoice["status"], invoice["effective_at"], invoice["auto_advance"] = "open", tx.now, True
    invoice["status_transitions"] = invoice["status_transitions"] | {"finalized_at": tx.now}
    invoice["automatically_finalizes_at"] = None
    _use_balance(tx, invoice, customer)
    url = base_url or tx.private(invoice["id"]).get("base_url") or tx.setting("base_url", "")
    invoice["hosted_invoice_url"] = f"{url}/i/{invoice['id']}"
    invoice["invoice_pdf"] = f"{url}/i/{invoice['id']}/pdf"
    tx.plan("finalise", invoice["id"], None)
    tx.save(invoice)
    tx.emit("invoice.finalized", invoice)
    discounting.use_up(tx, invoice)
    if invoice["amount_due"] <= 0:
        _mark_paid(tx, invoice)
    else:
        paying.intend(tx, invoice)
        tx.emit("invoice.updated", invoice, changes(before, invoice) or {"status": "draft"})
    return invoice


def _use_balance(tx: Transaction, invoice: Object, customer: Object) -> None:
    """Credit from earlier changes pays first; an invoice below zero becomes credit."""
    invoice["starting_balance"] = customer["balance"]
    left = invoice["total"] + customer["balance"]
    invoice["amount_due"] = invoice["amount_remaining"] = max(left, 0)
    invoice["ending_balance"] = min(left, 0)
    before = dict(customer)
    customer["balance"] = invoice["ending_balance"]
    tx.save(customer)
    if before["balance"] != customer["balance"]:
        tx.emit("customer.updated", customer, {"balance": before["balance"]})


def _give_balance_back(tx: Transaction, invoice: Object) -> None:
    used = (invoice["ending_balance"] or 0) - invoice["starting_balance"]
    customer = tx.find(invoice["customer"], "customer")
    if used and customer and not customer.get("deleted"):
        before = customer["balance"]
        customer["balance"] = before - used
        tx.save(customer)
        tx.emit("customer.updated", customer, {"balance": before})


def collect(
    tx: Transaction,
    invoice: Object,
    *,
    method: Object | None = None,
    off_session: bool = True,
    authenticated: bool = False,
    count: bool = True,
) -> Outcome:
    """One attempt to have an open invoice paid, with this card or the subscription's or customer's."""
    subscription = subscription_of(tx, invoice)
    method = method or default_method(tx, subscription, invoice["customer"])
    intent = paying.intent_of(tx, invoice["id"]) or paying.intend(tx, invoice)
    before = dict(invoice)
    invoice["attempted"] = True
    if count:
        invoice["attempt_count"] += 1
    if method is None:
        outcome = Outcome(
            "failed",
            ApiError(
                "This customer has no attached payment source or default payment method. "
                "Please consider adding a default payment method.",
                code="resource_missing",
                keeps=True,
            ),
        )
    else:
        outcome = paying.attempt(tx, intent, method, off_session=off_session, authenticated=authenticated)
    if outcome.status == "succeeded":
        _mark_paid(tx, invoice)
    else:
        _mark_failed(tx, invoice, before, subscription, outcome, off_session=off_session)
    return outcome


def default_method(tx: Transaction, subscription: Object | None, customer: str) -> Object | None:
    id = subscription["default_payment_method"] if subscription else None
    if id is None:
        owner = tx.find(customer) or {}
        id = (owner.get("invoice_settings") or {}).get("default_payment_method")
    return tx.find(id, "payment_method") if id else None


def void(tx: Transaction, invoice: Object) -> Object:
    return _close(tx, invoice, "void", "voided_at")


def write_off(tx: Transaction, invoice: Object, *, reason: str = "user_forgiven") -> Object:
    invoice["status_details"] = {"uncollectible": {"reason": reason}}
    return _close(tx, invoice, "uncollectible", "marked_uncollectible_at")


def subscription_of(tx: Transaction, invoice: Object) -> Object | None:
    parent = invoice["parent"]
    id = parent["subscription_details"]["subscription"] if parent and parent["subscription_details"] else None
    return tx.find(id, "subscription") if id else None


def _mark_paid(tx: Transaction, invoice: Object) -> None:
    from stripe_sandbox import subscribing

    invoice["status"], invoice["attempted"] = "paid", True
    invoice["amount_paid"], invoice["amount_remaining"] = invoice["amount_due"], 0
    invoice["auto_advance"], invoice["next_payment_attempt"] = False, None
    invoice["status_transitions"] = invoice["status_transitions"] | {"paid_at": tx.now}
    tx.plan("retry", invoice["id"], None)
    tx.save(invoice)
    paying.settle(tx, invoice)
    tx.emit("invoice.paid", invoice)
    tx.emit("invoice.payment_succeeded", invoice)
    subscription = subscription_of(tx, invoice)
    if subscription:
        subscribing.after_payment(tx, subscription, invoice)


def _mark_failed(
    tx: Transaction,
    invoice: Object,
    before: Object,
    subscription: Object | None,
    outcome: Outcome,
    *,
    off_session: bool,
) -> None:
    from stripe_sandbox import subscribing

    first = invoice["billing_reason"] == "subscription_create" and (subscription or {}).get("status") == "incomplete"
    if not first:
        _plan_retry(tx, invoice)
    tx.save(invoice)
    if outcome.status == "requires_action":
        tx.emit("invoice.payment_action_required", invoice)
    if outcome.status == "failed" or off_session:
        tx.emit("invoice.payment_failed", invoice)
    tx.emit("invoice.updated", invoice, changes(before, invoice))
    if subscription:
        subscribing.after_failure(tx, subscription, invoice)


def _plan_retry(tx: Transaction, invoice: Object) -> None:
    """The next automatic try, counted from the first; None after the last."""
    finalized = invoice["status_transitions"]["finalized_at"] or tx.now
    days = retry_days(tx)
    index = invoice["attempt_count"] - 1
    upcoming = finalized + days[index] * 86400 if 0 <= index < len(days) else None
    while upcoming is not None and upcoming <= tx.now:
        index += 1
        upcoming = finalized + days[index] * 86400 if index < len(days) else None
    invoice["next_payment_attempt"] = upcoming
    tx.plan("retry", invoice["id"], upcoming)
    if upcoming is None:
        tx.plan("give_up", invoice["id"], tx.now)


def retry_days(tx: Transaction) -> tuple[int, ...]:
    text = tx.setting("retry_days", ",".join(map(str, RETRY_DAYS)))
    return tuple(int(day) for day in text.split(",") if day)


def _close(tx: Transaction, invoice: Object, status: str, moment: str) -> Object:
    from stripe_sandbox import subscribing

    if invoice["status"] not in ("open", "uncollectible", "draft"):
        raise ApiError(
            f"Invoices with status {invoice['status']} cannot be changed to {status}.", code="invoice_not_editable"
        )
    before = dict(invoice)
    invoice["status"], invoice["auto_advance"], invoice["next_payment_attempt"] = status, False, None
    invoice["status_transitions"] = invoice["status_transitions"] | {moment: tx.now}
    for what in ("retry", "finalise", "give_up"):
        tx.plan(what, invoice["id"], None)
    tx.save(invoice)
    if status == "void":
        paying.cancel_intent(tx, invoice)
        if before["status"] != "draft":
            _give_balance_back(tx, invoice)
        tx.emit("invoice.voided", invoice)
    else:
        tx.emit("invoice.marked_uncollectible", invoice)
    tx.emit("invoice.updated", invoice, changes(before, invoice))
    subscription = subscription_of(tx, invoice)
    if subscription:
        subscribing.after_closing(tx, subscription)
    return invoice


def _body(
    tx: Transaction, subscription: Object, lines: list[Line], *, reason: str, preview: bool, proration_date: int | None
) -> Object:
    id = new_id("upcoming_in_1" if preview else "in_1")
    customer = tx.find(subscription["customer"]) or {}
    total = total_of(tx, subscription, lines)
    balance = customer.get("balance", 0)  # negative is credit
    due = max(total.total + balance, 0)
    taxes = _taxes(total)
    return {
        "id": id,
        "object": "invoice",
        "account_country": "US",
        "account_name": tx.account_name,
        "account_tax_ids": None,
        "amount_due": due,
        "amount_overpaid": 0,
        "amount_paid": 0,
        "amount_remaining": due,
        "amount_shipping": 0,
        "application": None,
        "attempt_count": 0,
        "attempted": False,
        "auto_advance": True,
        "automatic_tax": {
            "disabled_reason": None,
            "enabled": subscription["automatic_tax"]["enabled"],
            "liability": {"type": "self"} if subscription["automatic_tax"]["enabled"] else None,
            "provider": "stripe" if subscription["automatic_tax"]["enabled"] else None,
            "status": "complete" if subscription["automatic_tax"]["enabled"] else None,
        },
        "automatically_finalizes_at": None,
        "billing_reason": reason,
        "collection_method": subscription["collection_method"],
        "created": tx.now,
        "currency": subscription["currency"],
        "custom_fields": None,
        "customer": subscription["customer"],
        "customer_account": None,
        "customer_address": customer.get("address"),
        "customer_email": customer.get("email"),
        "customer_name": customer.get("name"),
        "customer_phone": customer.get("phone"),
        "customer_shipping": None,
        "customer_tax_exempt": customer.get("tax_exempt"),
        "customer_tax_ids": identifying.on_documents(tx, subscription["customer"]),
        "default_payment_method": None,
        "default_source": None,
        "default_tax_rates": [],
        "description": None,
        "discounts": list(subscription["discounts"]),
        "due_date": None,
        "effective_at": None,
        "ending_balance": None,
        "footer": None,
        "from_invoice": None,
        "hosted_invoice_url": None,
        "invoice_pdf": None,
        "issuer": {"type": "self"},
        "last_finalization_error": None,
        "latest_revision": None,
        "lines": {
            "object": "list",
            "data": [_line(tx, subscription, line, id, taxes) for line in lines],
            "has_more": False,
            "url": f"/v1/invoices/{id}/lines",
        },
        "livemode": False,
        "metadata": {},
        "next_payment_attempt": None,
        "number": None,
        "on_behalf_of": None,
        "parent": {
            "quote_details": None,
            "subscription_details": {"metadata": dict(subscription["metadata"]), "subscription": subscription["id"]}
            | ({"subscription_proration_date": proration_date} if proration_date else {}),
            "type": "subscription_details",
        },
        "payment_settings": {"default_mandate": None, "payment_method_options": None, "payment_method_types": None},
        "period_end": tx.now,
        "period_start": tx.now,
        "post_payment_credit_notes_amount": 0,
        "pre_payment_credit_notes_amount": 0,
        "receipt_number": None,
        "rendering": None,
        "shipping_cost": None,
        "shipping_details": None,
        "starting_balance": balance,
        "statement_descriptor": None,
        "status": "draft",
        "status_transitions": {
            "finalized_at": None,
            "marked_uncollectible_at": None,
            "paid_at": None,
            "voided_at": None,
        },
        "subtotal": total.subtotal,
        "subtotal_excluding_tax": total.subtotal - (total.tax if total.tax_inclusive else 0),
        "test_clock": subscription["test_clock"],
        "total": total.total,
        "total_discount_amounts": [{"amount": a, "discount": d} for d, a in total.discounts],
        "total_excluding_tax": total.total - total.tax,
        "total_pretax_credit_amounts": [{"amount": a, "discount": d, "type": "discount"} for d, a in total.discounts],
        "total_taxes": taxes,
        "webhooks_delivered_at": tx.now,
    }


def _taxes(total: Sum) -> list[dict[str, Any]]:
    if total.tax_rate is None:
        return []
    return [
        {
            "amount": total.tax,
            "tax_behavior": "inclusive" if total.tax_inclusive else "exclusive",
            "tax_rate_details": {"tax_rate": "txr_sandbox"},
            "taxability_reason": "standard_rated",
            "taxable_amount": total.taxable,
            "type": "tax_rate_details",
        }
    ]


def _line(tx: Transaction, subscription: Object, line: Line, invoice: str, taxes: list[dict[str, Any]]) -> Object:
    price = line.price
    return {
        "id": new_id("il_1"),
        "object": "line_item",
        "amount": line.amount,
        "currency": subscription["currency"],
        "description": line.description or _described(tx, line),
        "discount_amounts": [],
        "discountable": not line.proration,
        "discounts": [],
        "invoice": invoice,
        "livemode": False,
        "metadata": dict(subscription["metadata"]),
        "parent": {
            "invoice_item_details": None,
            "subscription_item_details": {
                "invoice_item": None,
                "proration": line.proration,
                "proration_details": {"credited_items": None} if line.proration else None,
                "subscription": subscription["id"],
                "subscription_item": line.item["id"],
            },
            "type": "subscription_item_details",
        },
        "period": {"end": line.end, "start": line.start},
        "pretax_credit_amounts": [],
        "pricing": {
            "price_details": {"price": price["id"], "product": price["product"]},
            "type": "price_details",
            "unit_amount_decimal": price["unit_amount_decimal"],
        },
        "quantity": line.quantity,
        "subtotal": line.amount,
        "taxes": taxes if line.amount > 0 else [],
    }


def _described(tx: Transaction, line: Line) -> str:
    """As Stripe words it: 1 × Practice Freedom (at $49.00 / month)."""
    product = (tx.find(line.price["product"]) or {}).get("name", "subscription")
    unit = (line.price["unit_amount"] or 0) / 100
    interval = line.price["recurring"]["interval"]
    return f"{line.quantity} × {product} (at {unit:,.2f} {line.price['currency'].upper()} / {interval})"
