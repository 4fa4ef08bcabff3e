"""Useful or not: one answer a member and item, which they may change. Only coaches read what was answered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, select, update

from portal.accounts.models import Member
from portal.core.clock import now
from portal.core.db import add_once, db
from portal.library.models import Item, Opinion

_MOST_SENTENCES = 20


@dataclass(frozen=True)
class Sentence:
    """What one member wrote to the coaches."""

    by: str
    is_useful: bool
    words: str
    said_at: datetime


@dataclass(frozen=True)
class Figures:
    """For coaches: how many found an item useful, how many did not, and the newest sentences."""

    useful: int
    not_useful: int
    sentences: Sequence[Sentence]


def judge(item: Item, *, is_useful: bool, words: str | None = None, by: Member) -> None:
    """Say whether it was useful, in place of what they said before. Without `words` an earlier sentence stays."""
    add_once(Opinion, member_id=by.id, item_id=item.id, is_useful=is_useful)
    said = {"is_useful": is_useful, "said_at": now()} | ({} if words is None else {"words": words})
    db.session.execute(
        update(Opinion)
        .where(Opinion.member_id == by.id, Opinion.item_id == item.id)
        .values(**said)
        .execution_options(synchronize_session=False)
    )


def take_back(item: Item, *, by: Member) -> None:
    db.session.execute(
        delete(Opinion)
        .where(Opinion.member_id == by.id, Opinion.item_id == item.id)
        .execution_options(synchronize_session=False)
    )


def figures_of(item_id: int) -> Figures:
    """Two statements, however many answered."""
    count = select(Opinion.is_useful, func.count()).where(Opinion.item_id == item_id).group_by(Opinion.is_useful)
    counted = dict(db.session.execute(count).all())
    written = (
        select(Member.name, Opinion.is_useful, Opinion.words, Opinion.said_at)
        .join(Member, Member.id == Opinion.member_id)
        .where(Opinion.item_id == item_id, Opinion.words != "")
        .order_by(Opinion.said_at.desc(), Opinion.id.desc())
        .limit(_MOST_SENTENCES)
    )
    return Figures(counted.get(True, 0), counted.get(False, 0), [Sentence(*row) for row in db.session.execute(written)])
