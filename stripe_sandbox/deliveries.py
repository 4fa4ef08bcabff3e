"""Webhooks: signed, sent after the commit that caused them, again and again until someone answers 2xx."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import random
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from stripe_sandbox.store import API_VERSION, Object, Store, Transaction

log = logging.getLogger("stripe_sandbox")
Send = Callable[[str, bytes, dict[str, str]], int]

RETRY_SECONDS = (5.0, 30.0, 300.0, 1800.0, 7200.0, 18000.0, 36000.0, 43200.0)
TIMEOUT_SECONDS = 10.0
DISABLE_AFTER_SECONDS = 9 * 86400
WORKERS = 4


@dataclass(frozen=True)
class Parcel:
    """One delivery, taken out of the queue and ready to go."""

    seq: int
    url: str
    body: bytes
    headers: dict[str, str]


class Deliverer:
    """Takes what is due, sends it, notes the answer. Several threads may do so at once, each with its own parcel."""

    def __init__(
        self, store: Store, *, retry_seconds: tuple[float, ...] = RETRY_SECONDS, seed: int | None = None
    ) -> None:
        self.store = store
        self.retry_seconds = retry_seconds
        self._chance = random.Random(seed) if seed is not None else None
        self._wake = threading.Condition()
        self._threads: list[threading.Thread] = []
        self._stopping = False
        with store.write() as tx:  # whatever was under way when the process died goes out again
            tx.conn.execute("UPDATE delivery SET state = 'due' WHERE state = 'sending'")

    def start(self, tick: Callable[[], None]) -> None:
        """Send in the background; `tick` is called about once a second."""
        for number in range(WORKERS):
            thread = threading.Thread(
                target=self._work, args=(tick if number == 0 else None,), daemon=True, name=f"deliveries-{number}"
            )
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        self._stopping = True
        self.wake()
        for thread in self._threads:
            thread.join(timeout=TIMEOUT_SECONDS + 1)

    def wake(self) -> None:
        with self._wake:
            self._wake.notify_all()

    def send_due(self, send: Send, *, limit: int = 1000) -> int:
        """Send everything that is due, now and in this thread. Returns how many went out."""
        for count in range(limit):
            parcel = self._take()
            if parcel is None:
                return count
            self._send(parcel, send)
        return limit

    def _work(self, tick: Callable[[], None] | None) -> None:
        while not self._stopping:
            try:
                if tick:
                    tick()
                while (parcel := self._take()) is not None:
                    self._send(parcel, send_over_http)
            except Exception:
                log.exception("deliveries: trying again in a second")
            with self._wake:
                if not self._stopping:
                    self._wake.wait(timeout=self._until_next())

    def _until_next(self) -> float:
        """At most a second, sooner if a retry falls due sooner."""
        with self.store.read() as tx:
            row = tx.conn.execute("SELECT MIN(due) AS due FROM delivery WHERE state = 'due'").fetchone()
            if row["due"] is None or is_held(tx):
                return 1.0
            return float(min(max(row["due"] - time.time() - tx.offset, 0.01), 1.0))

    def _take(self) -> Parcel | None:
        with self.store.read() as tx:
            if not _due(tx, limit=1):
                return None
        with self.store.write() as tx:
            rows = _due(tx, limit=1 if self._chance is None else 50)
            if not rows:
                return None
            row = self._chance.choice(rows) if self._chance else rows[0]
            tx.conn.execute(
                "UPDATE delivery SET state = 'sending', attempts = attempts + 1 WHERE seq = ?", (row["seq"],)
            )
            return _pack(tx, row["seq"], row["event"], row["endpoint"])

    def _send(self, parcel: Parcel, send: Send) -> None:
        try:
            status: int | str = send(parcel.url, parcel.body, parcel.headers)
        except Exception as problem:  # noqa: BLE001 - whatever the receiver did counts as a failed delivery
            status = f"{type(problem).__name__}: {problem}"[:200]
        good = isinstance(status, int) and 200 <= status < 300
        with self.store.write() as tx:
            row = tx.conn.execute("SELECT * FROM delivery WHERE seq = ?", (parcel.seq,)).fetchone()
            if row is None or row["state"] != "sending":
                return
            if good:
                tx.conn.execute(
                    "UPDATE delivery SET state = 'done', last_status = ? WHERE seq = ?", (str(status), parcel.seq)
                )
                return
            self._note_failure(tx, row, str(status))

    def _note_failure(self, tx: Transaction, row: Any, status: str) -> None:
        now = time.time() + tx.offset
        first = row["first_failed"] or now
        tries = row["attempts"] - 1
        wait = self.retry_seconds[tries] if tries < len(self.retry_seconds) else None
        state = "due" if wait is not None else "failed"
        log.info("delivery.failed event=%s attempt=%s status=%s", row["event"], row["attempts"], status)
        tx.conn.execute(
            "UPDATE delivery SET state = ?, due = ?, last_status = ?, first_failed = ? WHERE seq = ?",
            (state, now + (wait or 0), status, first, row["seq"]),
        )
        oldest = tx.conn.execute(
            "SELECT MIN(first_failed) AS moment FROM delivery WHERE endpoint = ? AND state IN ('due', 'failed')",
            (row["endpoint"],),
        ).fetchone()["moment"]
        if oldest is not None and now - oldest > DISABLE_AFTER_SECONDS:
            endpoint = tx.find(row["endpoint"], "webhook_endpoint")
            if endpoint and not endpoint.get("deleted") and endpoint["status"] == "enabled":
                tx.save(endpoint | {"status": "disabled"})


def send_over_http(url: str, body: bytes, headers: dict[str, str]) -> int:
    """POST without following redirects: a 3xx counts as failure, as at Stripe."""
    request = urllib.request.Request(url, data=body, headers=headers, method="POST")
    try:
        with _OPENER.open(request, timeout=TIMEOUT_SECONDS) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refusal:
        return refusal.code


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirects())


# What tests and the control page do to deliveries


def hold(tx: Transaction, on: bool) -> None:
    """While held, nothing goes out; what happens meanwhile waits."""
    tx.set("deliveries_held", "1" if on else "0")


def is_held(tx: Transaction) -> bool:
    return tx.setting("deliveries_held", "0") == "1"


def release(tx: Transaction, *, order: str = "created", seed: int | None = None, times: int = 1) -> int:
    """Let go what waits, in this order, each `times` times. Returns the number of deliveries."""
    rows = tx.conn.execute("SELECT * FROM delivery WHERE state = 'due' ORDER BY seq").fetchall()
    bag = [row for row in rows for _ in range(times)]
    if order == "reversed":
        bag.reverse()
    elif order == "shuffled":
        random.Random(seed).shuffle(bag)
    elif order != "created":
        raise ValueError("order is created, reversed or shuffled")
    tx.conn.execute("DELETE FROM delivery WHERE state = 'due'")
    for row in bag:
        tx.conn.execute(
            "INSERT INTO delivery (event, endpoint, state, attempts, due) VALUES (?, ?, 'due', ?, 0)",
            (row["event"], row["endpoint"], row["attempts"]),
        )
    hold(tx, False)
    tx.has_emitted = True
    return len(bag)


def duplicate(tx: Transaction, event: str | None = None, *, times: int = 1) -> int:
    """Deliver again what was (or will be) delivered: one event or all."""
    if event is None:
        events = [r["id"] for r in tx.conn.execute("SELECT id FROM event ORDER BY seq")]
    else:
        events = [event]
    count = 0
    for id in events:
        row = tx.conn.execute("SELECT type FROM event WHERE id = ?", (id,)).fetchone()
        if row is None:
            continue
        for endpoint in tx.select("webhook_endpoint", oldest_first=True):
            wants = endpoint["enabled_events"]
            for _ in range(times if "*" in wants or row["type"] in wants else 0):
                tx.conn.execute(
                    "INSERT INTO delivery (event, endpoint, state, due) VALUES (?, ?, 'due', 0)", (id, endpoint["id"])
                )
                count += 1
    tx.has_emitted = True
    return count


def drop(tx: Transaction, *, types: list[str] | None = None) -> int:
    """Lose what waits, as a network would: all, or these types."""
    sql = "UPDATE delivery SET state = 'dropped' WHERE state = 'due'"
    args: list[str] = []
    if types:
        sql += " AND event IN (SELECT id FROM event WHERE type IN (SELECT value FROM json_each(?)))"
        args = [json.dumps(types)]
    return tx.conn.execute(sql, args).rowcount


def counts(tx: Transaction) -> dict[str, int]:
    rows = tx.conn.execute("SELECT state, COUNT(*) AS n FROM delivery GROUP BY state")
    return {"due": 0, "sending": 0, "done": 0, "failed": 0, "dropped": 0} | {r["state"]: r["n"] for r in rows}


def with_pending(tx: Transaction, event: Object) -> Object:
    """`pending_webhooks` counts endpoints that have not yet said 2xx."""
    row = tx.conn.execute(
        "SELECT COUNT(DISTINCT endpoint) AS n FROM delivery WHERE event = ? AND state IN ('due', 'sending', 'failed')",
        (event["id"],),
    ).fetchone()
    event["pending_webhooks"] = row["n"]
    return event


def has_any(tx: Transaction, event: str) -> bool:
    """Whether any endpoint wanted this event."""
    return tx.conn.execute("SELECT 1 FROM delivery WHERE event = ? LIMIT 1", (event,)).fetchone() is not None


def told_time(tx: Transaction) -> int:
    """What the sandbox says the time is, in signatures and `Date` headers: the wall clock's unless told otherwise."""
    lead = tx.offset if tx.setting("signing_clock", "wall") == "sandbox" else 0
    return int(time.time() + lead + float(tx.setting("signing_skew", "0")))


