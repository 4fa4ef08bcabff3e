"""A worker that kills itself while it puts an archive together; only tests start it: DIE_AT=half-written."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from portal import create_app
from portal.core import jobs, storage
from portal.membership import taking_along


def die(*_args: Any, **_values: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def half_written(_stream: Any, *, key: str) -> None:
    target = storage.path_of(key).with_suffix(".part")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(b"PK, and then nothing")
    die()


POINTS: dict[str, tuple[Any, str, Callable[..., Any]]] = {
    "in-the-middle": (taking_along, "_pack", die),  # everything is read, nothing written
    "half-written": (storage, "put", half_written),
    "before-commit": (taking_along, "_finish", die),  # the file is there, and nobody knows
}

if __name__ == "__main__":
    jobs.LEASE = timedelta(seconds=1)
    jobs.BACKOFF[:] = [timedelta(seconds=0)] * len(jobs.BACKOFF)
    if point := os.environ.get("DIE_AT"):
        where, name, instead = POINTS[point]
        setattr(where, name, instead)
    with create_app().app_context():
        time.sleep(1.1)  # so long the one that died holds its lease
        jobs.work_off()
