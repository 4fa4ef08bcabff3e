"""The billing portal: configurations and sessions."""

from __future__ import annotations

from typing import Any

from stripe_sandbox import listing
from stripe_sandbox.calls import Call, answers
from stripe_sandbox.errors import ApiError
from stripe_sandbox.objects.setting_fields import apply, merge_metadata
from stripe_sandbox.store import Object, Transaction, new_id

SESSION_SECONDS = 3600  # unvisited links die sooner at Stripe; the length is not documented
REASONS = [
    "customer_service",
    "low_quality",
    "missing_features",
    "switched_service",
    "too_complex",
    "too_expensive",
    "unused",
    "other",
]


@answers("post", "/v1/billing_portal/configurations")
def create_configuration(call: Call) -> Object:
    tx, params = call.tx, call.params
    profile = params.get("business_profile") or {}
    is_first = not tx.select("billing_portal.configuration", limit=1)
    body: Object = {
        "id": new_id("bpc_1"),
        "object": "billing_portal.configuration",
        "active": True,
        "application": None,
        "business_profile": {
            "headline": profile.get("headline") or None,
            "privacy_policy_url": profile.get("privacy_policy_url"),
            "terms_of_service_url": profile.get("terms_of_service_url"),
        },
        "created": tx.now,
        "default_return_url": params.get("default_return_url") or None,
        "features": _features(tx, params["features"], None),
        "is_default": is_first,
        "livemode": False,
        "login_page": {"enabled": False, "url": None},
        "metadata": {},
        "name": params.get("name") or None,
        "updated": tx.now,
    }
    merge_metadata(body, params)
    tx.add(body)
    tx.emit("billing_portal.configuration.created", body)
    return body


@answers("get", "/v1/billing_portal/configurations/{}")
def retrieve_configuration(call: Call) -> Object:
    return call.tx.get("billing_portal.configuration", call.id)


@answers("post", "/v1/billing_portal/configurations/{}")
def update_configuration(call: Call) -> Object:
    tx, params = call.tx, call.params
    body = tx.get("billing_portal.configuration", call.id)
    apply(body, params, "active", "default_return_url", "name")
    if profile := params.get("business_profile"):
        merged = dict(body["business_profile"])
        apply(merged, profile, "headline", "privacy_policy_url", "terms_of_service_url")
        body["business_profile"] = merged
    if "features" in params:
        body["features"] = _features(tx, params["features"], body["features"])
    merge_metadata(body, params)
    body["updated"] = tx.now
    tx.save(body)
    tx.emit("billing_portal.configuration.updated", body, {})
    return body


@answers("get", "/v1/billing_portal/configurations")
def list_configurations(call: Call) -> Object:
    where, args = "1", []
    for name in ("active", "is_default"):
        if name in call.params:
            where += f" AND json_extract(body, '$.{name}') = ?"
            args.append(int(call.params[name]))
    return listing.page(call, "billing_portal.configuration", where=where, args=tuple(args))


@answers("post", "/v1/billing_portal/sessions")
def create_session(call: Call) -> Object:
    tx, params = call.tx, call.params
    if "customer" not in params:
        raise ApiError("Missing required param: customer.", param="customer", code="parameter_missing", stored=False)
    customer = tx.live("customer", params["customer"], param="customer")
    tx.live_by(customer["id"])
    configuration = _configuration(tx, params.get("configuration"))
    flow = _flow(tx, params["flow_data"], customer["id"]) if "flow_data" in params else None
    id = new_id("bps_1")
    secret = new_id("test_", 32)
    body: Object = {
        "id": id,
        "object": "billing_portal.session",
        "configuration": configuration["id"],
        "created": tx.now,
        "customer": customer["id"],
        "customer_account": None,
        "flow": flow,
        "livemode": False,
        "locale": params.get("locale"),
        "on_behalf_of": None,
        "return_url": params.get("return_url") or configuration["default_return_url"],
        "url": f"{call.base_url}/p/session/{secret}",
    }
    tx.add(body, parent=secret)
    tx.emit("billing_portal.session.created", body)
    return body


