"""Topics: the few subjects of the program, in the coach's order, and who follows them."""

from __future__ import annotations

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from portal.core.db import Model, Words


class Topic(Model):
    """A subject such as "Role clarity"."""

    __tablename__ = "topic"

    slug: Mapped[str] = mapped_column(String(80), unique=True)
    title: Mapped[str] = mapped_column(String(120))
    description: Mapped[str] = mapped_column(Words, default="")
    position: Mapped[int] = mapped_column(default=0)


class TopicFollow(Model):
    """A member wants to hear of what is new about a topic; begun and ended by them alone."""

    __tablename__ = "topic_follow"
    __table_args__ = (UniqueConstraint("topic_id", "member_id"),)

    topic_id: Mapped[int] = mapped_column(ForeignKey("topic.id", ondelete="CASCADE"))
    member_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"), index=True)
