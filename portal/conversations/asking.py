"""Questions that wait for an answer: which they are, whom they wait for, and which coach sees to them.

A question is open as long as nobody but whoever asked has replied, nothing is marked as having helped, and it can still
be answered. Lists, the search and the desk ask this file and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Integer, Select, and_, bindparam, delete, func, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from portal.accounts.models import Member, Role
from portal.conversations import following, policy, queries, veiling
from portal.conversations.models import (
    Follow,
    Level,
    Post,
    QuestionOwner,
    Room,
    Thread,
    ThreadKind,
    thread_topic,
)
from portal.conversations.policy import Sight
from portal.conversations.queries import Line
from portal.core import audit
from portal.core.clock import now
from portal.core.db import Moment, add_once, db, is_postgresql
from portal.core.errors import Refusal
from portal.practices.models import Affiliation, Discretion, Field, Practice
from portal.practices.queries import says
from portal.topics.models import Topic, TopicFollow

ASKED_LATELY = timedelta(days=90)


class TakenAlready(Refusal):
    message = "Another coach has taken this question meanwhile."


class NotACoach(Refusal):
    message = "Only coaches see to questions."
    status = 403


def unanswered() -> ColumnElement[bool]:
    """In a statement that reads threads and joins their rooms."""
    # Under a name in a question asked safely is for everybody another: a join may bring the asker's own words there.
    is_anothers = or_(
        Post.author_id != Thread.author_id, and_(Thread.author_hidden_at.is_not(None), Post.veiled_at.is_(None))
    )
    others = Post.thread_id == Thread.id, is_anothers, Post.hidden_at.is_(None)
    return and_(
        Thread.kind == ThreadKind.QUESTION,
        Thread.hidden_at.is_(None),
        Thread.locked_at.is_(None),
        Thread.merged_into_id.is_(None),
        Room.archived_at.is_(None),
        ~select(Post.id).where(*others).correlate(Thread).exists(),
        ~queries.helped(Thread.id),
    )


def questions(seen: ColumnElement[bool], *more: ColumnElement[Any]) -> Select[*tuple[Any, ...]]:
    """Unanswered questions in threads that are `seen`, with who asked (id, title, created_at, author_id,
    author_hidden_at, room, name, closed_at, and `more`); see asker_of."""
    return (
        select(
            Thread.id,
            Thread.title,
            Thread.created_at,
            Thread.author_id,
            Thread.author_hidden_at,
            Room.title.label("room"),
            Member.name,
            Member.closed_at,
            *more,
        )
        .join(Thread.room)
        .join(Member, Member.id == Thread.author_id)
        .where(unanswered(), seen)
    )


@dataclass(frozen=True, slots=True)
class Waiting:
    """A question that waits for somebody with this member's experience."""

    thread_id: int
    title: str
    asker: str  # as this member may know them
    asked_at: datetime
    room: str
    topic: str | None  # one they follow, which it is about; None: its asker practises what they practise

    @property
    def path(self) -> str:
        return f"/threads/{self.thread_id}"


def waiting_for(member: Member, most: int = 5) -> Sequence[Waiting]:
    """Unanswered questions of others about a topic they follow, or from somebody in their own field, the oldest first;
    of the last ASKED_LATELY, for a first page is no archive.

    One statement. Nobody is found by what they keep to themselves, nor a question asked safely by who asked it.
    """
    asked = {"reader_id": member.id, "lately": now() - ASKED_LATELY, "most": most}
    found = db.session.connection().execute(_waiting(policy.sight_of(member)), asked).all()
    return [Waiting(row.id, row.title, asker_of(row, member), row.created_at, row.room, row.topic) for row in found]


def asker_of(row: Line, reader: Member) -> str:
    """Who began a thread, as a reader may know them; of a line with author_id, author_hidden_at, name, closed_at."""
    if not veiling.is_told(reader, author_id=row.author_id, veiled_at=row.author_hidden_at):
        return veiling.A_MEMBER
    return row.name if row.closed_at is None else veiling.FORMER_MEMBER


def take(thread: Thread, *, by: Member) -> None:
    """A coach sees to it from now on. Twice is once. Raises NotACoach, TakenAlready."""
    _check_coach(by)
    add_once(QuestionOwner, thread_id=thread.id, member_id=by.id, created_at=now())
    owner_id = db.session.scalar(select(QuestionOwner.member_id).where(QuestionOwner.thread_id == thread.id))
    if owner_id != by.id:
        raise TakenAlready()


def assign(thread: Thread, coach: Member, *, by: Member) -> None:
    """Another coach sees to it from now on, or the first one does. Raises NotACoach."""
    _check_coach(by)
    _check_coach(coach)
    insert = (postgresql if is_postgresql() else sqlite).insert(QuestionOwner)
    values = {"member_id": coach.id, "created_at": now()}
    db.session.execute(
        insert.values(thread_id=thread.id, **values).on_conflict_do_update(index_elements=["thread_id"], set_=values)
    )
    if coach.id != by.id:
        audit.record(by, "question.assigned", thread, coach=coach.id)


def give_back(thread: Thread, *, by: Member) -> None:
    """Nobody sees to it any more. Raises NotACoach."""
    _check_coach(by)
    db.session.execute(
        delete(QuestionOwner).where(QuestionOwner.thread_id == thread.id).execution_options(synchronize_session=False)
    )


def _check_coach(member: Member) -> None:
    if not member.is_at_least(Role.COACH) or member.closed_at is not None:
        raise NotACoach()


@cache
def _waiting(sight: Sight) -> Select[*tuple[Any, ...]]:
    """Built once: building it took longer than asking it."""
    reader_id = bindparam("reader_id", type_=Integer())
    about = (
        select(func.min(Topic.title))
        .join(thread_topic, thread_topic.c.topic_id == Topic.id)
        .join(TopicFollow, TopicFollow.topic_id == Topic.id)
        .where(thread_topic.c.thread_id == Thread.id, TopicFollow.member_id == reader_id)
        .correlate(Thread)
        .scalar_subquery()
    )
    own_field = (
        select(Practice.specialty)
        .join(Affiliation, Affiliation.practice_id == Practice.id)
        .where(Affiliation.member_id == reader_id)
        .scalar_subquery()
    )
    theirs_too = (
        select(Affiliation.id)
        .join(Practice, Practice.id == Affiliation.practice_id)
        .outerjoin(Discretion, Discretion.member_id == Affiliation.member_id)
        .where(Affiliation.member_id == Thread.author_id, says(Field.SPECIALTY, Practice.specialty, own_field))
        .correlate(Thread)
        .exists()
    )
    named = Thread.author_hidden_at.is_(None)
    muted = and_(named, Thread.author_id.in_(following.muted_by(reader_id)))
    return (
        questions(queries.seen_with(sight), about.label("topic"))
        .outerjoin(Follow, and_(Follow.thread_id == Thread.id, Follow.member_id == reader_id))
        .where(
            Thread.created_at > bindparam("lately", type_=Moment()),
            Thread.author_id != reader_id,
            func.coalesce(Follow.level, Level.MINE) != Level.NONE,
            ~muted,
            or_(about.is_not(None), and_(named, theirs_too)),
        )
        .order_by(Thread.created_at, Thread.id)
        .limit(bindparam("most"))
    )
