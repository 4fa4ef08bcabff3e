"""Following: who hears of replies. Starting a thread or replying begins it; only the member ends it."""

from __future__ import annotations

from sqlalchemy import select, update
from sqlalchemy.dialects import postgresql, sqlite

from portal.accounts.models import Member
from portal.conversations.models import Follow, Thread
from portal.core.clock import now
from portal.core.db import db, is_postgresql


def begin(thread: Thread, *, by: Member) -> None:
    """They took part, so they hear of it from now on; a mute of theirs stays."""
    dialect = postgresql if is_postgresql() else sqlite
    db.session.execute(
        dialect.insert(Follow)
        .values(thread_id=thread.id, member_id=by.id, created_at=now())
        .on_conflict_do_nothing(index_elements=["thread_id", "member_id"])
    )


def follow(thread: Thread, *, by: Member) -> None:
    """They asked to hear of replies, also after having muted the thread."""
    begin(thread, by=by)
    _set(thread, by, muted_at=None)


def mute(thread: Thread, *, by: Member) -> None:
    """They asked to hear no more; replying again does not undo it."""
    begin(thread, by=by)
    _set(thread, by, muted_at=now())


def followers_of(thread_id: int) -> list[int]:
    """Ids of all who want to hear of replies in it."""
    wanted = select(Follow.member_id).where(Follow.thread_id == thread_id, Follow.muted_at.is_(None))
    return list(db.session.scalars(wanted.order_by(Follow.id)))


def _set(thread: Thread, by: Member, **values: object) -> None:
    db.session.execute(
        update(Follow)
        .where(Follow.thread_id == thread.id, Follow.member_id == by.id)
        .values(**values)
        .execution_options(synchronize_session=False)
    )
