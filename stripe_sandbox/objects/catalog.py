"""What is sold: products and prices, coupons and promotion codes."""

from __future__ import annotations

from typing import Any

from stripe_sandbox import listing
from stripe_sandbox.calls import Call, answers
from stripe_sandbox.errors import ApiError
from stripe_sandbox.objects.setting_fields import apply, merge_metadata
from stripe_sandbox.store import Object, changes, new_id

# Products


@answers("post", "/v1/products")
def create_product(call: Call) -> Object:
    tx, params = call.tx, call.params
    id = params.get("id") or new_id("prod_", 14)
    if tx.find(id):
        raise ApiError("Product already exists.", code="resource_already_exists", param="id")
    body: Object = {
        "id": id,
        "object": "product",
        "active": params.get("active", True),
        "created": tx.now,
        "default_price": None,
        "description": params.get("description") or None,
        "images": params.get("images") or [],
        "livemode": False,
        "marketing_features": params.get("marketing_features") or [],
        "metadata": {},
        "name": params["name"],
        "package_dimensions": None,
        "shippable": None,
        "statement_descriptor": params.get("statement_descriptor"),
        "tax_code": params.get("tax_code"),
        "type": "service",
        "unit_label": params.get("unit_label") or None,
        "updated": tx.now,
        "url": params.get("url"),
    }
    merge_metadata(body, params)
    tx.add(body)
    tx.emit("product.created", body)
    if default := params.get("default_price_data"):
        price = _make_price(call, default | {"product": id})
        body["default_price"] = price["id"]
        tx.save(body)
    return body


@answers("get", "/v1/products/{}")
def retrieve_product(call: Call) -> Object:
    return call.tx.live("product", call.id)


@answers("post", "/v1/products/{}")
def update_product(call: Call) -> Object:
    tx, params = call.tx, call.params
    body = tx.live("product", call.id)
    before = dict(body)
    apply(
        body,
        params,
        "active",
        "name",
        "description",
        "default_price",
        "statement_descriptor",
        "tax_code",
        "url",
        "unit_label",
    )
    for name in ("images", "marketing_features"):
        if name in params:
            body[name] = params[name] or []
    merge_metadata(body, params)
    if changed := changes(before, body):
        body["updated"] = tx.now
        tx.save(body)
        tx.emit("product.updated", body, changed | {"updated": before["updated"]})
    return body


@answers("get", "/v1/products")
def list_products(call: Call) -> Object:
    where, args = _active(call)
    if ids := call.params.get("ids"):
        where += f" AND id IN ({', '.join('?' * len(ids))})"
        args += tuple(ids)
    return listing.page(call, "product", where=where, args=args)


@answers("delete", "/v1/products/{}")
def delete_product(call: Call) -> Object:
    tx = call.tx
    body = tx.live("product", call.id)
    if tx.select("price", parent=call.id, limit=1):
        raise ApiError("This product cannot be deleted because it has one or more user-created prices.")
    tx.emit("product.deleted", body)
    tx.remove(call.id)
    return {"id": call.id, "object": "product", "deleted": True}


# Prices


@answers("post", "/v1/prices")
def create_price(call: Call) -> Object:
    return _make_price(call, call.params)


def _make_price(call: Call, params: dict[str, Any]) -> Object:
    tx = call.tx
    product = params.get("product")
    if product is None and (data := params.get("product_data")):
        inner = Call(tx=tx, ids=(), params=data, base_url=call.base_url)
        product = create_product(inner)["id"]
    if product is None:
        raise ApiError(
            "You must specify either `product` or `product_data` when creating a price.",
            code="parameter_missing",
            param="product",
        )
    tx.live("product", product, param="product")
    amount = params.get("unit_amount")
    if amount is None and (decimal := params.get("unit_amount_decimal")) is not None:
        amount = int(decimal) if "." not in decimal else None
    if amount is None and "unit_amount_decimal" not in params:
        raise ApiError(
            "You must specify `unit_amount` or `unit_amount_decimal`.", code="parameter_missing", param="unit_amount"
        )
    recurring = params.get("recurring")
    body: Object = {
        "id": new_id("price_1"),
        "object": "price",
        "active": params.get("active", True),
        "billing_scheme": "per_unit",
        "created": tx.now,
        "currency": params["currency"].lower(),
        "custom_unit_amount": None,
        "livemode": False,
        "lookup_key": None,
        "metadata": {},
        "nickname": params.get("nickname"),
        "product": product,
        "recurring": {
            "interval": recurring["interval"],
            "interval_count": recurring.get("interval_count", 1),
            "meter": None,
            "trial_period_days": recurring.get("trial_period_days"),
            "usage_type": recurring.get("usage_type", "licensed"),
        }
        if recurring
        else None,
        "tax_behavior": params.get("tax_behavior", "unspecified"),
        "tiers_mode": None,
        "transform_quantity": None,
        "type": "recurring" if recurring else "one_time",
        "unit_amount": amount,
        "unit_amount_decimal": params.get("unit_amount_decimal", str(amount)),
    }
    merge_metadata(body, params)
    _set_lookup_key(call, body, params)
    tx.add(body, parent=product)
    tx.emit("price.created", body)
    return body


@answers("get", "/v1/prices/{}")
def retrieve_price(call: Call) -> Object:
    return call.tx.get("price", call.id)


@answers("post", "/v1/prices/{}")
def update_price(call: Call) -> Object:
    tx, params = call.tx, call.params
    body = tx.get("price", call.id)
    before = dict(body)
    apply(body, params, "active", "nickname", "tax_behavior")
    merge_metadata(body, params)
    _set_lookup_key(call, body, params)
    tx.save(body)
    if changed := changes(before, body):
        tx.emit("price.updated", body, changed)
    return body


