"""Flags that members raise and rulings that staff decide."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.accounts.models import Member
from portal.conversations.models import Post, Thread
from portal.core.db import Model, Words


class Reason(StrEnum):
    """Why something was flagged."""

    BREACH_OF_CONFIDENCE = "breach_of_confidence"
    NAMES_PATIENT_OR_EMPLOYEE = "names_patient_or_employee"
    SELLING = "selling"
    OFF_TOPIC = "off_topic"
    DISRESPECT = "disrespect"
    UNSAFE_ADVICE = "unsafe_advice"
    OTHER = "other"

    @property
    def is_urgent(self) -> bool:
        """Somebody's confidence was broken, or somebody can be recognised: each hour makes it worse."""
        return self in {Reason.BREACH_OF_CONFIDENCE, Reason.NAMES_PATIENT_OR_EMPLOYEE}


class Outcome(StrEnum):
    """What a moderator decided."""

    KEPT = "kept"
    HIDDEN = "hidden"
    RESTORED = "restored"
    LOCKED = "locked"
    UNLOCKED = "unlocked"


class Ruling(Model):
    """A decision about a post or a whole thread, with the words its author was told."""

    __tablename__ = "ruling"

    outcome: Mapped[Outcome]
    because: Mapped[str] = mapped_column(Words)
    by_id: Mapped[int] = mapped_column(ForeignKey("member.id"))
    post_id: Mapped[int | None] = mapped_column(ForeignKey("post.id"), index=True)
    thread_id: Mapped[int] = mapped_column(ForeignKey("thread.id"), index=True)
    by: Mapped[Member] = relationship()
    post: Mapped[Post | None] = relationship()
    thread: Mapped[Thread] = relationship()


class Flag(Model):
    """A member's report of a post; open until a ruling answers it."""

    __tablename__ = "flag"
    __table_args__ = (
        UniqueConstraint("post_id", "by_id"),
        Index("ix_flag_open", "ruled_at", "rank", "created_at", "id"),  # the order of the queue
    )

    post_id: Mapped[int] = mapped_column(ForeignKey("post.id"))
    by_id: Mapped[int] = mapped_column(ForeignKey("member.id"), index=True)
    reason: Mapped[Reason]
    rank: Mapped[int]  # 0 for urgent reasons, 1 for the rest: what cannot wait stands first in the queue
    words: Mapped[str] = mapped_column(Words, default="")
    ruled_at: Mapped[datetime | None]
    ruling_id: Mapped[int | None] = mapped_column(ForeignKey("ruling.id"))
    post: Mapped[Post] = relationship()
    by: Mapped[Member] = relationship()
    ruling: Mapped[Ruling | None] = relationship()

    @property
    def is_open(self) -> bool:
        return self.ruled_at is None
