"""The record of what staff decided and money did: append-only, written in the transaction of the change itself."""

from __future__ import annotations

from typing import Any, Protocol

import structlog
from sqlalchemy import Index, func, select
from sqlalchemy.orm import Mapped, mapped_column

from portal.core.db import Model, Words, db

log = structlog.get_logger()


class HasId(Protocol):
    id: Any


class Record(Model):
    """One line of the log. Triggers in the database refuse UPDATE and DELETE."""

    __tablename__ = "record"
    __table_args__ = (
        Index("ix_record_ref", "ref_kind", "ref_id"),
        Index("ix_record_by", "by_id", "id"),
        Index("ix_record_created_at", "created_at"),
    )

    by_id: Mapped[int | None]  # the member who acted; None for the portal itself
    action: Mapped[str] = mapped_column(index=True)  # "post.hidden"
    ref_kind: Mapped[str]  # "post"
    ref_id: Mapped[int]
    because: Mapped[str | None] = mapped_column(Words)
    details: Mapped[dict[str, Any] | None]


def count_saying(words: str) -> int:
    """How many reasons in the log say this. They stay: the log is never changed."""
    says = Record.because.icontains(words, autoescape=True)
    return db.session.scalar(select(func.count()).select_from(Record).where(says)) or 0


def record(by: HasId | None, action: str, ref: HasId, *, because: str | None = None, **details: Any) -> Record:
    """Add a line: `record(cory, "post.hidden", post, because="names a patient")`. Details: ids and states, no words."""
    if ref.id is None:
        db.session.flush()
    line = Record(
        by_id=by.id if by else None,
        action=action,
        ref_kind=type(ref).__tablename__,  # type: ignore[attr-defined]  # every row has one
        ref_id=ref.id,
        because=because,
        details=details or None,
    )
    db.session.add(line)
    log.info(action, ref=f"{line.ref_kind}:{ref.id}", by=line.by_id)
    return line
