"""Whoever flagged something hears what became of it: that it was looked at, and what was decided; nothing of others who
flagged it, of the reason its author was given, or of what else befell them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import Row, select

from portal.accounts.models import Member
from portal.conversations import queries
from portal.conversations.models import Room, Thread
from portal.core.db import db
from portal.core.letters import readers_of
from portal.core.web import absolute
from portal.library.models import Item
from portal.moderation import telling_authors
from portal.moderation.models import Flag, Outcome, Ruling
from portal.notifications.inbox import Told, told_of
from portal.notifications.models import Stream
from portal.notifications.telling import tell

_BECAME = {
    Outcome.KEPT: "A moderator looked at it and decided that it stays.",
    Outcome.HIDDEN: "A moderator looked at it. Members do not read it any more.",
    Outcome.DELETED: "A moderator looked at it. Members do not read it any more.",
    Outcome.EDITED: "A moderator looked at it and took a part out.",
    Outcome.MOVED: "A moderator looked at it and moved the thread.",
    Outcome.LOCKED: "A moderator looked at it and closed the thread to new replies.",
    Outcome.CLEARED: "A moderator looked at it. It does not stand on the profile any more.",
    Outcome.WITHDRAWN: "A coach looked at it and took it out of the library.",
}
_WHO = "A moderator"
_OTHERWISE = "A moderator looked at it and did something about it."


def tell_outcome(ruling: Ruling, member_ids: Collection[int]) -> None:
    """Tell those whose flags this ruling settled."""
    tell(
        member_ids,
        Stream.FLAGS,
        letter="moderation/outcome",
        about=ruling,
        key=f"outcome:{ruling.id}",
        became=_BECAME.get(ruling.outcome, _OTHERWISE),
        link=absolute("notifications.inbox"),
    )


@readers_of("ruling")
def may_hear(member_id: int, ruling_id: int) -> bool:
    """Asked when a letter leaves."""
    mine = select(Flag.id).where(Flag.ruling_id == ruling_id, Flag.by_id == member_id)
    member = db.session.get(Member, member_id)
    return member is not None and member.closed_at is None and db.session.scalar(mine) is not None


@told_of("ruling")
def told(reader: Member, ruling_ids: Collection[int]) -> dict[int, Told]:
    """What an inbox says of rulings on what this reader flagged; where that stands, only while they may read there. Of
    those on their own words, what telling_authors.py says."""
    seen = select(Thread.id).join(Room, Room.id == Thread.room_id).where(queries.visible_to(reader))
    found = (
        select(Ruling.id, Ruling.outcome, Ruling.post_id, Thread.id.label("thread_id"), Thread.title, Item.slug)
        .join(Flag, Flag.ruling_id == Ruling.id)
        .outerjoin(Thread, (Thread.id == Ruling.thread_id) & Thread.id.in_(seen))
        .outerjoin(Item, (Item.id == Ruling.item_id) & Item.withdrawn_at.is_(None))
        .where(Ruling.id.in_(ruling_ids), Flag.by_id == reader.id)
    )
    flagged = {row.id: _line(row) for row in db.session.execute(found)}
    return flagged | telling_authors.told_of_rulings(reader, ruling_ids)


def _line(row: Row[*tuple[Any, ...]]) -> Told:
    about = _BECAME.get(row.outcome, _OTHERWISE)
    if row.thread_id is not None:
        path = f"/posts/{row.post_id}" if row.post_id is not None else f"/threads/{row.thread_id}"
        return Told(title=row.title, path=path, who=_WHO, did="looked at what you flagged in", about=about)
    path = f"/library/{row.slug}" if row.slug else "/rules"
    return Told(title="what you flagged", path=path, who=_WHO, did="looked at", about=about)
