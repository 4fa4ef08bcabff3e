"""What moderators read: the queue and the log, each a page at a time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import literal, select, tuple_
from sqlalchemy.orm import aliased

from portal.accounts.models import Member, Role
from portal.conversations import veiling
from portal.conversations.models import Post, Room, Thread
from portal.conversations.queries import open_to
from portal.core import markdown
from portal.core.audit import Record
from portal.core.db import Moment, db
from portal.core.web import cursor, read_cursor
from portal.moderation.models import Flag, Reason

_EXCERPT = 500  # characters of a flagged post in the queue; the rest is one click away


@dataclass(frozen=True)
class Report:
    """One member's flag."""

    reason: Reason
    words: str
    by: str
    at: datetime


@dataclass(frozen=True)
class Case:
    """A post before the moderators, with all its open flags. `flag_id` is the one by which it stands in the queue."""

    flag_id: int
    post_id: int
    thread_id: int
    thread_title: str
    thread_locked: bool
    room: str
    author: str  # as this reader may know them
    posted_at: datetime
    excerpt: str
    reports: list[Report] = field(default_factory=list)

    @property
    def is_urgent(self) -> bool:
        return any(report.reason.is_urgent for report in self.reports)


@dataclass(frozen=True)
class Cases:
    rows: Sequence[Case]
    later: str | None  # cursor of the next page


def queue(after: str | None, *, reader: Member, most: int) -> Cases:
    """Posts with open flags: what breaks a confidence first, then the oldest. In two statements, however long it is.

    A moderator's own posts are for others to judge; only the owner sees all. Rooms of the coaches are the coaches'.
    """
    place = _read_place(after)
    order = tuple_(Flag.rank, Flag.created_at, Flag.id)
    earlier = aliased(Flag)
    stands_for_its_post = ~(
        select(literal(1))
        .where(
            earlier.post_id == Flag.post_id,
            earlier.ruled_at.is_(None),
            tuple_(earlier.rank, earlier.created_at, earlier.id) < order,
        )
        .exists()
    )
    query = _cases().where(Flag.ruled_at.is_(None), stands_for_its_post, open_to(reader))
    if reader.role is not Role.OWNER:
        query = query.where(Post.author_id != reader.id)
    if place:
        query = query.where(order > tuple_(literal(place[0]), literal(place[1], Moment()), literal(place[2])))
    rows = db.session.execute(query.order_by(Flag.rank, Flag.created_at, Flag.id).limit(most + 1)).all()
    shown, more = rows[:most], len(rows) > most
    later = f"{shown[-1].rank}{cursor(shown[-1].created_at, shown[-1].flag_id)}" if more else None
    return Cases(_with_reports(shown, reader), later)


def case_of(post_id: int, reader: Member) -> Case:
    """One post as the queue shows it, with its open flags if there are any."""
    row = db.session.execute(_cases(outer=True).where(Post.id == post_id).limit(1)).one()
    return _with_reports([row], reader)[0]


def _cases(*, outer: bool = False) -> Any:
    columns = select(
        Flag.id.label("flag_id"),
        Flag.rank,
        Flag.created_at,
        Post.id.label("post_id"),
        Post.body_html,
        Post.created_at.label("posted_at"),
        Thread.id.label("thread_id"),
        Thread.title,
        Thread.locked_at,
        Room.title.label("room"),
        Post.author_id,
        Post.veiled_at,
        Member.name,
    )
    start = columns.select_from(Post).outerjoin(Flag, (Flag.post_id == Post.id) & Flag.ruled_at.is_(None))
    if not outer:
        start = columns.select_from(Flag).join(Post, Post.id == Flag.post_id)
    return (
        start.join(Thread, Thread.id == Post.thread_id)
        .join(Room, Room.id == Thread.room_id)
        .join(Member, Member.id == Post.author_id)
    )


