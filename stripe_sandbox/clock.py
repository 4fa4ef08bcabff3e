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
        if not _step(store, "", target, moves_offset=False):
            return


def advance(store: Store, seconds: float) -> int:
    """Let the sandbox's own time pass; a killed process stops somewhere on the way and loses nothing. Returns now."""
    with store.read() as tx:
        target_offset = tx.offset + seconds
        target = int(time.time() + target_offset)
    while _step(store, "", target, moves_offset=True):
        pass
    with store.write() as tx:
        tx.set("clock_offset", str(target_offset))
    store.on_event()
    return now(store)


def advance_test_clock(store: Store, clock: str, target: int) -> None:
    """The same for one Stripe test clock and the customers on it."""
    while _step(store, clock, target, moves_offset=False):
        pass


def _step(store: Store, clock: str, target: int, *, moves_offset: bool) -> bool:
    with store.read() as tx:
        if (due := _next(tx, clock, target)) is None:
            return False
    with store.write(at=due[0]) as tx:
        found = _next(tx, clock, target)
        if found is None:
            return False
        at, what, ref = found
        tx.now, tx.clock = at, clock
        tx.conn.execute("DELETE FROM plan WHERE what = ? AND ref = ?", (what, ref))
        if moves_offset and at - time.time() > tx.offset:
            tx.set("clock_offset", str(at - time.time()))
        if clock:
            frozen = tx.get("test_helpers.test_clock", clock)
            if frozen["frozen_time"] < at:
                tx.save(frozen | {"frozen_time": at})
        body = tx.find(ref)
        if body is not None and not body.get("deleted"):
            renewing.WORK[what](tx, body)
    return True


def _next(tx: Transaction, clock: str, target: int) -> tuple[int, str, str] | None:
    row = tx.conn.execute(
        "SELECT at, what, ref FROM plan WHERE clock = ? AND at <= ? ORDER BY at, what, ref LIMIT 1", (clock, target)
    ).fetchone()
    return (row["at"], row["what"], row["ref"]) if row else None
