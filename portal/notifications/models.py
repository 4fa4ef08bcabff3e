"""Streams of news, how each member wants to hear of them, and the news themselves."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from portal.core.db import Model


class Stream(StrEnum):
    """A kind of news one can turn off, but for rulings on one's own words: those always come, as do letters about them,
    billing and security."""

    MENTIONS = "mentions"
    ANSWERS = "answers"
    REPLIES = "replies"
    PEOPLE = "people"
    NEW_ITEMS = "new_items"
    FLAGS = "flags"
    RULINGS = "rulings"

    @property
    def label(self) -> str:
        """What it is, as it reads in a sentence."""
        return _LABELS[self]


_LABELS = {
    Stream.MENTIONS: "being mentioned or quoted",
    Stream.ANSWERS: "answers in conversations you began",
    Stream.REPLIES: "what is said in conversations, rooms and topics you follow",
    Stream.PEOPLE: "what people you follow write",
    Stream.NEW_ITEMS: "what is new about topics you follow",
    Stream.FLAGS: "what became of something you flagged",
    Stream.RULINGS: "what moderators decide about your words",
}
CHOSEN = tuple(stream for stream in Stream if stream is not Stream.RULINGS)  # those that everybody chooses about


class Rhythm(StrEnum):
    """How a member wants to hear of it. All but `off` also puts it into their inbox on the site."""

    OFF = "off"
    SITE = "site"
    NOW = "now"  # a letter at once
    DAILY = "daily"  # in one letter with the rest of the day


class Preference(Model):
    """A member's choice for one stream; no row means the stream's own rhythm."""

    __tablename__ = "preference"
    __table_args__ = (UniqueConstraint("member_id", "stream"),)

    member_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"))
    stream: Mapped[Stream]
    rhythm: Mapped[Rhythm]


class Notification(Model):
    """One thing that a member was told of. It holds no words: what may still be told of it is asked when it is read."""

    __tablename__ = "notification"
    __table_args__ = (
        UniqueConstraint("member_id", "about_kind", "about_id"),
        Index("ix_notification_member", "member_id", "id"),
        Index("ix_notification_about", "about_kind", "about_id"),
    )

    member_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"))
    stream: Mapped[Stream]
    about_kind: Mapped[str] = mapped_column(String(32))  # "post", "tool"; the name of its table
    about_id: Mapped[int]
    within: Mapped[str] = mapped_column(String(48))  # what it is grouped by: "thread:7", or the thing itself
    read_at: Mapped[datetime | None]
    due_at: Mapped[datetime | None]  # when the daily letter takes it along; None: it is not for that letter
    letter_id: Mapped[int | None]  # the daily letter that took it along
