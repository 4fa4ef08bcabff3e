"""kill -9 of the web server and of the worker at every point of a join, over real HTTP, with real processes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from portal.billing import prices, syncing
from portal.billing.entitlements import Why, entitlement_of
from portal.billing.event_calls import SUBSCRIBED
from portal.billing.gateway import Gateway
from portal.billing.models import BillingCustomer, EventState, StripeEvent, Subscription
from portal.core.audit import Record
from portal.core.clock import now
from portal.core.db import db
from portal.core.jobs import Job, JobState
from portal.core.letters import Letter
from tests.billing.conftest import SECRET
from tests.live import free_port
from tests.sandbox import KEY, running_sandbox

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Programs:
    """Web and worker as operators run them, on the database of this test."""

    env: dict[str, str]
    port: int
    log: Path
    running: dict[str, subprocess.Popen] = field(default_factory=dict)

    def web(self, die_at: str = "", *, doomed: bool = False, **env: str) -> None:
        """`doomed`: deliveries are under way already, so it may be dead before it can be asked anything."""
        self._start(
            "web",
            [
                *("-m", "gunicorn", "--worker-class", "gthread", "--workers", "1", "--threads", "4"),
                *("--no-control-socket", "--bind", f"127.0.0.1:{self.port}", "--log-level", "warning"),
                "tests.billing.dying:app",
            ],
            env | {"DIE_AT": die_at, "DIE_WITH_PARENT": "1"},
        )
        if not doomed:
            until(self._answers, "web answers")

    def worker(self, die_at: str = "") -> None:
        self._start("worker", ["-m", "tests.billing.dying"], {"DIE_AT": die_at})

    def wait_for_death(self, name: str) -> None:
        assert self.running.pop(name).wait(180) == -9, f"{name} ended another way: {self.log.read_text()[-2000:]}"

    def stop(self) -> None:
        for process in self.running.values():
            process.terminate()
        for process in self.running.values():
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(5)

    def _start(self, name: str, arguments: list[str], env: dict[str, str]) -> None:
        assert name not in self.running
        with self.log.open("a") as log:
            self.running[name] = subprocess.Popen(
                [sys.executable, *arguments], cwd=ROOT, env=self.env | env, stdout=log, stderr=log
            )

    def _answers(self) -> bool:
        assert self.running["web"].poll() is None, self.log.read_text()[-3000:]
        try:
            return requests.get(f"http://127.0.0.1:{self.port}/health/live", headers=HOST, timeout=5).ok
        except (requests.ConnectionError, requests.Timeout):
            return False


HOST = {"Host": "localhost"}


def until(question: Any, what: str, seconds: float = 240) -> None:
    deadline = time.monotonic() + seconds
    while not question():
        assert time.monotonic() < deadline, f"never: {what}"
        time.sleep(0.1)


@pytest.fixture
def sandbox(app, tmp_path) -> Iterator[Any]:
    with running_sandbox(tmp_path, retry_seconds=(0.3, 0.5, 1, 1, 2, 2, 2, 2, *[5] * 20)) as sandbox:
        app.extensions["stripe_gateway"] = Gateway(KEY, api_base=sandbox.url)
        with app.app_context():
            prices.sync_prices()
        yield sandbox
        del app.extensions["stripe_gateway"]


@pytest.fixture
def programs(app, sandbox, tmp_path) -> Iterator[Programs]:
    port = free_port()
    with app.app_context():
        url = db.engine.url.render_as_string(hide_password=False)
    env = {name: value for name, value in os.environ.items() if not name.startswith(("STRIPE", "FLASK", "PORTAL"))}
    programs = Programs(
        env=env
        | {
            "PORTAL_ENV": "testing",
            "PORTAL_INSTANCE": str(app.config["INSTANCE"]),
            "PUBLIC_URL": "http://localhost",
            "SECRET_KEY": app.config["SECRET_KEY"],
            "DATABASE_URL": url,
            "STRIPE_SECRET_KEY": KEY,
            "STRIPE_WEBHOOK_SECRET": SECRET,
            "STRIPE_API_BASE": sandbox.url,
            "PYTHONUNBUFFERED": "1",
        },
        port=port,
        log=tmp_path / "programs.log",
    )
    sandbox.hold()
    sandbox.listen_at(f"http://127.0.0.1:{port}/billing/stripe/events", events=list(SUBSCRIBED), secrets=[SECRET])
    yield programs
    programs.stop()
    with app.app_context():
        db.engine.dispose()


@pytest.fixture
def paid(sandbox, browse, nina) -> tuple[str, str]:
    """Nina has paid and neither came back nor did anything arrive: her cookie and her session."""
    browser = browse(nina)
    session = browser.post("/join/annual").location.rsplit("/", 1)[-1]
    assert sandbox.pay(session).status == "done"
    return browser.get_cookie("session").value, session


def rows(app, model: type) -> list[Any]:
    with app.app_context():
        return db.session.query(model).order_by(model.id).all()


def come_back(programs: Programs, paid: tuple[str, str]) -> requests.Response | None:
    """Nina's browser opens the return page; None when the line goes dead."""
    cookie, session = paid
    try:
        return requests.get(
            f"http://127.0.0.1:{programs.port}/billing/return?session_id={session}",
            headers=HOST,
            cookies={"session": cookie},
            timeout=60,
        )
    except (requests.ConnectionError, requests.Timeout):
        return None