def _configuration(tx: Transaction, id: str | None) -> Object:
    if id:
        return tx.get("billing_portal.configuration", id, param="configuration")
    found = tx.select("billing_portal.configuration", where="json_extract(body, '$.is_default') = 1", limit=1)
    if not found:
        raise ApiError(
            "No configuration provided and your test mode default configuration has not been created. "
            "Provide a configuration or create your default by saving your customer portal settings in test "
            "mode at https://dashboard.stripe.com/test/settings/billing/portal."
        )
    return found[0]


def _features(tx: Transaction, given: dict[str, Any], old: Object | None) -> Object:
    """Given features over the old ones, or over everything switched off."""
    base = old or {
        "customer_update": {"allowed_updates": [], "enabled": False},
        "invoice_history": {"enabled": False},
        "payment_method_update": {"enabled": False, "payment_method_configuration": None},
        "subscription_cancel": {
            "cancellation_reason": {"enabled": False, "options": []},
            "enabled": False,
            "mode": "at_period_end",
            "proration_behavior": "none",
        },
        "subscription_pause": {"duration": {"interval_options": [], "type": "indefinite"}, "enabled": False},
        "subscription_update": {
            "billing_cycle_anchor": "unchanged",
            "default_allowed_updates": [],
            "enabled": False,
            "products": None,
            "proration_behavior": "none",
            "schedule_at_period_end": {"conditions": []},
            "trial_update_behavior": "end_trial",
        },
    }
    features: Object = {}
    for name, defaults in base.items():
        mine = dict(defaults)
        for key, value in (given.get(name) or {}).items():
            mine[key] = None if value == "" else value
        features[name] = mine
    reason = features["subscription_cancel"]["cancellation_reason"]
    features["subscription_cancel"]["cancellation_reason"] = {
        "enabled": reason.get("enabled", False),
        "options": reason.get("options") or [],
    }
    features["customer_update"]["allowed_updates"] = features["customer_update"]["allowed_updates"] or []
    update = features["subscription_update"]
    update["default_allowed_updates"] = update["default_allowed_updates"] or []
    update["schedule_at_period_end"] = {"conditions": update["schedule_at_period_end"].get("conditions") or []}
    update["products"] = [_product(tx, p) for p in update["products"] or []] if update["products"] else None
    return features


def _product(tx: Transaction, given: dict[str, Any]) -> Object:
    tx.live("product", given["product"], param="features[subscription_update][products]")
    for price in given["prices"]:
        tx.get("price", price, param="features[subscription_update][products]")
    adjustable = given.get("adjustable_quantity") or {}
    return {
        "adjustable_quantity": {
            "enabled": adjustable.get("enabled", False),
            "maximum": adjustable.get("maximum"),
            "minimum": adjustable.get("minimum", 1),
        },
        "prices": given["prices"],
        "product": given["product"],
    }


def _flow(tx: Transaction, given: dict[str, Any], customer: str) -> Object:
    after = given.get("after_completion") or {}
    confirmation = after.get("hosted_confirmation")
    flow: Object = {
        "after_completion": {
            "hosted_confirmation": {"custom_message": confirmation.get("custom_message")} if confirmation else None,
            "redirect": after.get("redirect"),
            "type": after.get("type", "portal_homepage"),
        },
        "customer_update": None,
        "subscription_cancel": None,
        "subscription_pause": None,
        "subscription_update": None,
        "subscription_update_confirm": None,
        "type": given["type"],
    }
    if given["type"] in ("subscription_cancel", "subscription_update", "subscription_update_confirm"):
        details = given.get(given["type"])
        if not details:
            raise ApiError(
                f"Missing required param: flow_data[{given['type']}].",
                code="parameter_missing",
                param=f"flow_data[{given['type']}]",
            )
        subscription = tx.get(
            "subscription", details["subscription"], param=f"flow_data[{given['type']}][subscription]"
        )
        if subscription["customer"] != customer:
            raise ApiError(f"No such subscription: '{subscription['id']}'", code="resource_missing")
        flow[given["type"]] = {"subscription": subscription["id"]}
        if given["type"] == "subscription_cancel":
            flow[given["type"]]["retention"] = None
        if given["type"] == "subscription_update_confirm":
            flow[given["type"]] |= {
                "discounts": None,
                "items": [
                    {"id": i.get("id"), "price": i.get("price"), "quantity": i.get("quantity")}
                    for i in details["items"]
                ],
            }
    return flow
