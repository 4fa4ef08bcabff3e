"""Silencing and suspending: the one place that writes what somebody may not do for a while, and until when.

Both end by themselves: whoever asks compares the moment with now. Each decision locks both people and is one
conditional UPDATE, so of two staff who decide at once the first wins and the second is told, also where they decide
about each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import or_, select, update
from sqlalchemy.orm import joinedload

from portal.accounts.models import Member
from portal.accounts.times import in_their_zone
from portal.conversations.models import Thread
from portal.core import audit, letters
from portal.core.clock import now
from portal.core.db import db
from portal.core.errors import Refusal
from portal.core.web import absolute, day
from portal.moderation import settling, telling_authors
from portal.moderation.models import Ruling
from portal.moderation.person_models import LENGTHS, Sanction, SanctionKind
from portal.moderation.policy import may_judge

_COLUMNS = {
    SanctionKind.SILENCE: ("silenced_until", "silenced_because"),
    SanctionKind.SUSPENSION: ("suspended_until", "suspended_because"),
}
_DONE = {SanctionKind.SILENCE: "silenced", SanctionKind.SUSPENSION: "suspended"}


class NotYoursToJudge(Refusal):
    message = "Nobody decides about themselves, or about somebody of the same role or a higher one. Ask an owner."
    status = 403


class NoReason(Refusal):
    message = "Give the reason; they read it."
    status = 422


class NoSuchLength(Refusal):
    message = "Choose one of the lengths."
    status = 422


class AlreadySanctioned(Refusal):
    """One of this kind runs; the message says who decided it, and until when."""


class Over(Refusal):
    message = "This has ended, or was lifted in the meantime."


def silence(member: Member, *, days: int, because: str, by: Member, after: Ruling | None = None) -> Sanction:
    """They read everything, and write nothing that reaches others. Raises as suspend() does."""
    made = _impose(SanctionKind.SILENCE, member, days, because, by, after)
    audit.record(by, "sanction.silenced", made, because=made.because, member=member.id, days=days)
    return made


def suspend(member: Member, *, days: int, because: str, by: Member, after: Ruling | None = None) -> Sanction:
    """They keep their account, their data and their billing, and lose the rest.

    `after` is the ruling that it follows. Raises NotYoursToJudge, NoReason, NoSuchLength, AlreadySanctioned.
    """
    made = _impose(SanctionKind.SUSPENSION, member, days, because, by, after)
    audit.record(by, "sanction.suspended", made, because=made.because, member=member.id, days=days)
    return made


def lift(sanction: Sanction, *, because: str, by: Member, with_letter: bool = True) -> None:
    """End it before its time, and an appeal against it with it; whoever else was about to is told.

    Raises NotYoursToJudge, NoReason, Over.
    """
    member = sanction.member
    _check(member, because, by)
    lifted = db.session.scalar(
        update(Sanction)
        .where(Sanction.id == sanction.id, Sanction.lifted_at.is_(None), Sanction.until > now())
        .values(lifted_at=now(), lifted_by_id=by.id, lifted_because=because.strip())
        .returning(Sanction.id)
        .execution_options(synchronize_session=False)
    )
    if lifted is None:
        raise Over()
    db.session.expire(sanction, ["lifted_at", "lifted_by_id", "lifted_because", "lifted_by"])
    for column in _COLUMNS[sanction.kind]:
        setattr(member, column, None)
    audit.record(by, "sanction.lifted", sanction, because=because.strip(), member=member.id)
    closed = settling.settle(sanction, because=because.strip(), by=by)
    if with_letter:
        letters.post(
            "moderation/sanction-lifted",
            to=member,
            key=f"sanction-lifted:{sanction.once}",
            what=sanction.kind.value,
            because=because.strip(),
            had_appealed=closed is not None,
            link=absolute("membership.account"),
        )


def wait_for_turn(member: Member, by: Member) -> None:
    """Hold both as they are now until this is decided. Before anything that points to them: otherwise two at once would
    each wait for the other."""
    both = select(Member).where(Member.id.in_({member.id, by.id})).order_by(Member.id)
    db.session.scalars(both.with_for_update().execution_options(populate_existing=True)).all()


def sanctions_of(member: Member) -> Sequence[Sanction]:
    """All there were, the newest first."""
    query = select(Sanction).where(Sanction.member_id == member.id)
    ruling = joinedload(Sanction.ruling)
    query = query.options(joinedload(Sanction.by), joinedload(Sanction.lifted_by), ruling.joinedload(Ruling.post))
    query = query.options(ruling.joinedload(Ruling.thread).joinedload(Thread.room))
    return db.session.scalars(query.order_by(Sanction.id.desc())).all()


def _impose(kind: SanctionKind, member: Member, days: int, because: str, by: Member, after: Ruling | None) -> Sanction:
    if days not in LENGTHS:
        raise NoSuchLength()
    _check(member, because, by)
    until, (until_column, because_column) = now() + timedelta(days=days), _COLUMNS[kind]
    runs_until = getattr(Member, until_column)
    changed = db.session.scalar(
        update(Member)
        .where(Member.id == member.id, or_(runs_until.is_(None), runs_until <= now()))
        .values({until_column: until, because_column: because.strip()})
        .returning(Member.id)
        .execution_options(synchronize_session=False)
    )
    if changed is None:
        raise _already_sanctioned(kind, member)
    db.session.expire(member, [until_column, because_column])
    made = Sanction(
        member_id=member.id,
        kind=kind,
        until=until,
        because=because.strip(),
        by_id=by.id,
        ruling_id=after.id if after else None,
    )
    db.session.add(made)
    db.session.flush()
    telling_authors.tell_author(made, member)
    came_with, ruling = _came_with(after, member)
    letters.post(
        "moderation/sanction",
        to=member,
        key=f"sanction:{made.once}",
        what=kind.value,
        because=made.because,
        until=in_their_zone(member, until),
        came_with=came_with,
        ruling=ruling,
        rules=absolute("home.rules"),
        appeal=absolute("appeals.own_sanction", sanction_id=made.id),
        billing=absolute("billing.billing"),
        link=absolute("membership.account"),
    )
    return made


def _came_with(ruling: Ruling | None, member: Member) -> tuple[str | None, str | None]:
    """The ruling on their own words that it follows, without any of them, and its page if it has one."""
    if ruling is None or ruling.author_id != member.id:
        return None, None
    if ruling.thread_id is None:
        return "your profile", None
    thing = "one of your posts" if ruling.post_id is not None else "one of your threads"
    return thing, absolute("appeals.own", ruling_id=ruling.id)


def _check(member: Member, because: str, by: Member) -> None:
    """Asked of both as they are now, and of nobody else until this is decided. Raises NotYoursToJudge, NoReason."""
    if not because.strip():
        raise NoReason()
    wait_for_turn(member, by)
    if member.closed_at is not None or not may_judge(by, member):
        raise NotYoursToJudge()


def _already_sanctioned(kind: SanctionKind, member: Member) -> AlreadySanctioned:
    first = next((each for each in sanctions_of(member) if each.kind is kind and each.is_in_force), None)
    if first is None:
        return AlreadySanctioned(f"{member.name} is {_DONE[kind]} already.")
    return AlreadySanctioned(
        f"{first.by.name} was first: {member.name} is {_DONE[kind]} until {day(first.until)}. "
        f"{'' if first.is_for_coaches else f'The reason given: {first.because} '}To decide anew, lift it first."
    )
