"""Everything the sandbox remembers: Stripe objects as JSON, events, deliveries, plans for later; one SQLite file.

Every API call and every page action is one `Transaction`. Events and their deliveries are rows of the same
transaction, so whatever was answered is delivered, after a kill -9 too.
"""

from __future__ import annotations

import json
import os
import random
import secrets
import sqlite3
import string
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from stripe_sandbox import oracle
from stripe_sandbox.errors import no_such

API_VERSION = "2026-10-28.endive"
Object = dict[str, Any]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS object (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, created INTEGER NOT NULL,
    customer TEXT, parent TEXT, deleted INTEGER NOT NULL DEFAULT 0, body TEXT NOT NULL, private TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS object_kind ON object (kind, deleted, seq);
CREATE INDEX IF NOT EXISTS object_customer ON object (customer, kind, seq);
CREATE INDEX IF NOT EXISTS object_parent ON object (parent, kind, seq);
CREATE TABLE IF NOT EXISTS event (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, type TEXT NOT NULL, created INTEGER NOT NULL,
    body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS event_type ON event (type, seq);
CREATE TABLE IF NOT EXISTS delivery (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, event TEXT NOT NULL, endpoint TEXT NOT NULL, state TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0, due REAL NOT NULL, last_status TEXT, first_failed REAL);
CREATE INDEX IF NOT EXISTS delivery_due ON delivery (state, due);
CREATE INDEX IF NOT EXISTS delivery_event ON delivery (event);
CREATE TABLE IF NOT EXISTS plan (
    what TEXT NOT NULL, ref TEXT NOT NULL, clock TEXT NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (what, ref));
CREATE INDEX IF NOT EXISTS plan_at ON plan (clock, at);
CREATE TABLE IF NOT EXISTS idempotency (
    key TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, status INTEGER NOT NULL, body TEXT NOT NULL,
    request TEXT NOT NULL, created INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS fault (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, remaining INTEGER NOT NULL, match TEXT NOT NULL,
    seconds REAL NOT NULL);
CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""


class Store:
    """The database file, the sandbox's time, and whom to wake after a commit that made deliveries."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.strict = True  # an answer or event that does not match the SDK's types is a bug here: refuse to give it
        self.on_event: Callable[[], None] = lambda: None
        self._idle: list[sqlite3.Connection] = []
        self._lock = threading.Lock()
        with self._connection() as conn:
            conn.executescript(_SCHEMA)

    @contextmanager
    def write(
        self, *, at: int | None = None, request: str | None = None, key: str | None = None
    ) -> Iterator[Transaction]:
        """All or nothing. `at` acts at another moment than now; `request` and `key` end up in the events."""
        with self._connection() as conn:
            conn.execute("BEGIN IMMEDIATE")
            tx = Transaction(conn, self, at=at, request=request, key=key)
            try:
                yield tx
            except BaseException:
                conn.execute("ROLLBACK")
                raise
            conn.execute("COMMIT")
        if tx.has_emitted:
            self.on_event()

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        with self._connection() as conn:
            conn.execute("BEGIN")
            try:
                yield Transaction(conn, self)
            finally:
                conn.execute("ROLLBACK")

    def close(self) -> None:
        with self._lock:
            while self._idle:
                self._idle.pop().close()

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            conn = self._idle.pop() if self._idle else None
        conn = conn or self._connect()
        try:
            yield conn
        except BaseException:
            if conn.in_transaction:
                conn.execute("ROLLBACK")
            raise
        finally:
            with self._lock:
                self._idle.append(conn)

    def _connect(self) -> sqlite3.Connection:
        conn = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False, timeout=30)
        conn.row_factory = sqlite3.Row
        conn.execute("PRAGMA journal_mode=WAL")
        # A killed process loses nothing under NORMAL; only a power cut could, and this is no bank.
        conn.execute("PRAGMA synchronous=NORMAL")
        return conn


class Transaction:
    """One all-or-nothing change, at one moment: `tx.now`, in whole seconds."""

    def __init__(
        self,
        conn: sqlite3.Connection,
        store: Store,
        *,
        at: int | None = None,
        request: str | None = None,
        key: str | None = None,
    ) -> None:
        self.conn = conn
        self.store = store
        self.has_emitted = False
        self._request = {"id": request, "idempotency_key": key}
        self._fixed = at is not None
        self.clock = ""  # the test clock whose time this is; "" is the sandbox's own
        self.now = at if at is not None else int(time.time() + self.offset)

    # Time

    @property
    def offset(self) -> float:
        """Seconds by which the sandbox runs ahead of the wall clock."""
        return float(self.setting("clock_offset", "0"))

    def live_by(self, customer: str | None) -> None:
        """Take the time of the test clock this customer belongs to, if any (test_helpers/test_clocks)."""
        body = self.find(customer) if customer else None
        clock = self.find(body["test_clock"]) if body and body.get("test_clock") else None
        if clock and clock.get("object") == "test_helpers.test_clock":
            self.clock = clock["id"]
            if not self._fixed:
                self.now = int(clock["frozen_time"])

    def plan(self, what: str, ref: str, at: int | None) -> None:
        """Do `what` to `ref` at that time (see clock.py); a second plan for the same replaces the first."""
        self.conn.execute("DELETE FROM plan WHERE what = ? AND ref = ?", (what, ref))
        if at is not None:
            self.conn.execute("INSERT INTO plan VALUES (?, ?, ?, ?)", (what, ref, self.clock, at))

    # Settings

    @property
    def account_name(self) -> str:
        """Who the hosted pages speak for; the portal's own SITE_NAME unless a test set another."""
        return self.setting("account_name", os.environ.get("SITE_NAME") or "Practice Freedom")

    def setting(self, name: str, default: str) -> str:
        row = self.conn.execute("SELECT value FROM setting WHERE name = ?", (name,)).fetchone()
        return row["value"] if row else default

    def set(self, name: str, value: str) -> None:
        self.conn.execute(
            "INSERT INTO setting VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value", (name, value)
        )

    # Objects

    def find(self, id: str, kind: str | None = None) -> Object | None:
        """The object, deleted ones as Stripe shows them: id, object and deleted only."""
        row = self.conn.execute("SELECT kind, deleted, body FROM object WHERE id = ?", (id,)).fetchone()
        if row is None or (kind is not None and row["kind"] != kind):
            return None
        body = cast(Object, json.loads(row["body"]))
        return {"id": id, "object": body["object"], "deleted": True} if row["deleted"] else body

    def get(self, kind: str, id: str, *, param: str = "id") -> Object:
        """Like `find`, but raises 404 resource_missing."""
        found = self.find(id, kind)
        if found is None:
            raise no_such(
                kind.rsplit(".", 1)[-1].replace("_", " ") if kind != "checkout.session" else "checkout.session",
                id,
                param=param,
            )
        return found

    def live(self, kind: str, id: str, *, param: str = "id") -> Object:
        """Like `get`, and a deleted object is missing too."""
        found = self.get(kind, id, param=param)
        if found.get("deleted"):
            raise no_such(kind.rsplit(".", 1)[-1], id, param=param)
        return found

    def add(self, body: Object, *, parent: str | None = None, private: Object | None = None) -> Object:
        """`parent` is what lists are filtered by beside the customer: an invoice's subscription, a price's product."""
        customer = body["id"] if body["object"] == "customer" else body.get("customer")
        self.conn.execute(
            "INSERT INTO object (id, kind, created, customer, parent, body, private) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                body["id"],
                body["object"],
                body.get("created", self.now),
                customer if isinstance(customer, str) else None,
                parent,
                json.dumps(body),
                json.dumps(private or {}),
            ),
        )
        return body

    def save(self, body: Object) -> Object:
        self.conn.execute(
            "UPDATE object SET body = ?, customer = COALESCE(customer, ?) WHERE id = ?",
            (json.dumps(body), body.get("customer"), body["id"]),
        )
        return body

    def remove(self, id: str) -> None:
        self.conn.execute("UPDATE object SET deleted = 1 WHERE id = ?", (id,))

    def private(self, id: str) -> Object:
        """What Stripe knows about an object and shows nobody, such as how a test card behaves."""
        row = self.conn.execute("SELECT private FROM object WHERE id = ?", (id,)).fetchone()
        return cast(Object, json.loads(row["private"])) if row else {}

    def set_private(self, id: str, **values: Any) -> None:
        self.conn.execute("UPDATE object SET private = ? WHERE id = ?", (json.dumps(self.private(id) | values), id))

    def select(
        self,
        kind: str,
        *,
        customer: str | None = None,
        parent: str | None = None,
        oldest_first: bool = False,
        where: str = "",
        args: tuple[Any, ...] = (),
        limit: int = -1,
        with_deleted: bool = False,
    ) -> list[Object]:
        """Objects of a kind, newest first as Stripe lists them. `where` may speak of seq, created and body."""
        sql, values = "SELECT body FROM object WHERE kind = ?", [kind]
        if not with_deleted:
            sql += " AND deleted = 0"
        for column, value in (("customer", customer), ("parent", parent)):
            if value is not None:
                sql += f" AND {column} = ?"
                values.append(value)
        if where:
            sql += f" AND {where}"
        sql += f" ORDER BY seq {'ASC' if oldest_first else 'DESC'} LIMIT ?"
        return [json.loads(r["body"]) for r in self.conn.execute(sql, (*values, *args, limit))]

    # Events

    def emit(self, type: str, body: Object, previous: Object | None = None) -> None:
        """Write the event with its object frozen as it is now, and a delivery for each endpoint that wants it."""
        data: Object = {"object": body}
        if previous is not None:
            data["previous_attributes"] = previous
        event = {
            "id": new_id("evt_1"),
            "object": "event",
            "api_version": API_VERSION,
            "created": self.now,
            "data": data,
            "livemode": False,
            "pending_webhooks": 0,
            "request": self._request,
            "type": type,
        }
        if self.store.strict and (faults := oracle.event_findings(event)):
            raise AssertionError("; ".join(faults))
        self.conn.execute(
            "INSERT INTO event (id, type, created, body) VALUES (?, ?, ?, ?)",
            (event["id"], type, self.now, json.dumps(event)),
        )
        for endpoint in self.select("webhook_endpoint", oldest_first=True):
            wants = endpoint["enabled_events"]
            if endpoint["status"] == "enabled" and ("*" in wants or type in wants):
                self.conn.execute(
                    "INSERT INTO delivery (event, endpoint, state, due) VALUES (?, ?, 'due', ?)",
                    (event["id"], endpoint["id"], time.time() + self.offset),
                )
                self.has_emitted = True


def new_id(prefix: str, length: int = 16) -> str:
    """Looks like Stripe's: a prefix and letters and digits without meaning."""
    return prefix + _letters(length)


def new_secret(prefix: str) -> str:
    return prefix + "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(32))


def changes(before: Object, after: Object) -> Object:
    """An event's `previous_attributes`: the old values of what differs; inside maps only the differing keys."""
    changed: Object = {}
    for name, new in after.items():
        old = before.get(name)
        if old != new:
            both_maps = isinstance(old, dict) and isinstance(new, dict) and old.get("object") != "list"
            changed[name] = changes(old, new) if both_maps and isinstance(old, dict) else old
    return changed


def _letters(length: int) -> str:
    return "".join(random.choices(string.ascii_letters + string.digits, k=length))
