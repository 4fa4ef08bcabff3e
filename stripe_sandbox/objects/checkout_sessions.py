"""Checkout Sessions, hosted page, subscription mode."""

from __future__ import annotations

from typing import Any

from stripe_sandbox import checking_out, discounting, expanding, listing
from stripe_sandbox.calls import Call, answers
from stripe_sandbox.errors import ApiError
from stripe_sandbox.store import Object, Transaction, new_id

_TAKES = {
    "allow_promotion_codes",
    "automatic_tax",
    "billing_address_collection",
    "cancel_url",
    "client_reference_id",
    "consent_collection",
    "currency",
    "custom_text",
    "customer",
    "customer_email",
    "customer_update",
    "discounts",
    "expand",
    "expires_at",
    "line_items",
    "locale",
    "metadata",
    "mode",
    "name_collection",
    "payment_method_collection",
    "payment_method_types",
    "subscription_data",
    "success_url",
    "tax_id_collection",
    "ui_mode",
    "submit_type",
    "integration_identifier",
}


@answers("post", "/v1/checkout/sessions")
def create(call: Call) -> Object:
    tx, params = call.tx, call.params
    _check(call)
    customer = params.get("customer")
    if customer:
        tx.live("customer", customer, param="customer")
        tx.live_by(customer)
    items = _items(call)
    expires = params.get("expires_at", tx.now + 86400)
    if expires <= tx.now and tx.offset > 0:
        expires += int(tx.offset)  # the caller's clock did not travel with ours; mean the same distance
    if not tx.now + 1800 - 60 <= expires <= tx.now + 86400 + 60:
        raise ApiError(
            "The `expires_at` timestamp must be between 30 minutes and 24 hours from Checkout Session creation.",
            param="expires_at",
        )
    data = params.get("subscription_data") or {}
    discounts = discounting.from_params(tx, params.get("discounts") or [], customer=customer)
    id = checking_out.session_id()
    session = _body(call, id, items, expires, discounts)
    trial = _trial(tx, data)
    end = data.get("trial_settings", {}).get("end_behavior", {}).get("missing_payment_method", "create_invoice")
    tx.add(
        session,
        private={
            "items": [{"price": p["id"], "quantity": q, "id": new_id("li_1")} for p, q in items],
            "trial_seconds": trial[0],
            "trial_end": trial[1],
            "subscription_metadata": data.get("metadata") or {},
            "missing_payment_method": end,
            "description": data.get("description"),
            "customer_update": params["customer_update"].whole() if "customer_update" in params else {},
        },
    )
    checking_out.show_totals(session, checking_out.sum_of(tx, session))
    tx.save(session)
    tx.plan("expire_session", id, expires)
    return session


@answers("get", "/v1/checkout/sessions/{}")
def retrieve(call: Call) -> Object:
    return call.tx.get("checkout.session", call.id)


@answers("get", "/v1/checkout/sessions")
def list_(call: Call) -> Object:
    where, args = "1", []
    for name in ("status", "subscription", "payment_intent"):
        if name in call.params:
            where += f" AND json_extract(body, '$.{name}') = ?"
            args.append(call.params[name])
    return listing.page(call, "checkout.session", customer=call.params.get("customer"), where=where, args=tuple(args))


@answers("post", "/v1/checkout/sessions/{}")
def update(call: Call) -> Object:
    from stripe_sandbox.objects.setting_fields import merge_metadata

    session = call.tx.get("checkout.session", call.id)
    merge_metadata(session, call.params)
    return call.tx.save(session)


@answers("post", "/v1/checkout/sessions/{}/expire")
def expire(call: Call) -> Object:
    session = call.tx.get("checkout.session", call.id)
    if session["status"] != "open":
        raise ApiError(
            f'Only Checkout Sessions with a status in ["open"] can be expired. This Checkout Session has '
            f"a status of {session['status']}."
        )
    call.tx.live_by(session["customer"])
    return checking_out.expire(call.tx, session)


@answers("get", "/v1/checkout/sessions/{}/line_items")
def line_items(call: Call) -> Object:
    return _line_items(call.tx, call.tx.get("checkout.session", call.id))


