"""What every test stands on: the real application and database, people, a clock, caught letters. No network."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from typing import Any

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, settings
from sqlalchemy import Connection, event

import config
from portal import create_app
from portal.core.db import db as database
from tests.make import Make, People

os.environ["PORTAL_ENV"] = "testing"
os.environ["FLASK_RUN_FROM_CLI"] = "true"  # the migrations are used to build the tables

# Hypothesis minds no slow machine, and the everyday run tries the same examples each time: what it finds, the change at
# hand has made. Whoever asks for more of them by one of these variables gets new ones.
settings.register_profile(
    "portal",
    deadline=None,
    derandomize=not os.environ.keys() & {"FUZZ_EXAMPLES", "PORTAL_TALKS", "PORTAL_CONSENTS"},
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("portal")


@pytest.fixture(scope="session")
def app() -> Iterator[Flask]:
    """The application, its tables made by the migrations, once a run. TEST_DATABASE_URL chooses PostgreSQL."""
    with tempfile.TemporaryDirectory(prefix="portal-test-") as folder:
        env = {
            "PORTAL_INSTANCE": folder,
            "PUBLIC_URL": "http://localhost",
            "SECRET_KEY": "testing-only-testing-only-testing",
            "STRIPE_SECRET_KEY": "sk_test_sandbox",
            "STRIPE_WEBHOOK_SECRET": "whsec_testing",
            "STRIPE_API_BASE": "http://127.0.0.1:1",  # nothing answers there; tests that need Stripe bring the sandbox
        }
        if url := os.environ.get("TEST_DATABASE_URL"):
            env["DATABASE_URL"] = url
        chosen = config.Testing(env)
        if url:
            chosen.SQLALCHEMY_ENGINE_OPTIONS["pool_timeout"] = 60  # as below, for the last of fifty at once
        made = create_app(chosen)
        with made.app_context():
            from flask_migrate import upgrade

            if database.engine.dialect.name == "sqlite":
                event.listen(database.engine, "connect", _as_for_tests)
            upgrade()
            _empty()
        yield made
        with made.app_context():
            database.engine.dispose()


@pytest.fixture(autouse=True)
def clean(app: Flask) -> Iterator[None]:
    """Every test begins with empty tables, no letters or files on the disk, and fresh rate windows."""
    yield
    from portal.core.limits import limiter
    from portal.library import viewing

    viewing.forget()
    with app.app_context():
        _empty()
    for folder in (app.config["INSTANCE"] / "outbox", app.config["STORAGE_DIR"]):
        if folder.exists():  # few tests write any
            shutil.rmtree(folder)
    limiter.reset()


@pytest.fixture
def make(app: Flask) -> Make:
    """Builders: `make.thread(by=alice, posts=2)`."""
    return Make(app)


@pytest.fixture
def people(make: Make) -> People:
    """Alice is a member, Lena has lapsed, Sam never paid, Mo moderates, Cory coaches, Olga owns the site."""
    return make.people()


@pytest.fixture
def browse(app: Flask) -> Callable[..., FlaskClient]:
    """A browser, signed in as somebody or nobody: `browse(alice).get("/library")`. Forms' CSRF tokens are filled in."""
    from tests.make import browser

    return lambda who=None: browser(app, who)


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    """`clock.shift(timedelta(days=31))`: the whole process travels."""
    with time_machine.travel(datetime.now(UTC), tick=True) as traveller:
        yield traveller


@pytest.fixture
def outbox(app: Flask) -> Iterator[list]:
    """Letters that were really handed over, after `work_off()`."""
    from flask_mail import email_dispatched

    caught: list = []

    def catch(_app: object, message: object) -> None:
        caught.append(message)

    with email_dispatched.connected_to(catch, app):
        yield caught


@pytest.fixture
def work_off(app: Flask) -> Callable[[], int]:
    """Run all jobs that are due, as the worker would."""
    from portal.core import jobs

    def run() -> int:
        with app.app_context():
            return jobs.work_off()

    return run


