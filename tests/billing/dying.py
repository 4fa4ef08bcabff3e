"""The portal as a program that kills itself with SIGKILL at a named point; only tests start it.

DIE_AT=during-reading python -m gunicorn … tests.billing.dying:app
DIE_AT=during-reading python -m tests.billing.dying            the worker
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from portal import create_app
from portal.billing import gateway, syncing, views, webhooks
from portal.core import jobs


def die() -> None:
    """No farewell: no rollback, no finally, no answer. The supervisor goes first, so that nobody is started again."""
    if os.environ.get("DIE_WITH_PARENT"):
        os.kill(os.getppid(), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)


def dies_before(function: Callable[..., Any]) -> Callable[..., Any]:
    def dying(*args: Any, **kwargs: Any) -> Any:
        die()

    return dying


def dies_after(function: Callable[..., Any]) -> Callable[..., Any]:
    def dying(*args: Any, **kwargs: Any) -> Any:
        function(*args, **kwargs)
        die()

    return dying


POINTS: dict[str, tuple[Any, str, Callable[..., Any]]] = {
    "after-insert": (webhooks, "_announce_for", dies_after),  # the event is written, not committed
    "before-answer": (webhooks, "receive", dies_after),  # committed, and Stripe never hears of it
    "after-lease": (syncing, "_take_lease", dies_after),
    "during-reading": (gateway.Gateway, "subscriptions_of", dies_after),
    "before-commit": (syncing, "_mark_events", dies_after),  # everything is written, nothing committed
    "after-commit": (syncing, "_write", dies_after),  # the member is in; nobody was told that it is done
}


def prepare() -> None:
    """Short leases, so that a test need not wait a minute for what a dead process held; and the point to die at."""
    syncing.LEASE, jobs.LEASE, webhooks.INLINE_FIRST = timedelta(seconds=1), timedelta(seconds=1), timedelta(seconds=0)
    jobs.BACKOFF[:] = [timedelta(seconds=1)] * len(jobs.BACKOFF)
    if os.environ.get("LEAVE_TO_WORKER"):
        views._work_after = lambda _answer, _event: None
    if point := os.environ.get("DIE_AT"):
        where, name, how = POINTS[point]
        setattr(where, name, how(getattr(where, name)))


prepare()
app = create_app()

if __name__ == "__main__":
    from flask.cli import ScriptInfo

    jobs.commands.main(["work"], obj=ScriptInfo(create_app=lambda: app))
