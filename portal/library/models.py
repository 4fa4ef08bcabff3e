"""Items of the library, the versions of their files, the paths through them, and what members did with them."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Column, ColumnElement, ForeignKey, Index, String, Table, UniqueConstraint, and_, false, text
from sqlalchemy.ext.orderinglist import ordering_list
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.accounts.models import Member
from portal.conversations.models import Thread
from portal.core.clock import now
from portal.core.db import Base, Model, Words
from portal.practices.models import Region, Size, Specialty
from portal.topics.models import Topic

item_topic = Table(
    "item_topic",
    Base.metadata,
    Column("item_id", ForeignKey("item.id", ondelete="CASCADE"), primary_key=True),
    Column("topic_id", ForeignKey("topic.id", ondelete="CASCADE"), primary_key=True, index=True),
)


def is_out(thing: Any, moment: Any) -> ColumnElement[bool]:
    """Whether readers may find it at that moment, as a statement asks: Item.is_published and Path's in columns."""
    return and_(thing.published_at <= moment, thing.withdrawn_at.is_(None))


class Kind(StrEnum):
    """The four kinds of item."""

    TOOL = "tool"
    RESOURCE = "resource"
    NUGGET = "nugget"
    EPISODE = "episode"


class Item(Model):
    """Anything in the library. Title, summary, problem, and names and sizes of files are public; the rest is not."""

    __tablename__ = "item"
    __table_args__ = (
        Index("ix_item_order", "published_at", "id"),
        Index("ix_item_kind", "kind", "published_at"),
        Index("ix_item_problem", "problem"),
    )

    kind: Mapped[Kind]
    slug: Mapped[str] = mapped_column(String(120), unique=True)
    title: Mapped[str] = mapped_column(String(160))
    summary: Mapped[str] = mapped_column(Words)  # the honest teaser
    problem: Mapped[str | None]  # the question a leader has that it answers; items may share one
    body: Mapped[str] = mapped_column(Words, default="")  # Markdown
    body_html: Mapped[str] = mapped_column(Words, default="")
    is_free: Mapped[bool] = mapped_column(default=False)  # open to anyone with an account
    published_at: Mapped[datetime | None]  # None: a draft; in the future: scheduled
    withdrawn_at: Mapped[datetime | None]
    thread_id: Mapped[int | None] = mapped_column(ForeignKey("thread.id"), unique=True)  # its conversation, once begun
    appeared_at: Mapped[datetime | None]  # when search and followers got to know of it; None: that is to come
    announces: Mapped[bool] = mapped_column(default=False, server_default=false())  # followers are told when it appears
    announced_at: Mapped[datetime | None]  # followers are told once, however often it is published
    revision: Mapped[int] = mapped_column(default=0, server_default=text("0"))  # number of the words it has now

    topics: Mapped[list[Topic]] = relationship(secondary=item_topic, order_by=Topic.position)
    thread: Mapped[Thread | None] = relationship()
    versions: Mapped[list[Version]] = relationship(back_populates="item", order_by="Version.number.desc()")

    __mapper_args__ = {"polymorphic_on": "kind"}

    @property
    def is_published(self) -> bool:
        return self.published_at is not None and self.published_at <= now() and self.withdrawn_at is None

    @property
    def path(self) -> str:
        """The address of its page."""
        return f"/library/{self.slug}"


class Tool(Item):
    """A worksheet or template, kept in versions."""

    __tablename__ = "tool"
    id: Mapped[int] = mapped_column(ForeignKey("item.id", ondelete="CASCADE"), primary_key=True)
    minutes: Mapped[int | None]  # how long it takes to fill in
    __mapper_args__ = {"polymorphic_identity": Kind.TOOL}


class Resource(Item):
    """Something to read or watch."""

    __tablename__ = "resource"
    id: Mapped[int] = mapped_column(ForeignKey("item.id", ondelete="CASCADE"), primary_key=True)
    link: Mapped[str | None] = mapped_column(Words)
    __mapper_args__ = {"polymorphic_identity": Kind.RESOURCE}


