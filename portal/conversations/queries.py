"""Who sees which rooms and threads, and what is read of a room. Lists take columns, not whole rows: they are drawn
thirty at a time."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Integer,
    Row,
    Select,
    SQLColumnExpression,
    and_,
    bindparam,
    case,
    literal,
    or_,
    select,
)
from sqlalchemy.orm import undefer

from portal.accounts.models import Member
from portal.conversations.models import (
    Level,
    Post,
    Room,
    RoomFollow,
    RoomKind,
    RoomMember,
    Thread,
    ThreadKind,
)
from portal.conversations.policy import Sight, sees_hidden, sight_of
from portal.core.db import db

Lines = Select[*tuple[Any, ...]]  # columns by name, see each query
Line = Row[*tuple[Any, ...]]

Asked = tuple[Lines, dict[str, Any]]  # a statement, and the values that this reader puts into it


def rooms(reader: Member | None) -> Select[Room]:
    """The rooms that somebody may see, archived ones too, in the coach's order."""
    return select(Room).where(open_to(reader)).order_by(Room.position, Room.title)


def any_room_is_open_to(reader: Member) -> bool:
    """Whether there is one in which something new can be said."""
    there = select(Room.id).where(open_to(reader), Room.archived_at.is_(None)).limit(1)
    return db.session.scalar(there) is not None


def rooms_with_last_word(reader: Member | None) -> Select[Room]:
    """The same, each with when somebody last spoke in it."""
    return rooms(reader).options(undefer(Room.last_post_at))


def open_to(reader: Member | None) -> ColumnElement[bool]:
    """Rooms this person may see."""
    return _is_open(sight_of(reader), literal(reader.id if reader else 0))


def visible_to(reader: Member | None) -> ColumnElement[bool]:
    """Threads this person may know of, in a statement that joins their rooms: in a room that is open to them, and a
    hidden one only as its author or as staff. None is a visitor, or a member who is not in."""
    return _is_seen(sight_of(reader), literal(reader.id if reader else 0))


def open_with(sight: Sight) -> ColumnElement[bool]:
    """`open_to` for a statement that is built once and asked often: the reader comes as the value `reader_id`."""
    return _is_open(sight, asking_reader())


def seen_with(sight: Sight) -> ColumnElement[bool]:
    """`visible_to`, in the same way."""
    return _is_seen(sight, asking_reader())


def asking_reader() -> BindParameter[int]:
    """Who reads, in a statement that is built once and asked often."""
    return bindparam("reader_id", type_=Integer())


def title_for(member: Member) -> ColumnElement[str | None]:
    """What a thread is called, in a statement that joins its room, as far as it is theirs or they see it."""
    return case((or_(visible_to(member), Thread.author_id == member.id), Thread.title))


def room_title_for(member: Member) -> ColumnElement[str | None]:
    """The same of a room."""
    return case((open_to(member), Room.title))


def circles_of(reader: Member) -> Select[int]:
    """Ids of the closed circles that somebody sees."""
    return select(Room.id).where(Room.kind == RoomKind.CIRCLE, open_to(reader))


def room_for(reader: Member | None, slug: str) -> tuple[Room, Level] | None:
    """A room, and what they chose to hear of it; None if this reader may not know of it."""
    asked = {"slug": slug, "reader_id": reader.id if reader else 0}
    found = db.session.execute(_a_room(sight_of(reader)), asked).one_or_none()
    return (found[0], found[1] or Level.MINE) if found else None


def hosts_of(room: Room) -> Sequence[Member]:
    """Whom to turn to in a room."""
    return db.session.scalars(_hosts(), {"room_id": room.id}).all()


def threads_in(room: Room, reader: Member | None, kind: ThreadKind | None = None) -> Asked:
    """The lines of a room's list: each thread with the names of who began it and who spoke last; of one kind or all."""
    values = {"room_id": room.id, "reader_id": reader.id if reader else 0} | ({"kind": kind} if kind else {})
    return _threads(sees_all=sees_hidden(reader), of_one_kind=kind is not None), values


def helped(thread_id: SQLColumnExpression[int]) -> ColumnElement[bool]:
    """That something in a question is marked as having helped; what is hidden says nothing."""
    marked = Post.thread_id == thread_id, Post.helped_at.is_not(None), Post.hidden_at.is_(None)
    return select(Post.id).where(*marked).exists()


# The statements of a room's page are built once: building one anew took longer than asking it.


def _is_open(sight: Sight, reader_id: ColumnElement[int]) -> ColumnElement[bool]:
    if sight is Sight.COACH:
        return literal(True)
    if sight is Sight.MODERATOR:
        return Room.kind != RoomKind.COACHES
    if sight is Sight.OUTSIDE:
        return Room.kind == RoomKind.PUBLIC
    named = select(RoomMember.room_id).where(RoomMember.member_id == reader_id)
    in_circle = and_(Room.kind == RoomKind.CIRCLE, Room.id.in_(named))
    # No IN with a list: it is taken apart anew whenever a statement is asked, and this is in most of them.
    return or_(Room.kind == RoomKind.MEMBERS, Room.kind == RoomKind.PUBLIC, in_circle)


def _is_seen(sight: Sight, reader_id: ColumnElement[int]) -> ColumnElement[bool]:
    is_open = and_(_is_open(sight, reader_id), Thread.merged_into_id.is_(None))
    if sight in {Sight.MODERATOR, Sight.COACH}:
        return is_open
    return and_(is_open, or_(Thread.hidden_at.is_(None), Thread.author_id == reader_id))


@cache
def _a_room(sight: Sight) -> Select[*tuple[Any, ...]]:
    return (
        select(Room, RoomFollow.level)
        .outerjoin(RoomFollow, and_(RoomFollow.room_id == Room.id, RoomFollow.member_id == asking_reader()))
        .where(Room.slug == bindparam("slug"), open_with(sight))
    )


@cache
def _hosts() -> Select[Member]:
    return (
        select(Member)
        .join(RoomMember, RoomMember.member_id == Member.id)
        .where(RoomMember.room_id == bindparam("room_id"))
        .where(RoomMember.host_since.is_not(None), Member.closed_at.is_(None))
        .order_by(RoomMember.host_since, RoomMember.id)
    )


@cache
def _threads(*, sees_all: bool, of_one_kind: bool) -> Lines:
    thread = Thread.__table__.c
    starter, speaker = Member.__table__.alias("starter"), Member.__table__.alias("speaker")
    found = (
        select(
            thread.id,
            thread.kind,
            thread.title,
            thread.post_count,
            thread.last_post_at,
            thread.locked_at,
            thread.hidden_at,
            thread.hidden_because,
            thread.held_at,
            thread.about_title,
            thread.author_id,
            thread.author_hidden_at,
            helped(thread.id).label("is_answered"),
            starter.c.name.label("starter"),
            starter.c.closed_at.label("starter_left"),
            speaker.c.name.label("speaker"),
            speaker.c.closed_at.label("speaker_left"),
        )
        .join_from(Thread.__table__, starter, starter.c.id == thread.author_id)
        .outerjoin(speaker, speaker.c.id == thread.last_author_id)
        .where(thread.room_id == bindparam("room_id"), thread.merged_into_id.is_(None))
    )
    if of_one_kind:
        found = found.where(thread.kind == bindparam("kind", type_=thread.kind.type))
    return (
        found if sees_all else found.where(or_(thread.hidden_at.is_(None), thread.author_id == bindparam("reader_id")))
    )
