"""Asking safely: a member's words stand in a thread under no name. Who learns whose they are is decided here alone.

The author knows, and so do the coaches and the owner, who answer for what is said. Moderators are members like those
around them and rule on words, so they are not told. Whoever began a thread safely says all in it safely: one post with
a name would give away the others. Nothing that a peer can read, count or be sent may depend on the author of a veiled
post: no name, handle, photo, role or sign of having left, no muting or following of them.
"""

from __future__ import annotations

from datetime import datetime
from functools import cache

from sqlalchemy import ColumnElement, Integer, Select, bindparam, select

from portal.accounts.models import Member, Role
from portal.conversations.models import Post, Thread
from portal.core.db import db

A_MEMBER = "A member"
FORMER_MEMBER = "A former member"


def is_told(reader: Member | None, *, author_id: int, veiled_at: datetime | None) -> bool:
    """Whether a reader learns who wrote something; None is a visitor, or a member who is not in."""
    if veiled_at is None:
        return True
    return reader is not None and (reader.id == author_id or reader.is_at_least(Role.COACH))


def name_of(post: Post, reader: Member | None) -> str:
    """Under which name a reader finds a post. `reader` None: what anyone may read, a letter to many for example."""
    if not is_told(reader, author_id=post.author_id, veiled_at=post.veiled_at):
        return A_MEMBER
    return FORMER_MEMBER if post.author.closed_at is not None else post.author.name


def is_veiled_in(thread: Thread, member: Member) -> bool:
    """Whether what they say in this thread stands under no name."""
    asked = {"thread_id": thread.id, "member_id": member.id}
    return bool(db.session.connection().scalar(_has_begun(), asked))


@cache
def _has_begun() -> Select[bool]:
    return select(begun_by(bindparam("member_id", type_=Integer()))).where(Thread.id == bindparam("thread_id"))


def begun_by(member_id: ColumnElement[int]) -> ColumnElement[bool]:
    """The same in a statement that reads threads: they have begun to, here or in one whose posts came here."""
    veiled = Post.thread_id == Thread.id, Post.author_id == member_id, Post.veiled_at.is_not(None)
    return select(Post.id).where(*veiled).correlate(Thread).exists()
