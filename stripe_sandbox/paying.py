"""Taking money for an invoice with a card: payment intent, charge, invoice payment, and all their events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from stripe_sandbox import cards
from stripe_sandbox.errors import ApiError
from stripe_sandbox.store import Object, Transaction, changes, new_id


@dataclass(frozen=True)
class Outcome:
    """`status` is succeeded, failed or requires_action; `error` is what the payer is told."""

    status: str
    error: ApiError | None = None


def save_card(
    tx: Transaction, typed: cards.TypedCard, *, name: str | None, email: str | None, address: Object | None = None
) -> Object:
    """A payment method nobody owns yet."""
    body: Object = {
        "id": new_id("pm_1"),
        "object": "payment_method",
        "allow_redisplay": "limited",
        "billing_details": {
            "address": address or dict.fromkeys(("city", "country", "line1", "line2", "postal_code", "state")),
            "email": email,
            "name": name,
            "phone": None,
            "tax_id": None,
        },
        "card": {
            "brand": typed.card.brand,
            "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"},
            "country": "US",
            "display_brand": typed.card.brand,
            "exp_month": typed.month,
            "exp_year": typed.year,
            "fingerprint": f"sandbox{typed.number[-9:]}",
            "funding": "credit",
            "generated_from": None,
            "last4": typed.number[-4:],
            "networks": {"available": [typed.card.brand], "preferred": None},
            "regulated_status": "unregulated",
            "three_d_secure_usage": {"supported": True},
            "wallet": None,
        },
        "created": tx.now,
        "customer": None,
        "customer_account": None,
        "livemode": False,
        "metadata": {},
        "type": "card",
    }
    return tx.add(body, private={"number": typed.number})


def attach(tx: Transaction, method: Object, customer: str) -> None:
    if method["customer"] == customer:
        return
    method["customer"] = customer
    tx.save(method)
    tx.emit("payment_method.attached", method)


def confirm_setup(tx: Transaction, method: Object, *, authenticated: bool) -> Outcome:
    """Saving a card without a charge, as a trial does."""
    card = cards.CARDS[tx.private(method["id"])["number"]]
    if card.declines:
        return Outcome("failed", cards.decline(card.declines))
    if card.challenge and not authenticated:
        return Outcome("requires_action")
    if authenticated:
        tx.set_private(method["id"], authenticated=True)
    return Outcome("succeeded")


def intend(tx: Transaction, invoice: Object) -> Object:
    """The payment intent of an invoice that wants money, and the invoice payment that links the two."""
    id = new_id("pi_3")
    intent: Object = {
        "id": id,
        "object": "payment_intent",
        "amount": invoice["amount_due"],
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "application": None,
        "application_fee_amount": None,
        "automatic_payment_methods": None,
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": "automatic",
        "client_secret": f"{id}_secret_{new_id('', 24)}",
        "confirmation_method": "automatic",
        "created": tx.now,
        "currency": invoice["currency"],
        "customer": invoice["customer"],
        "customer_account": None,
        "description": "Subscription creation"
        if invoice["billing_reason"] == "subscription_create"
        else "Subscription update",
        "last_payment_error": None,
        "latest_charge": None,
        "livemode": False,
        "metadata": {},
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_options": None,
        "payment_method_types": ["card"],
        "processing": None,
        "receipt_email": None,
        "review": None,
        "setup_future_usage": "off_session",
        "shipping": None,
        "source": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "status": "requires_payment_method",
        "transfer_data": None,
        "transfer_group": None,
    }
    tx.add(intent, parent=invoice["id"])
    tx.emit("payment_intent.created", intent)
    payment: Object = {
        "id": new_id("inpay_1"),
        "object": "invoice_payment",
        "amount_paid": None,
        "amount_requested": invoice["amount_due"],
        "created": tx.now,
        "currency": invoice["currency"],
        "invoice": invoice["id"],
        "is_default": True,
        "livemode": False,
        "payment": {"payment_intent": id, "type": "payment_intent"},
        "status": "open",
        "status_transitions": {"canceled_at": None, "paid_at": None},
    }
    tx.add(payment, parent=invoice["id"])
    return intent


def intent_of(tx: Transaction, invoice: str) -> Object | None:
    found = tx.select("payment_intent", parent=invoice, limit=1)
    return found[0] if found else None


def payment_of(tx: Transaction, invoice: str) -> Object | None:
    found = tx.select("invoice_payment", parent=invoice, limit=1)
    return found[0] if found else None


def attempt(
    tx: Transaction, intent: Object, method: Object, *, off_session: bool, authenticated: bool = False
) -> Outcome:
    """One try to charge. Changes intent and charge; what it means for the invoice is the caller's business."""
    secret = tx.private(method["id"])
    card = cards.CARDS[secret["number"]]
    intent["payment_method"] = method["id"]
    quiet = authenticated or (card.challenge == "setup" and secret.get("authenticated"))
    if card.challenge and not quiet:
        return _ask_the_bank(tx, intent, method, off_session=off_session)
    if card.declines or card.fails_later:
        return _decline(tx, intent, method, card.declines or "generic_decline")
    if authenticated:
        tx.set_private(method["id"], authenticated=True)
    return _take(tx, intent, method, disputed_later=card.disputes)


def not_authenticated() -> ApiError:
    return ApiError(
        "We are unable to authenticate your payment method. Please choose a different payment method and try again.",
        status=402,
        type="card_error",
        code="payment_intent_authentication_failure",
        keeps=True,
    )


