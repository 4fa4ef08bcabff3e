"""Payment methods: cards saved by the hosted pages, and Stripe's ready-made ones such as `pm_card_visa`."""

from __future__ import annotations

from stripe_sandbox import cards, listing, paying
from stripe_sandbox.calls import Call, answers
from stripe_sandbox.errors import ApiError
from stripe_sandbox.store import Object

# docs.stripe.com/testing: names that stand for a card, usable wherever an unattached payment method is
READY_MADE = {
    "pm_card_visa": "4242424242424242",
    "pm_card_mastercard": "5555555555554444",
    "pm_card_chargeCustomerFail": "4000000000000341",
    "pm_card_authenticationRequiredOnSetup": "4000002500003155",
    "pm_card_authenticationRequired": "4000002760003184",
    "pm_card_createDispute": "4000000000000259",
    "pm_card_chargeDeclined": "4000000000000002",
    "pm_card_chargeDeclinedInsufficientFunds": "4000000000009995",
}


@answers("get", "/v1/payment_methods/{}")
def retrieve(call: Call) -> Object:
    return call.tx.get("payment_method", call.id)


@answers("get", "/v1/payment_methods")
def list_(call: Call) -> Object:
    where, args = "customer IS NOT NULL", []
    if "type" in call.params:
        where += " AND json_extract(body, '$.type') = ?"
        args.append(call.params["type"])
    return listing.page(call, "payment_method", customer=call.params.get("customer"), where=where, args=tuple(args))


@answers("post", "/v1/payment_methods/{}/attach")
def attach(call: Call) -> Object:
    tx = call.tx
    customer = tx.live("customer", call.params["customer"], param="customer")
    if call.id in READY_MADE:
        number = READY_MADE[call.id]
        typed = cards.TypedCard(number, 12, 2040, cards.CARDS[number])
        method = paying.save_card(tx, typed, name=None, email=customer["email"])
    else:
        method = tx.get("payment_method", call.id)
    outcome = paying.confirm_setup(tx, method, authenticated=True)
    if outcome.error:
        outcome.error.keeps = False
        raise outcome.error
    tx.set_private(method["id"], authenticated=False)
    paying.attach(tx, method, customer["id"])
    return method


@answers("post", "/v1/payment_methods/{}/detach")
def detach(call: Call) -> Object:
    tx = call.tx
    method = tx.get("payment_method", call.id)
    owner = method["customer"]
    if owner is None:
        raise ApiError(
            "The payment method you provided is not attached to a customer so detachment is impossible.",
            param="payment_method",
        )
    method["customer"] = None
    tx.save(method)
    tx.conn.execute("UPDATE object SET customer = NULL WHERE id = ?", (call.id,))
    body = tx.get("customer", owner)
    if not body.get("deleted") and body["invoice_settings"]["default_payment_method"] == call.id:
        body["invoice_settings"]["default_payment_method"] = None
        tx.save(body)
    for subscription in tx.select("subscription", customer=owner):
        if subscription["default_payment_method"] == call.id:
            subscription["default_payment_method"] = None
            tx.save(subscription)
    tx.emit("payment_method.detached", method, {"customer": owner})
    return method
