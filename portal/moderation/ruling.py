"""Ruling: what a moderator decides about a post or a thread, told to its author and written into the log.

Each decision is one conditional UPDATE, so of two moderators deciding at once the first wins and the second is told.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, or_, select, update
from sqlalchemy.orm import joinedload

from portal.accounts.models import Member, Role
from portal.conversations import finding
from portal.conversations.models import Post, Thread
from portal.conversations.posting import count_thread, touch
from portal.core import audit, letters, markdown
from portal.core.clock import now
from portal.core.db import db
from portal.core.errors import Refusal
from portal.core.web import absolute
from portal.moderation.models import Flag, Outcome, Ruling

_EXCERPT = 300  # characters of a post in the letter about it


class OwnWords(Refusal):
    """Nobody judges their own post nor learns who flagged it; only the owner may, lest a case wait for ever."""

    message = "These are your own words; somebody else decides about them."
    status = 403


class TakenBack(Refusal):
    """What its author deleted is theirs to say again, and nobody else's."""

    message = "Its author took it back, so it stays gone."


class AlreadyRuled(Refusal):
    """Another moderator was first; the message says who decided what, and why."""

    message = "This has been decided in the meantime."


def keep(post: Post, *, because: str, by: Member, answering: int | None = None) -> Ruling:
    """The post stays and its flags are settled. Its author never knew, so hears nothing. Raises AlreadyRuled."""
    ruling = _rule(Outcome.KEPT, post.thread, post, because, by)
    if not _answer(ruling, Flag.post_id == post.id, answering):
        raise _already_ruled(ruling)
    audit.record(by, "post.kept", post, because=because, thread=post.thread_id, ruling=ruling.id)
    return ruling


def hide(post: Post, *, because: str, by: Member, answering: int | None = None) -> Ruling:
    """Members find a line in its place, its author finds the words and the reason. One that its author took back can
    be ruled on too: then they cannot undo that. Raises AlreadyRuled."""
    ruling = _rule(Outcome.HIDDEN, post.thread, post, because, by)
    stands = or_(Post.hidden_at.is_(None), and_(Post.deleted_at.is_not(None), Post.hidden_because.is_(None)))
    _change(post, stands, ruling, hidden_at=now(), hidden_because=because)
    _answer(ruling, Flag.post_id == post.id, answering)
    _show_change(post)
    audit.record(by, "post.hidden", post, because=because, thread=post.thread_id, ruling=ruling.id)
    _tell(ruling, post.author, excerpt=markdown.excerpt(post.body_html, _EXCERPT))
    return ruling


def restore(post: Post, *, because: str, by: Member) -> Ruling:
    """Members read it again. Raises AlreadyRuled, TakenBack."""
    if post.is_deleted:
        raise TakenBack()
    ruling = _rule(Outcome.RESTORED, post.thread, post, because, by)
    _change(post, Post.hidden_at.is_not(None), ruling, hidden_at=None, hidden_because=None)
    _show_change(post)
    audit.record(by, "post.restored", post, because=because, thread=post.thread_id, ruling=ruling.id)
    _tell(ruling, post.author, excerpt=markdown.excerpt(post.body_html, _EXCERPT))
    return ruling


def lock(thread: Thread, *, because: str, by: Member, answering: int | None = None) -> Ruling:
    """Nobody replies or edits there any more; `answering` is a flag that it settles. Raises AlreadyRuled."""
    ruling = _rule(Outcome.LOCKED, thread, None, because, by)
    _change(thread, Thread.locked_at.is_(None), ruling, locked_at=now(), locked_because=because)
    if answering is not None:
        about = select(Flag.post_id).join(Post, Post.id == Flag.post_id)
        about = about.where(Flag.id == answering, Post.thread_id == thread.id)
        _answer(ruling, Flag.post_id == about.scalar_subquery(), answering)
    touch(thread)
    audit.record(by, "thread.locked", thread, because=because, ruling=ruling.id)
    _tell(ruling, thread.author)
    return ruling


def unlock(thread: Thread, *, because: str, by: Member) -> Ruling:
    """The conversation may go on. Raises AlreadyRuled."""
    ruling = _rule(Outcome.UNLOCKED, thread, None, because, by)
    _change(thread, Thread.locked_at.is_not(None), ruling, locked_at=None, locked_because=None)
    touch(thread)
    audit.record(by, "thread.unlocked", thread, because=because, ruling=ruling.id)
    _tell(ruling, thread.author)
    return ruling


