"""Lists: newest first, `limit`, `starting_after`, `ending_before`, `created`, as every v1 list of Stripe's."""

from __future__ import annotations

import json
from typing import Any

from stripe_sandbox.calls import Call
from stripe_sandbox.errors import bad_parameter, no_such
from stripe_sandbox.store import Object


def page(
    call: Call,
    kind: str,
    *,
    customer: str | None = None,
    parent: str | None = None,
    where: str = "",
    args: tuple[Any, ...] = (),
    with_deleted: bool = False,
) -> Object:
    """One page of a kind as a list object. `where` adds conditions on seq, created and body."""
    conditions, values = ["kind = ?"], [kind]
    if not with_deleted:
        conditions.append("deleted = 0")
    for column, value in (("customer", customer), ("parent", parent)):
        if value is not None:
            conditions.append(f"{column} = ?")
            values.append(value)
    if where:
        conditions.append(where)
        values.extend(args)
    return page_of_table(call, "object", conditions, values)


def page_of_table(call: Call, table: str, conditions: list[str], values: list[Any]) -> Object:
    """`table` and `conditions` are written in this package; what callers send only ever fills the question marks."""
    conditions, values = list(conditions), list(values)
    limit = call.params.get("limit", 10)
    if not 1 <= limit <= 100:
        raise bad_parameter("Invalid integer: limit must be between 1 and 100", "limit", "parameter_invalid_integer")
    for name, sign in (("gt", ">"), ("gte", ">="), ("lt", "<"), ("lte", "<=")):
        created = call.params.get("created")
        if isinstance(created, dict) and name in created:
            conditions.append(f"created {sign} ?")
            values.append(created[name])
    if isinstance(call.params.get("created"), int):
        conditions.append("created = ?")
        values.append(call.params["created"])
    backwards = "ending_before" in call.params
    for name, sign in (("starting_after", "<"), ("ending_before", ">")):
        if name in call.params:
            row = call.tx.conn.execute(f"SELECT seq FROM {table} WHERE id = ?", (call.params[name],)).fetchone()
            if row is None:
                raise no_such("object", call.params[name], param=name)
            conditions.append(f"seq {sign} ?")
            values.append(row["seq"])
    sql = f"SELECT body FROM {table} WHERE {' AND '.join(conditions)} ORDER BY seq {'ASC' if backwards else 'DESC'}"
    rows = [json.loads(r["body"]) for r in call.tx.conn.execute(f"{sql} LIMIT ?", (*values, limit + 1))]
    found = rows[:limit]
    return list_of(found[::-1] if backwards else found, call.url, has_more=len(rows) > limit)


def list_of(data: list[Object], url: str, *, has_more: bool = False) -> Object:
    return {"object": "list", "data": data, "has_more": has_more, "url": url}
