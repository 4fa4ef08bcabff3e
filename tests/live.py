"""The whole portal as real processes: gunicorn, worker, Stripe sandbox over HTTP. For stories that kill or click."""

from __future__ import annotations

import email
import email.policy
import http.client
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import Engine, create_engine, text

from tests.sandbox import RunningSandbox, running_sandbox

ROOT = Path(__file__).resolve().parents[1]
SECRET = "whsec_live"
FLASK = (sys.executable, "-m", "flask", "--app", "wsgi")


class Live:
    """A portal of its own in `folder`. `web` and `worker` may be killed and started again; nothing else is shared."""

    def __init__(
        self, folder: Path, sandbox: RunningSandbox, *, seed: bool, url: str | None = None, **settings: str
    ) -> None:
        self.folder, self.sandbox = folder, sandbox
        self.port = free_port()
        self.url = f"http://localhost:{self.port}"
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.database = url or f"sqlite:///{folder}/portal.sqlite"
        self.env = (
            {k: v for k, v in os.environ.items() if k in {"PATH", "HOME", "LANG", "VIRTUAL_ENV"}}
            | {
                "PORTAL_ENV": "development",
                "PORTAL_INSTANCE": str(folder),
                "DATABASE_URL": self.database,
                "PUBLIC_URL": self.url,
                "SECRET_KEY": "live-live-live-live-live-live-live-live",
                "STRIPE_SECRET_KEY": "sk_test_sandbox",
                "STRIPE_WEBHOOK_SECRET": SECRET,
                "STRIPE_API_BASE": sandbox.url,
            }
            | settings
        )
        self.command("db", "upgrade")
        self.command("billing", "sync-prices")
        if seed:
            self.command("seed")
        sandbox.listen_at(f"{self.url}/billing/stripe/events", secrets=[SECRET])

    def command(self, *words: str) -> str:
        """`flask …` with this portal's settings; raises with its output when it fails."""
        done = subprocess.run(
            [*FLASK, *words], cwd=ROOT, env=self.env, capture_output=True, text=True, timeout=600, check=False
        )
        if done.returncode:
            raise RuntimeError(f"flask {' '.join(words)}: {done.stdout}{done.stderr}")
        return done.stdout

    def start_web(self, app: str = "wsgi:app", *, workers: int = 1, **env: str) -> None:
        options = ("--config", "deploy/gunicorn.conf.py", "--workers", str(workers))
        bind = ("--bind", f"127.0.0.1:{self.port}", "--log-level", "warning", "--graceful-timeout", "3")
        self._start("web", [sys.executable, "-m", "gunicorn", *options, *bind, app], env)
        self.wait_until(self._answers, "the web server answers")

    def start_worker(self, **env: str) -> None:
        self._start("worker", [*FLASK, "jobs", "work"], env)

    def _start(self, name: str, command: list[str], env: dict[str, str]) -> None:
        log = (self.folder / f"{name}.log").open("ab")
        self.processes[name] = subprocess.Popen(
            command, cwd=ROOT, env=self.env | env, stdout=log, stderr=log, start_new_session=True
        )
        log.close()

    def kill(self, name: str) -> None:
        """kill -9, its children too."""
        self._signal(name, signal.SIGKILL)

    def stop(self) -> None:
        for name in list(self.processes):
            self._signal(name, signal.SIGTERM)

    def _signal(self, name: str, number: int) -> None:
        process = self.processes.pop(name)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(timeout=15)

    def _answers(self) -> bool:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
            connection.request("GET", "/health/live", headers={"Host": f"localhost:{self.port}"})
            return connection.getresponse().status == 200
        except OSError:
            return False

    def wait_until(self, is_so: Callable[[], Any], what: str, seconds: float = 90) -> Any:
        """Wait for something to become so; what it returned, or an error that names it with the logs' last lines."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if found := is_so():
                return found
            time.sleep(0.05)
        raise AssertionError(f"not within {seconds} s: {what}\n{self.log_tail()}")

    def log_tail(self) -> str:
        logs = sorted(self.folder.glob("*.log"))
        return "\n".join(f"--- {log.name}\n" + log.read_text(errors="replace")[-1500:] for log in logs)

    def letters(self, to: str = "") -> list[EmailMessage]:
        """Letters that left, oldest first; those to one address when given."""
        found = [
            email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
            for path in sorted((self.folder / "outbox").glob("*.eml"))
        ]
        return [m for m in found if to in str(m["To"])]  # type: ignore[misc]

    def letter(self, to: str, about: str) -> EmailMessage:
        """The letter to somebody whose subject holds these words, once it has left."""
        return self.wait_until(
            lambda: next((m for m in self.letters(to) if about.lower() in str(m["Subject"]).lower()), None),
            f"a letter about {about!r} to {to}",
        )

    def rows(self, query: str, **values: Any) -> list[Any]:
        """A look into the database from outside."""
        engine: Engine = create_engine(self.database)
        try:
            with engine.connect() as connection:
                return list(connection.execute(text(query), values).all())
        finally:
            engine.dispose()


@contextmanager
def live_portal(
    folder: Path, *, seed: bool = False, url: str | None = None, workers: int = 1, **settings: str
) -> Iterator[Live]:
    """A portal with web and worker running; everything ends with the block. `TRIAL_DAYS="14"` and the like are its
    settings."""
    with running_sandbox(folder) as sandbox:
        live = Live(folder, sandbox, seed=seed, url=url, **settings)
        try:
            live.start_web(workers=workers)
            live.start_worker()
            yield live
        finally:
            live.stop()


def have_looked_by_themselves(live: Live, app: Flask) -> None:
    """Be done with what billing does hourly and daily, now and in the next hours: an hour or a day that begins in the
    middle of a story would fetch the very events that the story lets get lost. `app` is on the same database."""
    from portal.billing.reconciling import daily, hourly
    from portal.core.db import transaction
    from portal.core.jobs import enqueue, name_of

    keys = []
    with app.app_context(), transaction():
        for work, every, times in ((hourly, 3600, 3), (daily, 86400, 2)):
            present = int(time.time() // every)
            keys += [f"{name_of(work)}:{period}" for period in range(present, present + times)]
            for key in keys[-times:]:
                enqueue(work, key=key)
    undone = f"SELECT key FROM job WHERE key IN {tuple(keys)} AND state != 'done'"
    live.wait_until(lambda: live.rows(undone) == [], "it has looked")


def free_port() -> int:
    """A port that nobody listened on a moment ago, below those that Linux gives to whoever asks for any (32768 and up):
    nobody is given it before our program has come up, nor while a story keeps it down."""
    while True:
        with socket.socket() as probe, suppress(OSError):
            port = 20_000 + secrets.randbelow(12_000)
            probe.bind(("127.0.0.1", port))
            return port
