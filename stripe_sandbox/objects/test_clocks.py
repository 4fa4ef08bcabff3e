"""Stripe's own test clocks: customers made with one live in its time."""

from __future__ import annotations

from stripe_sandbox import clock, listing, periods
from stripe_sandbox.calls import Call, answers
from stripe_sandbox.errors import ApiError
from stripe_sandbox.store import Object, new_id


@answers("post", "/v1/test_helpers/test_clocks")
def create(call: Call) -> Object:
    body: Object = {
        "id": new_id("clock_1"),
        "object": "test_helpers.test_clock",
        "created": call.tx.now,
        "deletes_after": call.tx.now + 30 * 86400,
        "frozen_time": call.params["frozen_time"],
        "livemode": False,
        "name": call.params.get("name"),
        "status": "ready",
        "status_details": {},
    }
    call.tx.add(body)
    call.tx.emit("test_helpers.test_clock.created", body)
    return body


@answers("get", "/v1/test_helpers/test_clocks/{}")
def retrieve(call: Call) -> Object:
    return call.tx.live("test_helpers.test_clock", call.id)


@answers("get", "/v1/test_helpers/test_clocks")
def list_(call: Call) -> Object:
    return listing.page(call, "test_helpers.test_clock")


@answers("delete", "/v1/test_helpers/test_clocks/{}")
def delete(call: Call) -> Object:
    """Its customers go with it."""
    tx = call.tx
    body = tx.live("test_helpers.test_clock", call.id)
    for customer in tx.select("customer", where="json_extract(body, '$.test_clock') = ?", args=(call.id,)):
        for subscription in tx.select("subscription", customer=customer["id"]):
            tx.remove(subscription["id"])
        tx.remove(customer["id"])
    tx.conn.execute("DELETE FROM plan WHERE clock = ?", (call.id,))
    tx.emit("test_helpers.test_clock.deleted", body)
    tx.remove(call.id)
    return {"id": call.id, "object": "test_helpers.test_clock", "deleted": True}


@answers("post", "/v1/test_helpers/test_clocks/{}/advance")
def advance(call: Call) -> Object:
    """Stripe works in the background and says `advancing`; here it is done before the answer."""
    tx = call.tx
    body = tx.live("test_helpers.test_clock", call.id)
    target = call.params["frozen_time"]
    if target <= body["frozen_time"]:
        raise ApiError("Test clock can only be advanced forward in time.", param="frozen_time")
    limit = _two_intervals(call, body)
    if target > limit:
        raise ApiError(
            f"Cannot advance more than 2 intervals of the shortest subscription at once: until {limit} at most.",
            param="frozen_time",
            code="test_clock_cannot_advance",
        )
    tx.emit("test_helpers.test_clock.advancing", body | {"status": "advancing"})
    clock.run_test_clock(tx, call.id, target)
    body = tx.get("test_helpers.test_clock", call.id) | {"frozen_time": target}
    tx.save(body)
    tx.emit("test_helpers.test_clock.ready", body)
    return body


def _two_intervals(call: Call, body: Object) -> int:
    """Two of the shortest interval any subscription on this clock has; two years without one."""
    shortest = periods.after(body["frozen_time"], {"recurring": {"interval": "year", "interval_count": 1}}, 2)
    where = "json_extract(body, '$.test_clock') = ?"
    for subscription in call.tx.select("subscription", where=where, args=(call.id,)):
        for item in subscription["items"]["data"]:
            shortest = min(shortest, periods.after(body["frozen_time"], item["price"], 2))
    return shortest
