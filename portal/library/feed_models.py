"""Private podcast feeds with from how many networks they are fetched; and what was brought in from a public one."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.accounts.models import Member
from portal.core.db import Model, Words


class Feed(Model):
    """A member's private podcast feed. Its address is made of `nonce` and our key; nothing that opens it is kept."""

    __tablename__ = "feed"

    member_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"), unique=True)
    nonce: Mapped[str] = mapped_column(String(32), unique=True)  # another one is another address
    rotated_at: Mapped[datetime | None]
    fetched_at: Mapped[datetime | None]  # kept to the quarter hour
    fetched_by: Mapped[str | None] = mapped_column(String(40))  # one of the apps we know by name, never what was sent
    shown: Mapped[str | None] = mapped_column(String(40))  # the tag of what was last shown
    changed_at: Mapped[datetime | None]  # since when it has shown that
    paused_at: Mapped[datetime | None]  # since when it has shown the notice in place of the episodes
    member: Mapped[Member] = relationship(lazy="joined", innerjoin=True)


class FeedVisit(Model):
    """On one day a feed was fetched from one network. The hash differs by day and feed, so it follows nobody."""

    __tablename__ = "feed_visit"
    __table_args__ = (UniqueConstraint("feed_id", "day", "network"),)

    feed_id: Mapped[int] = mapped_column(ForeignKey("feed.id", ondelete="CASCADE"))
    day: Mapped[date] = mapped_column(index=True)  # UTC
    network: Mapped[str] = mapped_column(String(32))  # keyed hash


class ImportedEpisode(Model):
    """Where an episode came from: one item of a public feed. Its audio stays there and is never fetched by us."""

    __tablename__ = "imported_episode"

    episode_id: Mapped[int] = mapped_column(ForeignKey("episode.id", ondelete="CASCADE"), unique=True)
    origin: Mapped[str] = mapped_column(String(64), unique=True)  # SHA-256 of the item's guid
    page_url: Mapped[str | None] = mapped_column(Words)
    audio_url: Mapped[str | None] = mapped_column(Words)
    audio_type: Mapped[str] = mapped_column(String(64))
    audio_size: Mapped[int | None]  # bytes, as the feed says


class FeedFile(Model):
    """The file of a public feed that a coach chose, while they read what would come of it."""

    __tablename__ = "feed_file"
    KEPT = timedelta(days=1)

    name: Mapped[str] = mapped_column(String(120))
    content: Mapped[bytes]
