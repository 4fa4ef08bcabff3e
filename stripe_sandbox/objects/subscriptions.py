"""Subscriptions."""

from __future__ import annotations

from typing import Any

from stripe_sandbox import discounting, invoicing, listing, subscribing, switching
from stripe_sandbox.calls import Call, answers
from stripe_sandbox.errors import ApiError
from stripe_sandbox.objects.setting_fields import apply, merge_metadata
from stripe_sandbox.store import Object, Transaction

_CREATE_TAKES = {
    "automatic_tax",
    "billing_mode",
    "cancel_at",
    "cancel_at_period_end",
    "collection_method",
    "currency",
    "customer",
    "default_payment_method",
    "description",
    "discounts",
    "expand",
    "items",
    "metadata",
    "off_session",
    "payment_behavior",
    "payment_settings",
    "proration_behavior",
    "trial_end",
    "trial_period_days",
    "trial_settings",
}
_UPDATE_TAKES = {
    "automatic_tax",
    "billing_cycle_anchor",
    "cancel_at",
    "cancel_at_period_end",
    "cancellation_details",
    "default_payment_method",
    "description",
    "discounts",
    "expand",
    "items",
    "metadata",
    "off_session",
    "pause_collection",
    "payment_behavior",
    "payment_settings",
    "proration_behavior",
    "proration_date",
    "trial_end",
    "trial_settings",
}


@answers("post", "/v1/subscriptions")
def create(call: Call) -> Object:
    tx, params = call.tx, call.params
    _only(params, _CREATE_TAKES)
    customer = tx.live("customer", params["customer"], param="customer")
    tx.live_by(customer["id"])
    method = params.get("default_payment_method")
    if method:
        _check_method(tx, method, customer["id"])
    items = [
        (_price(tx, entry, f"items[{i}][price]"), entry.get("quantity", 1))
        for i, entry in enumerate(params.get("items") or [])
    ]
    if not items:
        raise ApiError("Missing required param: items.", param="items", code="parameter_missing")
    behaviour = params.get("payment_behavior", "allow_incomplete")
    order = subscribing.Order(
        customer=customer["id"],
        items=items,
        base_url=call.base_url,
        metadata=params.get("metadata") or {},
        item_metadata=[entry.get("metadata") or {} for entry in params["items"]],
        default_payment_method=method,
        trial_end=_trial_end(tx, params),
        missing_payment_method=_missing(params),
        discounts=discounting.from_params(tx, params.get("discounts") or [], customer=customer["id"]),
        automatic_tax=bool((params.get("automatic_tax") or {}).get("enabled")),
        description=params.get("description"),
        billing_mode=(params.get("billing_mode") or {}).get("type", "flexible"),
        save_default_payment_method=(params.get("payment_settings") or {}).get("save_default_payment_method", "off"),
    )
    subscription = subscribing.begin(tx, order)
    if subscription["status"] == "incomplete" and behaviour != "default_incomplete":
        invoice = tx.get("invoice", subscription["latest_invoice"])
        if invoicing.default_method(tx, subscription, customer["id"]) is None:
            raise ApiError(
                "This customer has no attached payment source or default payment method. Please consider "
                "adding a default payment method. For more information, visit "
                "https://stripe.com/docs/billing/subscriptions/payment-methods-setting#payment-method-priority.",
                code="resource_missing",
            )
        outcome = invoicing.collect(tx, invoice, off_session=params.get("off_session", False))
        if outcome.error and behaviour == "error_if_incomplete":
            outcome.error.keeps = False
            raise outcome.error
    subscription = tx.get("subscription", subscription["id"])
    if "cancel_at" in params or "cancel_at_period_end" in params:
        before = dict(subscription)
        _set_end(tx, subscription, params)
        subscribing.save_and_announce(tx, subscription, before)
    return subscription


@answers("get", "/v1/subscriptions/{}")
def retrieve(call: Call) -> Object:
    return call.tx.get("subscription", call.id)


