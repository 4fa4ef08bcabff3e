"""What was decided about somebody before, for whoever decides about their words now."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import func, select

from portal.accounts.models import Member, Role
from portal.conversations.models import Post, Thread
from portal.core.db import db
from portal.moderation.models import SPARES, Outcome, Ruling, Verdict
from portal.moderation.person_models import Appeal, Sanction


@dataclass(frozen=True)
class Known:
    """How many rulings went against somebody, how many let their words stand, how often they were silenced or
    suspended; without what was taken back on appeal or lifted."""

    against: int = 0
    kept: int = 0
    sanctions: int = 0

    @property
    def in_words(self) -> str:
        if self == Known():
            return "Nothing was decided about them before."
        said = f"Decided before: {self.against} against them, {self.kept} kept"
        if not self.sanctions:
            return f"{said}."
        return f"{said}; silenced or suspended {'once' if self.sanctions == 1 else f'{self.sanctions} times'}."


def known_of(authors: Collection[int], reader: Member) -> dict[int | None, Known]:
    """By author, in one statement. What they said under no name counts for whoever is told that it is theirs."""
    if not authors:
        return {}
    overturned = select(Appeal.id).where(Appeal.ruling_id == Ruling.id, Appeal.verdict == Verdict.OVERTURNED).exists()
    theirs = select(func.count(Ruling.id)).where(Ruling.author_id == Member.id, ~overturned).correlate(Member)
    if not reader.is_at_least(Role.COACH):
        veiled = select(Post.id).where(Post.id == Ruling.post_id, Post.veiled_at.is_not(None))
        begun = select(Thread.id).where(
            Thread.id == Ruling.thread_id, Ruling.post_id.is_(None), Thread.author_hidden_at.is_not(None)
        )
        theirs = theirs.where(~veiled.exists(), ~begun.exists())
    sanctions = select(func.count(Sanction.id)).where(Sanction.member_id == Member.id, Sanction.lifted_at.is_(None))
    counted = select(
        Member.id,
        theirs.where(Ruling.outcome.not_in(SPARES)).scalar_subquery(),
        theirs.where(Ruling.outcome == Outcome.KEPT).scalar_subquery(),
        sanctions.correlate(Member).scalar_subquery(),
    ).where(Member.id.in_(authors))
    return {member_id: Known(*counts) for member_id, *counts in db.session.execute(counted)}