def signature(body: bytes, secrets: list[str], moment: int) -> str:
    """Stripe-Signature: a v1 for each secret, so both sides of a rotation can check."""
    signed = f"{moment}.".encode() + body
    parts = [hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest() for secret in secrets]
    return ",".join([f"t={moment}", *(f"v1={part}" for part in parts)])


def _due(tx: Transaction, *, limit: int) -> list[Any]:
    if is_held(tx):
        return []
    return tx.conn.execute(
        "SELECT seq, event, endpoint FROM delivery WHERE state = 'due' AND due <= ? ORDER BY due, seq LIMIT ?",
        (time.time() + tx.offset, limit),
    ).fetchall()


def _pack(tx: Transaction, seq: int, event_id: str, endpoint_id: str) -> Parcel | None:
    row = tx.conn.execute("SELECT body FROM event WHERE id = ?", (event_id,)).fetchone()
    endpoint = tx.find(endpoint_id, "webhook_endpoint")
    if row is None or endpoint is None or endpoint.get("deleted") or endpoint["status"] != "enabled":
        tx.conn.execute("UPDATE delivery SET state = 'dropped' WHERE seq = ?", (seq,))
        return None
    event = with_pending(tx, json.loads(row["body"]))
    event["api_version"] = endpoint["api_version"] or API_VERSION
    body = json.dumps(event, indent=2).encode()
    moment = told_time(tx)
    return Parcel(
        seq,
        endpoint["url"],
        body,
        {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
            "Stripe-Signature": signature(body, tx.private(endpoint_id)["secrets"], moment),
        },
    )
