"""Work for later, born in the transaction of its cause: a job exists exactly when the change that asked for it does.

A worker leases a job, runs it, and marks it done. If the worker dies, the lease runs out and another takes over, so
every job may run twice and must do no harm by it. A job opens its own `transaction()` and holds none while it talks
to the world outside.
"""

from __future__ import annotations

import secrets
import signal
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import Any

import click
import structlog
from flask import Flask
from flask.cli import AppGroup
from sqlalchemy import Index, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, mapped_column

from portal.core.clock import now
from portal.core.db import Model, Words, db, is_postgresql, transaction

log = structlog.get_logger()

LEASE = timedelta(seconds=90)
BACKOFF = [timedelta(seconds=s) for s in (10, 60, 300, 1800, 7200, 21600, 86400)]
KEEP_DONE = timedelta(days=30)

Work = Callable[..., None]
_work: dict[str, Work] = {}
_periodic: dict[str, tuple[timedelta, Work]] = {}


class JobState(StrEnum):
    WAITING = "waiting"
    DONE = "done"
    DEAD = "dead"  # out of tries; the owner sees it on the desk and may try again


class Job(Model):
    """One piece of work and how it fared."""

    __tablename__ = "job"
    __table_args__ = (Index("ix_job_due", "state", "run_at"),)

    work: Mapped[str]  # the function's name, "letters.send"
    args: Mapped[dict[str, Any]]
    key: Mapped[str | None] = mapped_column(unique=True)  # the same key is the same job, for ever
    state: Mapped[JobState] = mapped_column(default=JobState.WAITING)
    run_at: Mapped[datetime] = mapped_column(default=now)
    attempts: Mapped[int] = mapped_column(default=0)
    lease_owner: Mapped[str | None]
    lease_until: Mapped[datetime | None]
    last_error: Mapped[str | None] = mapped_column(Words)
    done_at: Mapped[datetime | None]

    def try_again(self) -> None:
        """Back into the queue with a fresh count of tries."""
        self.state, self.attempts, self.run_at, self.lease_until = JobState.WAITING, 0, now(), None


class NotYet(Exception):
    """Raised by a job that cannot succeed now, to be tried later without a traceback."""


def job(name: str) -> Callable[[Work], Work]:
    """Register a function as work: `@job("letters.send") def send(letter_id: int) -> None`."""

    def register(work: Work) -> Work:
        _work[name] = work
        work.__job__ = name  # type: ignore[attr-defined]  # a function carries its name
        return work

    return register


def periodic(name: str, every: timedelta) -> Callable[[Work], Work]:
    """Register a function that runs once in each period of that length, however many workers there are."""

    def register(work: Work) -> Work:
        _periodic[name] = (every, job(name)(work))
        return work

    return register


def enqueue(work: Work, *, key: str | None = None, at: datetime | None = None, **args: Any) -> bool:
    """Ask for `work(**args)` after this transaction commits. False if a job with that key exists already."""
    values = {
        "work": name_of(work),
        "args": args,
        "key": key,
        "state": JobState.WAITING,
        "run_at": at or now(),
        "attempts": 0,
        "created_at": now(),
    }
    return db.session.connection().execute(_asking(is_postgresql()), values).scalar() is not None


@cache
def _asking(on_postgresql: bool) -> Any:
    insert = (postgresql if on_postgresql else sqlite).insert(Job.__table__)
    return insert.on_conflict_do_nothing(index_elements=["key"]).returning(Job.__table__.c.id)


def name_of(work: Work) -> str:
    """What a job is called in its table."""
    name: str = work.__job__  # type: ignore[attr-defined]  # set by @job
    return name


def call_off(keys: Sequence[str]) -> None:
    """What these jobs were for has happened, in the transaction at hand: those that nobody has begun need not run."""
    not_begun = (Job.state == JobState.WAITING) & Job.lease_until.is_(None)
    db.session.execute(
        update(Job).where(Job.key.in_(keys), not_begun).values(state=JobState.DONE, done_at=now(), last_error=None)
    )


