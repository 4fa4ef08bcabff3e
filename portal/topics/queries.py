"""Topics, in the coach's order."""

from __future__ import annotations

from sqlalchemy import Row, Select, select

from portal.topics.models import Topic


def topics_by_position() -> Select[Topic]:
    return select(Topic).order_by(Topic.position, Topic.title)


def topic_links() -> Select[str, str]:
    """Slug and title of every topic, for menus."""
    return select(Topic.slug, Topic.title).order_by(Topic.position, Topic.title)


TopicLink = Row[str, str]
