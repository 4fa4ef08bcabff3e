"""Flagging: a member tells the moderators that a post should not stand as it is."""

from __future__ import annotations

from sqlalchemy.exc import IntegrityError

from portal.accounts.models import Member
from portal.conversations.models import Post
from portal.core.db import db
from portal.core.errors import Refusal
from portal.moderation.models import Flag, Reason


class OwnPost(Refusal):
    message = "This post is your own. You can edit it instead."


class AlreadyHidden(Refusal):
    message = "This post is not shown any more."


class AlreadyFlagged(Refusal):
    message = "You have flagged this post before. A moderator knows of it."


def flag(post: Post, *, reason: Reason, words: str = "", by: Member) -> Flag:
    """Put a post before the moderators, once per member. Raises OwnPost, AlreadyHidden, AlreadyFlagged."""
    check_may_flag(post, by=by)
    raised = Flag(post_id=post.id, by_id=by.id, reason=reason, rank=0 if reason.is_urgent else 1, words=words)
    try:
        with db.session.begin_nested():
            db.session.add(raised)
            db.session.flush()
    except IntegrityError:
        raise AlreadyFlagged() from None
    return raised


def check_may_flag(post: Post, *, by: Member) -> None:
    """Raises OwnPost, AlreadyHidden."""
    if post.author_id == by.id:
        raise OwnPost()
    if post.is_hidden or post.thread.is_hidden:
        raise AlreadyHidden()
