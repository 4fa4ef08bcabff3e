"""Posts become news: who follows hears of a new one by letter, each only while they may read it."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import literal, or_, select
from sqlalchemy.orm import joinedload

from portal.accounts.models import Member
from portal.billing.entitlements import audiences_of
from portal.conversations import post_queries, queries, veiling
from portal.conversations.following import muted_by, who_hears_of
from portal.conversations.models import Post, Room, Thread
from portal.core import markdown
from portal.core.admission import Audience
from portal.core.db import db, transaction
from portal.core.jobs import job
from portal.core.letters import readers_of
from portal.core.web import absolute
from portal.notifications.inbox import Told, told_of
from portal.notifications.models import Stream
from portal.notifications.telling import tell

_EXCERPT = 600  # characters of the post in a letter; the rest is one click away
_LINE = 140  # and in a line of the inbox


@job("conversations.tell_followers")
def tell_followers(post_id: int) -> None:
    """Tell everyone who wants to hear of it; the request that wrote the post did not wait for this."""
    with transaction():
        post = db.session.get(Post, post_id, options=[joinedload(Post.thread), joinedload(Post.author)])
        if post is None or post.is_hidden or post.thread.is_hidden:
            return
        for stream, members in who_hears_of(post).items():
            _tell(post, stream, members, key=f"reply:{post.id}:{stream.value}")


@job("conversations.tell_spoken_to")
def tell_spoken_to(post_id: int, member_ids: list[int]) -> None:
    """An edit speaks to people who were not spoken to before; of the post itself nobody is told again."""
    with transaction():
        post = db.session.get(Post, post_id, options=[joinedload(Post.thread), joinedload(Post.author)])
        if post is None or post.is_hidden or post.thread.is_hidden:
            return
        hear = set(who_hears_of(post).get(Stream.MENTIONS, [])) & set(member_ids)
        _tell(post, Stream.MENTIONS, sorted(hear), key=f"mention:{post.id}:{min(member_ids)}")


def _tell(post: Post, stream: Stream, members: Collection[int], *, key: str) -> None:
    tell(
        members,
        stream,
        letter="conversations/reply",
        about=post,
        key=key,
        within=f"thread:{post.thread_id}",
        thread_title=post.thread.title,
        author_name=veiling.name_of(post, None),
        is_opening=int(post.number == 1),
        speaks_to_you=int(stream is Stream.MENTIONS),
        excerpt=markdown.excerpt(post.body_html, _EXCERPT),
        link=absolute("conversations.post", post_id=post.id),
    )


@readers_of("post")
def may_read(member_id: int, post_id: int) -> bool:
    """Asked when a letter leaves: is the post still there for this person, and are they still a member?"""
    member = db.session.get(Member, member_id)
    if member is None or member.closed_at is not None or Audience.ENTITLED not in audiences_of(member):
        return False
    post = db.session.scalar(post_queries.post_for(member, post_id))
    return post is not None and post.author_id != member_id and not post.is_hidden and not post.thread.is_hidden


@told_of("post")
def told(reader: Member, post_ids: Collection[int]) -> dict[int, Told]:
    """What an inbox may say of these posts: those this reader may read, and not of people they fold away.

    What was asked safely is under no name here to coaches too, as in letters: an inbox may be sent as one.
    """
    rows = db.session.execute(
        select(
            Post.id,
            Post.number,
            Post.veiled_at,
            Post.body_html,
            Member.name,
            Member.closed_at,
            Thread.title,
            Room.title,
        )
        .join(Thread, Thread.id == Post.thread_id)
        .join(Room, Room.id == Thread.room_id)
        .join(Member, Member.id == Post.author_id)
        .where(
            Post.id.in_(post_ids),
            queries.visible_to(reader),
            Thread.hidden_at.is_(None),
            Post.hidden_at.is_(None),
            Post.author_id != reader.id,
            or_(Post.veiled_at.is_not(None), Post.author_id.not_in(muted_by(literal(reader.id)))),
        )
    )
    return {
        post_id: Told(
            title=thread,
            path=f"/posts/{post_id}",
            who=veiling.A_MEMBER if veiled else veiling.FORMER_MEMBER if left else name,
            did="began" if number == 1 else "replied in",
            about=markdown.excerpt(html, _LINE),
            place=room,
        )
        for post_id, number, veiled, html, name, left, thread, room in rows
    }
