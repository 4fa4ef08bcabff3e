"""Narrowing the queue: to a reason, a kind of thing, a room, who sees to it, and what waits too long."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from flask import current_app
from sqlalchemy import ColumnElement, func, literal, or_, select
from sqlalchemy.orm import aliased

from portal.accounts.models import Member, Role
from portal.conversations.models import Post, Room, Thread
from portal.conversations.queries import open_to
from portal.core.clock import now
from portal.moderation.models import Flag, Handling, Reason

KINDS = {"post": "Posts", "thread": "Threads", "member": "Profiles", "item": "Nuggets"}
WHOSE = {"": "All", "mine": "Yours", "nobody": "Nobody’s"}


@dataclass(frozen=True)
class Narrowing:
    """What of the queue somebody wants to see."""

    reason: Reason | None = None
    kind: str = ""
    room: int = 0
    whose: str = ""
    is_late: bool = False

    @property
    def is_on(self) -> bool:
        return self != Narrowing()

    @property
    def has_more_than_whose(self) -> bool:
        return self != Narrowing(whose=self.whose)

    def but(self, **changed: Any) -> Narrowing:
        return replace(self, **changed)

    def path(self, after: str | None = None) -> str:
        """The address of the queue narrowed so, from a place in it on."""
        said = {
            "reason": self.reason.value if self.reason else "",
            "kind": self.kind,
            "room": self.room or "",
            "whose": self.whose,
            "late": "1" if self.is_late else "",
            "after": after or "",
        }
        query = urlencode({name: value for name, value in said.items() if value})
        return "/moderation" + (f"?{query}" if query else "")


EVERYTHING = Narrowing()


def within() -> timedelta:
    """How long a case is to wait at most."""
    return timedelta(hours=current_app.config["RULE_WITHIN_HOURS"])


def conditions(narrowed: Narrowing, reader: Member) -> list[ColumnElement[bool]]:
    """Of a statement that reads flags with what they are about. A moderator's own words are for others to judge; only
    the owner sees all. Rooms of the coaches are the coaches'."""
    wanted: list[ColumnElement[bool]] = [or_(Room.id.is_(None), open_to(reader))]
    if reader.role is not Role.OWNER:
        author_id = func.coalesce(Post.author_id, Thread.author_id, Flag.member_id, 0)
        wanted.append(author_id != reader.id)
    if narrowed.reason:
        wanted.append(Flag.reason == narrowed.reason)
    if narrowed.kind:
        wanted.append(getattr(Flag, f"{narrowed.kind}_id").is_not(None))
    if narrowed.room:
        wanted.append(Room.id == narrowed.room)
    if narrowed.whose == "mine":
        wanted.append(Handling.owner_id == reader.id)
    elif narrowed.whose == "nobody":
        wanted.append(Handling.owner_id.is_(None))
    if narrowed.is_late:
        oldest = aliased(Flag)
        waits = oldest.about == Flag.about, oldest.ruled_at.is_(None), oldest.created_at < now() - within()
        wanted.append(select(literal(1)).where(*waits).exists())
    return wanted
