"""Taking back: members delete what they said. A line keeps its place, so that the answers to it still make sense.

For a minute it can be undone. Staff still read the words, because a flag on them is to be decided; nobody else does,
and no ruling brings them back. A thread that nobody has replied to goes whole.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, or_, update

from portal.accounts.models import Member
from portal.conversations import finding
from portal.conversations.models import Post, Thread
from portal.conversations.posting import NotYours, count_thread, touch
from portal.core.clock import now
from portal.core.db import db
from portal.core.errors import Refusal

UNDO_FOR = timedelta(minutes=1)


class TooLate(Refusal):
    message = "It has been gone for more than a minute, so it stays gone. You can say it again."


def take_back(post: Post, *, by: Member) -> None:
    """Delete one's own post, also in a closed thread and after the membership ended. Twice is once.

    Raises NotYours: another's, or a moderator has ruled on it.
    """
    if post.author_id != by.id:
        raise NotYours()
    moment = now()
    gone = db.session.scalar(
        update(Post)
        .where(Post.id == post.id, _stands())
        .values(hidden_at=moment, deleted_at=moment)
        .returning(Post.id)
        .execution_options(synchronize_session=False)
    )
    db.session.refresh(post)
    if gone is None:
        if post.is_deleted:
            return
        raise NotYours()
    touch(post.thread)
    finding.keep_found(post)
    _hide_if_alone(post, moment)


def undo(post: Post, *, by: Member) -> None:
    """Put it back as it stood. Twice is once. Raises NotYours, TooLate."""
    if post.author_id != by.id:
        raise NotYours()
    back = db.session.scalar(
        update(Post)
        .where(Post.id == post.id, Post.hidden_because.is_(None), Post.deleted_at > now() - UNDO_FOR)
        .values(hidden_at=Post.held_at, deleted_at=None)  # what waited for a moderator waits again
        .returning(Post.id)
        .execution_options(synchronize_session=False)
    )
    db.session.refresh(post)
    if back is None:
        if not post.is_hidden:
            return
        raise TooLate() if post.hidden_because is None else NotYours()
    thread = post.thread
    touch(thread)
    if _set_hidden(thread, _is_taken_back(), None):
        count_thread(thread, +1)
    finding.keep_found(post)


def _stands() -> ColumnElement[bool]:
    """It is read, or waits for a moderator; taken back or ruled on it is neither."""
    return or_(Post.hidden_at.is_(None), and_(Post.held_at.is_not(None), Post.deleted_at.is_(None)))


def _is_taken_back() -> ColumnElement[bool]:
    return and_(Thread.hidden_at.is_not(None), Thread.hidden_because.is_(None), Thread.held_at.is_(None))


def may_undo(deleted_at: datetime | None, hidden_because: str | None) -> bool:
    """Asked for its author, while the page is drawn."""
    return deleted_at is not None and hidden_because is None and deleted_at > now() - UNDO_FOR


def _hide_if_alone(post: Post, moment: datetime) -> None:
    """A reply that comes at the same moment wins: then its thread stays, with a line in place of the opening post."""
    thread = post.thread
    if post.number == 1 and _set_hidden(thread, (Thread.post_count == 1) & Thread.hidden_at.is_(None), moment):
        count_thread(thread, -1)
        finding.forget_thread(thread)


def _set_hidden(thread: Thread, still: ColumnElement[bool], moment: datetime | None) -> bool:
    changed = db.session.scalar(
        update(Thread)
        .where(Thread.id == thread.id, still)
        .values(hidden_at=moment)
        .returning(Thread.id)
        .execution_options(synchronize_session=False)
    )
    db.session.expire(thread, ["hidden_at"])
    return changed is not None
