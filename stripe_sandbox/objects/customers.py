"""Customers."""

from __future__ import annotations

from stripe_sandbox import expanding, listing
from stripe_sandbox.calls import Call, answers
from stripe_sandbox.objects.setting_fields import address, apply, merge_metadata
from stripe_sandbox.store import Object, Transaction, changes, new_id

_PLAIN = ("description", "email", "name", "phone", "preferred_locales", "business_name", "individual_name")


@answers("post", "/v1/customers")
def create(call: Call) -> Object:
    tx, params = call.tx, call.params
    clock_id = params.get("test_clock")
    if clock_id:
        tx.now = int(tx.get("test_helpers.test_clock", clock_id, param="test_clock")["frozen_time"])
    body: Object = {
        "id": new_id("cus_", 14),
        "object": "customer",
        "address": None,
        "balance": params.get("balance", 0),
        "created": tx.now,
        "currency": None,
        "customer_account": None,
        "default_source": None,
        "delinquent": False,
        "description": None,
        "discount": None,
        "email": None,
        "invoice_prefix": new_id("", 8).upper(),
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        "livemode": False,
        "metadata": {},
        "name": None,
        "next_invoice_sequence": 1,
        "phone": None,
        "preferred_locales": [],
        "shipping": None,
        "tax_exempt": params.get("tax_exempt") or "none",
        "test_clock": clock_id,
    }
    _fill(call, body)
    tx.add(body)
    tx.emit("customer.created", body)
    return body


@answers("get", "/v1/customers/{}")
def retrieve(call: Call) -> Object:
    return call.tx.get("customer", call.id)


@answers("post", "/v1/customers/{}")
def update(call: Call) -> Object:
    tx = call.tx
    body = tx.live("customer", call.id)
    before = dict(body)
    _fill(call, body)
    if "tax_exempt" in call.params:
        body["tax_exempt"] = call.params["tax_exempt"] or "none"
    tx.save(body)
    if changed := changes(before, body):
        tx.emit("customer.updated", body, changed)
    return body


@answers("delete", "/v1/customers/{}")
def delete(call: Call) -> Object:
    """Cancels the customer's subscriptions at once, then leaves only the id."""
    from stripe_sandbox.subscribing import end_now

    tx = call.tx
    body = tx.live("customer", call.id)
    tx.live_by(call.id)
    for subscription in tx.select("subscription", customer=call.id):
        if subscription["status"] not in ("canceled", "incomplete_expired"):
            end_now(tx, subscription, reason="cancellation_requested")
    tx.emit("customer.deleted", body)
    tx.remove(call.id)
    return {"id": call.id, "object": "customer", "deleted": True}


@answers("get", "/v1/customers")
def list_(call: Call) -> Object:
    where, args = "1", ()
    if "email" in call.params:
        where, args = "json_extract(body, '$.email') = ?", (call.params["email"],)  # type: ignore[assignment]
    return listing.page(call, "customer", where=where, args=args)


@answers("get", "/v1/customers/{}/payment_methods")
def payment_methods(call: Call) -> Object:
    call.tx.live("customer", call.id, param="customer")
    return listing.page(call, "payment_method", customer=call.id)


@expanding.included("customer", "subscriptions")
def _subscriptions(tx: Transaction, body: Object) -> Object:
    found = [
        s
        for s in tx.select("subscription", customer=body["id"])
        if s["status"] not in ("canceled", "incomplete_expired")
    ]
    return listing.list_of(found[:10], f"/v1/customers/{body['id']}/subscriptions", has_more=len(found) > 10)


@expanding.included("customer", "tax")
def _tax(tx: Transaction, body: Object) -> Object:
    country = (body.get("address") or {}).get("country")
    location = {"country": country, "source": "billing_address", "state": None} if country else None
    return {
        "automatic_tax": "supported" if country else "unrecognized_location",
        "ip_address": None,
        "location": location,
        "provider": "stripe",
    }


def _fill(call: Call, body: Object) -> None:
    params = call.params
    apply(body, params, *_PLAIN)
    if "address" in params:
        body["address"] = address(params["address"])
    if "shipping" in params:
        given = params["shipping"]
        body["shipping"] = (
            {
                "address": address(given["address"]),
                "name": given["name"],
                "phone": given.get("phone"),
                "carrier": None,
                "tracking_number": None,
            }
            if given
            else None
        )
    if settings := params.get("invoice_settings"):
        merged = dict(body["invoice_settings"])
        if default := settings.get("default_payment_method"):
            method = call.tx.get("payment_method", default, param="invoice_settings[default_payment_method]")
            if method["customer"] != body["id"]:
                from stripe_sandbox.errors import ApiError

                raise ApiError(
                    f"The customer does not have a payment method with the ID {default}. The payment method "
                    "must be attached to the customer.",
                    param="invoice_settings[default_payment_method]",
                    code="resource_missing",
                )
        apply(merged, settings, "custom_fields", "default_payment_method", "footer")
        body["invoice_settings"] = merged
    merge_metadata(body, params)
