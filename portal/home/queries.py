"""What the first pages show of the areas to their left: columns, not rows, in statements built once."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import Row, Select, bindparam, select

from portal.accounts.models import Member
from portal.conversations.models import Room, Thread
from portal.conversations.policy import Sight, sight_of
from portal.conversations.queries import seen_with
from portal.core.clock import now
from portal.core.db import db
from portal.library.models import Item, is_out

Lines = Sequence[Row[*tuple[Any, ...]]]

_item, _thread, _room = Item.__table__.c, Thread.__table__.c, Room.__table__.c


def latest_items(most: int) -> Lines:
    """The newest things in the library that are out (kind, slug, title, summary, is_free, published_at)."""
    return db.session.connection().execute(_LATEST_ITEMS, {"moment": now(), "most": most}).all()


def lively_threads(reader: Member, most: int) -> Lines:
    """The threads this person sees in which somebody spoke last (id, title, room, post_count, last_post_at)."""
    return db.session.connection().execute(_lively(sight_of(reader)), {"most": most, "reader_id": reader.id}).all()


_LATEST_ITEMS = (
    select(_item.kind, _item.slug, _item.title, _item.summary, _item.is_free, _item.published_at)
    .where(is_out(_item, bindparam("moment")))
    .order_by(_item.published_at.desc(), _item.id.desc())
    .limit(bindparam("most"))
)


@cache
def _lively(sight: Sight) -> Select[*tuple[Any, ...]]:
    return (
        select(_thread.id, _thread.title, _room.title.label("room"), _thread.post_count, _thread.last_post_at)
        .join_from(Thread.__table__, Room.__table__, _room.id == _thread.room_id)
        .where(_thread.hidden_at.is_(None), seen_with(sight))
        .order_by(_thread.last_post_at.desc(), _thread.id.desc())
        .limit(bindparam("most"))
    )
