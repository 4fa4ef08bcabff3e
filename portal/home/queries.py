"""What the first pages show of the areas to their left: columns, not rows, in statements built once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import cache
from typing import Any

from sqlalchemy import Integer, Row, Select, and_, bindparam, select

from portal.accounts.models import Member
from portal.conversations.following import level_in_force
from portal.conversations.models import Follow, Level, Room, RoomFollow, Thread
from portal.conversations.policy import Sight, sight_of
from portal.conversations.queries import seen_with
from portal.core.clock import now
from portal.core.db import Moment, db
from portal.library.models import Item, Listening, item_topic
from portal.library.queries import IS_OUT
from portal.topics.models import TopicFollow

Lines = Sequence[Row[*tuple[Any, ...]]]

_item, _thread, _room = Item.__table__.c, Thread.__table__.c, Room.__table__.c
_listening = Listening.__table__.c
LATELY = timedelta(days=30)


def latest_items(most: int) -> Lines:
    """The newest things in the library that are out (kind, slug, title, summary, is_free, published_at)."""
    return db.session.connection().execute(_LATEST_ITEMS, {"moment": now(), "most": most}).all()


def items_for(reader: Member, most: int) -> Lines:
    """The same, beginning with what lately came out on a topic that they follow (is_theirs)."""
    moment = now()
    values = {"moment": moment, "lately": moment - LATELY, "reader_id": reader.id, "most": most}
    return db.session.connection().execute(_ITEMS_FOR, values).all()


def lively_threads(reader: Member, most: int) -> Lines:
    """The threads this person sees in which somebody spoke last (id, title, room, post_count, last_post_at), without
    those they want to hear nothing of."""
    return db.session.connection().execute(_lively(sight_of(reader)), {"most": most, "reader_id": reader.id}).all()


def begun_episode(reader: Member) -> Row[*tuple[Any, ...]] | None:
    """The episode they lately began to hear and did not end (slug, title, second)."""
    values = {"moment": now(), "lately": now() - LATELY, "reader_id": reader.id}
    return db.session.connection().execute(_BEGUN_EPISODE, values).first()


_LATEST_ITEMS = (
    select(_item.kind, _item.slug, _item.title, _item.summary, _item.is_free, _item.published_at)
    .where(IS_OUT)
    .order_by(_item.published_at.desc(), _item.id.desc())
    .limit(bindparam("most"))
)

_followed = (
    select(item_topic.c.item_id)
    .join(TopicFollow, TopicFollow.topic_id == item_topic.c.topic_id)
    .where(TopicFollow.member_id == bindparam("reader_id", type_=Integer()))
)
_theirs = and_(_item.published_at > bindparam("lately", type_=Moment()), _item.id.in_(_followed))
_ITEMS_FOR = (
    select(_item.kind, _item.slug, _item.title, _item.summary, _item.is_free, _item.published_at)
    .add_columns(_theirs.label("is_theirs"))
    .where(IS_OUT)
    .order_by(_theirs.desc(), _item.published_at.desc(), _item.id.desc())
    .limit(bindparam("most"))
)
_BEGUN_EPISODE = (
    select(_item.slug, _item.title, _listening.second)
    .join_from(Listening.__table__, Item.__table__, _item.id == _listening.episode_id)
    .where(
        _listening.member_id == bindparam("reader_id"),
        _listening.finished_at.is_(None),
        _listening.second > 30,
        _listening.at > bindparam("lately", type_=Moment()),
        IS_OUT,
    )
    .order_by(_listening.at.desc())
    .limit(1)
)


@cache
def _lively(sight: Sight) -> Select[*tuple[Any, ...]]:
    reader_id = bindparam("reader_id", type_=Integer())
    return (
        select(_thread.id, _thread.title, _room.title.label("room"), _thread.post_count, _thread.last_post_at)
        .join_from(Thread.__table__, Room.__table__, _room.id == _thread.room_id)
        .outerjoin(Follow, and_(Follow.thread_id == _thread.id, Follow.member_id == reader_id))
        .outerjoin(RoomFollow, and_(RoomFollow.room_id == _thread.room_id, RoomFollow.member_id == reader_id))
        .where(_thread.hidden_at.is_(None), seen_with(sight), level_in_force() != Level.NONE)
        .order_by(_thread.last_post_at.desc(), _thread.id.desc())
        .limit(bindparam("most"))
    )
