"""Tax ids of a customer."""

from __future__ import annotations

from stripe_sandbox import expanding, identifying, listing
from stripe_sandbox.calls import Call, answers
from stripe_sandbox.errors import no_such
from stripe_sandbox.store import Object, Transaction


@answers("post", "/v1/customers/{}/tax_ids")
def create(call: Call) -> Object:
    call.tx.live("customer", call.id, param="customer")
    return identifying.add(call.tx, call.id, type=call.params["type"], value=call.params["value"])


@answers("get", "/v1/customers/{}/tax_ids/{}")
def retrieve(call: Call) -> Object:
    return _theirs(call)


@answers("get", "/v1/customers/{}/tax_ids")
def list_(call: Call) -> Object:
    call.tx.live("customer", call.id, param="customer")
    return listing.page(call, "tax_id", customer=call.id)


@answers("delete", "/v1/customers/{}/tax_ids/{}")
def delete(call: Call) -> Object:
    body = _theirs(call)
    identifying.remove(call.tx, body)
    return {"id": body["id"], "object": "tax_id", "deleted": True}


def _theirs(call: Call) -> Object:
    """The tax id in the path, of the customer in the path: another's is missing."""
    customer, id = call.ids
    body = call.tx.live("tax_id", id)
    if body["customer"] != customer:
        raise no_such("tax_id", id)
    return body


@expanding.included("customer", "tax_ids")
def _tax_ids(tx: Transaction, body: Object) -> Object:
    return listing.list_of(tx.select("tax_id", customer=body["id"]), f"/v1/customers/{body['id']}/tax_ids")
