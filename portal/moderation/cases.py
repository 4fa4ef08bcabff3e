"""Cases: what stands before the moderators, each thing once with all its open flags, and what they need to decide."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Integer, Select, cast, func, literal, select, tuple_
from sqlalchemy.orm import aliased

from portal.accounts.models import Member
from portal.conversations import identifying
from portal.conversations.identifying import Mark
from portal.conversations.models import Post, Room, Thread
from portal.core import markdown
from portal.core.clock import now
from portal.core.db import Moment, db
from portal.core.web import cursor, read_cursor
from portal.library.models import Item
from portal.moderation import appeals
from portal.moderation.assigning import LOOKS_FOR
from portal.moderation.models import Flag, Handling, Reason, Thing, about
from portal.moderation.narrowing_queue import EVERYTHING, KINDS, Narrowing, conditions, within
from portal.moderation.person_models import SanctionKind
from portal.moderation.policy import may_judge_somebody
from portal.moderation.remembering import Known, known_of
from portal.moderation.surrounding import Around, around, is_told, name_of
from portal.practices.models import Affiliation, Practice
from portal.practices.queries import line

_EXCERPT = 500  # characters of a flagged post in the queue; the rest is one click away
_MOST_COUNTED = 100  # a count costs the same beyond that: "more than 99"


@dataclass(frozen=True)
class Report:
    """One flag; by nobody, the portal raised it."""

    reason: Reason
    words: str
    by: str | None
    at: datetime


@dataclass(frozen=True)
class Case:
    """A thing before the moderators. `flag_id` is the flag by which it stands in the queue; 0 for none."""

    kind: str  # as in KINDS
    id: int
    flag_id: int
    title: str
    path: str  # where it is read
    excerpt: str
    said_at: datetime | None  # None of a profile
    is_late: bool  # its oldest flag waits longer than it should
    is_hidden: bool
    is_held: bool  # out of members' sight until this is decided
    thread_id: int | None
    is_locked: bool
    room: str | None
    author: str | None  # as this reader may know them; None: the program's
    author_handle: str | None
    author_since: datetime | None
    owner: str | None  # who sees to it
    is_mine: bool
    looked_by: str | None  # somebody else who has it open at the moment
    may_judge: bool = False  # whether this reader decides about its author
    imposable: Sequence[SanctionKind] = ()  # what they can add to a ruling about them: what does not run already
    known: Known | None = None
    before: Around | None = None
    after: Around | None = None
    overrode: str = ""  # what its author was warned of before posting and meant: "2 names"
    marks: Sequence[Mark] = ()  # where somebody may be recognised in it now; on its own page only
    reports: list[Report] = field(default_factory=list)

    @property
    def is_urgent(self) -> bool:
        return any(report.reason.is_urgent for report in self.reports)

    @property
    def since(self) -> datetime | None:
        """When it was first flagged."""
        return min((report.at for report in self.reports), default=None)

    @property
    def anchor(self) -> str:
        return f"case-{self.kind}-{self.id}"

    @property
    def page(self) -> str:
        """Where it stands by itself."""
        return f"/moderation/cases/{self.kind}/{self.id}"


@dataclass(frozen=True)
class Cases:
    rows: Sequence[Case]
    later: str | None  # cursor of the next page
    count: int  # of all so narrowed, up to _MOST_COUNTED
    appealed: int  # how many appeals wait for this reader, which the queue does not show

    @property
    def count_in_words(self) -> str:
        if self.count >= _MOST_COUNTED:
            return f"More than {_MOST_COUNTED - 1} cases"
        return "One case" if self.count == 1 else f"{self.count} cases"


def queue(after: str | None, *, reader: Member, most: int, narrowed: Narrowing = EVERYTHING) -> Cases:
    """Things with open flags: what breaks a confidence first, then the oldest. The same statements at any length."""
    order = tuple_(Flag.rank, Flag.created_at, Flag.id)
    query = _cases(Flag, Flag).add_columns(Flag.id.label("flag_id"), Flag.rank, Flag.created_at.label("since"))
    query = query.where(Flag.ruled_at.is_(None), _stands_for_its_thing(order, narrowed), *conditions(narrowed, reader))
    counted = select(func.count()).select_from(
        query.with_only_columns(literal(1).label("one")).limit(_MOST_COUNTED).subquery()
    )
    waiting = appeals.counting_waiting(reader)
    count, appealed = db.session.execute(select(counted.scalar_subquery(), waiting.scalar_subquery())).one()
    place = _read_place(after)
    if place:
        query = query.where(order > tuple_(literal(place[0]), literal(place[1], Moment()), literal(place[2])))
    rows = db.session.execute(query.order_by(Flag.rank, Flag.created_at, Flag.id).limit(most + 1)).all()
    shown, more = rows[:most], len(rows) > most
    later = f"{shown[-1].rank}{cursor(shown[-1].since, shown[-1].flag_id)}" if more else None
    return Cases(_told(shown, reader), later, count, appealed)


def case_of(thing: Thing, *, reader: Member) -> Case:
    """One thing as the queue shows it, with its open flags if there are any."""
    kind, thing_id = about(thing).split(":")
    ids = [cast(int(thing_id) if name == kind else None, Integer).label(f"{name}_id") for name in KINDS]
    meant = select(literal(about(thing)).label("about"), *ids).subquery()
    query = (
        _cases(meant, meant.c)
        .add_columns(Post.body, Flag.id.label("flag_id"), Flag.created_at.label("since"))
        .outerjoin(Flag, (Flag.about == meant.c.about) & Flag.ruled_at.is_(None))
        .order_by(Flag.rank, Flag.created_at, Flag.id)
    )
    row = db.session.execute(query.limit(1)).one()
    return replace(_told([row], reader)[0], marks=identifying.look(_said(kind, row))[: identifying.MOST])


def _cases(source: Any, thing: Any) -> Select[Any]:
    """What is told of the things that these ids mean; a thread speaks with its opening post."""
    author, owner, looker = aliased(Member), aliased(Member), aliased(Member)
    first = aliased(Post)
    opening = select(first.id).where(first.thread_id == thing.thread_id, first.number == 1).scalar_subquery()
    return (
        select(
            thing.about,
            Post.body_html,
            Post.overrode,
            Post.number,
            Post.veiled_at,
            Post.hidden_at,
            Post.held_at,
            func.coalesce(Post.created_at, Thread.created_at, Item.published_at, type_=Moment()).label("said_at"),
            Thread.id.label("thread_id"),
            Thread.title,
            Thread.locked_at,
            Thread.hidden_at.label("thread_hidden_at"),
            Thread.held_at.label("thread_held_at"),
            Room.title.label("room"),
            author.id.label("author_id"),
            author.name,
            author.handle,
            author.closed_at,
            author.created_at.label("author_since"),
            author.role.label("author_role"),
            author.silenced_until,
            author.suspended_until,
            author.bio,
            Affiliation.title.label("role"),
            Practice.name.label("practice"),
            Item.title.label("item_title"),
            Item.summary,
            Item.slug,
            Item.withdrawn_at,
            owner.id.label("owner_id"),
            owner.name.label("owner"),
            looker.id.label("looker_id"),
            looker.name.label("looker"),
        )
        .select_from(source)
        .outerjoin(Post, Post.id == func.coalesce(thing.post_id, opening))
        .outerjoin(Thread, Thread.id == func.coalesce(thing.thread_id, Post.thread_id))
        .outerjoin(Room, Room.id == Thread.room_id)
        .outerjoin(author, author.id == func.coalesce(Post.author_id, Thread.author_id, thing.member_id))
        .outerjoin(Affiliation, Affiliation.member_id == thing.member_id)
        .outerjoin(Practice, Practice.id == Affiliation.practice_id)
        .outerjoin(Item, Item.id == thing.item_id)
        .outerjoin(Handling, Handling.about == thing.about)
        .outerjoin(owner, owner.id == Handling.owner_id)
        .outerjoin(looker, (looker.id == Handling.looked_by_id) & (Handling.looked_at > now() - LOOKS_FOR))
    )


def _stands_for_its_thing(order: Any, narrowed: Narrowing) -> ColumnElement[bool]:
    """The first of the open flags on one thing; of those with the wanted reason."""
    earlier = aliased(Flag)
    same = [earlier.about == Flag.about, earlier.ruled_at.is_(None)]
    if narrowed.reason:
        same.append(earlier.reason == narrowed.reason)
    first = tuple_(earlier.rank, earlier.created_at, earlier.id) < order
    return ~select(literal(1)).where(*same, first).exists()


def _told(rows: Sequence[Any], reader: Member) -> list[Case]:
    """With the flags of each, what was decided about its author before, and what stands around it."""
    reports, known, posts = _reports(rows), known_of(_authors(rows, reader), reader), around(rows, reader)
    return [_case(row, reader, reports, known, posts) for row in rows]


def _case(
    row: Any,
    reader: Member,
    reports: dict[str, list[Report]],
    known: dict[int | None, Known],
    posts: dict[tuple[int | None, int], Around],
) -> Case:
    kind, thing_id = row.about.split(":")
    knows = is_told(row, reader)
    may_judge = _may_judge(row, reader)
    return Case(
        kind=kind,
        id=int(thing_id),
        flag_id=row.flag_id or 0,
        title={"member": row.name, "item": row.item_title}.get(kind, row.title),
        path={"member": f"/members/{row.handle}", "item": f"/library/{row.slug}"}.get(kind, f"/{kind}s/{thing_id}"),
        excerpt=_excerpt(kind, row),
        said_at=row.said_at,
        is_late=any(report.at < now() - within() for report in reports[row.about]),
        is_hidden=any((row.hidden_at if kind == "post" else None, row.thread_hidden_at, row.withdrawn_at)),
        is_held=(row.held_at if kind == "post" else row.thread_held_at) is not None,
        thread_id=row.thread_id,
        is_locked=row.locked_at is not None,
        room=row.room,
        author=name_of(row, reader) if row.author_id else None,
        author_handle=row.handle if knows and row.author_id and row.closed_at is None else None,
        author_since=row.author_since if knows else None,
        owner=row.owner,
        is_mine=row.owner_id == reader.id,
        looked_by=row.looker if row.looker_id != reader.id else None,
        may_judge=may_judge,
        imposable=_imposable(row) if may_judge else (),
        known=known.get(row.author_id, Known()) if knows and row.author_id else None,
        before=posts.get((row.thread_id, (row.number or 0) - 1)) if kind == "post" else None,
        after=posts.get((row.thread_id, (row.number or 0) + 1)) if kind in {"post", "thread"} else None,
        overrode=identifying.in_words(row.overrode),
        reports=reports[row.about],
    )


def _may_judge(row: Any, reader: Member) -> bool:
    if not row.author_id or row.closed_at is not None or not is_told(row, reader):
        return False
    return may_judge_somebody(reader, row.author_id, row.author_role)


def _imposable(row: Any) -> Sequence[SanctionKind]:
    runs = {SanctionKind.SILENCE: row.silenced_until, SanctionKind.SUSPENSION: row.suspended_until}
    return [kind for kind, until in runs.items() if until is None or until <= now()]


def _excerpt(kind: str, row: Any) -> str:
    if kind == "member":
        return ". ".join(filter(None, [line(row.role, None, row.practice), row.bio]))[:_EXCERPT]
    if kind == "item":
        return str(row.summary)
    return markdown.excerpt(row.body_html or "", _EXCERPT)


def _said(kind: str, row: Any) -> str:
    """All of it as text, for the look at names."""
    if kind == "thread":
        return "\n\n".join([row.title, row.body or ""])
    return {"post": row.body, "item": row.summary}.get(kind) or ""


def _reports(rows: Sequence[Any]) -> dict[str, list[Report]]:
    reports: defaultdict[str, list[Report]] = defaultdict(list)
    flags = (
        select(Flag.about, Flag.reason, Flag.words, Flag.created_at, Member.name)
        .outerjoin(Member, Member.id == Flag.by_id)
        .where(Flag.about.in_([row.about for row in rows]), Flag.ruled_at.is_(None))
        .order_by(Flag.rank, Flag.created_at, Flag.id)
    )
    for flagged, reason, words, at, name in db.session.execute(flags) if rows else []:
        reports[flagged].append(Report(reason, words, name, at))
    return reports


def _authors(rows: Sequence[Any], reader: Member) -> Collection[int]:
    """Those whom the reader may know."""
    return {row.author_id for row in rows if row.author_id and is_told(row, reader)}


def _read_place(text: str | None) -> tuple[int, datetime, int] | None:
    """The rank, moment and id that a cursor of the queue means; nonsense means the front."""
    if not text or text[0] not in "01":
        return None
    place = read_cursor(text[1:])
    return (int(text[0]), *place) if place else None
