"""Narrowing the log: to one kind of decision, to who decided, to whom it befell, to days."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from urllib.parse import urlencode

from sqlalchemy import ColumnElement, and_, not_, or_, select

from portal.accounts.models import Member, Role
from portal.conversations.models import Post, Room, RoomKind, Thread
from portal.core.audit import Record
from portal.core.db import db
from portal.core.web import reader_zone
from portal.moderation.models import Ruling
from portal.moderation.person_models import Appeal, Sanction, for_coaches

GROUPS: dict[
    str, tuple[str, tuple[str, ...] | None]
] = {  # kinds of decision: what they are called, and the records of them
    "": ("Everything", None),
    "hidden": ("Hidden or deleted", ("post.hidden", "thread.hidden", "post.deleted", "post.edited_out")),
    "restored": ("Restored", ("post.restored", "thread.restored", "post.put_back")),
    "kept": ("Kept", ("post.kept", "thread.kept", "profile.kept", "nugget.kept")),
    "appeals": ("Appeals", ("appeal.upheld", "appeal.overturned", "appeal.closed")),
    "closed": ("Closed and opened", ("thread.locked", "thread.unlocked")),
}
_NOBODY = 0  # the id of a name that nobody has


@dataclass(frozen=True)
class Narrowed:
    """What of the log is wanted. Days are those where the reader is."""

    group: str = ""
    by: str = ""  # the handle of who acted
    about: str = ""  # the handle of whom it befell
    since: date | None = None
    until: date | None = None  # with that day

    @property
    def has_more_than_a_group(self) -> bool:
        return self != Narrowed(group=self.group)

    @property
    def fields(self) -> dict[str, str]:
        """What a form or an address that asks for the same says."""
        said = {
            "action": self.group,
            "by": self.by,
            "about": self.about,
            "since": self.since.isoformat() if self.since else "",
            "until": self.until.isoformat() if self.until else "",
        }
        return {name: value for name, value in said.items() if value}

    def address(self, **changes: str) -> str:
        """Of the log's page that is narrowed like this, with something about it changed."""
        wanted = {name: value for name, value in (self.fields | changes).items() if value}
        return f"/moderation/log?{urlencode(wanted)}" if wanted else "/moderation/log"


def asked(typed: Mapping[str, str]) -> Narrowed:
    """What a form or an address asks for; nonsense asks for nothing."""
    group = typed.get("action", "")
    return Narrowed(
        group=group if group in GROUPS else "",
        by=_handle(typed.get("by")),
        about=_handle(typed.get("about")),
        since=_day(typed.get("since")),
        until=_day(typed.get("until")),
    )


def conditions(narrowed: Narrowed, *, reader: Member) -> list[ColumnElement[bool]]:
    """What holds of every record that is wanted. Each is found by an index of its own."""
    found: list[ColumnElement[bool]] = [] if reader.is_at_least(Role.COACH) else [_not_among_coaches()]
    if (actions := GROUPS[narrowed.group][1]) is not None:
        found.append(Record.action.in_(actions))
    if narrowed.by:
        found.append(Record.by_id == _id_of(narrowed.by))
    if narrowed.about:
        found.append(_befell(_id_of(narrowed.about), reader))
    if narrowed.since:
        found.append(Record.created_at >= _begin_of(narrowed.since))
    if narrowed.until:
        found.append(Record.created_at < _begin_of(narrowed.until + timedelta(days=1)))
    return found


def _not_among_coaches() -> ColumnElement[bool]:
    """Nothing of rooms that are the coaches' alone: a reason tells what was said there; and no silence or suspension by
    whose reason they would recognise whoever asked under no name."""
    threads = select(Thread.id).join(Thread.room).where(Room.kind == RoomKind.COACHES)
    posts = select(Post.id).where(Post.thread_id.in_(threads))
    rulings = select(Ruling.id).where(Ruling.thread_id.in_(threads))
    against = or_(Appeal.ruling_id.in_(rulings), Appeal.sanction_id.in_(for_coaches()))
    appeals = select(Appeal.id).where(against)
    return not_(
        or_(
            and_(Record.ref_kind == "thread", Record.ref_id.in_(threads)),
            and_(Record.ref_kind == "post", Record.ref_id.in_(posts)),
            and_(Record.ref_kind == "appeal", Record.ref_id.in_(appeals)),
            and_(Record.ref_kind == "sanction", Record.ref_id.in_(for_coaches())),
        )
    )


def _befell(member_id: int, reader: Member) -> ColumnElement[bool]:
    """Their account, what they said, what was decided about them. Where somebody asked under no name, only those who
    are told the name may find it by the name."""
    posts = select(Post.id).where(Post.author_id == member_id)
    threads = select(Thread.id).where(Thread.author_id == member_id)
    if not reader.is_at_least(Role.COACH):
        posts, threads = posts.where(Post.veiled_at.is_(None)), threads.where(Thread.author_hidden_at.is_(None))
    sanctions = select(Sanction.id).where(Sanction.member_id == member_id)
    return or_(
        and_(Record.ref_kind == "member", Record.ref_id == member_id),
        and_(Record.ref_kind == "post", Record.ref_id.in_(posts)),
        and_(Record.ref_kind == "thread", Record.ref_id.in_(threads)),
        and_(Record.ref_kind == "sanction", Record.ref_id.in_(sanctions)),
    )


def _id_of(handle: str) -> int:
    return db.session.scalar(select(Member.id).where(Member.handle == handle)) or _NOBODY


def _handle(typed: str | None) -> str:
    handle = (typed or "").strip().removeprefix("@").lower()[:40]
    return handle if handle.isprintable() else ""


def _day(typed: str | None) -> date | None:
    try:
        day = date.fromisoformat(typed or "")
    except ValueError:
        return None
    return day if 1970 < day.year < 9000 else None


def _begin_of(day: date) -> datetime:
    return datetime.combine(day, time.min, reader_zone()).astimezone(UTC)
