"""Faults on demand: the next n API calls fail as networks and Stripe do."""

from __future__ import annotations

from dataclasses import dataclass

from stripe_sandbox.store import Transaction

KINDS = {
    "500": "answers 500 api_error before anything happens; an idempotency key remembers it",
    "502": "answers an HTML page with status 502, as a proxy would",
    "429": "answers 429 rate_limit",
    "409": "answers 409 lock_timeout",
    "timeout": "does the work, commits, then says nothing for `seconds`",
    "slow": "waits `seconds`, then answers normally",
    "drop": "closes the connection without an answer, nothing done",
    "drop_after": "does the work, commits, then closes the connection",
}


@dataclass(frozen=True)
class Fault:
    kind: str
    seconds: float


def arm(tx: Transaction, kind: str, *, times: int = 1, match: str = "", seconds: float = 30) -> None:
    """`match` is part of "POST /v1/customers"; empty hits any call."""
    if kind not in KINDS:
        raise ValueError(f"unknown fault {kind}; known: {', '.join(KINDS)}")
    tx.conn.execute(
        "INSERT INTO fault (kind, remaining, match, seconds) VALUES (?, ?, ?, ?)", (kind, times, match, seconds)
    )


def next_for(tx: Transaction, request: str) -> Fault | None:
    """Takes one from the first armed fault that fits."""
    for row in tx.conn.execute("SELECT * FROM fault WHERE remaining > 0 ORDER BY seq").fetchall():
        if row["match"] in request:
            tx.conn.execute("UPDATE fault SET remaining = remaining - 1 WHERE seq = ?", (row["seq"],))
            return Fault(row["kind"], row["seconds"])
    return None


def any_armed(tx: Transaction) -> bool:
    return tx.conn.execute("SELECT 1 FROM fault WHERE remaining > 0 LIMIT 1").fetchone() is not None


def armed(tx: Transaction) -> list[dict[str, object]]:
    rows = tx.conn.execute("SELECT kind, remaining, match FROM fault WHERE remaining > 0 ORDER BY seq")
    return [dict(row) for row in rows]


def clear(tx: Transaction) -> None:
    tx.conn.execute("DELETE FROM fault")