def hide_thread(thread: Thread, *, because: str, by: Member) -> Ruling:
    """Only staff and its author find it from now on; flags in it are settled with it. Raises AlreadyRuled."""
    ruling = _rule(Outcome.HIDDEN, thread, None, because, by)
    _change(thread, Thread.hidden_at.is_(None), ruling, hidden_at=now(), hidden_because=because)
    _answer(ruling, Flag.post_id.in_(select(Post.id).where(Post.thread_id == thread.id)), None)
    count_thread(thread, -1)
    touch(thread)
    finding.forget_thread(thread)
    audit.record(by, "thread.hidden", thread, because=because, ruling=ruling.id)
    _tell(ruling, thread.author)
    return ruling


def restore_thread(thread: Thread, *, because: str, by: Member) -> Ruling:
    """Members find and read it again. Raises AlreadyRuled, TakenBack."""
    if thread.is_taken_back:
        raise TakenBack()
    ruling = _rule(Outcome.RESTORED, thread, None, because, by)
    _change(thread, Thread.hidden_at.is_not(None), ruling, hidden_at=None, hidden_because=None)
    count_thread(thread, +1)
    touch(thread)
    finding.find_thread_again(thread)
    audit.record(by, "thread.restored", thread, because=because, ruling=ruling.id)
    _tell(ruling, thread.author)
    return ruling


def _rule(outcome: Outcome, thread: Thread, post: Post | None, because: str, by: Member) -> Ruling:
    if post is not None and post.author_id == by.id and by.role is not Role.OWNER:
        raise OwnWords()
    ruling = Ruling(
        outcome=outcome, because=because, by_id=by.id, post_id=post.id if post else None, thread_id=thread.id
    )
    db.session.add(ruling)
    db.session.flush()
    return ruling


def _change(thing: Post | Thread, still: ColumnElement[bool], ruling: Ruling, **values: object) -> None:
    """Change it if it still stands as the moderator saw it. Raises AlreadyRuled."""
    kind = type(thing)
    changed = db.session.scalar(
        update(kind)
        .where(kind.id == thing.id, still)
        .values(**values)
        .returning(kind.id)
        .execution_options(synchronize_session=False)
    )
    if changed is None:
        raise _already_ruled(ruling)
    db.session.expire(thing, list(values))


def _answer(ruling: Ruling, whose: ColumnElement[bool], answering: int | None) -> int:
    """Settle the open flags with this ruling. Raises AlreadyRuled when the flag acted on is settled already."""
    settled = db.session.scalars(
        update(Flag)
        .where(whose, Flag.ruled_at.is_(None))
        .values(ruled_at=now(), ruling_id=ruling.id)
        .returning(Flag.id)
        .execution_options(synchronize_session=False)
    ).all()
    if answering is not None and answering not in settled:
        raise _already_ruled(ruling)
    return len(settled)


def _already_ruled(ours: Ruling) -> AlreadyRuled:
    """What to say to whoever came second; `ours` is the ruling that will not be."""
    about = Ruling.thread_id == ours.thread_id
    if ours.post_id is not None:
        about &= or_(Ruling.post_id == ours.post_id, Ruling.post_id.is_(None))
    earlier = select(Ruling).where(about, Ruling.id != ours.id).options(joinedload(Ruling.by))
    first = db.session.scalars(earlier.order_by(Ruling.id.desc()).limit(1)).first()
    if first is None:
        return AlreadyRuled()
    return AlreadyRuled(f"{first.by.name} was first: {_DECIDED[first.outcome]}. The reason given: {first.because}")


def _show_change(post: Post) -> None:
    touch(post.thread)
    finding.keep_found(post)


def _tell(ruling: Ruling, author: Member, excerpt: str | None = None) -> None:
    """The author hears what was decided, about which words, and why; always, because it is about them."""
    if author.closed_at is not None or author.id == ruling.by_id:
        return
    where = {"post_id": ruling.post_id} if ruling.post_id else {"thread_id": ruling.thread_id}
    letters.post(
        "moderation/ruling",
        to=author,
        key=f"ruling:{ruling.id}",
        outcome=ruling.outcome.value,
        is_post=ruling.post_id is not None,
        thread_title=ruling.thread.title,
        because=ruling.because,
        excerpt=excerpt,
        link=absolute("conversations.post" if ruling.post_id else "conversations.thread", **where),
        rules=absolute("home.rules"),
    )


_DECIDED = {
    Outcome.KEPT: "it stays",
    Outcome.HIDDEN: "it is hidden",
    Outcome.RESTORED: "it is restored",
    Outcome.LOCKED: "the thread is closed to new replies",
    Outcome.UNLOCKED: "the thread is open again",
}
