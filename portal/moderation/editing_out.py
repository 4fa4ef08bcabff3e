"""Editing out: staff take the part out of a post by which somebody could be recognised, and the rest of it stands.

What stood there is kept in the post's history where only staff read it; its author is told what was done, and why.
"""

from __future__ import annotations

from sqlalchemy import func, select

from portal.accounts.models import Member
from portal.conversations import history
from portal.conversations.models import Post, PostRevision
from portal.conversations.posting import mark_of
from portal.core import audit
from portal.core.db import db
from portal.core.errors import Refusal
from portal.moderation import ruling as rulings
from portal.moderation.models import Flag, Outcome, Ruling, about


class NothingChanged(Refusal):
    message = "It says the same as before. Take out the part by which somebody could be recognised."
    status = 422


class ChangedMeanwhile(Refusal):
    message = "It was changed while you read it. Look at it again: below stands what it says now."


def edit_out(
    post: Post, *, body: str, seen: str | None = None, because: str, by: Member, answering: int | None = None
) -> Ruling:
    """Let the post say `body`; hidden, it is read again. `seen` is the mark of what was read.

    Raises AlreadyRuled, OwnWords, TakenBack, NothingChanged, ChangedMeanwhile, TooLong, NothingToRead.
    """
    if post.is_deleted:
        raise rulings.TakenBack()
    rulings.check_not_own(post, by)
    if seen is not None and seen != mark_of(post):
        raise ChangedMeanwhile()
    if body == post.body:
        raise NothingChanged()
    ruling = rulings.write(Outcome.EDITED, post, because, by)
    before = history.rewrite(post, seen=post.body, body=body)
    if before is None:
        raise ChangedMeanwhile()
    ruling.revision_id = before.id
    rulings.settle(ruling, Flag.about == about(post), answering)  # what waited is read, and told of, from here on
    rulings.change(
        post, Post.id == post.id, ruling, **rulings.HELD_NO_MORE, hidden_at=None, hidden_because=None, removed_at=None
    )
    rulings.show_change(post)
    audit.record(by, "post.edited_out", post, because=because, thread=post.thread_id, ruling=ruling.id)
    rulings.tell(ruling, post.author)
    return ruling


def is_as_edited(ruling: Ruling) -> bool:
    """Whether nobody changed the post since; otherwise there is nothing to put back."""
    if ruling.revision_id is None:
        return False
    newest = select(func.max(PostRevision.id)).where(PostRevision.post_id == ruling.post_id)
    return db.session.scalar(newest) == ruling.revision_id


def put_back(edited: Ruling, *, because: str, by: Member) -> None:
    """Let the post say again what it said before that ruling. Raises ChangedMeanwhile."""
    post, before = edited.post, db.session.get(PostRevision, edited.revision_id)
    if post is None or before is None:
        raise ChangedMeanwhile()
    ruling = rulings.write(Outcome.RESTORED, post, because, by)
    if history.rewrite(post, seen=post.body, body=before.body) is None:
        raise ChangedMeanwhile()
    audit.record(by, "post.put_back", post, because=because, thread=post.thread_id, ruling=ruling.id)
