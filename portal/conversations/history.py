"""What a post said before it was edited, for whoever may read the post.

Somebody who edits out a name does not want it read one page further: its author or a moderator can take an earlier
writing out of the history. A line says so in its place, and staff still read it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update

from portal.accounts.models import Member
from portal.conversations import finding, mentioning, policy
from portal.conversations.models import Post, PostRevision
from portal.conversations.posting import NotYours, to_html, touch
from portal.core import audit, letters, markdown
from portal.core.clock import now
from portal.core.db import db

MOST = 50  # writings shown, the newest


@dataclass(frozen=True)
class Writing:
    """What a post said for a time."""

    revision_id: int | None  # None: what it says now
    since: datetime
    until: datetime | None
    html: str | None  # None: taken out, and not for this reader
    removed_at: datetime | None
    is_first: bool  # what was written first


def may_remove(reader: Member | None, post: Post) -> bool:
    return reader is not None and (policy.sees_hidden(reader) or (reader.id == post.author_id and not post.is_hidden))


def writings(post: Post, reader: Member | None) -> Sequence[Writing]:
    """The newest first, beginning with what it says now; at most MOST of the earlier ones."""
    revisions = select(PostRevision).where(PostRevision.post_id == post.id).order_by(PostRevision.id.desc())
    replaced = db.session.scalars(revisions.limit(MOST + 1)).all()  # one more: it tells since when the oldest stood
    since = [each.created_at for each in replaced] + [post.created_at]
    found = [Writing(None, since[0], None, post.body_html, None, is_first=not replaced)]
    for at, each in enumerate(replaced[:MOST]):
        readable = each.removed_at is None or policy.sees_hidden(reader)
        html = each.body_html if each.body_html is not None else markdown.render(each.body)
        is_first = at + 1 == len(replaced)
        found.append(
            Writing(each.id, since[at + 1], since[at], html if readable else None, each.removed_at, is_first=is_first)
        )
    return found


def remove(post: Post, revision_id: int, *, by: Member) -> None:
    """Take one writing out of the history. Twice is once. Raises NotYours."""
    if not may_remove(by, post):
        raise NotYours()
    removed = db.session.scalar(
        update(PostRevision)
        .where(PostRevision.id == revision_id, PostRevision.post_id == post.id, PostRevision.removed_at.is_(None))
        .values(removed_at=now())
        .returning(PostRevision.id)
        .execution_options(synchronize_session=False)
    )
    if removed is not None:
        touch(post.thread)
        if by.id != post.author_id:
            audit.record(by, "post.history_removed", post, thread=post.thread_id, revision=revision_id)


def rewrite(post: Post, *, seen: str, body: str) -> PostRevision | None:
    """Put other words in place of an author's. What stood there, and all before it, only staff read from now on.

    None if the post says something else by now than was `seen`, or its author took it back.
    Raises TooLong, NothingToRead.
    """
    html, spoken_to = mentioning.linked(to_html(body), post.thread.room)
    before = PostRevision(post_id=post.id, body=post.body, body_html=post.body_html, removed_at=now())
    changed = db.session.scalar(
        update(Post)
        .where(Post.id == post.id, Post.body == seen, Post.deleted_at.is_(None))
        .values(body=body, body_html=html, edited_at=now())
        .returning(Post.id)
        .execution_options(synchronize_session=False)
    )
    db.session.refresh(post)
    if changed is None:
        return None
    db.session.execute(
        update(PostRevision)
        .where(PostRevision.post_id == post.id, PostRevision.removed_at.is_(None))
        .values(removed_at=now())
        .execution_options(synchronize_session=False)
    )
    db.session.add(before)
    db.session.flush()
    mentioning.keep(post, spoken_to)
    letters.drop_about("post", [post.id])  # those that wait to be sent have the words in them
    touch(post.thread)
    finding.keep_found(post)
    return before