def work_off(*, limit: int = 1000) -> int:
    """Run what is due, until nothing is or `limit` jobs have run; returns how many. Tests and commands use this."""
    owner = secrets.token_hex(8)
    for done in range(limit):
        if not _run_one(owner):
            return done
    return limit


def _run_one(owner: str) -> bool:
    leased = _lease(owner)
    if leased is None:
        return False
    job_id, name, args, attempts = leased
    started = time.monotonic()
    try:
        work = _work.get(name)
        if work is None:
            raise LookupError(f"no work called {name}")
        work(**args)
    except Exception as error:
        if not isinstance(error, NotYet):
            log.exception("job.failed", job=job_id, work=name, attempt=attempts)
        _settle_failure(job_id, owner, attempts, f"{type(error).__name__}: {error}"[:500])
    else:
        _settle(job_id, owner, state=JobState.DONE, done_at=now(), lease_until=None, last_error=None)
        log.info("job.done", job=job_id, work=name, ms=round((time.monotonic() - started) * 1000))
    return True


def _lease(owner: str) -> tuple[int, str, dict[str, Any], int] | None:
    with transaction():
        free = (Job.lease_until.is_(None)) | (Job.lease_until < now())
        due = (
            select(Job)
            .where(Job.state == JobState.WAITING, Job.run_at <= now(), free)
            .order_by(Job.run_at, Job.id)
            .limit(1)
        )
        if is_postgresql():
            due = due.with_for_update(skip_locked=True)
        found = db.session.scalars(due).one_or_none()
        if found is None:
            return None
        found.lease_owner, found.lease_until = owner, now() + LEASE
        found.attempts += 1
        return found.id, found.work, found.args, found.attempts


def _settle_failure(job_id: int, owner: str, attempts: int, error: str) -> None:
    if attempts > len(BACKOFF):
        log.error("job.dead", job=job_id)
        _settle(job_id, owner, state=JobState.DEAD, lease_until=None, last_error=error)
    else:
        _settle(job_id, owner, run_at=now() + BACKOFF[attempts - 1], lease_until=None, last_error=error)


def _settle(job_id: int, owner: str, **values: Any) -> None:
    with transaction():
        db.session.execute(update(Job).where(Job.id == job_id, Job.lease_owner == owner).values(**values))


def ask_for_periodic_work() -> None:
    """Insert the jobs of the current periods; whoever is second finds the key taken."""
    with transaction():
        for name, (every, work) in _periodic.items():
            period = int(now().timestamp() // every.total_seconds())
            enqueue(work, key=f"{name}:{period}")


@periodic("jobs.sweep", every=timedelta(days=1))
def sweep() -> None:
    """Forget what was done long ago; the keys of periodic work would otherwise pile up."""
    with transaction():
        db.session.execute(delete(Job).where(Job.state == JobState.DONE, Job.done_at < now() - KEEP_DONE))


commands = AppGroup("jobs", help="Background work.")


@commands.command("work")
def work_command() -> None:
    """Work until told to stop (SIGTERM or Ctrl-C finishes the job in hand first)."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    log.info("worker.started")
    asked = 0.0
    while not stop.is_set():
        try:
            if time.monotonic() - asked > 30:
                ask_for_periodic_work()
                asked = time.monotonic()
            if work_off(limit=20) == 0:
                stop.wait(1.0)
        except Exception:  # the database may be away for a while; the worker stays
            log.exception("worker.stumbled")
            stop.wait(3.0)
    log.info("worker.stopped")


@commands.command("retry")
def retry_command() -> None:
    """Put the work that gave up back into the queue."""
    with transaction():
        given_up = db.session.scalars(select(Job).where(Job.state == JobState.DEAD)).all()
        for job_row in given_up:
            job_row.try_again()
        click.echo(f"{len(given_up)} back in the queue")


def init_app(app: Flask) -> None:
    app.cli.add_command(commands)