def refuse_authentication(tx: Transaction, intent: Object) -> ApiError:
    """The payer failed, or declined, the bank's question."""
    refusal = not_authenticated()
    method = tx.find(intent["payment_method"]) if intent["payment_method"] else None
    intent["status"], intent["next_action"] = "requires_payment_method", None
    intent["last_payment_error"] = _last_error(refusal, method)
    intent["payment_method"] = None
    tx.save(intent)
    tx.emit("payment_intent.payment_failed", intent)
    return refusal


def cancel_intent(tx: Transaction, invoice: Object) -> None:
    intent = intent_of(tx, invoice["id"])
    if intent is None or intent["status"] in ("succeeded", "canceled"):
        return
    intent["status"], intent["canceled_at"], intent["next_action"] = "canceled", tx.now, None
    intent["cancellation_reason"] = "void_invoice"
    tx.save(intent)
    tx.emit("payment_intent.canceled", intent)
    if payment := payment_of(tx, invoice["id"]):
        payment["status"], payment["status_transitions"]["canceled_at"] = "canceled", tx.now
        tx.save(payment)


def _take(tx: Transaction, intent: Object, method: Object, *, disputed_later: bool) -> Outcome:
    charge = _charge(tx, intent, method, refusal=None)
    intent["status"], intent["amount_received"] = "succeeded", intent["amount"]
    intent["latest_charge"], intent["next_action"], intent["last_payment_error"] = charge["id"], None, None
    tx.save(intent)
    tx.emit("charge.succeeded", charge)
    tx.emit("payment_intent.succeeded", intent)
    if disputed_later:
        tx.plan("dispute", charge["id"], tx.now + 3600)
    return Outcome("succeeded")


def _decline(tx: Transaction, intent: Object, method: Object, reason: str) -> Outcome:
    refusal = cards.decline(reason)
    charge = _charge(tx, intent, method, refusal=refusal)
    refusal.extra = {"charge": charge["id"]}
    intent["status"], intent["latest_charge"], intent["next_action"] = "requires_payment_method", charge["id"], None
    intent["last_payment_error"] = _last_error(refusal, method) | {"charge": charge["id"]}
    intent["payment_method"] = None
    tx.save(intent)
    tx.emit("charge.failed", charge)
    tx.emit("payment_intent.payment_failed", intent)
    return Outcome("failed", refusal)


def _ask_the_bank(tx: Transaction, intent: Object, method: Object, *, off_session: bool) -> Outcome:
    intent["status"] = "requires_action"
    intent["next_action"] = {"type": "use_stripe_sdk", "use_stripe_sdk": {"type": "three_d_secure_redirect"}}
    refusal = cards.decline("authentication_required")
    if off_session:
        intent["last_payment_error"] = _last_error(refusal, method)
    tx.save(intent)
    tx.emit("payment_intent.requires_action", intent)
    return Outcome("requires_action", refusal)


def _charge(tx: Transaction, intent: Object, method: Object, *, refusal: ApiError | None) -> Object:
    id = new_id("ch_3")
    good = refusal is None
    card: dict[str, Any] = {
        name: method["card"][name]
        for name in ("brand", "checks", "country", "exp_month", "exp_year", "fingerprint", "funding", "last4")
    }
    body: Object = {
        "id": id,
        "object": "charge",
        "amount": intent["amount"],
        "amount_captured": intent["amount"] if good else 0,
        "amount_refunded": 0,
        "application": None,
        "application_fee": None,
        "application_fee_amount": None,
        "balance_transaction": None,
        "billing_details": method["billing_details"],
        "calculated_statement_descriptor": "SANDBOX",
        "captured": good,
        "created": tx.now,
        "currency": intent["currency"],
        "customer": intent["customer"],
        "description": intent["description"],
        "disputed": False,
        "failure_balance_transaction": None,
        "failure_code": refusal.code if refusal else None,
        "failure_message": refusal.message if refusal else None,
        "fraud_details": {},
        "livemode": False,
        "metadata": {},
        "on_behalf_of": None,
        "outcome": {
            "advice_code": None,
            "network_advice_code": None,
            "network_decline_code": None,
            "network_status": "approved_by_network" if good else "declined_by_network",
            "reason": refusal.decline_code if refusal else None,
            "risk_level": "normal",
            "risk_score": 12,
            "seller_message": "Payment complete."
            if good
            else "The bank did not return any further details with this decline.",
            "type": "authorized" if good else "issuer_declined",
        },
        "paid": good,
        "payment_intent": intent["id"],
        "payment_method": method["id"],
        "payment_method_details": {"card": card, "type": "card"},
        "receipt_email": None,
        "receipt_number": None,
        "receipt_url": None,
        "refunded": False,
        "review": None,
        "shipping": None,
        "source": None,
        "source_transfer": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "status": "succeeded" if good else "failed",
        "transfer_data": None,
        "transfer_group": None,
    }
    return tx.add(body, parent=intent["id"])


def _last_error(refusal: ApiError, method: Object | None) -> Object:
    return {
        "code": refusal.code,
        "decline_code": refusal.decline_code,
        "message": refusal.message,
        "payment_method": method,
        "type": "card_error",
    }


def settle(tx: Transaction, invoice: Object) -> None:
    """Mark the invoice payment as paid."""
    payment = payment_of(tx, invoice["id"])
    if payment is None:
        return
    before = dict(payment)
    payment["status"], payment["amount_paid"] = "paid", invoice["amount_due"]
    payment["status_transitions"] = {"canceled_at": None, "paid_at": tx.now}
    if changes(before, payment):
        tx.save(payment)
        tx.emit("invoice_payment.paid", payment)
