"""Idempotency keys: the first stored answer is replayed for 24 hours, a 500 too; never twice at once."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from stripe_sandbox.errors import ApiError
from stripe_sandbox.store import Transaction

LIFETIME = 24 * 3600


class Keys:
    """Keys in use right now live in memory: a killed process frees them."""

    def __init__(self) -> None:
        self._running: set[str] = set()
        self._lock = threading.Lock()

    @contextmanager
    def hold(self, key: str | None) -> Iterator[None]:
        if key is None:
            yield
            return
        with self._lock:
            if key in self._running:
                raise ApiError(
                    "There is currently another in-progress request using this Idempotency Key (that probably means "
                    "you submitted twice, and the other request is still going through). Please try again later.",
                    status=409,
                    type="idempotency_error",
                    code="idempotency_key_in_use",
                    stored=False,
                )
            self._running.add(key)
        try:
            yield
        finally:
            with self._lock:
                self._running.discard(key)


def fingerprint(verb: str, path: str, body: bytes) -> str:
    return hashlib.sha256(f"{verb} {path}\n".encode() + body).hexdigest()


def recall(tx: Transaction, key: str, print_: str) -> tuple[int, str, str] | None:
    """The stored (status, body, request id). Raises 400 when the key was used with other parameters."""
    tx.conn.execute("DELETE FROM idempotency WHERE created < ?", (tx.now - LIFETIME,))
    row = tx.conn.execute("SELECT * FROM idempotency WHERE key = ?", (key,)).fetchone()
    if row is None:
        return None
    if row["fingerprint"] != print_:
        raise ApiError(
            "Keys for idempotent requests can only be used with the same parameters they were first used with. "
            f"Try using a key other than '{key}' if you meant to execute a different request.",
            type="idempotency_error",
            stored=False,
        )
    return row["status"], row["body"], row["request"]


def remember(tx: Transaction, key: str, print_: str, status: int, body: object, request: str) -> None:
    tx.conn.execute(
        "INSERT OR REPLACE INTO idempotency VALUES (?, ?, ?, ?, ?, ?)",
        (key, print_, status, json.dumps(body), request, tx.now),
    )
