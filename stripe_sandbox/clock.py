"""Time passing: what was planned happens in its order, at its own moment, each in a transaction of its own."""

from __future__ import annotations

import time

from stripe_sandbox import renewing
from stripe_sandbox.store import Store, Transaction


def now(store: Store) -> int:
    with store.read() as tx:
        return tx.now


def catch_up(store: Store) -> None:
    """Do what has fallen due on the sandbox's own clock."""
    while True:
        with store.read() as tx:
            if _next(tx, "", tx.now) is None:
                return
            target = tx.now
        if not _step(store, target, moves_offset=False):
            return


def advance(store: Store, seconds: float) -> int:
    """Let the sandbox's own time pass; a killed process stops somewhere on the way and loses nothing. Returns now."""
    with store.read() as tx:
        target_offset = tx.offset + seconds
        target = int(time.time() + target_offset)
    while _step(store, target, moves_offset=True):
        pass
    with store.write() as tx:
        tx.set("clock_offset", str(target_offset))
    store.on_event()
    return now(store)


def run_test_clock(tx: Transaction, clock: str, target: int) -> None:
    """The same for one Stripe test clock and the customers on it, inside the call that asked for it."""
    while (found := _next(tx, clock, target)) is not None:
        at, what, ref = found
        frozen = tx.get("test_helpers.test_clock", clock)
        tx.save(frozen | {"frozen_time": max(at, frozen["frozen_time"])})
        _do(tx, clock, at, what, ref)
    tx.now = target


def _step(store: Store, target: int, *, moves_offset: bool) -> bool:
    """The next thing on the sandbox's own clock; False when nothing is left."""
    with store.read() as tx:
        if (due := _next(tx, "", target)) is None:
            return False
    with store.write(at=due[0]) as tx:
        found = _next(tx, "", target)
        if found is None:
            return False
        at, what, ref = found
        if moves_offset and at - time.time() > tx.offset:
            tx.set("clock_offset", str(at - time.time()))
        _do(tx, "", at, what, ref)
    return True


def _do(tx: Transaction, clock: str, at: int, what: str, ref: str) -> None:
    tx.now, tx.clock = at, clock
    tx.conn.execute("DELETE FROM plan WHERE what = ? AND ref = ?", (what, ref))
    body = tx.find(ref)
    if body is not None and not body.get("deleted"):
        renewing.WORK[what](tx, body)


def _next(tx: Transaction, clock: str, target: int) -> tuple[int, str, str] | None:
    row = tx.conn.execute(
        "SELECT at, what, ref FROM plan WHERE clock = ? AND at <= ? ORDER BY at, what, ref LIMIT 1", (clock, target)
    ).fetchone()
    return (row["at"], row["what"], row["ref"]) if row else None
