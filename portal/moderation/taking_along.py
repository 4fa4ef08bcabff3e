"""What somebody takes along of moderation: what they flagged, and what was decided about their own words.

Who flagged their posts, and why, is told to nobody.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import or_, select

from portal.accounts.models import Member
from portal.conversations.models import Post, Thread
from portal.core.taking_along import Part, part
from portal.moderation.models import Flag, Ruling


def parts_of(member: Member) -> Iterator[Part]:
    yield part(
        "flags",
        "Posts you flagged",
        "What you reported, and what you wrote with it.",
        select(Flag.created_at.label("at"), Flag.post_id.label("post"), Flag.reason, Flag.words, Flag.ruled_at)
        .where(Flag.by_id == member.id)
        .order_by(Flag.id),
        {
            "at": "when",
            "post": "the number of the post",
            "reason": "the reason you chose",
            "words": "what you wrote with it",
            "ruled_at": "when it was answered",
        },
    )
    yield part(
        "rulings",
        "Rulings on your words",
        "What moderators decided about your posts and threads, with the reason you were told.",
        select(
            Ruling.created_at.label("at"),
            Ruling.outcome,
            Ruling.because,
            Ruling.post_id.label("post"),
            Ruling.thread_id.label("thread_number"),
        )
        .join(Thread, Thread.id == Ruling.thread_id)
        .outerjoin(Post, Post.id == Ruling.post_id)
        .where(or_(Post.author_id == member.id, Ruling.post_id.is_(None) & (Thread.author_id == member.id)))
        .order_by(Ruling.id),
        {
            "at": "when",
            "outcome": "what was decided",
            "because": "the reason",
            "post": "the number of the post; empty: the whole thread",
            "thread_number": "the end of the thread's address, /threads/…",
        },
    )
