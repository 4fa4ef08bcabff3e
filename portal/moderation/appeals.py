"""What is read of appeals: a ruling by whoever it was about, and what waits for a second look by staff."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, literal, select, tuple_
from sqlalchemy.orm import contains_eager, joinedload

from portal.accounts.models import Member, Role
from portal.conversations import veiling
from portal.conversations.models import Thread
from portal.conversations.policy import may_read_words
from portal.conversations.queries import open_to
from portal.core import markdown
from portal.core.clock import now
from portal.core.db import Moment, db
from portal.core.errors import Refusal
from portal.core.web import cursor, read_cursor
from portal.moderation import appealing
from portal.moderation.models import Appeal, Flag, Outcome, Reason, Ruling

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


@dataclass(frozen=True)
class Told:
    """A ruling as whoever it was about reads it, with what became of their appeal."""

    ruling: Ruling
    title: str
    words: str | None  # theirs, as safe HTML; None where it is about a whole thread
    thread_title: str | None
    appeal: Appeal | None
    due_at: datetime | None  # when they can expect an answer
    until: datetime | None  # how long they may appeal; None: they may not
    why_not: str | None  # in words, where that deserves some


def told_of(ruling: Ruling, reader: Member) -> Told:
    appeal = appealing.appeal_against(ruling)
    until = why_not = None
    if appeal is None and ruling.can_be_appealed:
        try:
            appealing.check_may_appeal(ruling, by=reader)
            until = ruling.appeal_until
        except Refusal as no:
            why_not = no.message
    return Told(
        ruling=ruling,
        title=f"Your {_thing(ruling)} {_WHAT[ruling.outcome]}",
        words=markdown.safe(ruling.post.body_html) if ruling.post and may_read_words(reader, ruling.post) else None,
        thread_title=ruling.thread.title if ruling.thread else None,
        appeal=appeal,
        due_at=appeal.created_at + appealing.DECIDE_WITHIN if appeal else None,
        until=until,
        why_not=why_not,
    )


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


@dataclass(frozen=True)
class Page:
    rows: Sequence[Case]
    later: str | None  # cursor of the next page


def waiting(after: str | None, *, reader: Member, most: int) -> Page:
    """Open appeals, the oldest first; those that this reader may not decide among them."""
    query = _open_to(reader).where(Appeal.decided_at.is_(None))
    place = read_cursor(after) if after else None
    if place:
        query = query.where(
            tuple_(Appeal.created_at, Appeal.id) > tuple_(literal(place[0], Moment()), literal(place[1]))
        )
    found = db.session.scalars(query.order_by(Appeal.created_at, Appeal.id).limit(most + 1)).all()
    shown, last = found[:most], found[most - 1] if len(found) > most else None
    return Page(_cases(shown, reader), cursor(last.created_at, last.id) if last else None)


def appeal_for(reader: Member, appeal_id: int) -> Select[Appeal]:
    """One that this reader may know of."""
    return _open_to(reader).where(Appeal.id == appeal_id)


def case_of(appeal: Appeal, *, reader: Member) -> Case:
    return _cases([appeal], reader)[0]


def _open_to(reader: Member) -> Select[Appeal]:
    """What is said among the coaches is theirs to judge, and nobody meets their own appeal here: beside it stands what
    others said of it. Only the owner sees all."""
    ruling = contains_eager(Appeal.ruling)
    query = (
        select(Appeal)
        .join(Appeal.ruling)
        .join(Ruling.thread)
        .join(Thread.room)
        .options(
            ruling.contains_eager(Ruling.thread).contains_eager(Thread.room),
            ruling.joinedload(Ruling.post),
            ruling.joinedload(Ruling.by),
            ruling.joinedload(Ruling.revision),
            joinedload(Appeal.by),
            joinedload(Appeal.decided_by),
        )
        .where(open_to(reader))
    )
    return query if reader.role is Role.OWNER else query.where(Appeal.by_id != reader.id)


def _cases(rows: Sequence[Appeal], reader: Member) -> list[Case]:
    reports: defaultdict[int | None, list[tuple[Reason, str]]] = defaultdict(list)
    answered = select(Flag.ruling_id, Flag.reason, Flag.words).where(
        Flag.ruling_id.in_([row.ruling_id for row in rows])
    )
    for ruling_id, reason, words in db.session.execute(answered.order_by(Flag.rank, Flag.id)) if rows else []:
        reports[ruling_id].append((reason, words))
    house = appealing.the_house() if rows else []
    return [
        Case(
            appeal=row,
            title=f"The {_thing(row.ruling)} {_WHAT[row.ruling.outcome]}",
            author=_author(row, reader),
            words=_words(row.ruling),
            edited=markdown.safe(row.ruling.post.body_html) if row.ruling.revision and row.ruling.post else None,
            reports=reports[row.ruling_id],
            due_at=row.created_at + appealing.DECIDE_WITHIN,
            is_late=row.created_at + appealing.DECIDE_WITHIN < now(),
            may_decide=row.is_open and appealing.may_decide(reader, row, house),
            is_own_ruling=appealing.takes_part_in(reader, row),
        )
        for row in rows
    ]


def _author(row: Appeal, reader: Member) -> str:
    thing = row.ruling.post
    veiled_at = thing.veiled_at if thing else row.ruling.thread.author_hidden_at if row.ruling.thread else None
    return row.by.name if veiling.is_told(reader, author_id=row.by_id, veiled_at=veiled_at) else veiling.A_MEMBER


def _words(ruling: Ruling) -> str | None:
    if ruling.revision is not None and ruling.revision.body_html is not None:
        return markdown.safe(ruling.revision.body_html)
    return markdown.safe(ruling.post.body_html) if ruling.post else None


def _thing(ruling: Ruling) -> str:
    return "post" if ruling.post_id is not None else "thread"
