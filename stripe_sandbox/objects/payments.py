"""Payment intents and charges as records, refunds, disputes."""

from __future__ import annotations

from stripe_sandbox import expanding, listing, refunding
from stripe_sandbox.calls import Call, answers
from stripe_sandbox.errors import ApiError
from stripe_sandbox.objects.setting_fields import merge_metadata
from stripe_sandbox.store import Object, Transaction


@answers("get", "/v1/payment_intents/{}")
def retrieve_intent(call: Call) -> Object:
    return call.tx.get("payment_intent", call.id)


@answers("get", "/v1/payment_intents")
def list_intents(call: Call) -> Object:
    return listing.page(call, "payment_intent", customer=call.params.get("customer"))


@answers("get", "/v1/charges/{}")
def retrieve_charge(call: Call) -> Object:
    return call.tx.get("charge", call.id)


@answers("get", "/v1/charges")
def list_charges(call: Call) -> Object:
    return listing.page(call, "charge", customer=call.params.get("customer"), parent=call.params.get("payment_intent"))


@answers("post", "/v1/refunds")
def create_refund(call: Call) -> Object:
    tx, params = call.tx, call.params
    if "charge" in params:
        charge = tx.get("charge", params["charge"], param="charge")
    elif "payment_intent" in params:
        intent = tx.get("payment_intent", params["payment_intent"], param="payment_intent")
        charge = tx.get("charge", intent["latest_charge"] or "", param="payment_intent")
    else:
        raise ApiError(
            "One of the following params should be provided for this request: payment_intent or charge.",
            code="parameter_missing",
            param="charge",
        )
    tx.live_by(charge["customer"])
    refund = refunding.refund(tx, charge, amount=params.get("amount"), reason=params.get("reason"))
    merge_metadata(refund, params)
    return tx.save(refund)


@answers("get", "/v1/refunds/{}")
def retrieve_refund(call: Call) -> Object:
    return call.tx.get("refund", call.id)


@answers("get", "/v1/refunds")
def list_refunds(call: Call) -> Object:
    where, args = "1", []
    if "payment_intent" in call.params:
        where, args = "json_extract(body, '$.payment_intent') = ?", [call.params["payment_intent"]]
    return listing.page(call, "refund", parent=call.params.get("charge"), where=where, args=tuple(args))


@answers("get", "/v1/disputes/{}")
def retrieve_dispute(call: Call) -> Object:
    return call.tx.get("dispute", call.id)


@answers("get", "/v1/disputes")
def list_disputes(call: Call) -> Object:
    where, args = "1", []
    if "payment_intent" in call.params:
        where, args = "json_extract(body, '$.payment_intent') = ?", [call.params["payment_intent"]]
    return listing.page(call, "dispute", parent=call.params.get("charge"), where=where, args=tuple(args))


@answers("post", "/v1/disputes/{}/close")
def close_dispute(call: Call) -> Object:
    return refunding.close_dispute(call.tx, call.tx.get("dispute", call.id), won=False)


@expanding.included("charge", "refunds")
def _refunds(tx: Transaction, charge: Object) -> Object:
    return listing.list_of(tx.select("refund", parent=charge["id"]), f"/v1/charges/{charge['id']}/refunds")