@answers("post", "/v1/subscriptions/{}")
def update(call: Call) -> Object:
    tx, params = call.tx, call.params
    _only(params, _UPDATE_TAKES)
    subscription = tx.get("subscription", call.id)
    tx.live_by(subscription["customer"])
    if subscription["status"] in subscribing.DEAD:
        allowed = {"metadata", "cancellation_details", "expand"}
        if set(params) - allowed:
            raise ApiError("A canceled subscription can only update its cancellation_details and metadata.")
    before = dict(subscription)
    if method := params.get("default_payment_method"):
        _check_method(tx, method, subscription["customer"])
    apply(subscription, params, "description", "default_payment_method")
    merge_metadata(subscription, params)
    if "cancellation_details" in params:
        given = params["cancellation_details"]
        details = dict(subscription["cancellation_details"] or {})
        apply(details, given, "comment", "feedback")
        subscription["cancellation_details"] = details
    if "cancel_at" in params or "cancel_at_period_end" in params:
        if subscription["schedule"]:
            raise ApiError(
                f"The subscription is managed by the subscription schedule `{subscription['schedule']}`, and updating "
                "any cancelation behavior directly is not allowed. Please update the schedule instead."
            )
        _set_end(tx, subscription, params)
    if "trial_settings" in params:
        subscription["trial_settings"] = {"end_behavior": {"missing_payment_method": _missing(params)}}
    if "automatic_tax" in params:
        on = params["automatic_tax"]["enabled"]
        subscription["automatic_tax"] = {
            "disabled_reason": None,
            "enabled": on,
            "liability": {"type": "self"} if on else None,
        }
    if "pause_collection" in params:
        _pause_collection(tx, subscription, params["pause_collection"])
    if "discounts" in params:
        _replace_discounts(tx, subscription, params["discounts"])
    subscribing.save_and_announce(tx, subscription, before)
    if "items" in params or "trial_end" in params or "billing_cycle_anchor" in params:
        subscription = switching.switch(
            tx, tx.get("subscription", call.id), switching.Change.from_params(tx, params), base_url=call.base_url
        )
    return tx.get("subscription", call.id)


@answers("delete", "/v1/subscriptions/{}")
def cancel(call: Call) -> Object:
    tx = call.tx
    subscription = tx.get("subscription", call.id)
    tx.live_by(subscription["customer"])
    if subscription["status"] in subscribing.DEAD:
        raise ApiError(f"No such subscription: '{call.id}'", status=404, code="resource_missing", param="id")
    details = call.params.get("cancellation_details") or {}
    return subscribing.end_now(tx, subscription, reason="cancellation_requested", details=details)


@answers("post", "/v1/subscriptions/{}/pause")
def pause(call: Call) -> Object:
    tx = call.tx
    subscription = tx.get("subscription", call.id)
    tx.live_by(subscription["customer"])
    if subscription["status"] not in ("active", "past_due", "trialing"):
        raise ApiError(f"A subscription with status {subscription['status']} cannot be paused.")
    call.params.get("type")  # `subscription` is the only one there is
    return switching.pause(tx, subscription, why="pause_requested")


@answers("post", "/v1/subscriptions/{}/resume")
def resume(call: Call) -> Object:
    tx = call.tx
    subscription = tx.get("subscription", call.id)
    tx.live_by(subscription["customer"])
    if subscription["status"] != "paused":
        raise ApiError("Only paused subscriptions can be resumed.")
    if (call.params.get("billing_cycle_anchor") or {"type": "now"}).get("type") != "now":
        raise ApiError(
            "This sandbox resumes with billing_cycle_anchor[type]=now only.",
            status=501,
            type="api_error",
            param="billing_cycle_anchor",
            stored=False,
        )
    return switching.resume(tx, subscription, base_url=call.base_url)


@answers("get", "/v1/subscriptions")
def list_(call: Call) -> Object:
    params = call.params
    status = params.get("status")
    conditions: list[str] = []
    args: list[Any] = []
    if status is None:
        conditions.append("json_extract(body, '$.status') NOT IN ('canceled', 'incomplete_expired')")
    elif status == "ended":
        conditions.append("json_extract(body, '$.status') IN ('canceled', 'incomplete_expired')")
    elif status != "all":
        conditions.append("json_extract(body, '$.status') = ?")
        args.append(status)
    if "price" in params:
        conditions.append(
            "EXISTS (SELECT 1 FROM json_each(body, '$.items.data') AS item "
            "WHERE json_extract(item.value, '$.price.id') = ?)"
        )
        args.append(params["price"])
    if "test_clock" in params:
        conditions.append("json_extract(body, '$.test_clock') = ?")
        args.append(params["test_clock"])
    if "customer" in params:
        call.tx.get("customer", params["customer"], param="customer")
    return listing.page(
        call, "subscription", customer=params.get("customer"), where=" AND ".join(conditions) or "1", args=tuple(args)
    )