def converged(app, sandbox, nina) -> bool:
    """Everything sent has arrived and everything that was asked for is done."""
    counts = sandbox.counts()
    if counts["due"] or counts["sending"]:
        return False
    with app.app_context():
        events = db.session.query(StripeEvent).all()
        letters = db.session.query(Letter).filter(Letter.kind == "billing/welcome").all()
        waiting = db.session.query(Job).filter(Job.state == JobState.WAITING, Job.run_at <= now()).count()
        return (
            len(events) >= 3
            and all(event.state is EventState.DONE for event in events)
            and entitlement_of(nina).why is Why.PAID
            and bool(letters)
            and all(letter.sent_at for letter in letters)
            and waiting == 0
        )


def settled(app, nina) -> None:
    """What must be so in the end, however often somebody died."""
    assert [row.status for row in rows(app, Subscription)] == ["active"]
    customer = rows(app, BillingCustomer)[0]
    assert customer.sync_done == customer.sync_requested
    assert customer.lease_until is None
    assert len([letter for letter in rows(app, Letter) if letter.kind == "billing/welcome"]) == 1
    assert len([record for record in rows(app, Record) if record.action == "access.changed"]) == 1


def test_billing_20_no_lease_outlives_a_minute() -> None:
    assert timedelta(seconds=60) >= syncing.LEASE


def test_billing_20_the_web_server_killed_at_six_points_of_a_join_converges(app, sandbox, programs, paid, nina):
    sandbox.hold(False)
    programs.web("after-insert", doomed=True)
    programs.wait_for_death("web")
    assert rows(app, StripeEvent) == [], "not answered, not kept: Stripe comes again"

    programs.web("before-answer", doomed=True)
    programs.wait_for_death("web")
    assert len(rows(app, StripeEvent)) >= 1, "kept, although Stripe was never told so"
    sandbox.hold()

    for point in ("after-lease", "during-reading", "before-commit"):
        programs.web(point, LEAVE_TO_WORKER="1")
        time.sleep(1.1)  # what the last one held has run out
        assert come_back(programs, paid) is None
        programs.wait_for_death("web")
        assert rows(app, Subscription) == [], "nothing half written"
        assert rows(app, BillingCustomer)[0].lease_until <= now() + timedelta(seconds=60)

    programs.web("after-commit", LEAVE_TO_WORKER="1")
    time.sleep(1.1)
    assert come_back(programs, paid) is None
    programs.wait_for_death("web")

    programs.web()
    answer = come_back(programs, paid)
    assert answer is not None
    assert "You are in" in answer.text
    sandbox.hold(False)
    programs.worker()
    until(lambda: converged(app, sandbox, nina), "converged")
    settled(app, nina)


def test_billing_20_the_worker_killed_at_four_points_of_a_join_converges(app, sandbox, programs, paid, nina):
    programs.web(LEAVE_TO_WORKER="1")
    sandbox.hold(False)
    until(lambda: len(rows(app, StripeEvent)) >= 3, "the deliveries have come")
    assert rows(app, Subscription) == []
    for point in ("after-lease", "during-reading", "before-commit", "after-commit"):
        programs.worker(point)
        programs.wait_for_death("worker")
        assert len(rows(app, Subscription)) == (1 if point == "after-commit" else 0)
        time.sleep(1.1)
    programs.worker()
    until(lambda: converged(app, sandbox, nina), "converged")
    settled(app, nina)
