"""Flags that members raise and rulings that staff decide."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.accounts.models import Member
from portal.conversations.models import Hold, Post, PostRevision, Thread
from portal.core.db import Model, Words
from portal.library.models import Item, Nugget

Thing = Post | Thread | Member | Nugget  # what can be flagged and ruled on; a member stands for their profile
_COLUMNS = {"post": "post_id", "thread": "thread_id", "member": "member_id", "item": "item_id"}
_OPEN = text("ruled_at IS NULL")
_ONE_THING = " + ".join(f"CASE WHEN {column} IS NULL THEN 0 ELSE 1 END" for column in _COLUMNS.values()) + " = 1"


class Reason(StrEnum):
    """Why something was flagged."""

    BREACH_OF_CONFIDENCE = "breach_of_confidence"
    NAMES_PATIENT_OR_EMPLOYEE = "names_patient_or_employee"
    SELLING = "selling"
    OFF_TOPIC = "off_topic"
    DISRESPECT = "disrespect"
    UNSAFE_ADVICE = "unsafe_advice"
    OTHER = "other"
    # What the portal itself puts before the moderators; nobody chooses these.
    NEWCOMER = "newcomer"
    WATCHED_WORDS = "watched_words"
    LINKS = "links"
    EDITED_OUT = "edited_out"

    @property
    def is_urgent(self) -> bool:
        """Somebody's confidence was broken, or somebody can be recognised: each hour makes it worse."""
        return self in {Reason.BREACH_OF_CONFIDENCE, Reason.NAMES_PATIENT_OR_EMPLOYEE}


RAISED_FOR = {  # why the portal itself puts what waits before the moderators
    Hold.CONFIDENCE: Reason.BREACH_OF_CONFIDENCE,
    Hold.FLAGS: Reason.OTHER,
    Hold.NEWCOMER: Reason.NEWCOMER,
    Hold.WORDS: Reason.WATCHED_WORDS,
    Hold.LINKS: Reason.LINKS,
    Hold.EDITED_OUT: Reason.EDITED_OUT,
}


class Outcome(StrEnum):
    """What a moderator decided."""

    KEPT = "kept"
    HIDDEN = "hidden"
    RESTORED = "restored"
    LOCKED = "locked"
    UNLOCKED = "unlocked"
    EDITED = "edited"  # a part of a post was edited out
    DELETED = "deleted"  # a post is gone for its author too
    MOVED = "moved"  # a thread stands in another room
    NOTED = "noted"  # its author was written to, and nothing changed
    CLEARED = "cleared"  # what somebody said about themselves was taken off their profile
    WITHDRAWN = "withdrawn"  # a nugget was taken out of the library


SPARES = {Outcome.KEPT, Outcome.RESTORED, Outcome.UNLOCKED, Outcome.MOVED}  # they say nothing against an author
APPEAL_FOR = timedelta(days=30)  # so long after a ruling its author may appeal
_OF_WORDS = (Outcome.HIDDEN, Outcome.DELETED, Outcome.EDITED, Outcome.RESTORED)
ENDED_BY = {  # what can be given back, and what comes after it that ends it
    Outcome.HIDDEN: _OF_WORDS,
    Outcome.DELETED: _OF_WORDS,
    Outcome.EDITED: _OF_WORDS,
    Outcome.LOCKED: (Outcome.LOCKED, Outcome.UNLOCKED),
}


class Ruling(Model):
    """A decision about a post, a whole thread, a profile or a nugget, with the words its author was told."""

    __tablename__ = "ruling"

    outcome: Mapped[Outcome]
    because: Mapped[str] = mapped_column(Words)
    by_id: Mapped[int] = mapped_column(ForeignKey("member.id"))
    post_id: Mapped[int | None] = mapped_column(ForeignKey("post.id"), index=True)
    thread_id: Mapped[int | None] = mapped_column(ForeignKey("thread.id"), index=True)  # a post's too
    member_id: Mapped[int | None] = mapped_column(ForeignKey("member.id"), index=True)  # whose profile
    item_id: Mapped[int | None] = mapped_column(ForeignKey("item.id"), index=True)
    author_id: Mapped[int | None] = mapped_column(ForeignKey("member.id"), index=True)  # whose words; None: a nugget's
    reason: Mapped[Reason | None]  # the gravest of the flags that it settled
    revision_id: Mapped[int | None] = mapped_column(
        ForeignKey("post_revision.id", ondelete="SET NULL")
    )  # what stood there
    by: Mapped[Member] = relationship(foreign_keys=[by_id])
    revision: Mapped[PostRevision | None] = relationship()
    post: Mapped[Post | None] = relationship()
    thread: Mapped[Thread | None] = relationship()
    member: Mapped[Member | None] = relationship(foreign_keys=[member_id])
    item: Mapped[Item | None] = relationship()
    author: Mapped[Member | None] = relationship(foreign_keys=[author_id])

    @property
    def can_be_appealed(self) -> bool:
        """Whether it took something from its author that can be given back; nobody appeals against their own ruling."""
        return self.outcome in ENDED_BY and self.author_id not in {None, self.by_id}

    @property
    def appeal_until(self) -> datetime:
        return self.created_at + APPEAL_FOR


