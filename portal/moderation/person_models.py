"""What staff decide and note about a person, where models.py has what is decided about words; and appeals, which may be
against either."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, Select, and_, or_, select
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.accounts.models import Member
from portal.conversations.models import Post, Room, RoomKind, Thread
from portal.core.clock import now
from portal.core.db import Model, Words
from portal.moderation.models import Ruling, Verdict

LENGTHS = (1, 3, 7, 14, 30, 90, 365)  # days for which somebody is silenced or suspended


class SanctionKind(StrEnum):
    """What somebody may not do for a while."""

    SILENCE = "silence"  # they read everything, and write nothing that reaches others
    SUSPENSION = "suspension"  # they keep their account, their data and their billing, and lose the rest


class Sanction(Model):
    """A silence or a suspension: history, where the columns of Member say what holds now."""

    __tablename__ = "sanction"

    member_id: Mapped[int] = mapped_column(ForeignKey("member.id"), index=True)
    kind: Mapped[SanctionKind]
    until: Mapped[datetime]  # it ends by itself
    because: Mapped[str] = mapped_column(Words)
    by_id: Mapped[int] = mapped_column(ForeignKey("member.id"))
    ruling_id: Mapped[int | None] = mapped_column(ForeignKey("ruling.id"))  # what it follows, if it follows one
    lifted_at: Mapped[datetime | None]
    lifted_by_id: Mapped[int | None] = mapped_column(ForeignKey("member.id"))
    lifted_because: Mapped[str | None] = mapped_column(Words)
    member: Mapped[Member] = relationship(foreign_keys=[member_id])
    by: Mapped[Member] = relationship(foreign_keys=[by_id])
    lifted_by: Mapped[Member | None] = relationship(foreign_keys=[lifted_by_id])
    ruling: Mapped[Ruling | None] = relationship()

    @property
    def is_for_coaches(self) -> bool:
        """It came with a decision of which moderators are not told whom it befell: on words under no name, or in a
        room of the coaches. Its reason would tell them; see also `for_coaches`."""
        ruling = self.ruling
        if ruling is None or ruling.thread is None:
            return False
        veiled_at = ruling.post.veiled_at if ruling.post else ruling.thread.author_hidden_at
        return veiled_at is not None or ruling.thread.room.kind is RoomKind.COACHES

    @property
    def is_in_force(self) -> bool:
        return self.lifted_at is None and self.until > now()


def for_coaches() -> Select[int]:
    """Ids of the sanctions that are."""
    unnamed = or_(Post.veiled_at.is_not(None), and_(Ruling.post_id.is_(None), Thread.author_hidden_at.is_not(None)))
    return (
        select(Sanction.id)
        .join(Ruling, Ruling.id == Sanction.ruling_id)
        .join(Thread, Thread.id == Ruling.thread_id)
        .join(Room, Room.id == Thread.room_id)
        .outerjoin(Post, Post.id == Ruling.post_id)
        .where(or_(unnamed, Room.kind == RoomKind.COACHES))
    )


class StaffNote(Model):
    """What one of the staff wants the others to know about a member."""

    __tablename__ = "staff_note"

    about_id: Mapped[int] = mapped_column(ForeignKey("member.id"), index=True)
    by_id: Mapped[int] = mapped_column(ForeignKey("member.id"))
    words: Mapped[str] = mapped_column(Words)
    about: Mapped[Member] = relationship(foreign_keys=[about_id])
    by: Mapped[Member] = relationship(foreign_keys=[by_id])


class Appeal(Model):
    """Somebody who was ruled on, silenced or suspended asked for a second look; `because` is what they are answered."""

    __tablename__ = "appeal"
    __table_args__ = (
        CheckConstraint("(ruling_id IS NULL) <> (sanction_id IS NULL)", name="one_decision"),
        Index("ix_appeal_open", "decided_at", "created_at", "id"),
    )

    ruling_id: Mapped[int | None] = mapped_column(ForeignKey("ruling.id"), unique=True)
    sanction_id: Mapped[int | None] = mapped_column(ForeignKey("sanction.id"), unique=True)
    by_id: Mapped[int] = mapped_column(ForeignKey("member.id"), index=True)
    words: Mapped[str] = mapped_column(Words)
    decided_at: Mapped[datetime | None]
    decided_by_id: Mapped[int | None] = mapped_column(ForeignKey("member.id"))
    verdict: Mapped[Verdict | None]
    because: Mapped[str | None] = mapped_column(Words)
    ruling: Mapped[Ruling | None] = relationship()
    sanction: Mapped[Sanction | None] = relationship()
    by: Mapped[Member] = relationship(foreign_keys=[by_id])
    decided_by: Mapped[Member | None] = relationship(foreign_keys=[decided_by_id])

    @property
    def is_open(self) -> bool:
        return self.decided_at is None

    @property
    def against(self) -> Ruling | Sanction:
        """The decision that is looked at again."""
        return self.ruling or self.sanction  # type: ignore[return-value]  # the table has one of the two
