"""Work for later: it exists exactly when its cause does, runs on one worker at a time, and outlives the worker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from sqlalchemy import func, select

from portal.core import jobs, letters
from portal.core.clock import now
from portal.core.db import db, transaction
from portal.core.jobs import BACKOFF, Job, JobState, NotYet
from portal.core.letters import Letter
from tests.core.test_letters import Mailbox
from tests.live import free_port
from tests.make import at_once

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def ran(monkeypatch) -> list[int]:
    """Numbers that the work `tests.note` was done for, in order."""
    done: list[int] = []

    def note(number: int) -> None:
        done.append(number)

    monkeypatch.setitem(jobs._work, "tests.note", note)
    return done


@pytest.fixture
def note(ran):
    def work(number: int) -> None: ...

    work.__job__ = "tests.note"
    return work


def _enqueue(app, work, **args) -> bool:
    with app.app_context(), transaction():
        return jobs.enqueue(work, **args)


def _job(app) -> Job:
    with app.app_context():
        return db.session.scalars(select(Job)).one()


def test_a_job_runs_once_with_its_arguments(app, note, ran, work_off):
    assert _enqueue(app, note, number=7)
    assert work_off() == 1
    assert work_off() == 0
    assert ran == [7]
    assert _job(app).state is JobState.DONE


def test_a_job_whose_cause_is_rolled_back_never_was(app, note, ran, work_off):
    with pytest.raises(RuntimeError), app.app_context(), transaction():  # noqa: PT012
        jobs.enqueue(note, number=7)
        raise RuntimeError
    work_off()
    assert ran == []


def test_the_same_key_is_the_same_job_for_ever(app, note, ran, work_off):
    assert _enqueue(app, note, key="a", number=1)
    assert not _enqueue(app, note, key="a", number=2)
    work_off()
    assert not _enqueue(app, note, key="a", number=3)
    work_off()
    assert ran == [1]


def test_of_twenty_who_ask_for_one_key_at_once_one_is_heard(app, note, ran, work_off):
    heard = at_once(20, lambda number: _enqueue(app, note, key="a", number=number))
    assert heard.count(True) == 1
    assert heard.count(False) == 19
    work_off()
    assert len(ran) == 1


def test_a_job_for_later_waits_until_then(app, note, ran, work_off, clock):
    _enqueue(app, note, at=now() + timedelta(hours=1), number=1)
    work_off()
    assert ran == []
    clock.shift(timedelta(hours=1, seconds=1))
    work_off()
    assert ran == [1]


def test_eight_workers_at_once_do_sixty_jobs_and_each_once(app, note, ran):
    with app.app_context(), transaction():
        for number in range(60):
            jobs.enqueue(note, number=number)

    def work(_number: int) -> int:
        with app.app_context():
            return jobs.work_off()

    done = at_once(8, work)
    assert sum(done) == 60
    assert Counter(ran) == Counter(range(60))


def test_while_one_worker_has_a_job_no_other_takes_it_until_its_lease_runs_out(app, note, ran, work_off, clock):
    _enqueue(app, note, number=7)
    with app.app_context():
        assert jobs._lease("a worker that dies") is not None
    assert work_off() == 0
    clock.shift(jobs.LEASE + timedelta(seconds=1))
    assert work_off() == 1
    assert ran == [7]


def test_a_worker_that_comes_back_after_its_lease_does_not_overrule_the_other(app, note, ran, work_off, clock):
    _enqueue(app, note, number=7)
    with app.app_context():
        job_id, *_ = jobs._lease("the slow one")
    clock.shift(jobs.LEASE + timedelta(seconds=1))
    work_off()
    with app.app_context():
        jobs._settle_failure(job_id, "the slow one", 1, "came too late")
    job = _job(app)
    assert (job.state, job.last_error) == (JobState.DONE, None)


def test_a_failing_job_is_tried_again_ever_later_and_at_last_given_up_for_the_owner_to_see(
    app, work_off, clock, monkeypatch
):
    tries: list[int] = []

    def fail(number: int) -> None:
        tries.append(number)
        raise ValueError("the wire is cut")

    fail.__job__ = "tests.fail"
    monkeypatch.setitem(jobs._work, "tests.fail", fail)
    _enqueue(app, fail, number=1)
    for wait in BACKOFF:
        work_off()
        before = len(tries)
        work_off()
        assert len(tries) == before  # not before its time
        clock.shift(wait + timedelta(seconds=1))
    work_off()
    job = _job(app)
    assert len(tries) == len(BACKOFF) + 1
    assert job.state is JobState.DEAD
    assert job.last_error == "ValueError: the wire is cut"
    clock.shift(timedelta(days=30))
    assert work_off() == 0
    with app.app_context(), transaction():
        db.session.get_one(Job, job.id).try_again()
    work_off()
    assert len(tries) == len(BACKOFF) + 2


def test_one_failing_job_holds_up_no_other(app, note, ran, work_off, monkeypatch):
    def later(number: int) -> None:
        raise NotYet("not yet")

    later.__job__ = "tests.later"
    monkeypatch.setitem(jobs._work, "tests.later", later)
    _enqueue(app, later, number=1)
    _enqueue(app, note, number=2)
    work_off()
    assert ran == [2]


def test_work_that_no_longer_exists_is_kept_for_the_owner(app, note, work_off):
    def gone(number: int) -> None: ...

    gone.__job__ = "tests.gone"
    _enqueue(app, gone, number=1)
    work_off()
    assert _job(app).state is JobState.WAITING
    assert "tests.gone" in _job(app).last_error


def test_what_a_failing_job_had_changed_is_undone(app, people, work_off, monkeypatch):
    from portal.accounts.models import Member

    def half(member_id: int) -> None:
        with transaction():
            db.session.get_one(Member, member_id).bio = "half done"
            db.session.flush()
            raise ValueError

    half.__job__ = "tests.half"
    monkeypatch.setitem(jobs._work, "tests.half", half)
    _enqueue(app, half, member_id=people.alice.id)
    work_off()
    with app.app_context():
        assert db.session.get_one(Member, people.alice.id).bio is None


def test_periodic_work_is_asked_for_once_a_period_however_many_workers_there_are(
    app, ran, work_off, clock, monkeypatch
):
    def tick() -> None:
        ran.append(1)

    tick.__job__ = "tests.tick"
    monkeypatch.setattr(jobs, "_periodic", {"tests.tick": (timedelta(hours=1), tick)})
    monkeypatch.setitem(jobs._work, "tests.tick", tick)
    clock.move_to(now().replace(minute=1))

    def ask(_number: int) -> None:
        with app.app_context():
            jobs.ask_for_periodic_work()

    assert at_once(8, ask) == [None] * 8
    work_off()
    assert ran == [1]
    clock.shift(timedelta(minutes=30))
    ask(0)
    work_off()
    assert ran == [1]
    clock.shift(timedelta(minutes=40))
    at_once(2, ask)
    work_off()
    assert ran == [1, 1]


def test_what_was_done_long_ago_is_forgotten_and_what_waits_or_died_is_not(app, note, work_off, clock):
    _enqueue(app, note, number=1)
    work_off()
    clock.shift(timedelta(days=31))
    _enqueue(app, note, at=now() + timedelta(days=1), number=2)
    with app.app_context():
        jobs.sweep()
        assert [job.args for job in db.session.scalars(select(Job))] == [{"number": 2}]


def test_a_worker_killed_with_kill_9_again_and_again_loses_no_letter(app, people, tmp_path):
    """Real processes, a real mail server, and a lease of two seconds instead of ninety."""
    keys = [f"letter:{number}" for number in range(40)]
    with app.app_context(), transaction():
        for key in keys:
            letters.post(
                "accounts/password-changed", to=people.alice, key=key, moment="today", forgot="http://localhost/"
            )
    port = free_port()
    mailbox = Mailbox()
    server = Controller(mailbox, hostname="127.0.0.1", port=port)
    server.start()
    try:
        for kill_after in (1, 13):
            worker = _worker(app, tmp_path, port)
            _until(lambda at_least=kill_after: len(mailbox.got) >= at_least, worker, tmp_path)
            os.kill(worker.pid, signal.SIGKILL)
            worker.wait()
        worker = _worker(app, tmp_path, port)
        _until(lambda: _sent(app) == len(keys) and _undone(app) == 0, worker, tmp_path)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(30) == 0  # told to stop, it finishes and goes
    finally:
        if worker.poll() is None:
            worker.kill()
            worker.wait()
        server.stop()
    arrived = Counter(letter["Message-ID"] for letter in mailbox.letters())
    assert set(arrived) == {f"<letter.{number}@localhost>" for number in range(len(keys))}
    assert sum(arrived.values()) <= len(keys) + 2  # at most the one in hand at each kill came twice, as the same letter
    with app.app_context():
        states = set(db.session.scalars(select(Job.state).where(Job.work == "letters.send")))
    assert states == {JobState.DONE}


def _worker(app, folder: Path, port: int) -> subprocess.Popen[bytes]:
    url = str(app.config["SQLALCHEMY_DATABASE_URI"])
    env = {k: v for k, v in os.environ.items() if k in {"PATH", "HOME", "LANG", "VIRTUAL_ENV"}} | {
        "PORTAL_ENV": "testing",
        "PORTAL_INSTANCE": str(folder),
        "DATABASE_URL": url,
        "PUBLIC_URL": "http://localhost",
        "SECRET_KEY": app.config["SECRET_KEY"],
        "MAIL_SERVER": "127.0.0.1",
        "MAIL_PORT": str(port),
        "MAIL_USE_TLS": "0",
        "STRIPE_API_BASE": "http://127.0.0.1:1",
    }
    start = (
        "from datetime import timedelta; from portal.core import jobs; jobs.LEASE = timedelta(seconds=2); "
        "from portal import create_app; create_app().cli.main(['jobs', 'work'])"
    )
    with (folder / "worker.log").open("ab") as log:
        return subprocess.Popen([sys.executable, "-c", start], cwd=ROOT, env=env, stdout=log, stderr=log)


def _until(reached, worker: subprocess.Popen[bytes], folder: Path) -> None:
    """Wait, at most three minutes, or until the worker died by itself."""
    for _ in range(7200):
        if reached():
            return
        if worker.poll() is not None:
            break
        time.sleep(0.025)
    raise AssertionError((folder / "worker.log").read_text()[-3000:])


def _sent(app) -> int:
    with app.app_context():
        return db.session.scalar(select(func.count()).select_from(Letter).where(Letter.sent_at.is_not(None)))


def _undone(app) -> int:
    """Jobs of letters that are still to do, among them one whose letter had left when its worker was killed."""
    left = select(func.count()).select_from(Job).where(Job.work == "letters.send", Job.state != JobState.DONE)
    with app.app_context():
        return db.session.scalar(left)
