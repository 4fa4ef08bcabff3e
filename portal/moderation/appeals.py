"""What is read of appeals: a ruling by whoever it was about, and what waits for a second look by staff."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, func, literal, or_, select, tuple_
from sqlalchemy.orm import contains_eager, joinedload

from portal.accounts.applying_rules import Rule
from portal.accounts.models import Member, Role
from portal.conversations import veiling
from portal.conversations.models import Thread
from portal.conversations.policy import may_read_words
from portal.conversations.queries import open_to
from portal.core import markdown
from portal.core.clock import now
from portal.core.db import Moment, db
from portal.core.errors import Refusal
from portal.core.web import cursor, day, read_cursor
from portal.moderation import appealing, citing, settling
from portal.moderation.models import Flag, Outcome, Reason, Ruling, Verdict
from portal.moderation.person_models import Appeal, Sanction, SanctionKind, for_coaches
from portal.moderation.ruling_and_sanctioning import along_with

_WHAT = {  # as a sentence about the thing that begins with "Your post", "The thread"
    Outcome.KEPT: "stays",
    Outcome.HIDDEN: "was hidden",
    Outcome.RESTORED: "is back",
    Outcome.LOCKED: "was closed to new replies",
    Outcome.UNLOCKED: "is open again",
    Outcome.EDITED: "was edited by a moderator",
    Outcome.DELETED: "was deleted by a moderator",
    Outcome.MOVED: "was moved to another room",
    Outcome.NOTED: "got a note",
}


_SANCTIONED = {  # to whom it happened, and to whoever decides
    SanctionKind.SILENCE: ("You cannot write to other members", "Silenced"),
    SanctionKind.SUSPENSION: ("Your account is suspended", "Suspended"),
}


def ruling_about(member: Member, ruling_id: int) -> Select[Ruling]:
    """A ruling on their own words, of which they were told."""
    return (
        select(Ruling)
        .options(joinedload(Ruling.post), joinedload(Ruling.thread).joinedload(Thread.room))
        .where(Ruling.id == ruling_id, *_told(member))
    )


def latest_about(member: Member, *about: Any) -> Select[int]:
    """The number of the latest ruling on one of their things."""
    return select(Ruling.id).where(*about, *_told(member)).order_by(Ruling.id.desc()).limit(1)


def _told(member: Member) -> tuple[Any, ...]:
    return Ruling.author_id == member.id, Ruling.outcome.in_(_WHAT), Ruling.outcome != Outcome.KEPT


def sanction_of(member: Member, sanction_id: int) -> Select[Sanction]:
    return select(Sanction).where(Sanction.id == sanction_id, Sanction.member_id == member.id)


def latest_sanction_of(member: Member) -> Select[int]:
    """The number of the latest of theirs, for pages that say what holds now."""
    return select(Sanction.id).where(Sanction.member_id == member.id).order_by(Sanction.id.desc()).limit(1)


@dataclass(frozen=True)
class Told:
    """A decision as whoever it was about reads it, with what became of their appeal."""

    path: str
    title: str
    because: str
    at: datetime
    appeal: Appeal | None
    words: str | None = None  # theirs, as safe HTML; None where it is about a whole thread, or not about words
    thread_title: str | None = None
    due_at: datetime | None = None  # when they can expect an answer
    can_appeal: bool = False
    until: datetime | None = None  # how long they may appeal
    why_not: str | None = None  # in words, where that deserves some
    rule: Rule | None = None  # which it applied
    over: str | None = None  # why the appeal is closed, where what it was against ended before anybody decided on it
    along: tuple[str, str] | None = None  # what was decided with it: what it is called, and its page


def told_of(ruling: Ruling, reader: Member) -> Told:
    appeal, readable = appealing.appeal_against(ruling), ruling.post and may_read_words(reader, ruling.post)
    why_not = None
    if appeal is None and ruling.can_be_appealed:
        why_not = _refused(lambda: appealing.check_may_appeal(ruling, by=reader))
    return Told(
        path=f"/rulings/{ruling.id}",
        title=f"Your {_thing(ruling)} {_WHAT[ruling.outcome]}",
        because=ruling.because,
        at=ruling.created_at,
        appeal=appeal,
        words=markdown.safe(ruling.post.body_html) if ruling.post and readable else None,
        thread_title=ruling.thread.title_for(reader) if ruling.thread else None,
        due_at=appeal.created_at + appealing.DECIDE_WITHIN if appeal else None,
        can_appeal=appeal is None and ruling.can_be_appealed and why_not is None,
        until=ruling.appeal_until,
        why_not=why_not,
        rule=citing.cited(ruling),
        along=_sanction_along(ruling, reader),
    )


def told_of_sanction(sanction: Sanction, reader: Member) -> Told:
    appeal = appealing.appeal_against(sanction)
    why_not = None if appeal else _refused(lambda: appealing.check_may_appeal_sanction(sanction, by=reader))
    return Told(
        path=f"/sanctions/{sanction.id}",
        title=f"{_SANCTIONED[sanction.kind][0]} until {day(sanction.until)}",
        because=sanction.because,
        at=sanction.created_at,
        appeal=appeal,
        due_at=appeal.created_at + appealing.DECIDE_WITHIN if appeal else None,
        can_appeal=appeal is None and why_not is None,
        until=sanction.until,
        why_not=why_not,
        over=_over(appeal, sanction),
        along=_ruling_along(sanction),
    )


def _over(appeal: Appeal | None, sanction: Sanction) -> str | None:
    """Also in the minutes before it is closed."""
    if appeal is None or not (appeal.verdict is Verdict.ENDED or (appeal.is_open and not sanction.is_in_force)):
        return None
    return appeal.because or sanction.lifted_because or settling.RAN_OUT


def _sanction_along(ruling: Ruling, reader: Member) -> tuple[str, str] | None:
    found = along_with(ruling, reader)
    return (f"{_SANCTIONED[found.kind][0]} until {day(found.until)}", f"/sanctions/{found.id}") if found else None


def _ruling_along(sanction: Sanction) -> tuple[str, str] | None:
    """Where it is about words of theirs, and has a page."""
    ruling = sanction.ruling
    if ruling is None or ruling.author_id != sanction.member_id or ruling.outcome not in _WHAT:
        return None
    return f"Your {_thing(ruling)} {_WHAT[ruling.outcome]}", f"/rulings/{ruling.id}"


def _refused(check: Callable[[], None]) -> str | None:
    try:
        check()
    except Refusal as no:
        return no.message
    return None


@dataclass(frozen=True)
class Case:
    """An appeal before staff: the words, the ruling, and what its author says to it."""

    appeal: Appeal
    title: str
    author: str  # as this reader may know them
    words: str | None  # as safe HTML, before the ruling; None where it is about a whole thread
    edited: str | None  # what it says since a part was edited out
    reports: Sequence[tuple[Reason, str]]
    due_at: datetime
    is_late: bool
    may_decide: bool
    is_own_ruling: bool  # nobody else is there to decide, so the owner does
    brought: Sanction | None  # what came with the ruling for whoever appeals, if this reader can end it too


@dataclass(frozen=True)
class Page:
    rows: Sequence[Case]
    later: str | None  # cursor of the next page


def waiting(after: str | None, *, reader: Member, most: int) -> Page:
    """Open appeals, the oldest first; those that this reader may not decide among them."""
    query = _open_to(reader).where(*_undecided())
    place = read_cursor(after) if after else None
    if place:
        query = query.where(
            tuple_(Appeal.created_at, Appeal.id) > tuple_(literal(place[0], Moment()), literal(place[1]))
        )
    found = db.session.scalars(query.order_by(Appeal.created_at, Appeal.id).limit(most + 1)).all()
    shown, last = found[:most], found[most - 1] if len(found) > most else None
    return Page(_cases(shown, reader), cursor(last.created_at, last.id) if last else None)


def count_waiting(reader: Member) -> int:
    return db.session.scalar(counting_waiting(reader)) or 0


def counting_waiting(reader: Member) -> Select[int]:
    """How many open ones somebody should see to who did not decide what they are against; the owner sees to all."""
    query = _known_to(reader, select(func.count(Appeal.id))).outerjoin(Appeal.sanction)
    if reader.role is not Role.OWNER:
        query = query.where(func.coalesce(Ruling.by_id, Sanction.by_id) != reader.id)
    return query.where(*_undecided())


def appeal_for(reader: Member, appeal_id: int) -> Select[Appeal]:
    """One that this reader may know of."""
    return _open_to(reader).where(Appeal.id == appeal_id)


def case_of(appeal: Appeal, *, reader: Member) -> Case:
    return _cases([appeal], reader)[0]


def _open_to(reader: Member) -> Select[Appeal]:
    ruling, came_with = contains_eager(Appeal.ruling), joinedload(Appeal.sanction).joinedload(Sanction.ruling)
    return _known_to(reader, select(Appeal)).options(
        ruling.contains_eager(Ruling.thread).contains_eager(Thread.room),
        ruling.joinedload(Ruling.post),
        ruling.joinedload(Ruling.by),
        ruling.joinedload(Ruling.revision),
        joinedload(Appeal.sanction).joinedload(Sanction.by),
        joinedload(Appeal.sanction).joinedload(Sanction.member),
        came_with.joinedload(Ruling.post),
        came_with.joinedload(Ruling.thread).joinedload(Thread.room),
        joinedload(Appeal.by),
        joinedload(Appeal.decided_by),
    )


def _known_to(reader: Member, query: Select[*tuple[Any, ...]]) -> Select[*tuple[Any, ...]]:
    """What is said among the coaches is theirs to judge, and nobody meets their own appeal here: beside it stands what
    others said of it. Only the owner sees all."""
    sanctions = select(Sanction.id)
    if not reader.is_at_least(Role.COACH):
        sanctions = sanctions.where(Sanction.id.not_in(for_coaches()))
    query = query.outerjoin(Appeal.ruling).outerjoin(Ruling.thread).outerjoin(Thread.room)
    query = query.where(or_(Appeal.sanction_id.in_(sanctions), open_to(reader)))
    return query if reader.role is Role.OWNER else query.where(Appeal.by_id != reader.id)


def _undecided() -> tuple[ColumnElement[bool], ...]:
    """Without those against what has just run out: they are closed within minutes (settling.py)."""
    runs = select(Sanction.id).where(Sanction.lifted_at.is_(None), Sanction.until > now())
    return Appeal.decided_at.is_(None), or_(Appeal.sanction_id.is_(None), Appeal.sanction_id.in_(runs))


def _cases(rows: Sequence[Appeal], reader: Member) -> list[Case]:
    reports: defaultdict[int | None, list[tuple[Reason, str]]] = defaultdict(list)
    answered = select(Flag.ruling_id, Flag.reason, Flag.words).where(
        Flag.ruling_id.in_([row.ruling_id for row in rows])
    )
    for ruling_id, reason, words in db.session.execute(answered.order_by(Flag.rank, Flag.id)) if rows else []:
        reports[ruling_id].append((reason, words))
    house, brought = appealing.the_house() if rows else [], _brought(rows, reader)
    return [
        Case(
            appeal=row,
            title=_title(row),
            author=_author(row, reader),
            words=_words(row.ruling),
            edited=_edited(row.ruling),
            reports=reports[row.ruling_id] if row.ruling_id else [],
            due_at=row.created_at + appealing.DECIDE_WITHIN,
            is_late=row.created_at + appealing.DECIDE_WITHIN < now(),
            may_decide=row.is_open and appealing.may_decide(reader, row, house),
            is_own_ruling=appealing.takes_part_in(reader, row),
            brought=brought.get((row.ruling_id, row.by_id)),
        )
        for row in rows
    ]


def _brought(rows: Sequence[Appeal], reader: Member) -> dict[tuple[int | None, int], Sanction]:
    """What still runs of what these rulings brought, by the ruling and whom it befell."""
    found = (
        select(Sanction)
        .join(Sanction.ruling)
        .options(joinedload(Sanction.member), contains_eager(Sanction.ruling))
        .where(Sanction.ruling_id.in_([row.ruling_id for row in rows]))
    )
    brought = db.session.scalars(found).all() if rows else []
    runs = [each for each in brought if each.is_in_force and appealing.may_end(reader, each)]
    return {(each.ruling_id, each.member_id): each for each in runs}


def _title(row: Appeal) -> str:
    decision = row.against
    if isinstance(decision, Sanction):
        return f"{_SANCTIONED[decision.kind][1]} until {day(decision.until)}"
    return f"The {_thing(decision)} {_WHAT[decision.outcome]}"


def _author(row: Appeal, reader: Member) -> str:
    veiled_at = None
    if row.ruling is not None and row.ruling.post is not None:
        veiled_at = row.ruling.post.veiled_at
    elif row.ruling is not None and row.ruling.thread is not None:
        veiled_at = row.ruling.thread.author_hidden_at
    return row.by.name if veiling.is_told(reader, author_id=row.by_id, veiled_at=veiled_at) else veiling.A_MEMBER


def _edited(ruling: Ruling | None) -> str | None:
    if ruling is None or ruling.revision is None or ruling.post is None:
        return None
    return markdown.safe(ruling.post.body_html)


def _words(ruling: Ruling | None) -> str | None:
    if ruling is None:
        return None
    if ruling.revision is not None and ruling.revision.body_html is not None:
        return markdown.safe(ruling.revision.body_html)
    return markdown.safe(ruling.post.body_html) if ruling.post else None


def _thing(ruling: Ruling) -> str:
    return "post" if ruling.post_id is not None else "thread"
