"""What helped: whoever asked says so, coaches stand behind a post, and any member thanks for one, quietly.

No scores: a post shows how many it helped, and nothing adds up what somebody has collected. Each press is one statement
that looks first how things stand, so twenty equal ones are one.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, and_, delete

from portal.accounts.models import Member, Role
from portal.accounts.policy import check_not_held_back, is_held_back, may_post
from portal.conversations.models import Post, Thanks, Thread, ThreadKind
from portal.conversations.posting import touch
from portal.core import audit
from portal.core.clock import now
from portal.core.db import add_once, change_if, db
from portal.core.errors import Refusal


class NotTheAsker(Refusal):
    message = "Only whoever asked the question says what helped."
    status = 403


class NotACoach(Refusal):
    message = "Only coaches stand behind a post."
    status = 403


class NotToBeMarked(Refusal):
    message = "This post can no longer be marked."


def may_mark(member: Member | None, thread: Thread) -> bool:
    """Whether this is their question. They say what helped also when it is closed to replies: no words are added."""
    if member is None or is_held_back(member):
        return False
    asks = thread.author_id == member.id and thread.kind is ThreadKind.QUESTION
    return asks and not thread.is_hidden


def may_endorse(member: Member | None) -> bool:
    return member is not None and member.is_at_least(Role.COACH) and not is_held_back(member)


def may_thank(member: Member | None, *, author_id: int, hidden: bool) -> bool:
    return member is not None and may_post(member) and member.id != author_id and not hidden


def mark(post: Post, *, by: Member) -> None:
    """It helped whoever asked. Twice is once.

    Raises Suspended, Silenced, NotTheAsker, NotToBeMarked: the question itself, or hidden.
    """
    check_not_held_back(by)
    if not may_mark(by, post.thread):
        raise NotTheAsker()
    if post.number == 1 or post.is_hidden:
        raise NotToBeMarked()
    _change(post, and_(Post.hidden_at.is_(None), Post.helped_at.is_(None)), helped_at=now())


def unmark(post: Post, *, by: Member) -> None:
    """Raises Suspended, Silenced, NotTheAsker."""
    check_not_held_back(by)
    if not may_mark(by, post.thread):
        raise NotTheAsker()
    _change(post, Post.helped_at.is_not(None), helped_at=None)


def endorse(post: Post, *, by: Member) -> None:
    """A coach stands behind it, and it is led to on top of its thread. The first to do so is named.

    Raises Suspended, Silenced, NotACoach, NotToBeMarked.
    """
    check_not_held_back(by)
    if not may_endorse(by):
        raise NotACoach()
    if post.is_hidden or post.thread.is_hidden:
        raise NotToBeMarked()
    still = and_(Post.hidden_at.is_(None), Post.endorsed_at.is_(None))
    if _change(post, still, endorsed_at=now(), endorsed_by_id=by.id):
        audit.record(by, "post.endorsed", post, thread=post.thread_id)


def end_endorsement(post: Post, *, by: Member) -> None:
    """Any coach may: they answer for it together. Raises Suspended, Silenced, NotACoach."""
    check_not_held_back(by)
    if not may_endorse(by):
        raise NotACoach()
    if _change(post, Post.endorsed_at.is_not(None), endorsed_at=None, endorsed_by_id=None):
        audit.record(by, "post.endorsement_ended", post, thread=post.thread_id)


def thank(post: Post, *, by: Member) -> None:
    """Once a member and post. Nobody is told; the author sees how many.

    Raises Suspended, Silenced, NotToBeMarked: their own, or hidden.
    """
    check_not_held_back(by)
    if post.thread.is_hidden or not may_thank(by, author_id=post.author_id, hidden=post.is_hidden):
        raise NotToBeMarked()
    add_once(Thanks, post_id=post.id, member_id=by.id, created_at=now())
    touch(post.thread)


def take_thanks_back(post: Post, *, by: Member) -> None:
    db.session.execute(
        delete(Thanks)
        .where(Thanks.post_id == post.id, Thanks.member_id == by.id)
        .execution_options(synchronize_session=False)
    )
    touch(post.thread)


def _change(post: Post, still: ColumnElement[bool], **values: Any) -> bool:
    """Whether this press changed it, and not another one before."""
    if not change_if(post, still, **values):
        return False
    touch(post.thread)
    return True
