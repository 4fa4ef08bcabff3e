"""What somebody takes along of topics: which they follow."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import select

from portal.accounts.models import Member
from portal.core.taking_along import Part, part
from portal.topics.models import Topic, TopicFollow


def parts_of(member: Member) -> Iterator[Part]:
    yield part(
        "topics",
        "Topics you follow",
        "The subjects of which you want to hear news.",
        select(TopicFollow.created_at.label("since"), Topic.title, Topic.slug)
        .join(Topic, Topic.id == TopicFollow.topic_id)
        .where(TopicFollow.member_id == member.id)
        .order_by(TopicFollow.id),
        {"since": "since when", "title": "its title", "slug": "the end of its address, /topics/…"},
    )
