"""Many members at once, for tests of size: copies of one customer with everything that hangs on them, new ids, no
events."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from stripe_sandbox.errors import no_such
from stripe_sandbox.store import Object, Transaction, new_id

_OWN_IDS = re.compile(r"\b(?:cus|sub|in|il|pi|ch|pm|si|inpay|di|cs_test|re|du|sub_sched)_[A-Za-z0-9]+")


def copy_customer(
    tx: Transaction, customer: str, times: int, *, change: Callable[[int], Object] | None = None
) -> list[str]:
    """The new customers' ids, oldest first. `change(n)` gives fields the n-th copy has instead, such as metadata."""
    rows = tx.conn.execute(
        "SELECT * FROM object WHERE deleted = 0 AND (id = :c OR customer = :c "
        "OR parent IN (SELECT id FROM object WHERE customer = :c)) ORDER BY seq",
        {"c": customer},
    ).fetchall()
    if not rows:
        raise no_such("customer", customer)
    plans = tx.conn.execute(
        "SELECT * FROM plan WHERE ref IN (SELECT value FROM json_each(?))", (json.dumps([r["id"] for r in rows]),)
    ).fetchall()
    made = []
    for number in range(times):
        ids: dict[str, str] = {}

        def fresh(match: re.Match[str], ids: dict[str, str] = ids) -> str:
            old = match.group()
            if old not in ids:
                ids[old] = new_id(old[:-12], 12)
            return ids[old]

        for row in rows:
            id, body = _OWN_IDS.sub(fresh, row["id"]), json.loads(_OWN_IDS.sub(fresh, row["body"]))
            if body["object"] == "customer":
                body |= {"email": f"member{number}@example.com", "invoice_prefix": new_id("", 8).upper()}
                body |= change(number) if change else {}
                made.append(id)
            tx.conn.execute(
                "INSERT INTO object (id, kind, created, customer, parent, body, private) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    id,
                    row["kind"],
                    row["created"],
                    _OWN_IDS.sub(fresh, row["customer"]) if row["customer"] else None,
                    _OWN_IDS.sub(fresh, row["parent"]) if row["parent"] else None,
                    json.dumps(body),
                    _OWN_IDS.sub(fresh, row["private"]),
                ),
            )
        for plan in plans:
            ref = _OWN_IDS.sub(fresh, plan["ref"])
            tx.conn.execute("INSERT INTO plan VALUES (?, ?, ?, ?)", (plan["what"], ref, plan["clock"], plan["at"]))
    return made
