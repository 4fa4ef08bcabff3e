"""Coupons and promotion codes becoming discounts, and running out."""

from __future__ import annotations

from typing import Any

from stripe_sandbox import periods
from stripe_sandbox.amounts import Discounting
from stripe_sandbox.errors import ApiError
from stripe_sandbox.store import Object, Transaction, new_id


def find_code(tx: Transaction, typed: str, *, customer: str | None) -> Object:
    """The promotion code someone typed at the till. Raises ApiError with a sentence for them."""
    found = tx.select("promotion_code", where="json_extract(body, '$.code') = ? COLLATE NOCASE", args=(typed.strip(),))
    code = next((c for c in found if c["active"]), None)
    if code is None:
        raise _refused("This code is invalid.")
    if code["expires_at"] and code["expires_at"] <= tx.now:
        raise _refused("This code has expired.")
    if code["max_redemptions"] is not None and code["times_redeemed"] >= code["max_redemptions"]:
        raise _refused("This code has been used up.")
    if code["customer"] and code["customer"] != customer:
        raise _refused("This code is invalid.")
    if code["restrictions"]["first_time_transaction"] and customer and tx.select("invoice", customer=customer, limit=1):
        raise _refused("This code is for a first purchase only.")
    check_coupon(tx, code["promotion"]["coupon"])
    return code


def check_coupon(tx: Transaction, id: str, *, param: str = "coupon") -> Object:
    coupon = tx.live("coupon", id, param=param)
    if coupon["redeem_by"] and coupon["redeem_by"] <= tx.now:
        raise _refused("This code has expired.", code="coupon_expired")
    if coupon["max_redemptions"] is not None and coupon["times_redeemed"] >= coupon["max_redemptions"]:
        raise _refused("This code has been used up.", code="coupon_expired")
    return coupon


def from_params(tx: Transaction, given: list[dict[str, Any]], *, customer: str | None) -> list[tuple[str, str | None]]:
    """(coupon, promotion code) for each of an API call's `discounts`."""
    pairs: list[tuple[str, str | None]] = []
    for entry in given:
        if "promotion_code" in entry:
            code = tx.get("promotion_code", entry["promotion_code"], param="discounts[promotion_code]")
            find_code(tx, code["code"], customer=customer)
            pairs.append((code["promotion"]["coupon"], code["id"]))
        elif "coupon" in entry:
            check_coupon(tx, entry["coupon"], param="discounts[coupon]")
            pairs.append((entry["coupon"], None))
    return pairs


def grant(
    tx: Transaction, subscription: Object, coupon_id: str, promotion_code: str | None, *, session: str | None = None
) -> Object:
    """A discount on the subscription, counted as one redemption."""
    coupon = tx.live("coupon", coupon_id)
    ends = None
    if coupon["duration"] == "repeating":
        monthly = {"recurring": {"interval": "month", "interval_count": 1}}
        ends = periods.after(tx.now, monthly, coupon["duration_in_months"] or 1)
    discount: Object = {
        "id": new_id("di_1"),
        "object": "discount",
        "checkout_session": session,
        "customer": subscription["customer"],
        "customer_account": None,
        "end": ends,
        "invoice": None,
        "invoice_item": None,
        "promotion_code": promotion_code,
        "source": {"coupon": coupon_id, "type": "coupon"},
        "start": tx.now,
        "subscription": subscription["id"],
        "subscription_item": None,
    }
    tx.add(discount, parent=subscription["id"])
    subscription["discounts"] = [*subscription["discounts"], discount["id"]]
    for kind, id in (("coupon", coupon_id), ("promotion_code", promotion_code)):
        if id and (counted := tx.find(id, kind)):
            counted["times_redeemed"] += 1
            tx.save(counted)
    tx.emit("customer.discount.created", discount)
    return discount


def usable(tx: Transaction, ids: list[str]) -> list[Discounting]:
    entries = []
    for id in ids:
        discount = tx.find(id, "discount")
        if discount is None or (discount["end"] and discount["end"] <= tx.now):
            continue
        coupon = tx.find(discount["source"]["coupon"], "coupon")
        if coupon and not coupon.get("deleted"):
            entries.append(Discounting(id, coupon))
    return entries


def use_up(tx: Transaction, invoice: Object) -> None:
    """A `once` coupon serves one invoice, a `repeating` one until its end; then it leaves the subscription."""
    parent = invoice["parent"]["subscription_details"] if invoice["parent"] else None
    subscription = tx.find(parent["subscription"], "subscription") if parent else None
    if subscription is None or (invoice["total"] == 0 and invoice["subtotal"] == 0):
        return  # a trial's invoice over nothing uses nothing up
    kept = []
    for id in subscription["discounts"]:
        discount = tx.get("discount", id)
        coupon = tx.find(discount["source"]["coupon"]) or {}
        if coupon.get("duration") != "once" and not (discount["end"] and discount["end"] <= tx.now):
            kept.append(id)
    if kept != subscription["discounts"]:
        gone = [i for i in subscription["discounts"] if i not in kept]
        subscription["discounts"] = kept
        tx.save(subscription)
        for id in gone:
            tx.emit("customer.discount.deleted", tx.get("discount", id))


def _refused(message: str, code: str = "resource_missing") -> ApiError:
    return ApiError(message, code=code, param="promotion_code")