@expanding.included("checkout.session", "line_items")
def _line_items(tx: Transaction, session: Object) -> Object:
    rows = []
    items = tx.private(session["id"])["items"]
    for entry in items:
        price = tx.get("price", entry["price"])
        product = tx.find(price["product"]) or {}
        amount = (price["unit_amount"] or 0) * entry["quantity"]
        only = len(items) == 1
        rows.append(
            {
                "id": entry["id"],
                "object": "item",
                "adjustable_quantity": None,
                "amount_discount": session["total_details"]["amount_discount"] if only else 0,
                "amount_subtotal": session["amount_subtotal"] if only else amount,
                "amount_tax": session["total_details"]["amount_tax"] if only else 0,
                "amount_total": session["amount_total"] if only else amount,
                "currency": price["currency"],
                "description": product.get("name"),
                "metadata": {},
                "price": price,
                "quantity": entry["quantity"],
            }
        )
    return listing.list_of(rows, f"/v1/checkout/sessions/{session['id']}/line_items")


def _check(call: Call) -> None:
    params = call.params
    for name in _TAKES:  # some matter only in some cases; they are known all the same
        params.get(name)
    if params.get("mode") != "subscription":
        raise ApiError(
            "This sandbox simulates mode=subscription only." if "mode" in params else "You must provide a mode.",
            param="mode",
            stored=False,
        )
    if params.get("ui_mode", "hosted_page") != "hosted_page":
        raise ApiError("This sandbox simulates ui_mode=hosted_page only.", param="ui_mode", stored=False)
    if not params.get("line_items"):
        raise ApiError(
            "You must provide line_items in subscription mode.",
            param="line_items",
            code="parameter_missing",
            stored=False,
        )
    if not params.get("success_url"):
        raise ApiError(
            "You must provide a `success_url` for a hosted Checkout Session.",
            param="success_url",
            code="parameter_missing",
            stored=False,
        )
    for name in ("success_url", "cancel_url"):
        if name in params and not params[name].startswith(("http://", "https://")):
            raise ApiError(f"Not a valid URL: {params[name]}", param=name, code="url_invalid", stored=False)
    if params.get("customer") and params.get("customer_email"):
        raise ApiError("You may only specify one of these parameters: customer, customer_email.", param="customer")
    if "customer_update" in params and not params.get("customer"):
        raise ApiError("`customer_update` can only be used with `customer`.", param="customer_update")
    if params.get("discounts") and params.get("allow_promotion_codes"):
        raise ApiError(
            "You may only specify one of these parameters: allow_promotion_codes, discounts.", param="discounts"
        )
    if (params.get("name_collection") or {}).get("individual"):
        raise ApiError("This sandbox simulates name_collection[business] only.", param="name_collection", stored=False)
    wants_tax_id = (params.get("tax_id_collection") or {}).get("enabled")
    if wants_tax_id and params.get("customer") and (params.get("customer_update") or {}).get("name") != "auto":
        raise ApiError(
            "Tax ID collection requires updating business name on the customer. To enable tax ID collection "
            "for an existing customer, please set `customer_update[name]` to `auto`.",
            param="customer_update",
        )
    if (params.get("automatic_tax") or {}).get("enabled") and (customer := params.get("customer")):
        known = (call.tx.live("customer", customer, param="customer").get("address") or {}).get("country")
        if not known and (params.get("customer_update") or {}).get("address") != "auto":
            raise ApiError(
                "Automatic tax calculation in Checkout requires a valid address on the Customer. Add a valid "
                "address to the Customer or set either `customer_update[address]` to 'auto' or "
                "`customer_update[shipping]` to 'auto' to save the address entered in Checkout to the "
                "Customer.",
                code="customer_tax_location_invalid",
                param="automatic_tax",
            )


def _items(call: Call) -> list[tuple[Object, int]]:
    tx, items = call.tx, []
    for index, entry in enumerate(call.params["line_items"]):
        if "price" not in entry:
            raise ApiError("This sandbox simulates line_items with a `price` only.", param=f"line_items[{index}]")
        price = tx.get("price", entry["price"], param=f"line_items[{index}][price]")
        if not price["active"]:
            raise ApiError(
                "The price specified is inactive. This field only accepts active prices.",
                param=f"line_items[{index}][price]",
            )
        if price["recurring"] is None:
            raise ApiError("This sandbox simulates recurring prices only.", param=f"line_items[{index}][price]")
        quantity = entry.get("quantity", 1)
        if quantity < 1:
            raise ApiError("Invalid integer: quantity", param=f"line_items[{index}][quantity]")
        items.append((price, quantity))
    if len({p["currency"] for p, _ in items}) > 1:
        raise ApiError("All prices must have the same currency.", param="line_items")
    if len({(p["recurring"]["interval"], p["recurring"]["interval_count"]) for p, _ in items}) > 1:
        raise ApiError(
            "Checkout does not support multiple prices with different billing intervals.", param="line_items"
        )
    return items


