"""What the first pages show of the areas to their left: columns, not rows, in statements built once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, bindparam, select

from portal.conversations.models import Room, Thread
from portal.core.clock import now
from portal.core.db import db
from portal.library.models import Item

Lines = Sequence[Row[*tuple[Any, ...]]]

_item, _thread, _room = Item.__table__.c, Thread.__table__.c, Room.__table__.c


def latest_items(most: int) -> Lines:
    """The newest things in the library that are out (kind, slug, title, summary, is_free, published_at)."""
    return db.session.connection().execute(_LATEST_ITEMS, {"moment": now(), "most": most}).all()


def lively_threads(most: int) -> Lines:
    """The threads in which somebody spoke last (id, title, room, post_count, last_post_at)."""
    return db.session.connection().execute(_LIVELY_THREADS, {"most": most}).all()


_LATEST_ITEMS = (
    select(_item.kind, _item.slug, _item.title, _item.summary, _item.is_free, _item.published_at)
    .where(_item.published_at <= bindparam("moment"), _item.withdrawn_at.is_(None))
    .order_by(_item.published_at.desc(), _item.id.desc())
    .limit(bindparam("most"))
)

_LIVELY_THREADS = (
    select(_thread.id, _thread.title, _room.title.label("room"), _thread.post_count, _thread.last_post_at)
    .join_from(Thread.__table__, Room.__table__, _room.id == _thread.room_id)
    .where(_thread.hidden_at.is_(None))
    .order_by(_thread.last_post_at.desc(), _thread.id.desc())
    .limit(bindparam("most"))
)
