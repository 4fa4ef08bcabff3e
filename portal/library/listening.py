"""How far a member has come in an episode, on all their devices together; and what counts as having listened."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, FromClause, and_, bindparam, case, delete, func, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from portal.accounts.models import Member
from portal.core.clock import now
from portal.core.db import db, is_postgresql
from portal.library.models import Episode, Listening, StepDone

MOST_AT_ONCE = 300  # seconds heard that one report may bring; a player reports every few seconds
_THE_END = 15  # seconds before the last one from which an episode counts as finished
_A_BEGINNING = 5  # seconds; whoever heard less begins anew
_OLDEST = timedelta(days=30)  # a report kept back for longer tells nothing
_LONGEST = 48 * 3600  # seconds; where no episode reaches


@dataclass(frozen=True)
class Place:
    """Where a member is in an episode, and whether they have done its step."""

    second: int = 0
    at: datetime | None = None
    finished_at: datetime | None = None
    step_done_at: datetime | None = None

    def resumes_at(self, length: int | None) -> int:
        """The second to go on from: the beginning for whoever has only begun, or heard it to the end."""
        return 0 if self.second < _A_BEGINNING or _is_end(self.second, length) else self.second


def note(episode_id: int, *, length: int | None, second: int, heard: int, age: timedelta, by: Member) -> None:
    """They were at this second `age` ago, having heard so many seconds since the last time they said so.

    The newest moment decides, not the furthest second: a tab left open in the morning does not undo the evening, and
    whoever goes back to hear something again is not carried forward.
    """
    at = now() - min(max(age, timedelta(0)), _OLDEST)
    second = min(max(second, 0), length or _LONGEST)
    dialect = postgresql if is_postgresql() else sqlite
    insert = dialect.insert(Listening).values(
        member_id=by.id,
        episode_id=episode_id,
        created_at=now(),
        second=second,
        at=at,
        heard=min(max(heard, 0), MOST_AT_ONCE),
        finished_at=at if _is_end(second, length) else None,
    )
    said, is_newer = insert.excluded, Listening.at <= insert.excluded.at
    db.session.execute(
        insert.on_conflict_do_update(
            index_elements=["member_id", "episode_id"],
            set_={
                "second": case((is_newer, said.second), else_=Listening.second),
                "at": case((is_newer, said.at), else_=Listening.at),
                "heard": Listening.heard + said.heard,
                "finished_at": func.coalesce(Listening.finished_at, said.finished_at),
            },
        )
    )


def place_of(member_id: int, episode_id: int) -> Place:
    """Read in one statement, also where there is nothing yet."""
    row = db.session.connection().execute(_PLACE, {"member_id": member_id, "episode_id": episode_id}).one()
    return Place(row.second or 0, row.at, row.finished_at, row.step_done_at)


def tick_step(episode_id: int, *, by: Member) -> None:
    """They have done the ten minutes."""
    dialect = postgresql if is_postgresql() else sqlite
    db.session.execute(
        dialect.insert(StepDone)
        .values(member_id=by.id, episode_id=episode_id, created_at=now())
        .on_conflict_do_nothing(index_elements=["member_id", "episode_id"])
    )


def untick_step(episode_id: int, *, by: Member) -> None:
    """They ticked by mistake, or want to do it again."""
    db.session.execute(delete(StepDone).where(StepDone.member_id == by.id, StepDone.episode_id == episode_id))


def listens(episode_id: int) -> int:
    """How many members have listened to this episode: a minute of it, or a tenth if it is shorter."""
    tenth: ColumnElement[bool] = Listening.heard * 10 >= Episode.seconds
    heard = (
        select(func.count())
        .join_from(Listening, Episode, Episode.id == Listening.episode_id)
        .where(Episode.id == episode_id, or_(Listening.heard >= 60, tenth), Listening.heard > 0)
    )
    return db.session.scalar(heard) or 0


def _is_end(second: int, length: int | None) -> bool:
    return length is not None and second >= max(length - _THE_END, length * 0.9)


def _is_theirs(table: FromClause) -> ColumnElement[bool]:
    return and_(table.c.episode_id == _EPISODE.c.id, table.c.member_id == bindparam("member_id"))


_EPISODE, _LISTENING, _STEP = Episode.__table__, Listening.__table__, StepDone.__table__
_PLACE = (
    select(_LISTENING.c.second, _LISTENING.c.at, _LISTENING.c.finished_at, _STEP.c.created_at.label("step_done_at"))
    .select_from(_EPISODE.outerjoin(_LISTENING, _is_theirs(_LISTENING)).outerjoin(_STEP, _is_theirs(_STEP)))
    .where(_EPISODE.c.id == bindparam("episode_id"))
)
