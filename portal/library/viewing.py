"""How often the page of an item is opened: counted in memory beside the reading, and written by the batch.

No request waits for a count, and no name is in it. What a process has not written when it dies is lost: at most some
seconds of views, which is worth less than a write at every reading.
"""

from __future__ import annotations

import atexit
from collections import Counter
from collections.abc import Mapping
from datetime import date
from threading import Lock, Timer

import structlog
from flask import Flask, current_app, g
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

from portal.core.admission import Audience, audiences
from portal.core.clock import now
from portal.core.db import db, is_postgresql, transaction
from portal.library.models import Item, ViewCount

log = structlog.get_logger()

WRITTEN_EVERY = 20.0  # seconds
_seen: Counter[tuple[int, date]] = Counter()
_lock = Lock()
_timer: Timer | None = None


def note(item_id: int) -> None:
    """Somebody opened it just now; staff and whoever looks through another's eyes do not count."""
    global _timer  # noqa: PLW0603  # one a process
    if Audience.MODERATORS in audiences() or g.get("keeps_nothing"):
        return
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]  # werkzeug's proxy hides it
    with _lock:
        _seen[item_id, now().date()] += 1
        if _timer is None:
            _timer = Timer(WRITTEN_EVERY, write_down, [app])
            _timer.daemon = True
            _timer.start()


def write_down(app: Flask) -> None:
    """Add what was seen since the last time to the table. What cannot be written waits for the next time."""
    seen = _take()
    if not seen:
        return
    try:
        with app.app_context(), transaction():
            _add(seen)
    except SQLAlchemyError as error:
        log.warning("views.not_written", kind=type(error).__name__)
        with _lock:
            _seen.update(seen)


def forget() -> None:
    """Nothing was seen: for tests, whose items come and go."""
    _take()


def _take() -> Counter[tuple[int, date]]:
    global _timer  # noqa: PLW0603
    with _lock:
        if _timer is not None:
            _timer.cancel()
            _timer = None
        taken = _seen.copy()
        _seen.clear()
    return taken


def _add(seen: Mapping[tuple[int, date], int]) -> None:
    dialect = postgresql if is_postgresql() else sqlite
    there = set(db.session.scalars(db.select(Item.id).where(Item.id.in_({item_id for item_id, _ in seen}))))
    for (item_id, day), views in sorted(seen.items()):  # in one order, so that two processes never wait for each other
        if item_id not in there:
            continue
        insert = dialect.insert(ViewCount).values(item_id=item_id, day=day, views=views, created_at=now())
        add = {"views": ViewCount.views + views}
        db.session.execute(insert.on_conflict_do_update(index_elements=["item_id", "day"], set_=add))


def init_app(app: Flask) -> None:
    atexit.register(write_down, app)
