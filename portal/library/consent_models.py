"""What clients were asked about their stories, and what they answered."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.accounts.models import Member
from portal.core.db import Model, Words
from portal.library.models import Nugget


class Naming(StrEnum):
    """How a client wishes to be named beside their story."""

    FULL = "full"
    FIRST = "first"
    ROLE = "role"
    DISGUISED = "disguised"


class Place(StrEnum):
    """Where a client lets their story be told."""

    MEMBERS = "members"
    PUBLIC = "public"
    AIR = "air"
    MAIL = "mail"


class ConsentState(StrEnum):
    """How one asking stands."""

    WAITING = "waiting"
    CHANGE = "change"  # the client wishes for other words; they may still agree to these
    AGREED = "agreed"
    DECLARED = "declared"  # a composite: no client to ask, a coach answers for it
    DECLINED = "declined"
    CANCELLED = "cancelled"  # taken back by a coach, or replaced by a newer asking
    RAN_OUT = "ran-out"  # nobody answered
    REPLACED = "replaced"  # the client agreed to newer words
    WITHDRAWN = "withdrawn"


_OPEN = text("state IN ('waiting', 'change')")
_STANDS = text("state IN ('agreed', 'declared')")


class Consent(Model):
    """One asking of a client for exactly these words, and what they answered.

    The client has no account. Their name, their address and the words are here only as long as they are needed; what
    stays is the hash, how and where it was to be shown, and when what was answered.
    """

    __tablename__ = "consent"
    __table_args__ = (
        Index("ix_consent_one_open", "nugget_id", unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN),
        Index("ix_consent_one_stands", "nugget_id", unique=True, sqlite_where=_STANDS, postgresql_where=_STANDS),
    )

    nugget_id: Mapped[int] = mapped_column(ForeignKey("nugget.id", ondelete="CASCADE"), index=True)
    state: Mapped[ConsentState]
    story: Mapped[dict[str, Any] | None]  # the words, as stories.Story keeps them
    lines: Mapped[dict[str, Any] | None]  # the naming line for each naming that is offered
    words_sha256: Mapped[str] = mapped_column(String(64))  # of the words, under whatever name
    told_sha256: Mapped[str] = mapped_column(String(64), index=True)  # of what is told alone, under whatever title
    sha256: Mapped[str | None] = mapped_column(String(64))  # of the words with the naming line that was chosen
    naming: Mapped[Naming | None]
    places: Mapped[list[str]] = mapped_column(default=list)
    client_name: Mapped[str | None] = mapped_column(String(120))
    client_email: Mapped[str | None]  # canonical form
    client_role: Mapped[str | None] = mapped_column(String(160))  # "the owner of a dental practice"
    asked_by_id: Mapped[int | None] = mapped_column(ForeignKey("member.id", ondelete="SET NULL"))
    ask_hash: Mapped[str | None] = mapped_column(String(64), unique=True)  # of the link that asks
    keep_hash: Mapped[str | None] = mapped_column(String(64), unique=True)  # of the client's own link, which never ends
    sent_at: Mapped[datetime | None]  # the last letter with a link
    runs_out_at: Mapped[datetime | None]  # the link that asks
    wish: Mapped[str | None] = mapped_column(Words)  # what the client would like changed
    answered_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    nugget: Mapped[Nugget] = relationship()
    asked_by: Mapped[Member | None] = relationship()

    @property
    def is_open(self) -> bool:
        return self.state in {ConsentState.WAITING, ConsentState.CHANGE}

    @property
    def stands(self) -> bool:
        return self.state in {ConsentState.AGREED, ConsentState.DECLARED}
