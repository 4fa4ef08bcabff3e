"""What is read of conversations, by whom. Lists take columns, not whole rows: they are drawn thirty at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, Row, Select, and_, bindparam, literal, or_, select, tuple_
from sqlalchemy.orm import InstrumentedAttribute, aliased, contains_eager

from portal.accounts.models import Member
from portal.conversations.models import POSTS_A_PAGE, Follow, Post, Room, Thread, thread_topic
from portal.conversations.policy import sees_hidden
from portal.core.db import Moment, db
from portal.core.web import Page, cursor, read_cursor
from portal.topics.models import Topic

Lines = Select[*tuple[Any, ...]]  # columns by name, see each query
Line = Row[*tuple[Any, ...]]


def rooms() -> Select[Room]:
    return select(Room).order_by(Room.position, Room.title)


def visible_to(reader: Member) -> ColumnElement[bool]:
    """Threads this person may know of: a hidden one only as its author or as staff."""
    if sees_hidden(reader):
        return literal(True)
    return or_(Thread.hidden_at.is_(None), Thread.author_id == reader.id)


def threads_in(room: Room, reader: Member) -> Lines:
    """The lines of a room's list: each thread with the names of who began it and who spoke last."""
    starter, speaker = aliased(Member), aliased(Member)
    return (
        select(
            Thread.id,
            Thread.title,
            Thread.post_count,
            Thread.last_post_at,
            Thread.locked_at,
            Thread.hidden_at,
            Thread.about_title,
            starter.name.label("starter"),
            starter.closed_at.label("starter_left"),
            speaker.name.label("speaker"),
            speaker.closed_at.label("speaker_left"),
        )
        .join(starter, starter.id == Thread.author_id)
        .outerjoin(speaker, speaker.id == Thread.last_author_id)
        .where(Thread.room_id == room.id, visible_to(reader))
    )


def thread_for(reader: Member, thread_id: int) -> tuple[Thread, bool, bool] | None:
    """A thread with its room, and whether this reader follows or muted it; None if they may not know of it."""
    asked = {"thread_id": thread_id, "reader_id": reader.id}
    found = db.session.execute(_a_thread(sees_all=sees_hidden(reader)), asked).one_or_none()
    if found is None:
        return None
    thread, follow_id, muted_at = found
    return thread, bool(follow_id) and muted_at is None, muted_at is not None


def posts_on_page(thread_id: int, page: int) -> Sequence[Line]:
    """The posts of one page with their authors, found by number: page 1,000 costs what page 1 costs."""
    last = page * POSTS_A_PAGE
    asked = {"thread_id": thread_id, "after": last - POSTS_A_PAGE, "last": last}
    return db.session.connection().execute(_some_posts(), asked).all()


def topics_of(thread_id: int) -> Sequence[Line]:
    return db.session.connection().execute(_some_topics(), {"thread_id": thread_id}).all()


# The three statements of a thread's page are built once, and two of them skip the session: they are asked most often.


@cache
def _a_thread(*, sees_all: bool) -> Select[Thread, int, datetime | None]:
    reader_id: BindParameter[int] = bindparam("reader_id")
    found = (
        select(Thread, Follow.id, Follow.muted_at)
        .join(Thread.room)
        .outerjoin(Follow, and_(Follow.thread_id == Thread.id, Follow.member_id == reader_id))
        .options(contains_eager(Thread.room))
        .where(Thread.id == bindparam("thread_id"))
    )
    return found if sees_all else found.where(or_(Thread.hidden_at.is_(None), Thread.author_id == reader_id))


@cache
def _some_posts() -> Lines:
    post, member = Post.__table__.c, Member.__table__.c
    return (
        select(
            post.id,
            post.author_id,
            post.body_html,
            post.created_at,
            post.edited_at,
            post.hidden_at,
            post.hidden_because,
            member.name,
            member.handle,
            member.role,
            member.closed_at,
        )
        .join_from(Post.__table__, Member.__table__, member.id == post.author_id)
        .where(
            post.thread_id == bindparam("thread_id"), post.number > bindparam("after"), post.number <= bindparam("last")
        )
        .order_by(post.number)
    )


@cache
def _some_topics() -> Lines:
    topic = Topic.__table__.c
    return (
        select(topic.title, topic.slug)
        .join_from(Topic.__table__, thread_topic, thread_topic.c.topic_id == topic.id)
        .where(thread_topic.c.thread_id == bindparam("thread_id"))
        .order_by(topic.position)
    )


def post_for(reader: Member, post_id: int) -> Select[Post]:
    """A post whose thread this person may know of, with that thread and its room."""
    return (
        select(Post)
        .join(Post.thread)
        .join(Thread.room)
        .options(contains_eager(Post.thread).contains_eager(Thread.room))
        .where(Post.id == post_id, visible_to(reader))
    )


def posts_by(member: Member) -> Lines:
    """Everything one person wrote, hidden or not: their words stay theirs, whatever they pay."""
    return (
        select(
            Post.id,
            Post.body_html,
            Post.created_at,
            Post.edited_at,
            Post.hidden_at,
            Post.hidden_because,
            Thread.id.label("thread_id"),
            Thread.title,
            Room.title.label("room"),
        )
        .join(Thread, Thread.id == Post.thread_id)
        .join(Room, Room.id == Thread.room_id)
        .where(Post.author_id == member.id)
    )


def page_of(
    query: Lines,
    moment: InstrumentedAttribute[datetime],
    number: InstrumentedAttribute[int],
    *,
    older: str | None,
    newer: str | None,
    most: int,
    place: Callable[[Line], tuple[datetime, int]],
) -> Page[Line]:
    """One screenful, newest first, beside a cursor: what is older than it, or what is newer. Nonsense means the top."""
    after, before, query_from_the_top = read_cursor(older), read_cursor(newer), query
    order, key = (moment, number), tuple_(moment, number)
    if before and not after:
        found = _rows(query.where(key > _place(before)).order_by(*order).limit(most + 1))
        more, rows = len(found) > most, list(reversed(found[:most]))
        is_top, is_end = not more, False
    else:
        if after:
            query = query.where(key < _place(after))
        found = _rows(query.order_by(*(column.desc() for column in order)).limit(most + 1))
        rows, is_top, is_end = found[:most], after is None, len(found) <= most
    if not rows and (after or before):
        return page_of(query_from_the_top, moment, number, older=None, newer=None, most=most, place=place)
    if not rows:
        return Page([], None, None)
    return Page(
        rows,
        newer=None if is_top else cursor(*place(rows[0])),
        older=None if is_end else cursor(*place(rows[-1])),
    )


def _place(at: tuple[datetime, int]) -> Any:
    return tuple_(literal(at[0], Moment()), literal(at[1]))


def _rows(query: Lines) -> list[Line]:
    return list(db.session.execute(query))
