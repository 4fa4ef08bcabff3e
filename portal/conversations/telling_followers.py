"""Posts become news: who follows hears of a new one by letter, each only while they may read it."""

from __future__ import annotations

from sqlalchemy.orm import joinedload

from portal.accounts.models import Member
from portal.billing.entitlements import audiences_of
from portal.conversations import queries, veiling
from portal.conversations.following import who_hears_of
from portal.conversations.models import Post
from portal.core import markdown
from portal.core.admission import Audience
from portal.core.db import db, transaction
from portal.core.jobs import job
from portal.core.letters import readers_of
from portal.core.web import absolute
from portal.notifications.models import Stream
from portal.notifications.telling import tell

_EXCERPT = 600  # characters of the post in a letter; the rest is one click away


@job("conversations.tell_followers")
def tell_followers(post_id: int) -> None:
    """Tell everyone who wants to hear of it; the request that wrote the post did not wait for this."""
    with transaction():
        post = db.session.get(Post, post_id, options=[joinedload(Post.thread), joinedload(Post.author)])
        if post is None or post.is_hidden or post.thread.is_hidden:
            return
        tell(
            who_hears_of(post),
            Stream.REPLIES,
            letter="conversations/reply",
            about=post,
            key=f"reply:{post.id}",
            thread_title=post.thread.title,
            author_name=veiling.name_of(post, None),
            is_opening=int(post.number == 1),
            excerpt=markdown.excerpt(post.body_html, _EXCERPT),
            link=absolute("conversations.post", post_id=post.id),
        )


@readers_of("post")
def may_read(member_id: int, post_id: int) -> bool:
    """Asked when a letter leaves: is the post still there for this person, and are they still a member?"""
    member = db.session.get(Member, member_id)
    if member is None or member.closed_at is not None or Audience.ENTITLED not in audiences_of(member):
        return False
    post = db.session.scalar(queries.post_for(member, post_id))
    return post is not None and post.author_id != member_id and not post.is_hidden and not post.thread.is_hidden
