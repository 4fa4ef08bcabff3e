"""The conversation about an item: begun by whoever speaks first, joined by everyone after."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select, update

from portal.accounts.models import Member
from portal.conversations import posting, veiling
from portal.conversations.models import Post, Room, RoomKind, Thread, thread_topic
from portal.conversations.queries import visible_to
from portal.core.db import db
from portal.core.errors import Refusal
from portal.library.models import Item

_FOR_EVERYBODY = Room.kind.in_([RoomKind.MEMBERS, RoomKind.PUBLIC]), Room.archived_at.is_(None)


class BegunMeanwhile(Refusal):
    message = "Somebody has begun this conversation meanwhile, and there your words would stand under your name."


class NoLongerOpen(Refusal):
    message = "The conversation about this is no longer open. Start a thread of your own in one of the rooms."


def discuss(
    item: Item,
    *,
    room: Room,
    body: str,
    by: Member,
    title: str | None = None,
    safely: bool = False,
    send_key: str | None = None,
    overrode: dict[str, Any] | None = None,
) -> Thread:
    """Begin the item's thread with these words, or say them in the thread that somebody began a moment ago.

    Raises what posting raises, NoLongerOpen, and BegunMeanwhile: under no name one begins a thread, never joins it.
    """
    # The lock makes the second of two wait; on SQLite the transaction itself does.
    begun = db.session.scalar(select(Item.thread_id).where(Item.id == item.id).with_for_update())
    if begun is not None:
        thread = db.session.scalar(select(Thread).join(Thread.room).where(Thread.id == begun, visible_to(by)))
        if thread is None:
            raise NoLongerOpen()
        if _said_already(thread, body=body, by=by):
            return thread
        if safely and not veiling.is_veiled_in(thread, by):
            raise BegunMeanwhile()
        posting.reply(thread, body=body, by=by, send_key=send_key, overrode=overrode)
        return thread
    db.session.refresh(item)  # it may have been taken back while we waited, and its title with it
    if not item.is_published:
        raise NoLongerOpen("This is no longer in the library, so there is no conversation to begin about it.")
    thread = posting.start(
        room,
        title=title or item.title,
        body=body,
        safely=safely,
        by=by,
        about_title=item.title,
        about_path=item.path,
        topics=item.topics,
        send_key=send_key,
        overrode=overrode,
    )
    taken = db.session.execute(
        update(Item)
        .where(Item.id == item.id, Item.thread_id.is_(None))
        .values(thread_id=thread.id)
        .execution_options(synchronize_session=False)
        .returning(Item.id)
    )
    if taken.scalar() is None:
        raise RuntimeError(f"item {item.id} got a thread while it was locked")
    db.session.expire(item, ["thread_id", "thread"])
    return thread


def follow_merge(gone: Thread, into: Thread) -> None:
    """An item whose conversation was joined with another is talked about there, unless that one is another item's."""
    taken = select(Item.id).where(Item.thread_id == into.id).exists()
    db.session.execute(
        update(Item)
        .where(Item.thread_id == gone.id)
        .values(thread_id=None if db.session.scalar(select(taken)) else into.id)
        .execution_options(synchronize_session=False)
    )


def _said_already(thread: Thread, *, body: str, by: Member) -> bool:
    """The form that began the thread was sent twice; its words stand there already, as the opening post."""
    opening = select(Post.id).where(Post.thread_id == thread.id, Post.number == 1)
    return db.session.scalar(opening.where(Post.author_id == by.id, Post.body == body)) is not None


def likely_room(item: Item) -> str | None:
    """The room (slug) that has most threads about the item's topics: where people would look for this one."""
    return db.session.scalar(
        select(Room.slug)
        .join(Thread, Thread.room_id == Room.id)
        .join(thread_topic, thread_topic.c.thread_id == Thread.id)
        .where(
            thread_topic.c.topic_id.in_([topic.id for topic in item.topics]),
            Thread.hidden_at.is_(None),
            *_FOR_EVERYBODY,
        )
        .group_by(Room.id)
        .order_by(func.count().desc(), Room.position)
        .limit(1)
    )


def rooms_to_choose() -> list[Room]:
    """Where a conversation for everybody can begin, in the coach's order."""
    return list(db.session.scalars(select(Room).where(*_FOR_EVERYBODY).order_by(Room.position, Room.title)))
