"""Following a topic: who hears of what is new about it. Nobody follows by doing something else."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import delete, select

from portal.accounts.models import Member
from portal.core.db import add_once, db
from portal.topics.models import Topic, TopicFollow


def follow(topic: Topic, *, by: Member) -> None:
    """They want to hear of it from now on; asked again, nothing changes."""
    add_once(TopicFollow, topic_id=topic.id, member_id=by.id)


def unfollow(topic: Topic, *, by: Member) -> None:
    db.session.execute(
        delete(TopicFollow)
        .where(TopicFollow.topic_id == topic.id, TopicFollow.member_id == by.id)
        .execution_options(synchronize_session=False)
    )


def followers_of(topics: Iterable[Topic]) -> list[int]:
    """Ids of all who follow at least one of these, each once. One statement, however many topics and followers."""
    about = TopicFollow.topic_id.in_([topic.id for topic in topics])
    return list(
        db.session.scalars(select(TopicFollow.member_id).where(about).distinct().order_by(TopicFollow.member_id))
    )


def follows(member: Member) -> set[int]:
    """Ids of the topics they follow."""
    return set(db.session.scalars(select(TopicFollow.topic_id).where(TopicFollow.member_id == member.id)))