def author_id_of(thing: Thing) -> int | None:
    """Whose words they are; a nugget is the program's."""
    if isinstance(thing, Member):
        return thing.id
    return None if isinstance(thing, Item) else thing.author_id


def which(thing: Thing) -> dict[str, int]:
    """The column of a flag that says what it is about, with its value."""
    return {_COLUMNS[_kind(thing)]: thing.id}


def about(thing: Thing) -> str:
    """What `Flag.about` says of the flags of this thing."""
    return f"{_kind(thing)}:{thing.id}"


def _kind(thing: Thing) -> str:
    return "item" if isinstance(thing, Item) else thing.__tablename__


def _about(context: Any) -> str:
    """From the one column that is filled, whoever writes the row."""
    values = context.get_current_parameters()
    return next(f"{kind}:{values[column]}" for kind, column in _COLUMNS.items() if values.get(column) is not None)


class Flag(Model):
    """A member's report of a post, a thread, a profile or a nugget; open until a ruling answers it."""

    __tablename__ = "flag"
    __table_args__ = (
        CheckConstraint(_ONE_THING, name="one_thing"),
        UniqueConstraint("about", "by_id"),
        # The order of the queue, and the same for one reason; partial, for PostgreSQL sorts what IS NULL finds.
        Index("ix_flag_open", "rank", "created_at", "id", sqlite_where=_OPEN, postgresql_where=_OPEN),
        Index("ix_flag_open_reason", "reason", "rank", "created_at", "id", sqlite_where=_OPEN, postgresql_where=_OPEN),
    )

    about: Mapped[str] = mapped_column(String(24), default=_about)  # "post:7": flags of one thing are found by it
    post_id: Mapped[int | None] = mapped_column(ForeignKey("post.id"), index=True)
    thread_id: Mapped[int | None] = mapped_column(ForeignKey("thread.id"), index=True)
    member_id: Mapped[int | None] = mapped_column(ForeignKey("member.id"), index=True)  # whose profile
    item_id: Mapped[int | None] = mapped_column(ForeignKey("item.id"), index=True)
    by_id: Mapped[int | None] = mapped_column(ForeignKey("member.id"), index=True)  # None: the portal
    reason: Mapped[Reason]
    rank: Mapped[int]  # 0 for urgent reasons, 1 for the rest: what cannot wait stands first in the queue
    words: Mapped[str] = mapped_column(Words, default="")
    ruled_at: Mapped[datetime | None]
    ruling_id: Mapped[int | None] = mapped_column(ForeignKey("ruling.id"))
    post: Mapped[Post | None] = relationship()
    thread: Mapped[Thread | None] = relationship()
    member: Mapped[Member | None] = relationship(foreign_keys=[member_id])
    item: Mapped[Item | None] = relationship()
    by: Mapped[Member | None] = relationship(foreign_keys=[by_id])
    ruling: Mapped[Ruling | None] = relationship()

    @property
    def is_open(self) -> bool:
        return self.ruled_at is None


class Handling(Model):
    """Who sees to a case, and who looked at it last. No row: nobody does, and nobody did."""

    __tablename__ = "handling"

    about: Mapped[str] = mapped_column(String(24), unique=True)  # as on the flags of the case
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"), index=True)
    looked_by_id: Mapped[int | None] = mapped_column(ForeignKey("member.id", ondelete="SET NULL"))
    looked_at: Mapped[datetime | None]


class SavedReply(Model):
    """A reason that is given often, in words that were chosen once."""

    __tablename__ = "saved_reply"

    title: Mapped[str] = mapped_column(String(80))
    words: Mapped[str] = mapped_column(Words)


class Verdict(StrEnum):
    """What became of an appeal; the first two are what a second person said."""

    UPHELD = "upheld"
    OVERTURNED = "overturned"
    ENDED = "ended"  # nobody decided: the silence or suspension was lifted, or ran out; see settling.py


class WatchedWords(Model):
    """Words that are looked at before others read them: folded, a star for the rest of a word."""

    __tablename__ = "watched_words"

    words: Mapped[str] = mapped_column(String(120), unique=True)