def _with_reports(rows: Sequence[Any], reader: Member) -> list[Case]:
    reports: defaultdict[int | None, list[Report]] = defaultdict(list)
    flags = (
        select(Flag.post_id, Flag.reason, Flag.words, Flag.created_at, Member.name)
        .join(Member, Member.id == Flag.by_id)
        .where(Flag.post_id.in_([row.post_id for row in rows]), Flag.ruled_at.is_(None))
        .order_by(Flag.rank, Flag.created_at, Flag.id)
    )
    for post_id, reason, words, at, name in db.session.execute(flags) if rows else []:
        reports[post_id].append(Report(reason, words, name, at))
    return [
        Case(
            flag_id=row.flag_id or 0,
            post_id=row.post_id,
            thread_id=row.thread_id,
            thread_title=row.title,
            thread_locked=row.locked_at is not None,
            room=row.room,
            author=row.name
            if veiling.is_told(reader, author_id=row.author_id, veiled_at=row.veiled_at)
            else veiling.A_MEMBER,
            posted_at=row.posted_at,
            excerpt=markdown.excerpt(row.body_html, _EXCERPT),
            reports=reports[row.post_id],
        )
        for row in rows
    ]


def _read_place(text: str | None) -> tuple[int, datetime, int] | None:
    """The rank, moment and id that a cursor of the queue means; nonsense means the front."""
    if not text or text[0] not in "01":
        return None
    place = read_cursor(text[1:])
    return (int(text[0]), *place) if place else None


@dataclass(frozen=True)
class Line:
    """One record as the log shows it."""

    id: int
    at: datetime
    by: str | None
    by_handle: str | None
    action: str
    ref_kind: str
    ref_id: int
    because: str | None
    details: dict[str, Any]
    about: str | None  # whom it befell, when that is not who did it and they still have an account
    about_handle: str | None


@dataclass(frozen=True)
class Log:
    rows: Sequence[Line]
    newer: int | None
    older: int | None


def log(
    *, kinds: Sequence[str] | None, actions: Sequence[str] | None, older: int | None, newer: int | None, most: int
) -> Log:
    """Records, newest first. The log only grows, so its numbers are its order; `kinds` is what the reader may see."""
    query = select(Record, Member.name, Member.handle).outerjoin(Member, Member.id == Record.by_id)
    if kinds is not None:
        query = query.where(Record.ref_kind.in_(kinds))
    if actions is not None:
        query = query.where(Record.action.in_(actions))
    if newer is not None:
        up = query.where(Record.id > newer).order_by(Record.id).limit(most + 1)
        found = list(db.session.execute(up))
        has_newer, has_older = len(found) > most, True
        shown = list(reversed(found[:most]))
    else:
        down = query.where(Record.id < older) if older is not None else query
        found = list(db.session.execute(down.order_by(Record.id.desc()).limit(most + 1)))
        has_newer, has_older = older is not None, len(found) > most
        shown = found[:most]
    if not shown:
        return Log([], None, None)
    lines = _lines(shown)
    return Log(lines, lines[0].id if has_newer else None, lines[-1].id if has_older else None)


def _lines(found: Sequence[Any]) -> list[Line]:
    """Records with the names of whom they are about: one statement, however many they are."""
    whom = {_whom(record) for record, _, _ in found}
    people = {
        row.id: row
        for row in db.session.execute(
            select(Member.id, Member.name, Member.handle).where(
                Member.id.in_(whom - {None}), Member.closed_at.is_(None)
            )
        )
    }
    lines = []
    for record, name, handle in found:
        member_id = _whom(record)
        about = people.get(member_id) if member_id != record.by_id else None
        lines.append(
            Line(
                record.id,
                record.created_at,
                name,
                handle,
                record.action,
                record.ref_kind,
                record.ref_id,
                record.because,
                record.details or {},
                about.name if about else None,
                about.handle if about else None,
            )
        )
    return lines


def _whom(record: Record) -> int | None:
    return record.ref_id if record.ref_kind == "member" else (record.details or {}).get("member")
