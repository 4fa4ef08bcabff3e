"""Events: what happened, each with its object frozen as it was."""

from __future__ import annotations

import json

from stripe_sandbox import deliveries, listing
from stripe_sandbox.calls import Call, answers
from stripe_sandbox.errors import ApiError, no_such
from stripe_sandbox.store import Object

KEPT_SECONDS = 30 * 86400


@answers("get", "/v1/events/{}")
def retrieve(call: Call) -> Object:
    row = call.tx.conn.execute("SELECT body, created FROM event WHERE id = ?", (call.id,)).fetchone()
    if row is None or row["created"] < call.tx.now - KEPT_SECONDS:
        raise no_such("event", call.id)
    return deliveries.with_pending(call.tx, json.loads(row["body"]))


@answers("get", "/v1/events")
def list_(call: Call) -> Object:
    """The last 30 days, newest first; at most 20 `types`."""
    params = call.params
    conditions, values = ["created >= ?"], [call.tx.now - KEPT_SECONDS]
    if "types" in params and "type" in params:
        raise ApiError("You may only specify one of these parameters: type, types.", param="types", stored=False)
    wanted = params.get("types") or ([params["type"]] if "type" in params else [])
    if len(wanted) > 20:
        raise ApiError("You may only specify up to 20 types.", param="types", stored=False)
    if wanted:
        ways = []
        for name in wanted:
            ways.append("type LIKE ?" if name.endswith("*") else "type = ?")
            values.append(name.replace("*", "%"))
        conditions.append(f"({' OR '.join(ways)})")
    if "delivery_success" in params:
        failing = "EXISTS (SELECT 1 FROM delivery d WHERE d.event = event.id AND d.state NOT IN ('done', 'dropped'))"
        conditions.append(f"NOT {failing}" if params["delivery_success"] else failing)
    page = listing.page_of_table(call, "event", conditions, values)
    page["data"] = [deliveries.with_pending(call.tx, event) for event in page["data"]]
    return page