def _only(params: dict[str, Any], takes: set[str]) -> None:
    for name in takes:  # some matter only in some cases; they are known all the same
        params.get(name)
    if params.get("collection_method", "charge_automatically") != "charge_automatically":
        raise ApiError(
            "This sandbox simulates collection_method=charge_automatically only.",
            status=501,
            type="api_error",
            param="collection_method",
            stored=False,
        )


def _price(tx: Transaction, entry: dict[str, Any], param: str) -> Object:
    price = tx.get("price", entry.get("price", ""), param=param)
    if not price["active"]:
        raise ApiError("The price specified is inactive. This field only accepts active prices.", param=param)
    if price["recurring"] is None:
        raise ApiError(
            "The price specified is set to `type=one_time` but this field only accepts prices with `type=recurring`.",
            param=param,
        )
    return price


def _check_method(tx: Transaction, id: str, customer: str) -> None:
    if tx.get("payment_method", id, param="default_payment_method")["customer"] != customer:
        raise ApiError(
            f"The customer does not have a payment method with the ID {id}. The payment method must be "
            "attached to the customer.",
            code="resource_missing",
            param="default_payment_method",
        )


def _trial_end(tx: Transaction, params: dict[str, Any]) -> int | None:
    if "trial_period_days" in params and "trial_end" in params:
        raise ApiError(
            "Received both trial_end and trial_period_days parameters. Please pass in only one.",
            param="trial_period_days",
        )
    if days := params.get("trial_period_days"):
        return int(tx.now + days * 86400)
    end = params.get("trial_end")
    return end if isinstance(end, int) and end > tx.now else None


def _missing(params: dict[str, Any]) -> str:
    return str(
        (params.get("trial_settings") or {}).get("end_behavior", {}).get("missing_payment_method", "create_invoice")
    )


def _set_end(tx: Transaction, subscription: Object, params: dict[str, Any]) -> None:
    at, flag = params.get("cancel_at"), params.get("cancel_at_period_end")
    if at not in (None, "") and flag is not None:
        raise ApiError(
            "Received both cancel_at and cancel_at_period_end parameters. Please pass in only one.", param="cancel_at"
        )
    details = params.get("cancellation_details") or {}
    ends = [item["current_period_end"] for item in subscription["items"]["data"]]
    if flag is True:
        subscribing.set_end(tx, subscription, at=max(ends), at_period_end=True, details=details)
    elif at in ("min_period_end", "max_period_end", "max_billed_until"):
        subscribing.set_end(
            tx,
            subscription,
            at=min(ends) if at == "min_period_end" else max(ends),
            at_period_end=False,
            details=details,
        )
    elif isinstance(at, int):
        if at <= tx.now:
            raise ApiError("The timestamp in `cancel_at` must be in the future.", param="cancel_at")
        subscribing.set_end(tx, subscription, at=at, at_period_end=False, details=details)
    elif at == "" or subscription["cancel_at_period_end"]:
        # `cancel_at_period_end=false` takes back only what `true` had set; a bare `cancel_at` stays (documented by
        # nobody, so callers must clear the one that is set).
        subscribing.set_end(tx, subscription, at=None, at_period_end=False)


def _pause_collection(tx: Transaction, subscription: Object, given: Any) -> None:
    if given == "":
        subscription["pause_collection"] = None
        tx.plan("resume_collection", subscription["id"], None)
        return
    subscription["pause_collection"] = {"behavior": given["behavior"], "resumes_at": given.get("resumes_at")}
    tx.plan("resume_collection", subscription["id"], given.get("resumes_at"))


def _replace_discounts(tx: Transaction, subscription: Object, given: Any) -> None:
    if given == []:
        return
    kept = [d["discount"] for d in given if "discount" in d] if given else []
    subscription["discounts"] = [d for d in subscription["discounts"] if d in kept]
    for coupon, code in discounting.from_params(tx, given or [], customer=subscription["customer"]):
        discounting.grant(tx, subscription, coupon, code)