@answers("get", "/v1/prices")
def list_prices(call: Call) -> Object:
    params = call.params
    where, args = _active(call)
    if keys := params.get("lookup_keys"):
        if len(keys) > 10:
            raise ApiError("You may only specify up to 10 lookup keys.", param="lookup_keys", stored=False)
        where += f" AND json_extract(body, '$.lookup_key') IN ({', '.join('?' * len(keys))})"
        args += tuple(keys)
    for name in ("currency", "type"):
        if name in params:
            where += f" AND json_extract(body, '$.{name}') = ?"
            args += (params[name],)
    return listing.page(call, "price", parent=params.get("product"), where=where, args=args)


def _set_lookup_key(call: Call, body: Object, params: dict[str, Any]) -> None:
    if "lookup_key" not in params:
        return
    key = params["lookup_key"] or None
    if key:
        owners = call.tx.select(
            "price", where="json_extract(body, '$.lookup_key') = ? AND id <> ?", args=(key, body["id"])
        )
        for owner in owners:
            if not params.get("transfer_lookup_key"):
                raise ApiError(
                    f"A price (`{owner['id']}`) already uses that lookup key.",
                    param="lookup_key",
                    code="resource_already_exists",
                )
            owner["lookup_key"] = None
            call.tx.save(owner)
            call.tx.emit("price.updated", owner, {"lookup_key": key})
    body["lookup_key"] = key


def _active(call: Call) -> tuple[str, tuple[Any, ...]]:
    if "active" not in call.params:
        return "1", ()
    return "json_extract(body, '$.active') = ?", (int(call.params["active"]),)


# Coupons


@answers("post", "/v1/coupons")
def create_coupon(call: Call) -> Object:
    tx, params = call.tx, call.params
    if ("percent_off" in params) == ("amount_off" in params):
        raise ApiError("You must pass either percent_off or amount_off, but not both.", param="percent_off")
    id = params.get("id") or new_id("", 8)
    if tx.find(id):
        raise ApiError("Coupon already exists.", code="resource_already_exists", param="id")
    body: Object = {
        "id": id,
        "object": "coupon",
        "amount_off": params.get("amount_off"),
        "created": tx.now,
        "currency": params.get("currency"),
        "duration": params.get("duration", "once"),
        "duration_in_months": params.get("duration_in_months"),
        "livemode": False,
        "max_redemptions": params.get("max_redemptions"),
        "metadata": {},
        "name": params.get("name"),
        "percent_off": params.get("percent_off"),
        "redeem_by": params.get("redeem_by"),
        "times_redeemed": 0,
        "valid": True,
    }
    merge_metadata(body, params)
    tx.add(body)
    tx.emit("coupon.created", body)
    return body


@answers("get", "/v1/coupons/{}")
def retrieve_coupon(call: Call) -> Object:
    return call.tx.live("coupon", call.id)


@answers("get", "/v1/coupons")
def list_coupons(call: Call) -> Object:
    return listing.page(call, "coupon")


@answers("delete", "/v1/coupons/{}")
def delete_coupon(call: Call) -> Object:
    body = call.tx.live("coupon", call.id)
    call.tx.emit("coupon.deleted", body)
    call.tx.remove(call.id)
    return {"id": call.id, "object": "coupon", "deleted": True}


# Promotion codes


@answers("post", "/v1/promotion_codes")
def create_promotion_code(call: Call) -> Object:
    tx, params = call.tx, call.params
    coupon = params["promotion"].get("coupon")
    tx.live("coupon", coupon or "", param="promotion[coupon]")
    code = params.get("code") or new_id("", 8).upper()
    taken = tx.select(
        "promotion_code",
        where="json_extract(body, '$.code') = ? COLLATE NOCASE AND json_extract(body, '$.active') = 1",
        args=(code,),
    )
    if taken:
        raise ApiError(
            f"An active promotion code with `code: {code}` already exists.",
            code="resource_already_exists",
            param="code",
        )
    limits = params.get("restrictions") or {}
    body: Object = {
        "id": new_id("promo_1"),
        "object": "promotion_code",
        "active": params.get("active", True),
        "code": code,
        "created": tx.now,
        "customer": params.get("customer"),
        "customer_account": None,
        "expires_at": params.get("expires_at"),
        "livemode": False,
        "max_redemptions": params.get("max_redemptions"),
        "metadata": {},
        "promotion": {"coupon": coupon, "type": "coupon"},
        "restrictions": {
            "first_time_transaction": limits.get("first_time_transaction", False),
            "minimum_amount": limits.get("minimum_amount"),
            "minimum_amount_currency": limits.get("minimum_amount_currency"),
        },
        "times_redeemed": 0,
    }
    merge_metadata(body, params)
    tx.add(body, parent=coupon)
    tx.emit("promotion_code.created", body)
    return body


@answers("get", "/v1/promotion_codes/{}")
def retrieve_promotion_code(call: Call) -> Object:
    return call.tx.get("promotion_code", call.id)


@answers("post", "/v1/promotion_codes/{}")
def update_promotion_code(call: Call) -> Object:
    tx = call.tx
    body = tx.get("promotion_code", call.id)
    before = dict(body)
    apply(body, call.params, "active")
    merge_metadata(body, call.params)
    tx.save(body)
    if changed := changes(before, body):
        tx.emit("promotion_code.updated", body, changed)
    return body


@answers("get", "/v1/promotion_codes")
def list_promotion_codes(call: Call) -> Object:
    where, args = _active(call)
    if "code" in call.params:
        where += " AND json_extract(body, '$.code') = ? COLLATE NOCASE"
        args += (call.params["code"],)
    return listing.page(call, "promotion_code", parent=call.params.get("coupon"), where=where, args=args)
