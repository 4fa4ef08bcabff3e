"""Money going back: refunds, and disputes raised by the payer's bank."""

from __future__ import annotations

from typing import Any

from stripe_sandbox.errors import ApiError
from stripe_sandbox.store import Object, Transaction, changes, new_id

CLOSED = ("won", "lost", "warning_closed", "prevented")
DISPUTE_STATUSES = (
    "warning_needs_response",
    "warning_under_review",
    "needs_response",
    "under_review",
    "appeal_needs_response",
    "appeal_under_review",
    *CLOSED,
)
EVIDENCE_FIELDS = (
    "access_activity_log",
    "billing_address",
    "cancellation_policy",
    "cancellation_policy_disclosure",
    "cancellation_rebuttal",
    "customer_communication",
    "customer_email_address",
    "customer_name",
    "customer_purchase_ip",
    "customer_signature",
    "duplicate_charge_documentation",
    "duplicate_charge_explanation",
    "duplicate_charge_id",
    "product_description",
    "receipt",
    "refund_policy",
    "refund_policy_disclosure",
    "refund_refusal_explanation",
    "service_date",
    "service_documentation",
    "shipping_address",
    "shipping_carrier",
    "shipping_date",
    "shipping_documentation",
    "shipping_tracking_number",
    "uncategorized_file",
    "uncategorized_text",
)


def refund(tx: Transaction, charge: Object, *, amount: int | None = None, reason: str | None = None) -> Object:
    """All that is left, or `amount` of it. Raises ApiError as Stripe does."""
    left = charge["amount"] - charge["amount_refunded"]
    if charge["status"] != "succeeded" or left <= 0:
        raise ApiError(f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded")
    if charge["disputed"]:
        raise ApiError(f"Charge {charge['id']} has been charged back; cannot issue a refund.", code="charge_disputed")
    given = left if amount is None else amount
    if not 0 < given <= left:
        raise ApiError(f"Refund amount ({given}) is greater than unrefunded amount on charge ({left})", param="amount")
    body: Object = {
        "id": new_id("re_3"),
        "object": "refund",
        "amount": given,
        "balance_transaction": None,
        "charge": charge["id"],
        "created": tx.now,
        "currency": charge["currency"],
        "customer": charge["customer"],
        "customer_account": None,
        "destination_details": {
            "card": {
                "reference": "123456789012",
                "reference_status": "available",
                "reference_type": "acquirer_reference_number",
                "type": "refund",
            },
            "type": "card",
        },
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "payment_method": charge["payment_method"],
        "reason": reason,
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": "succeeded",
        "transfer_reversal": None,
    }
    tx.add(body, parent=charge["id"])
    before = dict(charge)
    charge["amount_refunded"] += given
    charge["refunded"] = charge["amount_refunded"] == charge["amount"]
    tx.save(charge)
    tx.emit("refund.created", body)
    tx.emit("charge.refunded", charge, changes(before, charge))
    return body


def dispute(tx: Transaction, charge: Object, *, reason: str = "fraudulent") -> Object:
    """The payer's bank takes the money back and asks for evidence."""
    body: Object = {
        "id": new_id("du_1"),
        "object": "dispute",
        "amount": charge["amount"],
        "balance_transactions": [],
        "charge": charge["id"],
        "created": tx.now,
        "currency": charge["currency"],
        "enhanced_eligibility_types": [],
        "evidence": _evidence(),
        "evidence_details": {
            "due_by": tx.now + 9 * 86400,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
            "submission_method": "not_submitted",
        },
        "is_charge_refundable": False,
        "livemode": False,
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "payment_method_details": {
            "card": {
                "brand": charge["payment_method_details"]["card"]["brand"],
                "case_type": "chargeback",
                "network": "visa",
                "network_reason_code": "83",
            },
            "type": "card",
        },
        "reason": reason,
        "status": "needs_response",
    }
    tx.add(body, parent=charge["id"])
    tx.conn.execute("UPDATE object SET customer = ? WHERE id = ?", (charge["customer"], body["id"]))
    before = dict(charge)
    charge["disputed"] = True
    tx.save(charge)
    tx.emit("charge.dispute.created", body)
    tx.emit("charge.updated", charge, changes(before, charge))
    return body


def close_dispute(tx: Transaction, body: Object, *, won: bool) -> Object:
    if body["status"] in CLOSED:
        raise ApiError("This dispute is already closed.")
    return move_dispute(tx, body, "won" if won else "lost")


def move_dispute(tx: Transaction, body: Object, status: str) -> Object:
    """What the bank decides next. A lost dispute may be appealed (`appeal_…`, since 2026-09-30.endive), which opens it
    again until it is won or lost for good."""
    if status not in DISPUTE_STATUSES:
        raise ValueError(f"status is one of {', '.join(DISPUTE_STATUSES)}")
    before = dict(body)
    body["status"] = status
    tx.save(body)
    if changed := changes(before, body):
        tx.emit("charge.dispute.updated", body, changed)
        if status in CLOSED:
            tx.emit("charge.dispute.closed", body)
    return body


def _evidence() -> dict[str, Any]:
    return dict.fromkeys(EVIDENCE_FIELDS) | {"enhanced_evidence": {}}
