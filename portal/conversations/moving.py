"""Moving a thread to another room, and joining it with another. Every address of it goes on leading to its posts, and
what is unread stays unread, and nothing else becomes so.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import and_, delete, func, literal, select, update
from sqlalchemy.dialects import postgresql, sqlite

from portal.accounts import drafting
from portal.accounts.models import Member
from portal.conversations import drafts, finding, policy, reading
from portal.conversations.models import Follow, Post, PostFile, ReadAhead, Reading, Room, Thread
from portal.conversations.posting import count_thread
from portal.core import audit
from portal.core.clock import now
from portal.core.db import Moment, db, is_postgresql
from portal.core.errors import Refusal


class OpensWider(Refusal):
    message = "It was said among fewer people than read there. Nothing is carried out of a closed room."


class NotThere(Refusal):
    message = "It cannot be put there: choose another room, one that is not archived."


class NotTogether(Refusal):
    message = "These two cannot be joined: choose another thread, one that is neither hidden nor this one itself."


def may_go(thread: Thread, to: Room) -> bool:
    """Whether a thread may be taken into a room: an open one that is read by no more people than its own."""
    return to.id != thread.room_id and not to.is_archived and not policy.reads_wider(to.kind, thread.room.kind)


def move(thread: Thread, *, to: Room, by: Member, because: str | None = None) -> None:
    """Take a thread into another room. Raises NotThere, OpensWider."""
    thread = _held(thread.id)[0]
    came_from = thread.room
    if to.id == came_from.id or to.is_archived or thread.merged_into_id is not None:
        raise NotThere()
    _check_not_wider(came_from, to)
    reading.write_down_marks(thread)
    if not thread.is_hidden:
        count_thread(thread, -1)
    thread.room, thread.moved_at, thread.version = to, now(), thread.version + 1
    db.session.flush()
    if not thread.is_hidden:
        count_thread(thread, +1)
    _find_again(thread, closing=came_from.kind is not to.kind or not to.kind.is_shared)
    audit.record(by, "thread.moved", thread, because=because, from_room=came_from.id, to_room=to.id)


def merge(thread: Thread, *, into: Thread, by: Member) -> None:
    """Put all posts of a thread behind those of another, which from then on answers at its address too.

    Raises NotTogether, OpensWider.
    """
    if thread.id == into.id:
        raise NotTogether()
    thread, into = _held(thread.id, into.id)
    for each in (thread, into):
        if each.is_hidden or each.merged_into_id is not None:
            raise NotTogether()
    _check_not_wider(thread.room, into.room)
    for each in (thread, into):
        reading.write_down_marks(each)
    into.moved_at = now()  # what marks of its room said is written down; they say nothing of what comes now
    _carry_readings(thread, into)
    _carry_follows(thread, into)
    _carry_drafts(thread, into)
    finding.forget_thread(thread)
    _carry_posts(thread, into)
    count_thread(thread, -1)
    db.session.expire(into.room, ["last_post_at"])
    finding.find_thread_again(into)
    audit.record(by, "thread.merged", thread, into=into.id)


def _held(*thread_ids: int) -> list[Thread]:
    """The threads, nobody else changing them meanwhile; always taken in one order, so that nobody waits in a circle."""
    found = db.session.scalars(
        select(Thread)
        .where(Thread.id.in_(thread_ids))
        .order_by(Thread.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    by_id = {thread.id: thread for thread in found}
    return [by_id[thread_id] for thread_id in thread_ids]


def _check_not_wider(came_from: Room, to: Room) -> None:
    """From the coaches to a circle to all members to anyone is always wider, and so is one circle to another."""
    if came_from.id != to.id and policy.reads_wider(to.kind, came_from.kind):
        raise OpensWider()


def _carry_readings(thread: Thread, into: Thread) -> None:
    """Who read `into` to its end has read on into what comes; for others each post they read is written down."""
    offset, both = into.post_count, Reading.__table__.alias("both")
    done = select(both.c.last_number).where(both.c.thread_id == thread.id, both.c.member_id == Reading.member_id)
    at_its_end = Reading.thread_id == into.id, Reading.last_number == offset
    read_on = select(Reading.member_id).where(*at_its_end)
    ahead = (
        select(Reading.member_id, Post.id, literal(now(), Moment()))
        .join_from(Reading, Post, and_(Post.thread_id == thread.id, Post.number <= Reading.last_number))
        .where(Reading.thread_id == thread.id, Reading.member_id.not_in(read_on))
    )
    _insert(ReadAhead, ["member_id", "post_id", "created_at"], ahead)
    _run(update(Reading).where(*at_its_end).values(last_number=offset + func.coalesce(done.scalar_subquery(), 0)))
    _run(delete(Reading).where(Reading.thread_id == thread.id))


def _carry_follows(thread: Thread, into: Thread) -> None:
    theirs = select(Follow.member_id, literal(into.id), Follow.level, Follow.created_at).where(
        Follow.thread_id == thread.id
    )
    _insert(Follow, ["member_id", "thread_id", "level", "created_at"], theirs)
    _run(delete(Follow).where(Follow.thread_id == thread.id))


def _carry_drafts(thread: Thread, into: Thread) -> None:
    """Replies on their way, with the files that wait for them."""
    gone, stays = drafts.of_thread(thread.id), drafts.of_thread(into.id)
    drafting.carry(gone, stays, words="body")
    _run(update(PostFile).where(PostFile.place == gone, PostFile.post_id.is_(None)).values(place=stays))


def _carry_posts(thread: Thread, into: Thread) -> None:
    offset, added = into.post_count, thread.post_count
    _run(update(Post).where(Post.thread_id == thread.id).values(thread_id=into.id, number=Post.number + offset))
    earlier = update(Thread).where(Thread.merged_into_id == thread.id)
    _run(earlier.values(merged_into_id=into.id, merged_at=Thread.merged_at + offset))
    later = thread.last_post_at > into.last_post_at
    into.post_count, into.version = offset + added, into.version + 1
    if later:
        into.last_post_at, into.last_author_id = thread.last_post_at, thread.last_author_id
    thread.post_count, thread.merged_into_id, thread.merged_at = 0, into.id, offset + 1
    db.session.flush()
    db.session.expire(into, ["last_author"])


def _find_again(thread: Thread, *, closing: bool) -> None:
    """In search it is for others now: where fewer read, it is gone from the index until it is written anew."""
    if thread.is_hidden:
        return
    if closing:
        finding.forget_thread(thread)
    finding.find_thread_again(thread)


def _insert(table: type[Any], columns: list[str], rows: Any) -> None:
    dialect = postgresql if is_postgresql() else sqlite
    db.session.execute(dialect.insert(table).from_select(columns, rows).on_conflict_do_nothing())


def _run(statement: Any) -> None:
    db.session.execute(statement.execution_options(synchronize_session=False))