class Nugget(Item):
    """One short client story: situation, change, result. Markdown and its rendering for each part.

    While it is out or scheduled, the row holds exactly the words that its client agreed to; stories.py refuses others.
    """

    __tablename__ = "nugget"
    id: Mapped[int] = mapped_column(ForeignKey("item.id", ondelete="CASCADE"), primary_key=True)
    practice_type: Mapped[str | None]  # as readers see it: "Business law"
    practice_size: Mapped[str | None]  # "24 people, 9 attorneys"
    specialty: Mapped[Specialty | None]  # these three are what readers can narrow by
    size: Mapped[Size | None]
    region: Mapped[Region | None]
    naming: Mapped[str] = mapped_column(default="disguised")  # how its client wished to be named
    naming_line: Mapped[str | None] = mapped_column(Words)  # the sentence that does it
    composite: Mapped[bool] = mapped_column(default=False)  # drawn from several practices, and says so
    parts: Mapped[dict[str, Any]]  # {"situation": {"source": …, "html": …}, "change": …, "result": …}
    draft: Mapped[dict[str, Any] | None]  # words being worked on while others are out; None: the row's own
    shown_sha256: Mapped[str | None] = mapped_column(String(64))  # of the words that may be shown
    is_public: Mapped[bool] = mapped_column(default=False, server_default=false())  # visitors may read all of it
    in_mail: Mapped[bool] = mapped_column(default=False, server_default=false())  # letters may quote it
    on_air: Mapped[bool] = mapped_column(default=False, server_default=false())  # coaches may tell it in an episode
    __mapper_args__ = {"polymorphic_identity": Kind.NUGGET}

    @property
    def is_meant_to_show(self) -> bool:
        """Out now, or at a moment to come."""
        return self.published_at is not None and self.withdrawn_at is None


