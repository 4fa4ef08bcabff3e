"""What is unread, exactly, and how it becomes read.

A post is unread to a member when it is later than the last one they read in its thread, later than the moment up to
which they marked its room as read, and not older than UNREAD_FOR or than their account. Their own words are read, what
is hidden is nothing to read, and what somebody wants to hear nothing of (a thread, a room, a person) does not count.

Marks survive everything that happens to a thread: before it is moved or joined with another, what marks of rooms said
of it is written down for the thread itself (moving.py).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    and_,
    bindparam,
    case,
    delete,
    exists,
    func,
    literal,
    not_,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from portal.accounts.models import Member
from portal.conversations import queries, thread_queries
from portal.conversations.following import level_in_force, muted_by
from portal.conversations.models import (
    POSTS_A_PAGE,
    Follow,
    Level,
    Post,
    ReadAhead,
    Reading,
    Room,
    RoomFollow,
    RoomReading,
    Thread,
)
from portal.conversations.policy import Sight, sight_of
from portal.core.clock import now
from portal.core.db import Moment, db, is_postgresql
from portal.notifications import inbox

UNREAD_FOR = timedelta(days=90)  # what is older counts as read: nobody who comes back owes the past an hour
MOST = 100  # posts of a room that are counted one by one; beyond it there are "99+"
# An index of posts answers all of it, and each room stops at MOST, so that a large room costs what a small one costs.


@dataclass(frozen=True, slots=True)
class Unread:
    """What a thread holds for a reader."""

    count: int
    first: int  # the number of the first unread post

    @property
    def page(self) -> int:
        return -(-self.first // POSTS_A_PAGE)


@dataclass(frozen=True, slots=True)
class RoomCount:
    """Unread posts of a room, at most MOST."""

    room_id: int
    slug: str
    count: int


def counts(reader: Member) -> Sequence[RoomCount]:
    """Unread posts of each room that is open to this reader and not archived. One statement."""
    rows = db.session.connection().execute(_by_room(sight_of(reader)), _values(reader)).all()
    return [RoomCount(row.id, row.slug, row.unread) for row in rows]


def in_threads(reader: Member, thread_ids: Collection[int]) -> dict[int, Unread]:
    """What is unread in these threads; those in which nothing is are not in it. One statement."""
    if not thread_ids:
        return {}
    values = _values(reader) | {"thread_ids": list(thread_ids)}
    rows = db.session.connection().execute(_by_thread(), values).all()
    return {row.thread_id: Unread(row.unread, row.first) for row in rows}


def thread_for(reader: Member | None, thread_id: int) -> tuple[thread_queries.Found, Unread | None] | None:
    """`thread_queries.thread_for` with what is unread in it, counted up to MOST; None beside it: nothing. It is one
    statement."""
    if reader is None:
        found = thread_queries.thread_for(None, thread_id)
        return (found, None) if found else None
    asked = thread_queries.asked_of(thread_id, reader) | _values(reader)
    row = db.session.execute(_of_one(sight_of(reader)), asked).one_or_none()
    if row is None:
        return None
    *known, unread, first = row
    return thread_queries.Found(*known), Unread(unread, first) if unread else None


def facts_of(reader: Member | None, thread_id: int) -> queries.Line | None:
    """What the page of a thread is made of for this reader, without a row of it; None if they may not know of it."""
    asked = thread_queries.asked_of(thread_id, reader) | (_values(reader) if reader else {"since": now()})
    return db.session.connection().execute(_facts_of_one(sight_of(reader)), asked).one_or_none()


def followed(reader: Member, most: int) -> Sequence[queries.Line]:
    """Threads with something unread that they began or follow, their own first, then the latest (thread_id, title,
    room, kind, unread, first, is_theirs, last_post_at). One statement."""
    values = _values(reader) | {"most": most}
    return db.session.connection().execute(_of_followed(sight_of(reader)), values).all()


def counted_since(reader: Member) -> datetime:
    """What was said before counts as read."""
    return max(reader.created_at, now() - UNREAD_FOR)


def in_words(count: int) -> str:
    """`99+` where more were not counted."""
    return f"{MOST - 1}+" if count >= MOST else str(count)


# Becoming read


def see(thread: Thread, *, up_to: int, by: Member) -> None:
    """They have read up to this post of a thread. Less than before changes nothing."""
    number = min(up_to, thread.post_count)
    if number < 1:
        return
    dialect = postgresql if is_postgresql() else sqlite
    insert = dialect.insert(Reading).values(member_id=by.id, thread_id=thread.id, last_number=number, created_at=now())
    db.session.execute(
        insert.on_conflict_do_update(
            index_elements=["member_id", "thread_id"],
            set_={"last_number": number},
            where=Reading.last_number < number,
        )
    )
    inbox.see(by, "post", select(Post.id).where(Post.thread_id == thread.id, Post.number <= number))


def put_back(thread: Thread, *, to: int, by: Member) -> None:
    """They want to find this post, and what follows it, unread again."""
    dialect, number = postgresql if is_postgresql() else sqlite, max(min(to, thread.post_count), 1) - 1
    values = {"last_number": number, "unread_at": now()}
    insert = dialect.insert(Reading).values(member_id=by.id, thread_id=thread.id, created_at=now(), **values)
    db.session.execute(insert.on_conflict_do_update(index_elements=["member_id", "thread_id"], set_=values))
    later = select(Post.id).where(Post.thread_id == thread.id, Post.number > number)
    db.session.execute(
        delete(ReadAhead)
        .where(ReadAhead.member_id == by.id, ReadAhead.post_id.in_(later))
        .execution_options(synchronize_session=False)
    )


def mark_rooms(rooms: Collection[Room], *, until: datetime, by: Member) -> None:
    """Everything said in these rooms up to a moment is read: that at which they saw what they mark, not later ones."""
    if not rooms:
        return
    dialect = postgresql if is_postgresql() else sqlite
    mark = {"member_id": by.id, "read_until": until, "created_at": now()}
    insert = dialect.insert(RoomReading).values([mark | {"room_id": room.id} for room in rooms])
    db.session.execute(
        insert.on_conflict_do_update(
            index_elements=["member_id", "room_id"],
            set_={"read_until": until, "before": RoomReading.read_until},
            where=or_(RoomReading.read_until.is_(None), RoomReading.read_until < until),
        )
    )


def undo_marks(until: datetime, *, by: Member) -> None:
    """Take back the marks that say up to this moment; what was read one by one since then stays read."""
    db.session.execute(
        update(RoomReading)
        .where(RoomReading.member_id == by.id, RoomReading.read_until == until)
        .values(read_until=RoomReading.before, before=None)
        .execution_options(synchronize_session=False)
    )


def write_down_marks(thread: Thread) -> None:
    """What marks of its room say of a thread, for the thread itself, before those marks no longer apply to it."""
    dialect = postgresql if is_postgresql() else sqlite
    read = (
        select(func.max(Post.number))
        .where(Post.thread_id == thread.id, Post.created_at <= RoomReading.read_until)
        .correlate(RoomReading)
        .scalar_subquery()
    )
    marked = (
        select(RoomReading.member_id, Thread.id, func.coalesce(read, 0), literal(now(), Moment()))
        .join_from(RoomReading, Thread, Thread.room_id == RoomReading.room_id)
        .outerjoin(Reading, and_(Reading.thread_id == Thread.id, Reading.member_id == RoomReading.member_id))
        .where(Thread.id == thread.id, _mark_applies())
    )
    insert = dialect.insert(Reading).from_select(["member_id", "thread_id", "last_number", "created_at"], marked)
    farther = case(
        (Reading.last_number < insert.excluded.last_number, insert.excluded.last_number), else_=Reading.last_number
    )
    db.session.execute(
        insert.on_conflict_do_update(index_elements=["member_id", "thread_id"], set_={"last_number": farther})
    )


# The rule, once, in SQL


def _mark_applies() -> ColumnElement[bool]:
    """A mark of a room says something of a thread that was in it then and was not put back to unread since."""
    return and_(
        RoomReading.read_until.is_not(None),
        or_(Thread.moved_at.is_(None), Thread.moved_at <= RoomReading.read_until),
        or_(Reading.unread_at.is_(None), Reading.unread_at <= RoomReading.read_until),
    )


def _unread(*columns: Any) -> Select[*tuple[Any, ...]]:
    """The posts unread to a reader: the rule at the top of this file, in SQL. Whether the rooms are open to them is for
    whoever asks."""
    reader_id = bindparam("reader_id", type_=Integer())
    marked = and_(_mark_applies(), Post.created_at <= RoomReading.read_until)
    return (
        select(*columns)
        .select_from(Thread)
        .outerjoin(Reading, and_(Reading.thread_id == Thread.id, Reading.member_id == reader_id))
        .outerjoin(RoomReading, and_(RoomReading.room_id == Thread.room_id, RoomReading.member_id == reader_id))
        .outerjoin(Follow, and_(Follow.thread_id == Thread.id, Follow.member_id == reader_id))
        .outerjoin(RoomFollow, and_(RoomFollow.room_id == Thread.room_id, RoomFollow.member_id == reader_id))
        .join(Post, and_(Post.thread_id == Thread.id, Post.number > func.coalesce(Reading.last_number, 0)))
        .where(
            Thread.hidden_at.is_(None),
            Thread.last_post_at > bindparam("since", type_=Moment()),
            Thread.post_count > func.coalesce(Reading.last_number, 0),
            level_in_force() != Level.NONE,
            Post.hidden_at.is_(None),
            Post.created_at > bindparam("since", type_=Moment()),
            Post.author_id != reader_id,
            or_(Post.veiled_at.is_not(None), Post.author_id.not_in(muted_by(reader_id))),
            not_(marked),
            ~exists().where(ReadAhead.member_id == reader_id, ReadAhead.post_id == Post.id),
        )
    )


def _values(reader: Member) -> dict[str, Any]:
    return {"reader_id": reader.id, "since": counted_since(reader)}


@cache
def _by_room(sight: Sight) -> Select[*tuple[Any, ...]]:
    some = _unread(Post.id).where(Thread.room_id == Room.id).correlate(Room).limit(MOST).subquery()
    counted = select(func.count()).select_from(some).correlate(Room).scalar_subquery()
    return (
        select(Room.id, Room.slug, counted.label("unread"))
        .where(queries.open_with(sight), Room.archived_at.is_(None))
        .order_by(Room.position, Room.title)
    )


@cache
def _by_thread() -> Select[*tuple[Any, ...]]:
    return (
        _unread(Thread.id.label("thread_id"), func.count().label("unread"), func.min(Post.number).label("first"))
        .where(Thread.id.in_(bindparam("thread_ids", expanding=True)))
        .group_by(Thread.id)
    )


@cache
def _of_followed(sight: Sight) -> Select[*tuple[Any, ...]]:
    reader_id = bindparam("reader_id", type_=Integer())
    theirs, all_of = Thread.author_id == reader_id, Level.ALL
    by_thread = select(Follow.thread_id).where(Follow.member_id == reader_id, Follow.level == all_of)
    rooms = select(RoomFollow.room_id).where(RoomFollow.member_id == reader_id, RoomFollow.level == all_of)
    begun = select(Thread.id).where(theirs)
    # Named first, so that the unread of a few threads are counted and not of all there are.
    some = by_thread.union(select(Thread.id).where(Thread.room_id.in_(rooms)), begun)
    return (
        _unread(
            Thread.id.label("thread_id"),
            Thread.title,
            Room.title.label("room"),
            Thread.kind,
            func.count().label("unread"),
            func.min(Post.number).label("first"),
            theirs.label("is_theirs"),
            Thread.last_post_at,
        )
        .join(Room, Room.id == Thread.room_id)
        .where(Thread.id.in_(some), or_(theirs, level_in_force() == all_of), queries.seen_with(sight))
        .where(Room.archived_at.is_(None))
        .group_by(Thread.id, Room.title)
        .order_by(theirs.desc(), Thread.last_post_at.desc(), Thread.id.desc())
        .limit(bindparam("most"))
    )


@cache
def _of_one(sight: Sight) -> Select[*tuple[Any, ...]]:
    return _with_unread(thread_queries.a_thread(sight))


@cache
def _facts_of_one(sight: Sight) -> Select[*tuple[Any, ...]]:
    return _with_unread(thread_queries.facts_of_thread(sight))


def _with_unread(thread: Select[*tuple[Any, ...]]) -> Select[*tuple[Any, ...]]:
    some = _unread(Post.number).where(Thread.id == bindparam("thread_id")).order_by(Post.number).limit(MOST).subquery()
    counted = select(func.count().label("unread"), func.min(some.c.number).label("first")).subquery()
    return thread.join(counted, true()).add_columns(counted.c.unread, counted.c.first)
