"""Holding: what may do harm waits, out of members' sight, until somebody of the staff has looked at it.

A held post or thread is hidden as one that a moderator hid, so whatever asks what is hidden respects it; its author
reads it with the reason. A moderator's ruling ends it: kept, it stands as if it had never waited. Each step is one
conditional statement, so twenty equal ones are one.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, case, null, select

from portal.conversations import finding
from portal.conversations.models import Hold, Post, Thread
from portal.conversations.posting import count_thread, touch
from portal.conversations.telling_followers import tell_followers
from portal.conversations.thread_queries import opening_of
from portal.core.clock import now
from portal.core.db import change_if
from portal.core.jobs import enqueue

WHY = {  # as its author reads it
    Hold.CONFIDENCE: "A member was concerned that it breaks a confidence, or lets somebody be recognised.",
    Hold.FLAGS: "Several members were concerned about it.",
    Hold.NEWCOMER: "We look at the first posts of everybody who is new here.",
    Hold.WORDS: "It has words that we look at before others read them.",
    Hold.LINKS: "It leads to other places more than twice, and you are new here.",
    Hold.EDITED_OUT: "It says again what a moderator had edited out of it.",
}


def hold(thing: Post | Thread, why: Hold) -> bool:
    """Take it out of members' sight. False if they do not see it anyway."""
    moment = now()
    still = type(thing).hidden_at.is_(None)
    if not change_if(thing, still, hidden_at=moment, held_at=moment, held_because=why):
        return False
    if isinstance(thing, Thread):
        count_thread(thing, -1)
        touch(thing)
        finding.forget_thread(thing)
    else:
        touch(thing.thread)
        finding.keep_found(thing)
    return True


def release(thing: Post | Thread) -> bool:
    """Members read it, and those who follow hear of it if they have not; one that its author took back meanwhile stays
    gone. False if it does not wait."""
    kind = type(thing)
    waits = kind.held_at.is_not(None) & kind.hidden_because.is_(None)
    shown: Any = Post.deleted_at if isinstance(thing, Post) else _taken_back_alone()
    if not change_if(thing, waits, hidden_at=shown, held_at=None, held_because=None):
        return False
    if isinstance(thing, Thread) and thing.is_hidden:
        touch(thing)
    elif isinstance(thing, Thread):
        count_thread(thing, +1)
        touch(thing)
        finding.find_thread_again(thing)
        _tell_of(opening_of(thing))
    else:
        touch(thing.thread)
        finding.keep_found(thing)
        _tell_of(thing)
    return True


def end(thread: Thread, *, hidden_because: str) -> bool:
    """A moderator hides for good what waited. False if it does not wait."""
    return change_if(
        thread, Thread.held_at.is_not(None), hidden_because=hidden_because, held_at=None, held_because=None
    )


def _taken_back_alone() -> ColumnElement[Any]:
    """When the author of a thread took back all there is in it; None: there is something to read."""
    opening = select(Post.deleted_at).where(Post.thread_id == Thread.id, Post.number == 1).scalar_subquery()
    return case((Thread.post_count == 1, opening), else_=null())


def _tell_of(post: Post) -> None:
    enqueue(tell_followers, key=f"released:{post.id}", post_id=post.id)  # whoever heard of it before hears nothing