def _trial(tx: Transaction, data: dict[str, Any]) -> tuple[int | None, int | None]:
    """(seconds from payment, fixed end), at most one of them given."""
    if "trial_period_days" in data:
        if data["trial_period_days"] < 1:
            raise ApiError(
                "The minimum number of trial period days is 1.", param="subscription_data[trial_period_days]"
            )
        return int(data["trial_period_days"]) * 86400, None
    if "trial_end" in data:
        if data["trial_end"] < tx.now + 48 * 3600:
            raise ApiError(
                "The `trial_end` date has to be at least 2 days in the future.", param="subscription_data[trial_end]"
            )
        return None, int(data["trial_end"])
    return None, None


def _body(
    call: Call, id: str, items: list[tuple[Object, int]], expires: int, discounts: list[tuple[str, str | None]]
) -> Object:
    tx, params = call.tx, call.params
    taxed = bool((params.get("automatic_tax") or {}).get("enabled"))
    consent = params.get("consent_collection")
    tax_ids = params.get("tax_id_collection")
    return {
        "id": id,
        "object": "checkout.session",
        "adaptive_pricing": {"enabled": False},
        "after_expiration": None,
        "allow_promotion_codes": params.get("allow_promotion_codes"),
        "amount_subtotal": 0,
        "amount_total": 0,
        "automatic_tax": {
            "enabled": taxed,
            "liability": {"type": "self"} if taxed else None,
            "provider": "stripe" if taxed else None,
            "status": "requires_location_inputs" if taxed else None,
        },
        "billing_address_collection": params.get("billing_address_collection"),
        "cancel_url": params.get("cancel_url"),
        "client_reference_id": params.get("client_reference_id"),
        "client_secret": None,
        "collected_information": None,
        "consent": None,
        "consent_collection": {
            "payment_method_reuse_agreement": None,
            "promotions": consent.get("promotions", "none"),
            "terms_of_service": consent.get("terms_of_service", "none"),
        }
        if consent
        else None,
        "created": tx.now,
        "currency": items[0][0]["currency"],
        "currency_conversion": None,
        "custom_fields": [],
        "custom_text": _custom_text(params.get("custom_text") or {}),
        "customer": params.get("customer"),
        "customer_account": None,
        "customer_creation": None if params.get("customer") else "always",
        "customer_details": {
            "address": None,
            "business_name": None,
            "email": params["customer_email"],
            "individual_name": None,
            "name": None,
            "phone": None,
            "tax_exempt": "none",
            "tax_ids": None,
        }
        if params.get("customer_email")
        else None,
        "customer_email": params.get("customer_email"),
        "discounts": [{"coupon": c, "promotion_code": p} for c, p in discounts],
        "expires_at": expires,
        "integration_identifier": params.get("integration_identifier"),
        "invoice": None,
        "invoice_creation": None,
        "livemode": False,
        "locale": params.get("locale"),
        "metadata": params.get("metadata") or {},
        "mode": "subscription",
        "name_collection": _name_collection(params.get("name_collection")),
        "origin_context": None,
        "payment_intent": None,
        "payment_link": None,
        "payment_method_collection": params.get("payment_method_collection", "always"),
        "payment_method_configuration_details": None,
        "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
        "payment_method_types": params.get("payment_method_types") or ["card"],
        "payment_status": "unpaid",
        "permissions": None,
        "phone_number_collection": {"enabled": False},
        "recovered_from": None,
        "saved_payment_method_options": None,
        "setup_intent": None,
        "shipping_address_collection": None,
        "shipping_cost": None,
        "shipping_options": [],
        "status": "open",
        "submit_type": params.get("submit_type"),
        "subscription": None,
        "success_url": params["success_url"],
        "tax_id_collection": {"enabled": tax_ids["enabled"], "required": tax_ids.get("required", "never")}
        if tax_ids
        else None,
        "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        "ui_mode": "hosted_page",
        "url": f"{call.base_url}/c/pay/{id}",
        "wallet_options": None,
    }


def _name_collection(given: dict[str, Any] | None) -> Object | None:
    business = (given or {}).get("business")
    if not business:
        return None
    return {"business": {"enabled": business["enabled"], "optional": business.get("optional", False)}}


def _custom_text(given: dict[str, Any]) -> Object:
    return {
        name: {"message": given[name]["message"]} if given.get(name) else None
        for name in ("after_submit", "shipping_address", "submit", "terms_of_service_acceptance")
    }
