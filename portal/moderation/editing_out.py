"""Editing out: staff take the part out of a post by which somebody could be recognised, and the rest of it stands.

What stood there is kept in the post's history where only staff read it; its author is told what was done, and why.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from sqlalchemy import func, select

from portal.accounts.models import Member
from portal.conversations import history
from portal.conversations.models import Post, PostRevision
from portal.conversations.posting import mark_of
from portal.core import audit
from portal.core.db import db
from portal.core.errors import Refusal
from portal.core.folding import words_of
from portal.moderation import carrying_out, telling_authors
from portal.moderation.models import Flag, Outcome, Ruling, about

_WORD = re.compile(r"[^\W_]+")


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
        raise carrying_out.TakenBack()
    carrying_out.check_not_own(post, by)
    if seen is not None and seen != mark_of(post):
        raise ChangedMeanwhile()
    if body == post.body:
        raise NothingChanged()
    ruling = carrying_out.write(Outcome.EDITED, post, because, by)
    before = history.rewrite(post, seen=post.body, body=body)
    if before is None:
        raise ChangedMeanwhile()
    ruling.revision_id = before.id
    carrying_out.settle(ruling, Flag.about == about(post), answering)  # what waited is read, and told of, from here on
    carrying_out.change(
        post,
        Post.id == post.id,
        ruling,
        **carrying_out.HELD_NO_MORE,
        hidden_at=None,
        hidden_because=None,
        removed_at=None,
    )
    carrying_out.show_change(post)
    audit.record(by, "post.edited_out", post, because=because, thread=post.thread_id, ruling=ruling.id)
    telling_authors.tell_of_ruling(ruling, post.author)
    return ruling


def is_as_edited(ruling: Ruling) -> bool:
    """Whether nobody changed the post since; otherwise there is nothing to put back."""
    if ruling.revision_id is None:
        return False
    newest = select(func.max(PostRevision.id)).where(PostRevision.post_id == ruling.post_id)
    return db.session.scalar(newest) == ruling.revision_id


def brings_back(post: Post) -> bool:
    """Whether its author, who just changed it, wrote a word again that staff had edited out: a name, a number, or one
    that is long enough to tell something. What stood there before this change came back otherwise, by an appeal or
    because a moderator kept it."""
    writings = _since_edited_out(post)
    if not writings:
        return False
    taken_out: set[str] = set()
    for (before, was_edited), (after, _) in pairwise(writings):
        if was_edited:
            taken_out |= _telling(before) - set(words_of(after))
    return bool(taken_out & set(words_of(post.body)) - set(words_of(writings[-1][0])))


def _since_edited_out(post: Post) -> Sequence[tuple[str, bool]]:
    """What it said since staff first edited something out, the oldest first, and whether that was edited out next."""
    edited = Ruling.post_id == post.id, Ruling.outcome == Outcome.EDITED
    first = select(func.min(Ruling.revision_id)).where(*edited).scalar_subquery()
    by_staff = PostRevision.id.in_(select(Ruling.revision_id).where(*edited))
    found = select(PostRevision.body, by_staff).where(PostRevision.post_id == post.id, PostRevision.id >= first)
    return [(body, was_edited) for body, was_edited in db.session.execute(found.order_by(PostRevision.id))]


def _telling(text: str) -> set[str]:
    """Words of a text, folded, that tell something: not "and" or "her"."""
    told = (word for word in _WORD.findall(text) if len(word) > 3 or word != word.lower() or not word.isalpha())
    return set(words_of(" ".join(told)))


def put_back(edited: Ruling, *, because: str, by: Member) -> None:
    """Let the post say again what it said before that ruling. Raises ChangedMeanwhile."""
    post, before = edited.post, db.session.get(PostRevision, edited.revision_id)
    if post is None or before is None:
        raise ChangedMeanwhile()
    ruling = carrying_out.write(Outcome.RESTORED, post, because, by)
    if history.rewrite(post, seen=post.body, body=before.body) is None:
        raise ChangedMeanwhile()
    audit.record(by, "post.put_back", post, because=because, thread=post.thread_id, ruling=ruling.id)
