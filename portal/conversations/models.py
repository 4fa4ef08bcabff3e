"""Rooms and who is named in them, threads, posts; what each member has read, follows and mutes."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import JSON, Column, ForeignKey, Index, String, Table, UniqueConstraint, select, text
from sqlalchemy.orm import Mapped, MappedSQLExpression, column_property, mapped_column, relationship

from portal.accounts.models import Member
from portal.core.db import Base, Model, Words
from portal.topics.models import Topic

POSTS_A_PAGE = 20
OUT_OF_SIGHT = "a thread that is hidden now"  # in place of its title
_MARKED = text("helped_at IS NOT NULL OR endorsed_at IS NOT NULL")

thread_topic = Table(
    "thread_topic",
    Base.metadata,
    Column("thread_id", ForeignKey("thread.id", ondelete="CASCADE"), primary_key=True),
    Column("topic_id", ForeignKey("topic.id", ondelete="CASCADE"), primary_key=True, index=True),
)


class RoomKind(StrEnum):
    """Who reads and writes in a room; see policy.py."""

    COACHES = "coaches"  # coaches and the owner
    CIRCLE = "circle"  # the people named in it, and the staff who answer for it
    MEMBERS = "members"
    PUBLIC = "public"  # read by anyone, written by members

    @property
    def is_shared(self) -> bool:
        """Whether every member is in it."""
        return self in {RoomKind.MEMBERS, RoomKind.PUBLIC}


class Room(Model):
    """A place for one kind of conversation, with its purpose in a sentence."""

    __tablename__ = "room"

    slug: Mapped[str] = mapped_column(String(80), unique=True)
    title: Mapped[str] = mapped_column(String(120))
    purpose: Mapped[str] = mapped_column(Words)
    kind: Mapped[RoomKind] = mapped_column(default=RoomKind.MEMBERS)
    notes: Mapped[str] = mapped_column(Words, default="")  # its rules, in Markdown
    notes_html: Mapped[str] = mapped_column(Words, default="")  # rendered when written
    position: Mapped[int] = mapped_column(default=0)
    thread_count: Mapped[int] = mapped_column(default=0)  # those not hidden
    last_post_at: ClassVar[MappedSQLExpression[datetime | None]]  # read from its threads, see below
    archived_at: Mapped[datetime | None]  # from then on it is read and found, and nothing new is said in it

    @property
    def is_archived(self) -> bool:
        return self.archived_at is not None


class RoomMember(Model):
    """Somebody named in a room: one of a closed circle, or its host."""

    __tablename__ = "room_member"
    __table_args__ = (UniqueConstraint("room_id", "member_id"),)

    room_id: Mapped[int] = mapped_column(ForeignKey("room.id", ondelete="CASCADE"))
    member_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"), index=True)
    host_since: Mapped[datetime | None]  # named on the room's page as somebody to turn to
    member: Mapped[Member] = relationship()


class ThreadKind(StrEnum):
    """What its author wants of the others: answers, ears, or company in thinking."""

    QUESTION = "question"
    STORY = "story"
    DISCUSSION = "discussion"


class Hold(StrEnum):
    """Why something waits, out of members' sight, until somebody of the staff has looked at it."""

    CONFIDENCE = "confidence"  # a member said that it breaks a confidence or lets somebody be recognised
    FLAGS = "flags"  # several members flagged it, each by themselves
    NEWCOMER = "newcomer"  # its author is new here
    WORDS = "words"  # it has words that are looked at before others read them
    LINKS = "links"  # its author is new here, and it leads elsewhere more than twice
    EDITED_OUT = "edited_out"  # its author wrote again what staff had edited out of it


