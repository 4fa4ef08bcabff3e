"""What the first pages show of the areas to their left."""

from __future__ import annotations

from sqlalchemy import Select, select
from sqlalchemy.orm import joinedload

from portal.conversations.models import Thread
from portal.core.clock import now
from portal.library.models import Item
from portal.topics.models import Topic


def latest_items(most: int) -> Select[Item]:
    """The newest things in the library that are out."""
    out = (Item.published_at <= now()) & Item.withdrawn_at.is_(None)
    return select(Item).where(out).order_by(Item.published_at.desc(), Item.id.desc()).limit(most)


def lively_threads(most: int) -> Select[Thread]:
    """The threads in which somebody spoke last, with their rooms."""
    return (
        select(Thread)
        .where(Thread.hidden_at.is_(None))
        .options(joinedload(Thread.room))
        .order_by(Thread.last_post_at.desc(), Thread.id.desc())
        .limit(most)
    )


def topics_by_position() -> Select[Topic]:
    return select(Topic).order_by(Topic.position, Topic.title)
