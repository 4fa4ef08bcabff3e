"""Stripe's deliveries: how many a second are checked, kept and answered, against what the disk can confirm at most."""

from __future__ import annotations

import http.client
import json
import os
import sqlite3
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import psycopg
from flask import Flask
from sqlalchemy import insert, make_url
from stripe import WebhookSignature

from portal.billing.models import BillingCustomer
from portal.core.clock import now
from portal.core.db import db, transaction
from tests.bench.serving import Server

CUSTOMERS, SENDERS, ROUNDS = 100, 4, 3


def rates(app: Flask, portal: Server, folder: Path, *, secret: str, count: int) -> tuple[float, float, float]:
    """Deliveries a second, commits a second of one such row each, in turns, the middle of three rounds each; and the
    milliseconds of CPU that a delivery takes.

    Whatever a delivery says is read from Stripe afterwards, which is not measured: every customer is just being read
    by somebody else.
    """
    _customers_who_are_being_read(app)
    url = str(app.config["SQLALCHEMY_DATABASE_URI"])
    kept, committed, cpu = [], [], []
    with _waiting_for_the_disk(url):
        _deliver(portal, secret, "warm", 40)
        for turn in range(ROUNDS):
            before = portal.cpu_seconds()
            kept.append(_a_second(count, lambda turn=turn: _deliver(portal, secret, str(turn), count)))
            cpu.append((portal.cpu_seconds() - before) * 1000 / count)
            committed.append(_a_second(count, lambda: _commit(url, folder, count)))
    return statistics.median(kept), statistics.median(committed), statistics.median(cpu)


def _a_second(count: int, work: Callable[[], None]) -> float:
    started = time.monotonic()
    work()
    return count / (time.monotonic() - started)


def _deliver(portal: Server, secret: str, name: str, count: int) -> None:
    """Four senders with a kept connection each, as Stripe sends them."""

    def send(first: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", portal.port, timeout=60)
        for number in range(first, count, SENDERS):
            body = _event(f"evt_{name}_{number}", f"cus_{number % CUSTOMERS}")
            signed = WebhookSignature.generate_signature_header(body.decode(), secret, timestamp=int(time.time()))
            headers = {"Host": portal.host, "Stripe-Signature": signed}
            connection.request("POST", "/billing/stripe/events", body, headers)
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 200, answer.status
        connection.close()

    _at_once(send)


def _commit(url: str, folder: Path, count: int) -> None:
    """The same bytes into a table of one column, committed one by one: SQLite by one writer, PostgreSQL by four."""
    body = _event("evt_0", "cus_0")
    if url.startswith("sqlite"):
        file = sqlite3.connect(folder / "commits.sqlite", isolation_level=None)
        file.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE IF NOT EXISTS row (body)")
        for _ in range(count):
            file.execute("INSERT INTO row VALUES (?)", (body,))
        file.close()
        return
    with _connected(url) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS commits (body bytea)")

    def write(first: int) -> None:
        with _connected(url) as connection:
            for _ in range(first, count, SENDERS):
                connection.execute("INSERT INTO commits VALUES (%s)", (body,))

    _at_once(write)


def _at_once(work: Callable[[int], None]) -> None:
    failed: list[BaseException] = []

    def run(number: int) -> None:
        try:
            work(number)
        except BaseException as error:  # noqa: BLE001 - whatever it was, there is no rate to tell of
            failed.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(SENDERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]


def _event(event_id: str, customer: str) -> bytes:
    """As long as Stripe's are about a subscription: some three thousand bytes."""
    about = {"id": "sub_1", "object": "subscription", "customer": customer, "description": "x" * 2500}
    body = {
        "id": event_id,
        "object": "event",
        "api_version": "2026-10-28.endive",
        "created": int(time.time()),
        "data": {"object": about},
        "livemode": True,
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
        "type": "customer.subscription.updated",
    }
    return json.dumps(body).encode()


def _customers_who_are_being_read(app: Flask) -> None:
    rows = [
        {
            "account": "",
            "livemode": True,
            "member_id": number + 1,
            "customer_id": f"cus_{number}",
            "create_key": f"bench-{number}",
            "lease_owner": "benchmark",
            "lease_until": now() + timedelta(days=1),
        }
        for number in range(CUSTOMERS)
    ]
    with app.app_context(), transaction():
        db.session.execute(insert(BillingCustomer), rows)


@contextmanager
def _waiting_for_the_disk(url: str) -> Iterator[None]:
    """The server of the tests does not (tests/postgres.py); here it does, as an operator's would."""
    if url.startswith("sqlite") or os.environ.get("TEST_DATABASE_URL"):
        yield
        return
    _say(url, "SET fsync = on", "SET synchronous_commit = on")
    try:
        yield
    finally:
        _say(url, "SET fsync = off", "SET synchronous_commit = off")


def _say(url: str, *settings: str) -> None:
    with _connected(url) as connection:
        for setting in settings:
            connection.execute(f"ALTER SYSTEM {setting}")
        connection.execute("SELECT pg_reload_conf()")
    time.sleep(0.5)  # until every process of the server has read it


def _connected(url: str) -> psycopg.Connection:
    address = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    return psycopg.connect(address, autocommit=True)
