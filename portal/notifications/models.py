"""Streams of news, and who turned which off."""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from portal.core.db import Model


class Stream(StrEnum):
    """A kind of news one can turn off. Billing, security and rulings are none: those letters always come."""

    REPLIES = "replies"
    NEW_ITEMS = "new_items"

    @property
    def label(self) -> str:
        """What it is, as it reads in a sentence."""
        return _LABELS[self]


_LABELS = {
    Stream.REPLIES: "replies in conversations you follow",
    Stream.NEW_ITEMS: "what is new about topics you follow",
}


class Rhythm(StrEnum):
    """How soon a member wants to hear of it by letter."""

    OFF = "off"
    NOW = "now"


class Preference(Model):
    """A member's choice for one stream; no row means the stream's own rhythm."""

    __tablename__ = "preference"
    __table_args__ = (UniqueConstraint("member_id", "stream"),)

    member_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"))
    stream: Mapped[Stream]
    rhythm: Mapped[Rhythm]
