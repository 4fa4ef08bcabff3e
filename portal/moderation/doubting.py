"""What was just said waits before others read it, where the house asks for that: words of the list, the first posts of
newcomers, and of newcomers what leads elsewhere more than twice. Everywhere, what had been edited out of a post and
stands in it again. Nobody hears of it until a moderator has looked."""

from __future__ import annotations

import re

from flask import current_app
from sqlalchemy import func, select

from portal.conversations import holding
from portal.conversations.models import Hold, Post, Thread
from portal.conversations.posting import looked_at_by
from portal.core import audit, markdown
from portal.core.db import db
from portal.moderation import editing_out, trusting, watching
from portal.moderation.models import RAISED_FOR, Flag, which

LINKS = 2  # of a newcomer that lead elsewhere
_LINK = re.compile(r'href="(https?://[^"]+)"')


@looked_at_by(asking=watching.all_words())
def look_at(post: Post, words: str | None) -> None:
    """A new post, or one that was edited. A thread waits as a whole with its first post."""
    why = _why(post, words)
    if why is None:
        return
    thing: Post | Thread = post.thread if post.number == post.thread.post_count == 1 else post
    if not holding.hold(thing, why):
        return
    db.session.add(Flag(**which(thing), by_id=None, reason=RAISED_FOR[why], rank=1))
    if isinstance(thing, Post):
        audit.record(None, "post.held", thing, why=why.value)
    else:
        audit.record(None, "thread.held", thing, why=why.value)


def _why(post: Post, words: str | None) -> Hold | None:
    author = post.author
    if author.is_staff:
        return None
    title = f"{post.thread.title} " if post.number == 1 else ""  # a thread that was kept goes on
    if words and watching.is_said(words, title + markdown.plain(post.body_html)):
        return Hold.WORDS
    if post.edited_at is not None and editing_out.brings_back(post):
        return Hold.EDITED_OUT
    first = current_app.config["HOLD_FIRST_POSTS"]
    if first and _stood_before(post) < first:
        return Hold.NEWCOMER
    if _leads_elsewhere(post) > LINKS and not trusting.is_trusted(author):
        return Hold.LINKS
    return None


def _stood_before(post: Post) -> int:
    stands = Post.author_id == post.author_id, Post.hidden_at.is_(None), Thread.hidden_at.is_(None), Post.id != post.id
    return db.session.scalar(select(func.count()).select_from(Post).join(Post.thread).where(*stands)) or 0


def _leads_elsewhere(post: Post) -> int:
    ours = str(current_app.config["PUBLIC_URL"])
    return sum(not link.startswith(ours) for link in _LINK.findall(post.body_html))
