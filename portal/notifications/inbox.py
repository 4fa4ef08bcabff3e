"""The inbox: what a member was told of, grouped by what it happened in, the newest first.

News hold no words. Each time they are listed, the area that a thing belongs to says what this reader may still be told
of it, so that nothing stands here that was hidden, taken back, moved out of their sight, or is under no name.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from sqlalchemy import ColumnElement, Row, Select, and_, func, select, update

from portal.accounts.models import Member
from portal.core.clock import now
from portal.core.db import db
from portal.notifications.models import Notification, Stream

ENTRIES_A_PAGE = 20
MOST_COUNTED = 100  # unread news that are counted one by one
MOST_OF_ONE = 30  # news of one group that are looked at: "Ann and 29 others"


@dataclass(frozen=True, slots=True)
class Told:
    """What one reader may be told of one thing."""

    title: str  # of what it happened in
    path: str  # of the thing itself
    who: str | None = None  # whose it is, under the name that this reader may know; None: the program's
    did: str = ""  # what they did, before the title: "replied in"
    about: str = ""  # a few words of it
    place: str = ""  # where: the room, or the kind of item


Teller = Callable[[Member, Collection[int]], Mapping[int, Told]]
_tellers: dict[str, Teller] = {}


def told_of(kind: str) -> Callable[[Teller], Teller]:
    """Register what may be told of things of a kind: `@told_of("post") def told(reader, ids) -> {id: Told}`.

    A thing that is not in the answer is not told of. It is asked with all ids of a page at once.
    """

    def register(teller: Teller) -> Teller:
        _tellers[kind] = teller
        return teller

    return register


@dataclass(frozen=True, slots=True)
class Entry:
    """News of one conversation or thing that came while it was not looked at, as they stand in one line."""

    id: int  # of its newest piece; names it in addresses
    stream: Stream
    is_read: bool
    at: datetime
    title: str
    place: str
    path: str  # of the oldest piece: where to begin
    names: Sequence[str]  # whose, each once, the newest first
    did: str
    count: int  # pieces that may be told
    about: str

    @property
    def who(self) -> str:
        """ "Ann", "Ann and Bob", "Ann and 3 others"; several pieces under no name are no more than that name."""
        if len(self.names) < 3:
            return " and ".join(self.names)
        return f"{self.names[0]} and {len(self.names) - 1} others"


def page_of(reader: Member, before: int | None) -> tuple[Sequence[Entry], int | None]:
    """The entries of one page, and the number before which the next one begins. Its queries do not grow with it."""
    of_reader = Notification.member_id == reader.id
    newest = func.max(Notification.id)
    found = select(newest).where(of_reader).group_by(*_TOGETHER).order_by(newest.desc()).limit(ENTRIES_A_PAGE + 1)
    ids = list(db.session.scalars(found.having(newest < before) if before else found))
    shown, more = ids[:ENTRIES_A_PAGE], len(ids) > ENTRIES_A_PAGE
    if not shown:
        return [], None
    heads = select(*_TOGETHER).where(Notification.id.in_(shown)).subquery()
    same = and_(
        Notification.within == heads.c.within,
        Notification.stream == heads.c.stream,
        Notification.read_at.is_not_distinct_from(heads.c.read_at),
    )
    return told_in(reader, [of_reader, select(heads.c.within).where(same).exists()]), shown[-1] if more else None


def told_in(reader: Member, wanted: Sequence[ColumnElement[bool]]) -> list[Entry]:
    """The news that are `wanted`, as far as they may be told, in entries. One statement, and one a kind of thing."""
    rows = db.session.execute(_newest_of_each(reader, wanted)).all()
    told = _told(reader, rows)
    kept = [row for row in rows if (row.about_kind, row.about_id) in told]
    return sorted((_entry(list(group), told) for _, group in groupby(kept, _key)), key=lambda e: e.id, reverse=True)


def unread(reader: Member) -> int:
    """How many entries there are that they have not opened; at most MOST_COUNTED are looked at."""
    newest = _unread(reader).order_by(Notification.id.desc()).limit(MOST_COUNTED)
    rows = db.session.execute(newest).all()
    told = _told(reader, rows)
    return len({(row.stream, row.within) for row in rows if (row.about_kind, row.about_id) in told})


# Becoming read


def open_entry(reader: Member, entry_id: int) -> Entry | None:
    """They go to what it tells of. None: it is not theirs, or no more to be told."""
    row = db.session.scalar(
        select(Notification).where(Notification.id == entry_id, Notification.member_id == reader.id)
    )
    if row is None:
        return None
    of_entry = [
        Notification.member_id == reader.id,
        Notification.within == row.within,
        Notification.stream == row.stream,
        Notification.read_at.is_(None) if row.read_at is None else Notification.read_at == row.read_at,
    ]
    found = told_in(reader, of_entry)
    if row.read_at is None:
        _mark([*of_entry, Notification.id <= row.id])
    return found[0] if found else None


def see(reader: Member, kind: str, ids: Select[int]) -> None:
    """They have read these things where they stand."""
    _mark([Notification.member_id == reader.id, Notification.about_kind == kind, Notification.about_id.in_(ids)])


def mark_all(reader: Member, *, until: datetime) -> datetime:
    """All that came up to a moment is read; returns what undo() asks for."""
    return _mark([Notification.member_id == reader.id, Notification.created_at <= until])


def undo(reader: Member, marked_at: datetime) -> None:
    """What was marked together at this moment is unread again."""
    db.session.execute(
        update(Notification)
        .where(Notification.member_id == reader.id, Notification.read_at == marked_at)
        .values(read_at=None)
        .execution_options(synchronize_session=False)
    )


def _mark(which: Sequence[ColumnElement[bool]]) -> datetime:
    moment = now()
    db.session.execute(
        update(Notification)
        .where(*which, Notification.read_at.is_(None))
        .values(read_at=moment)
        .execution_options(synchronize_session=False)
    )
    return moment


_COLUMNS = (
    Notification.id,
    Notification.stream,
    Notification.about_kind,
    Notification.about_id,
    Notification.within,
    Notification.read_at,
    Notification.created_at,
)
# What came of one conversation before it was looked at is one entry; what comes later is another.
_TOGETHER = (Notification.within, Notification.stream, Notification.read_at)


def _newest_of_each(reader: Member, wanted: Sequence[ColumnElement[bool]]) -> Select[*tuple[object, ...]]:
    place = func.row_number().over(partition_by=_TOGETHER, order_by=Notification.id.desc()).label("place")
    numbered = select(*_COLUMNS, place).where(Notification.member_id == reader.id, *wanted).subquery()
    found = numbered.c
    return (
        select(*(found[column.key] for column in _COLUMNS))
        .where(found.place <= MOST_OF_ONE)
        .order_by(found.within, found.stream, found.read_at, found.id.desc())
    )


def _unread(reader: Member) -> Select[*tuple[object, ...]]:
    return select(*_COLUMNS).where(Notification.member_id == reader.id, Notification.read_at.is_(None))


def _told(reader: Member, rows: Sequence[Row[*tuple[object, ...]]]) -> dict[tuple[str, int], Told]:
    wanted: dict[str, set[int]] = {}
    for row in rows:
        wanted.setdefault(row.about_kind, set()).add(row.about_id)
    return {
        (kind, row_id): told
        for kind, ids in wanted.items()
        if kind in _tellers
        for row_id, told in _tellers[kind](reader, ids).items()
    }


def _key(row: Row[*tuple[object, ...]]) -> tuple[object, ...]:
    return row.within, row.stream, row.read_at


def _entry(rows: Sequence[Row[*tuple[object, ...]]], told: Mapping[tuple[str, int], Told]) -> Entry:
    """The newest of a group first."""
    newest, pieces = rows[0], [told[row.about_kind, row.about_id] for row in rows]
    return Entry(
        id=newest.id,
        stream=newest.stream,
        is_read=newest.read_at is not None,
        at=newest.created_at,
        title=pieces[0].title,
        place=pieces[0].place,
        path=pieces[-1].path,
        did="mentioned you in" if newest.stream is Stream.MENTIONS else pieces[0].did,
        names=list(dict.fromkeys(piece.who for piece in pieces if piece.who)),
        count=len(pieces),
        about=pieces[0].about,
    )
