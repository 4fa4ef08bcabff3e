"""What is read of one thread, by whom: what its page is made of, and where its posts stand once it was joined with
another."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import ScalarSelect, Select, String, and_, bindparam, cast, func, select
from sqlalchemy.orm import contains_eager

from portal.accounts.models import Draft, Member
from portal.conversations import drafts, veiling
from portal.conversations.models import (
    Follow,
    Level,
    PersonFollow,
    Post,
    PostFile,
    Room,
    RoomFollow,
    Thread,
    thread_topic,
)
from portal.conversations.policy import Sight, sight_of
from portal.conversations.queries import Line, Lines, asking_reader, seen_with
from portal.core.db import db, strung
from portal.topics.models import Topic
from portal.topics.queries import topics_in_order


@dataclass(frozen=True, slots=True)
class Found:
    """A thread as one reader finds it."""

    thread: Thread  # with its room
    level: Level | None  # what they chose to hear of it
    room_level: Level | None  # and of its room
    renamed_at: datetime | None  # when anybody last got another name
    is_veiled: bool  # what they say in it stands under no name
    draft: Draft | None  # of a reply
    files_wait: int  # that they put into its form
    files_since: datetime | None
    muted: str | None  # whose posts they fold away


def thread_for(reader: Member | None, thread_id: int) -> Found | None:
    """A thread and what its page needs to know before it is drawn; None if this reader may not know of it."""
    found = db.session.execute(a_thread(sight_of(reader)), asked_of(thread_id, reader)).one_or_none()
    return Found(*found) if found else None


def asked_of(thread_id: int, reader: Member | None) -> dict[str, Any]:
    """The values that `a_thread` is asked with."""
    return {"thread_id": thread_id, "reader_id": reader.id if reader else 0, "draft": drafts.of_thread(thread_id)}


def version_of(thread_id: int, reader: Member | None) -> int | None:
    """What a thread's page has come to; None if this reader may not know of it."""
    asked = {"thread_id": thread_id, "reader_id": reader.id if reader else 0}
    version: int | None = db.session.connection().scalar(_a_version(sight_of(reader)), asked)
    return version


def merged_into(thread_id: int) -> int | None:
    """The thread in which the posts of one that is no more stand now."""
    return db.session.scalar(select(Thread.merged_into_id).where(Thread.id == thread_id))


def where_merged(thread_id: int) -> Post:
    """The opening post of a thread that was joined with another, where it stands now."""
    begins = and_(Post.thread_id == Thread.merged_into_id, Post.number == Thread.merged_at)
    return db.session.scalars(select(Post).join(Thread, begins).where(Thread.id == thread_id)).one()


def opening_of(thread: Thread) -> Post:
    return db.session.scalars(select(Post).where(Post.thread_id == thread.id, Post.number == 1)).one()


def topics_of(thread_id: int) -> Sequence[Line]:
    return db.session.connection().execute(_some_topics(), {"thread_id": thread_id}).all()


def topics_to_choose() -> dict[str, str]:
    """Slug and title of each topic, in the coach's order."""
    return {topic.slug: topic.title for topic in topics_in_order()}


def topics_called(slugs: Collection[str]) -> Sequence[Topic]:
    return db.session.scalars(select(Topic).where(Topic.slug.in_(slugs))).all() if slugs else ()


# The statement of a thread's page is built once, and some skip the session: they are asked most often.


@cache
def a_thread(sight: Sight) -> Select[*tuple[Any, ...]]:
    """What `thread_for` asks, for whoever asks something more beside it."""
    begun = veiling.begun_by(asking_reader())
    found = _of_thread(
        sight, Thread, Follow.level, RoomFollow.level, _renamed_at(), begun, Draft, *_files_that_wait(), _muted()
    )
    return found.options(contains_eager(Thread.room))


@cache
def facts_of_thread(sight: Sight) -> Lines:
    """What its page is made of, without the rows that draw it."""
    files_wait, files_since = _files_that_wait()
    return _of_thread(
        sight,
        Thread.id,
        Thread.version,
        Thread.title,
        Thread.post_count,
        Room.title.label("room"),
        Room.kind,
        Room.archived_at.is_not(None).label("is_archived"),
        func.coalesce(Follow.level, RoomFollow.level).label("level"),
        _renamed_at().label("renamed_at"),
        Draft.mark.label("draft"),
        files_wait.label("files_wait"),
        files_since.label("files_since"),
        _muted().label("muted"),
    )


def _renamed_at() -> ScalarSelect[Any]:
    return select(func.max(Member.renamed_at)).scalar_subquery()


def _muted() -> ScalarSelect[Any]:
    """Ids of the people whose posts this reader folds away, as words: a page that a browser kept shows them or not."""
    muted = PersonFollow.member_id == asking_reader(), PersonFollow.level == Level.NONE
    ids = cast(PersonFollow.person_id, String)
    return select(strung(ids, ",")).where(*muted).scalar_subquery()


def _of_thread(sight: Sight, *columns: Any) -> Select[*tuple[Any, ...]]:
    reader_id = asking_reader()
    return (
        select(*columns)
        .select_from(Thread)
        .join(Thread.room)
        .outerjoin(Follow, and_(Follow.thread_id == Thread.id, Follow.member_id == reader_id))
        .outerjoin(RoomFollow, and_(RoomFollow.room_id == Thread.room_id, RoomFollow.member_id == reader_id))
        .outerjoin(Draft, and_(Draft.member_id == reader_id, Draft.thing == bindparam("draft")))
        .where(Thread.id == bindparam("thread_id"), seen_with(sight))
    )


@cache
def _a_version(sight: Sight) -> Select[int]:
    return select(Thread.version).join(Thread.room).where(Thread.id == bindparam("thread_id"), seen_with(sight))


def _files_that_wait() -> tuple[ScalarSelect[Any], ScalarSelect[Any]]:
    """How many, and since when the newest does."""
    waits = PostFile.by_id == asking_reader(), PostFile.place == bindparam("draft"), PostFile.post_id.is_(None)
    return (
        select(func.count()).select_from(PostFile).where(*waits).scalar_subquery(),
        select(func.max(PostFile.created_at)).where(*waits).scalar_subquery(),
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