class Thread(Model):
    """One conversation. Posts are numbered from 1, so page 1,000 is found by number and costs what page 1 costs."""

    __tablename__ = "thread"
    __table_args__ = (
        Index("ix_thread_room_order", "room_id", "last_post_at", "id"),
        Index("ix_thread_room_kind", "room_id", "kind", "last_post_at", "id"),
        Index("ix_thread_order", "last_post_at", "id"),  # over all rooms, for the first page
        Index("ix_thread_kind", "kind", "created_at", "id"),  # questions, the oldest first
        Index("ix_thread_about", "about_path"),
    )

    room_id: Mapped[int] = mapped_column(ForeignKey("room.id"))
    author_id: Mapped[int] = mapped_column(ForeignKey("member.id"), index=True)
    kind: Mapped[ThreadKind] = mapped_column(default=ThreadKind.DISCUSSION)
    author_hidden_at: Mapped[datetime | None]  # asked safely: who learns of the author is told in veiling.py
    title: Mapped[str] = mapped_column(String(160))
    about_title: Mapped[str | None]  # what it discusses: words and local path of a page of ours
    about_path: Mapped[str | None]
    post_count: Mapped[int] = mapped_column(default=0)  # also the number of its newest post; hidden ones included
    last_post_at: Mapped[datetime]
    last_author_id: Mapped[int | None] = mapped_column(ForeignKey("member.id"))  # None: under no name, see veiling.py
    version: Mapped[int] = mapped_column(default=0)  # goes up with every visible change; part of the page's ETag
    moved_at: Mapped[
        datetime | None
    ]  # into this room, or joined by another's posts: earlier marks of rooms say nothing
    merged_into_id: Mapped[int | None] = mapped_column(ForeignKey("thread.id"), index=True)  # its posts stand there now
    merged_at: Mapped[int | None]  # the number that its first post has there
    locked_at: Mapped[datetime | None]
    locked_because: Mapped[str | None] = mapped_column(Words)
    hidden_at: Mapped[datetime | None]
    hidden_because: Mapped[str | None] = mapped_column(Words)  # None on a hidden one: taken back by its author, or held
    held_at: Mapped[datetime | None]  # hidden until somebody of the staff has looked at it; see holding.py
    held_because: Mapped[Hold | None]

    room: Mapped[Room] = relationship()
    author: Mapped[Member] = relationship(foreign_keys=[author_id])
    last_author: Mapped[Member | None] = relationship(foreign_keys=[last_author_id])
    topics: Mapped[list[Topic]] = relationship(secondary=thread_topic, order_by=Topic.position)

    @property
    def is_locked(self) -> bool:
        return self.locked_at is not None

    @property
    def is_hidden(self) -> bool:
        return self.hidden_at is not None

    @property
    def is_taken_back(self) -> bool:
        """By its author, with the only post in it."""
        return self.is_hidden and self.hidden_because is None and not self.is_held

    @property
    def is_held(self) -> bool:
        return self.held_at is not None

    @property
    def pages(self) -> int:
        return pages_of(self.post_count)

    def title_for(self, member: Member) -> str:
        """What it is called, told to somebody who wrote in it: once it is hidden, that is its author's and the staff's
        to read."""
        return OUT_OF_SIGHT if self.is_hidden and member.id != self.author_id and not member.is_staff else self.title


# When somebody last spoke in a room. No reply waits for another in its room, so the threads say it, by their index.
Room.last_post_at = column_property(
    select(Thread.last_post_at)
    .where(Thread.room_id == Room.id, Thread.hidden_at.is_(None), Thread.merged_into_id.is_(None))
    .order_by(Thread.last_post_at.desc())
    .limit(1)
    .correlate(Room)
    .scalar_subquery(),
    deferred=True,
)