@pytest.fixture
def count_queries(app: Flask) -> Callable:
    """`with count_queries() as queries: …; assert len(queries) <= 8`"""

    @contextmanager
    def counting() -> Iterator[list[str]]:
        seen: list[str] = []

        def note(_c, _cursor, statement, _p, _context, _many):
            seen.append(statement)

        with app.app_context():
            engine = database.engine
        event.listen(engine, "before_cursor_execute", note)
        try:
            yield seen
        finally:
            event.remove(engine, "before_cursor_execute", note)
            seen[:] = [s for s in seen if not s.startswith(("BEGIN", "PRAGMA"))]

    return counting


def _as_for_tests(file: Any, _record: object) -> None:
    """Nobody pulls the plug, as in tests/postgres.py; and on a busy machine the last of fifty at once waits long."""
    file.execute("PRAGMA synchronous = OFF")
    file.execute("PRAGMA busy_timeout = 60000")


def _empty() -> None:
    """Empty all tables; the log's triggers stand aside for it, which only a schema owner can make them."""
    with database.engine.begin() as connection:
        # Only what holds rows, and by rows: PostgreSQL truncates in a fifth of a second, SQLite takes nine milliseconds
        # for deleting nothing from each, and there are thousands of tests.
        filled = connection.exec_driver_sql(_what_holds_rows()).scalars().all()
        if filled and connection.dialect.name == "postgresql":
            _empty_on_postgresql(connection, filled)
        elif filled:
            _empty_on_sqlite(connection, filled)


@cache
def _what_holds_rows() -> str:
    names = (table.name for table in reversed(database.metadata.sorted_tables))
    return " UNION ALL ".join(
        f"SELECT '{n}' WHERE EXISTS (SELECT 1 FROM \"{n}\")" for n in names
    )  # one is called grant


# Bytes. For each row deleted PostgreSQL looks for rows that name it, and reads a table all through for that which was
# empty when it was last counted: with 50,000 threads this took minutes.
_TOO_LARGE_TO_DELETE = 1_000_000


def _empty_on_postgresql(connection: Connection, filled: Sequence[str]) -> None:
    guarded = ("record", "seal") if "record" in filled else ()  # no seal without a line
    for name in guarded:
        connection.exec_driver_sql(f"ALTER TABLE {name} DISABLE TRIGGER USER")
    quoted = [f'"{name}"' for name in filled]
    largest = ", ".join(f"pg_relation_size('{name}')" for name in quoted)
    if connection.exec_driver_sql(f"SELECT greatest({largest})").scalar_one() > _TOO_LARGE_TO_DELETE:
        connection.exec_driver_sql(f"TRUNCATE {', '.join(quoted)} CASCADE")
    else:
        for name in quoted:
            connection.exec_driver_sql(f"DELETE FROM {name}")
    for name in guarded:
        connection.exec_driver_sql(f"ALTER TABLE {name} ENABLE TRIGGER USER")
    numbered = [name for name in filled if "id" in database.metadata.tables[name].columns]
    first = (f"setval(pg_get_serial_sequence('\"{name}\"', 'id'), 1, false)" for name in numbered)
    connection.exec_driver_sql(f"SELECT {', '.join(first)}")


def _empty_on_sqlite(connection: Connection, filled: Sequence[str]) -> None:
    query = "SELECT name, sql FROM sqlite_master WHERE name IN ('record_is_not_deleted', 'seal_is_not_deleted')"
    guards = connection.exec_driver_sql(query).all() if "record" in filled else []
    for name, _ in guards:
        connection.exec_driver_sql(f"DROP TRIGGER {name}")
    connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
    for name in filled:
        connection.exec_driver_sql(f'DELETE FROM "{name}"')
    for _, trigger in guards:
        connection.exec_driver_sql(trigger)
