"""What somebody takes along when they ask for it; the journeys of this area have no other tables."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from portal.core.clock import now
from portal.core.db import Model


class Export(Model):
    """One archive of a member's data: put together by a job, kept a week, then removed. One at a time is under way."""

    __tablename__ = "export"
    __table_args__ = (
        Index(
            "ix_export_one_under_way",
            "member_id",
            unique=True,
            sqlite_where=text("ready_at IS NULL AND ended_at IS NULL"),
            postgresql_where=text("ready_at IS NULL AND ended_at IS NULL"),
        ),
    )

    member_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"), index=True)
    storage_key: Mapped[str] = mapped_column(String(64), unique=True)  # known before the file is, so that none is lost
    steps: Mapped[int]  # how many there are to it
    steps_done: Mapped[int] = mapped_column(default=0)
    size: Mapped[int | None]  # bytes
    sha256: Mapped[str] = mapped_column(String(64), default="")  # known once it is ready
    ready_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]  # the file is removed: it ran out, a newer one came, or it never got ready

    name = "my-data.zip"
    media_type = "application/zip"

    @property
    def is_under_way(self) -> bool:
        return self.ready_at is None and self.ended_at is None

    @property
    def is_ready(self) -> bool:
        return self.ended_at is None and self.expires_at is not None and self.expires_at > now()