def pages_of(post_count: int) -> int:
    """The pages that so many posts fill; an empty thread has one too."""
    return max(1, -(-post_count // POSTS_A_PAGE))


class Post(Model):
    """What one member said, as typed and as rendered once when it was written."""

    __tablename__ = "post"
    __table_args__ = (
        UniqueConstraint("thread_id", "number"),
        # Unread posts are counted from the index alone: a row is wide, and its words come before its moments.
        Index("ix_post_unread", "thread_id", "number", "author_id", "created_at", "hidden_at", "veiled_at"),
        # The few that stand on top of their thread, found without walking over the many.
        Index("ix_post_marked", "thread_id", "hidden_at", sqlite_where=_MARKED, postgresql_where=_MARKED),
    )

    thread_id: Mapped[int] = mapped_column(ForeignKey("thread.id"))
    number: Mapped[int]  # 1 is the opening post; never reused
    author_id: Mapped[int] = mapped_column(ForeignKey("member.id"), index=True)
    veiled_at: Mapped[datetime | None]  # said under no name; who learns of the author is told in veiling.py
    body: Mapped[str] = mapped_column(Words)  # Markdown
    body_html: Mapped[str] = mapped_column(Words)  # rendered and sanitised at write
    edited_at: Mapped[datetime | None]
    hidden_at: Mapped[datetime | None]  # since then members do not read it: a moderator hid it, or one of the two below
    hidden_because: Mapped[str | None] = mapped_column(Words)
    removed_at: Mapped[datetime | None]  # staff deleted it: its author reads it no more either; hidden_at says so too
    deleted_at: Mapped[datetime | None]  # its author took it back; hidden_at says so too, to whoever asks what is read
    held_at: Mapped[datetime | None]  # it waits until somebody of the staff has looked at it; hidden_at says so too
    held_because: Mapped[Hold | None]
    send_key: Mapped[str | None] = mapped_column(String(64), unique=True)  # of the form; a double submit makes one post
    # What its author was warned of before posting and meant, {"name": 2}; without the words, and for staff alone.
    overrode: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    helped_at: Mapped[datetime | None]  # whoever asked says that it helped
    endorsed_at: Mapped[datetime | None]  # a coach stands behind it; their own words are then the coach's take
    endorsed_by_id: Mapped[int | None] = mapped_column(ForeignKey("member.id"))

    thread: Mapped[Thread] = relationship()
    author: Mapped[Member] = relationship(foreign_keys=[author_id])

    @property
    def is_held(self) -> bool:
        return self.held_at is not None

    @property
    def is_hidden(self) -> bool:
        return self.hidden_at is not None

    @property
    def is_deleted(self) -> bool:
        return self.deleted_at is not None

    @property
    def is_veiled(self) -> bool:
        return self.veiled_at is not None

    @property
    def page(self) -> int:
        """The page of its thread that it stands on."""
        return -(-self.number // POSTS_A_PAGE)

    @property
    def path(self) -> str:
        """Where it is read: its place on that page."""
        return f"/threads/{self.thread_id}?page={self.page}#post-{self.id}"


class PostRevision(Model):
    """What a post said before an edit."""

    __tablename__ = "post_revision"

    post_id: Mapped[int] = mapped_column(ForeignKey("post.id", ondelete="CASCADE"), index=True)
    body: Mapped[str] = mapped_column(Words)
    body_html: Mapped[str | None] = mapped_column(Words)  # None: from before it was kept
    removed_at: Mapped[datetime | None]  # its words were taken out of the history


class Mention(Model):
    """Somebody is spoken to in a post; see mentioning.py."""

    __tablename__ = "mention"
    __table_args__ = (UniqueConstraint("post_id", "member_id"),)

    post_id: Mapped[int] = mapped_column(ForeignKey("post.id", ondelete="CASCADE"))
    member_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"), index=True)


class Level(StrEnum):
    """How much somebody wants to hear of a thread, a room or a person."""

    ALL = "all"  # counted, and told by letter
    MINE = "mine"  # counted; a letter only where they take part or are spoken to
    NONE = "none"  # neither


class Follow(Model):
    """What a member wants to hear of a thread: begun by starting it or replying, changed by them alone. No row: as they
    chose for its room."""

    __tablename__ = "follow"
    __table_args__ = (UniqueConstraint("thread_id", "member_id"),)

    thread_id: Mapped[int] = mapped_column(ForeignKey("thread.id", ondelete="CASCADE"))
    member_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"), index=True)
    level: Mapped[Level] = mapped_column(default=Level.ALL)


class RoomFollow(Model):
    """What a member wants to hear of a room's threads for which they chose nothing. No row: what is theirs."""

    __tablename__ = "room_follow"
    __table_args__ = (UniqueConstraint("room_id", "member_id"),)

    room_id: Mapped[int] = mapped_column(ForeignKey("room.id", ondelete="CASCADE"))
    member_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"), index=True)
    level: Mapped[Level]


class PersonFollow(Model):
    """A member follows somebody (all), or folds their posts (none), who is not told of either."""

    __tablename__ = "person_follow"
    __table_args__ = (UniqueConstraint("member_id", "person_id"),)

    member_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"))
    person_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"), index=True)
    level: Mapped[Level]


class Reading(Model):
    """How far a member has read in a thread; reading.py says what that makes unread."""

    __tablename__ = "reading"
    __table_args__ = (UniqueConstraint("member_id", "thread_id"),)

    member_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"))
    thread_id: Mapped[int] = mapped_column(ForeignKey("thread.id", ondelete="CASCADE"), index=True)
    last_number: Mapped[int]  # of the last post read; all before it are read too
    unread_at: Mapped[datetime | None]  # they put it back to unread then: earlier marks of its room say nothing here


class RoomReading(Model):
    """A member marked a room: all in it up to a moment is read. The mark before it is kept for undoing."""

    __tablename__ = "room_reading"
    __table_args__ = (UniqueConstraint("member_id", "room_id"),)

    member_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"))
    room_id: Mapped[int] = mapped_column(ForeignKey("room.id", ondelete="CASCADE"), index=True)
    read_until: Mapped[datetime | None]  # None: the first mark was undone
    before: Mapped[datetime | None]


class ReadAhead(Model):
    """A post that somebody read although one before it is unread to them: it came from another thread."""

    __tablename__ = "read_ahead"
    __table_args__ = (UniqueConstraint("member_id", "post_id"),)

    member_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"))
    post_id: Mapped[int] = mapped_column(ForeignKey("post.id", ondelete="CASCADE"), index=True)


class PostFile(Model):
    """A picture or a document beside a post; without a post it waits for the form that it was put into."""

    __tablename__ = "post_file"
    __table_args__ = (Index("ix_post_file_waiting", "by_id", "place"),)

    token: Mapped[str] = mapped_column(String(32), unique=True)  # its address; says nothing of whose it is
    by_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"))
    post_id: Mapped[int | None] = mapped_column(ForeignKey("post.id", ondelete="CASCADE"), index=True)
    place: Mapped[str] = mapped_column(String(64))  # the form: "thread:7" for a reply, "room:3" for a new thread
    name: Mapped[str] = mapped_column(String(120))  # as its author called it
    media_type: Mapped[str] = mapped_column(String(100))
    size: Mapped[int]  # bytes
    sha256: Mapped[str] = mapped_column(String(64))
    storage_key: Mapped[str] = mapped_column(String(32), unique=True)
    width: Mapped[int | None]  # pixels, of a picture
    height: Mapped[int | None]
    alt: Mapped[str] = mapped_column(String(300), default="")  # what a picture shows, for whoever does not see it

    @property
    def is_picture(self) -> bool:
        return self.width is not None


class Thanks(Model):
    """A post helped this member: one quiet mark, counted and never ranked."""

    __tablename__ = "thanks"
    __table_args__ = (UniqueConstraint("post_id", "member_id"),)

    post_id: Mapped[int] = mapped_column(ForeignKey("post.id", ondelete="CASCADE"))
    member_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"), index=True)


class QuestionOwner(Model):
    """The coach who sees to it that a question is answered, since they took it or were asked to."""

    __tablename__ = "question_owner"

    thread_id: Mapped[int] = mapped_column(ForeignKey("thread.id", ondelete="CASCADE"), unique=True)
    member_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"), index=True)