class Episode(Item):
    """One episode of the podcast."""

    __tablename__ = "episode"
    id: Mapped[int] = mapped_column(ForeignKey("item.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(unique=True)
    aired_on: Mapped[date]
    seconds: Mapped[int | None]  # length, None until measured (podcast RSS, itunes:duration)
    named_guests: Mapped[list[str]] = mapped_column("guests", default=list, deferred=True)  # a later release drops it
    hear: Mapped[list[str]] = mapped_column(default=list)  # what one will hear
    step: Mapped[str | None] = mapped_column(Words)  # something to do in ten minutes
    chapters: Mapped[list[str]] = mapped_column(default=list)  # "0:00 Opening"
    transcript: Mapped[str | None] = mapped_column(Words)  # WebVTT
    public_notes: Mapped[bool] = mapped_column(default=False)  # visitors may read the notes
    tool_id: Mapped[int | None] = mapped_column(ForeignKey("tool.id"))
    tool: Mapped[Tool | None] = relationship(foreign_keys=[tool_id])
    guests: Mapped[list[Guest]] = relationship(
        order_by="Guest.position",
        collection_class=ordering_list("position", count_from=1),
        cascade="all, delete-orphan",
    )
    links: Mapped[list[ListeningLink]] = relationship(cascade="all, delete-orphan")
    __mapper_args__ = {"polymorphic_identity": Kind.EPISODE, "inherit_condition": id == Item.id}


class Version(Model):
    """One edition of an item's files; older ones are kept and stay reachable."""

    __tablename__ = "version"
    __table_args__ = (UniqueConstraint("item_id", "number"),)

    item_id: Mapped[int] = mapped_column(ForeignKey("item.id", ondelete="CASCADE"))
    number: Mapped[int]  # 1, 2, …
    note: Mapped[str] = mapped_column(Words, default="")  # what changed
    item: Mapped[Item] = relationship(back_populates="versions")
    files: Mapped[list[File]] = relationship(back_populates="version", order_by="File.position")


class File(Model):
    """One file of a version. The storage key is random and never leaves the server."""

    __tablename__ = "file"
    __table_args__ = (UniqueConstraint("version_id", "position"),)

    version_id: Mapped[int] = mapped_column(ForeignKey("version.id", ondelete="CASCADE"))
    position: Mapped[int] = mapped_column(default=1)  # 1 is the main file
    name: Mapped[str]  # as it is saved at the reader's: "Role card.pdf"
    media_type: Mapped[str]
    size: Mapped[int]  # bytes
    sha256: Mapped[str] = mapped_column(String(64))
    storage_key: Mapped[str] = mapped_column(String(64), unique=True)
    version: Mapped[Version] = relationship(back_populates="files")


class Download(Model):
    """A member fetched a file (begun, not each range of it)."""

    __tablename__ = "download"
    __table_args__ = (
        Index("ix_download_member", "member_id", "created_at"),
        Index("ix_download_file", "file_id", "member_id", "created_at"),
    )

    member_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"))
    file_id: Mapped[int] = mapped_column(ForeignKey("file.id", ondelete="CASCADE"))
    member: Mapped[Member] = relationship()
    file: Mapped[File] = relationship()


class Guest(Model):
    """Somebody heard in an episode who does not usually speak there."""

    __tablename__ = "guest"

    episode_id: Mapped[int] = mapped_column(ForeignKey("episode.id", ondelete="CASCADE"), index=True)
    position: Mapped[int] = mapped_column(default=1)  # in the order in which they are named
    name: Mapped[str]
    role: Mapped[str | None]  # "Administrator, Stonebridge Surgery Center"
    link: Mapped[str | None] = mapped_column(Words)  # a page of their own, https only


class Platform(Model):
    """A place outside where the podcast can be heard: its name, and the program's page there."""

    __tablename__ = "platform"

    name: Mapped[str] = mapped_column(String(60), unique=True)
    address: Mapped[str | None] = mapped_column(Words)  # https only; None while only single episodes are linked
    position: Mapped[int] = mapped_column(default=1)
    closed_at: Mapped[datetime | None]  # it went away, and every link to it with it


class ListeningLink(Model):
    """Where one episode can be heard on a platform."""

    __tablename__ = "listening_link"
    __table_args__ = (UniqueConstraint("episode_id", "platform_id"),)

    episode_id: Mapped[int] = mapped_column(ForeignKey("episode.id", ondelete="CASCADE"))
    platform_id: Mapped[int] = mapped_column(ForeignKey("platform.id", ondelete="CASCADE"), index=True)
    address: Mapped[str] = mapped_column(Words)  # https only
    platform: Mapped[Platform] = relationship()


class Listening(Model):
    """How far a member has come in an episode, on whichever device."""

    __tablename__ = "listening"
    __table_args__ = (UniqueConstraint("member_id", "episode_id"),)

    member_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"))
    episode_id: Mapped[int] = mapped_column(ForeignKey("episode.id", ondelete="CASCADE"), index=True)
    second: Mapped[int]  # where they are
    at: Mapped[datetime]  # when they were there; a device that says so later does not move it back
    heard: Mapped[int]  # seconds really played, all devices together
    finished_at: Mapped[datetime | None]  # when they first came to its end


class StepDone(Model):
    """A member ticked the ten-minute step of an episode. Nobody else sees it."""

    __tablename__ = "step_done"
    __table_args__ = (UniqueConstraint("member_id", "episode_id"),)

    member_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"))
    episode_id: Mapped[int] = mapped_column(ForeignKey("episode.id", ondelete="CASCADE"), index=True)


class Path(Model):
    """A few items in the order in which they help most, chosen by a coach."""

    __tablename__ = "path"

    slug: Mapped[str] = mapped_column(String(120), unique=True)
    title: Mapped[str] = mapped_column(String(160))
    summary: Mapped[str] = mapped_column(Words)  # whom it is for, and what they have at its end
    published_at: Mapped[datetime | None]  # None: a draft
    withdrawn_at: Mapped[datetime | None]

    @property
    def is_published(self) -> bool:
        return self.published_at is not None and self.published_at <= now() and self.withdrawn_at is None

    @property
    def path(self) -> str:
        """The address of its page."""
        return f"/paths/{self.slug}"


class PathStep(Model):
    """One item on a path; each stands on it once."""

    __tablename__ = "path_step"
    __table_args__ = (UniqueConstraint("path_id", "item_id"), UniqueConstraint("path_id", "position"))

    path_id: Mapped[int] = mapped_column(ForeignKey("path.id", ondelete="CASCADE"))
    item_id: Mapped[int] = mapped_column(ForeignKey("item.id", ondelete="CASCADE"), index=True)
    position: Mapped[int]  # 1, 2, …


class Done(Model):
    """A member says that they are done with an item, on whichever path it stands."""

    __tablename__ = "done"
    __table_args__ = (UniqueConstraint("member_id", "item_id"),)

    member_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"))
    item_id: Mapped[int] = mapped_column(ForeignKey("item.id", ondelete="CASCADE"), index=True)


class Saved(Model):
    """A member wants to find an item again."""

    __tablename__ = "saved"
    __table_args__ = (UniqueConstraint("member_id", "item_id"),)

    member_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"))
    item_id: Mapped[int] = mapped_column(ForeignKey("item.id", ondelete="CASCADE"), index=True)


class Opinion(Model):
    """Whether an item was useful to a member, and a sentence for the coaches if they like. Members see none of it."""

    __tablename__ = "opinion"
    __table_args__ = (UniqueConstraint("member_id", "item_id"),)

    member_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"))
    item_id: Mapped[int] = mapped_column(ForeignKey("item.id", ondelete="CASCADE"), index=True)
    is_useful: Mapped[bool]
    words: Mapped[str] = mapped_column(Words, default="")
    said_at: Mapped[datetime] = mapped_column(default=now)  # when they last said so


class Revision(Model):
    """What an item said from one saving to the next: who wrote it, when, and every field as it was typed."""

    __tablename__ = "revision"
    __table_args__ = (UniqueConstraint("item_id", "number"),)

    item_id: Mapped[int] = mapped_column(ForeignKey("item.id", ondelete="CASCADE"))
    number: Mapped[int]  # 1, 2, …; 0 is what was there before anyone wrote at the desk
    fields: Mapped[dict[str, Any]]
    note: Mapped[str] = mapped_column(Words, default="")  # "Restored number 2"
    by_id: Mapped[int | None] = mapped_column(ForeignKey("member.id", ondelete="SET NULL"))
    by: Mapped[Member | None] = relationship()


class Upload(Model):
    """A file that has arrived and waits to become part of an item's next edition."""

    __tablename__ = "upload"

    item_id: Mapped[int] = mapped_column(ForeignKey("item.id", ondelete="CASCADE"), index=True)
    by_id: Mapped[int | None] = mapped_column(ForeignKey("member.id", ondelete="SET NULL"))
    name: Mapped[str]
    media_type: Mapped[str]
    size: Mapped[int]  # bytes
    sha256: Mapped[str] = mapped_column(String(64))
    storage_key: Mapped[str] = mapped_column(String(64), unique=True)


class ViewCount(Model):
    """How often an item's page was opened on one day; nobody's name is in it, and staff are not counted."""

    __tablename__ = "view_count"
    __table_args__ = (UniqueConstraint("item_id", "day"),)

    item_id: Mapped[int] = mapped_column(ForeignKey("item.id", ondelete="CASCADE"))
    day: Mapped[date] = mapped_column(index=True)  # UTC
    views: Mapped[int] = mapped_column(default=0)


class FileText(Model):
    """The words that stand in a file, read out of it once for search, page by page."""

    __tablename__ = "file_text"

    file_id: Mapped[int] = mapped_column(ForeignKey("file.id", ondelete="CASCADE"), unique=True)
    pages: Mapped[list[str]]
