"""Assigning: who sees to a case, and who has it open at the moment, so that two do not do the same work."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

from sqlalchemy import ColumnElement, delete, or_, select, update

from portal.accounts.models import Member, Role
from portal.core.clock import now
from portal.core.db import add_once, db
from portal.core.errors import Refusal
from portal.moderation.models import Handling

LOOKS_FOR = timedelta(minutes=5)  # so long somebody who opened a case counts as looking at it


class TakenAlready(Refusal):
    """The message names who was first."""


class NotYours(Refusal):
    message = "Somebody else sees to this case. A coach can take it from them."
    status = 403


def take(about: str, *, by: Member) -> None:
    """See to a case from now on. Twice is once. Raises TakenAlready."""
    add_once(Handling, about=about, created_at=now())
    free = or_(Handling.owner_id.is_(None), Handling.owner_id == by.id)
    _update(Handling.about == about, free, owner_id=by.id)
    owner = db.session.execute(
        select(Member.id, Member.name).join(Handling, Handling.owner_id == Member.id).where(Handling.about == about)
    ).one()
    if owner.id != by.id:
        raise TakenAlready(f"{owner.name} has taken this case meanwhile.")


def give_back(about: str, *, by: Member) -> None:
    """Nobody sees to it any more. A coach may also take it from somebody else. Raises NotYours."""
    owner_id = db.session.scalar(select(Handling.owner_id).where(Handling.about == about))
    if owner_id not in {None, by.id} and not by.is_at_least(Role.COACH):
        raise NotYours()
    _update(Handling.about == about, Handling.owner_id == owner_id, owner_id=None)


def look(about: str, *, by: Member) -> None:
    """Note that they have it open; of two, the one who came last."""
    add_once(Handling, about=about, created_at=now())
    _update(Handling.about == about, looked_by_id=by.id, looked_at=now())


def let_go(decided: Collection[str]) -> None:
    """These cases are decided, so nobody sees to them."""
    if decided:
        gone = delete(Handling).where(Handling.about.in_(decided))
        db.session.execute(gone.execution_options(synchronize_session=False))


def _update(*still: ColumnElement[bool], **values: object) -> None:
    changed = update(Handling).where(*still).values(**values)
    db.session.execute(changed.execution_options(synchronize_session=False))
