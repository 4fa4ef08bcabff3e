"""A ruling that also silences or suspends whoever wrote the words: one decision with one reason, both or neither."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import select

from portal.accounts.models import Member, Role
from portal.conversations import veiling
from portal.conversations.models import Post, Thread
from portal.core.db import db
from portal.core.errors import Refusal
from portal.moderation import sanctioning
from portal.moderation.models import SPARES, Ruling, Thing, about
from portal.moderation.person_models import Sanction, SanctionKind

Rule = Callable[..., Ruling]
_IMPOSE = {SanctionKind.SILENCE: sanctioning.silence, SanctionKind.SUSPENSION: sanctioning.suspend}


class NotTheirWords(Refusal):
    """Also said where somebody guesses who asked under no name: whether they guess right is told to nobody."""

    message = "Nothing was decided: these are not the words of somebody whom you can silence or suspend here."
    status = 403


class NothingAgainstThem(Refusal):
    message = (
        "Nothing was decided: this speaks for whoever wrote it, so it brings no silence or suspension. "
        "Choose “Neither”, or decide otherwise."
    )


@dataclass(frozen=True)
class Also:
    """What a ruling brings for a person."""

    kind: SanctionKind
    days: int
    whom: Member | None  # None: nobody of that name is here


def rule(rule: Rule, thing: Thing, also: Also | None, *, because: str, by: Member) -> Ruling:
    """Raises what the ruling and the sanction raise, and NotTheirWords, NothingAgainstThem; then nothing may stay."""
    if also is None:
        return rule(because=because, by=by)
    if also.whom is None or not _wrote(also.whom, thing, by):
        raise NotTheirWords()
    sanctioning.wait_for_turn(also.whom, by)
    ruling = rule(because=because, by=by)
    if ruling.outcome in SPARES:
        raise NothingAgainstThem()
    _IMPOSE[also.kind](also.whom, days=also.days, because=because, by=by, after=ruling)
    return ruling


def along_with(ruling: Ruling, member: Member) -> Sanction | None:
    """What this ruling brought for somebody."""
    found = select(Sanction).where(Sanction.ruling_id == ruling.id, Sanction.member_id == member.id)
    return db.session.scalars(found.order_by(Sanction.id).limit(1)).first()


def case_of(sanction: Sanction, *, reader: Member) -> str | None:
    """The page of the case that it came with; none for who is not told whose words they are."""
    ruling = sanction.ruling
    if ruling is None or ruling.item_id is not None:
        return None
    thing = ruling.post or ruling.thread
    veiled_at = thing.veiled_at if isinstance(thing, Post) else thing.author_hidden_at if thing else None
    if not veiling.is_told(reader, author_id=sanction.member_id, veiled_at=veiled_at):
        return None
    return f"/moderation/cases/{about(thing or sanction.member).replace(':', '/')}"


def _wrote(member: Member, thing: Thing, by: Member) -> bool:
    """Whether it is theirs, and `by` is told so; of a thread, whether they wrote in it: a post there can be a reason to
    close it."""
    if isinstance(thing, Member):
        return thing.id == member.id
    if not isinstance(thing, Post | Thread):
        return False
    told = [] if by.is_at_least(Role.COACH) else [Post.veiled_at.is_(None)]
    theirs = Post.id == thing.id if isinstance(thing, Post) else Post.thread_id == thing.id
    return db.session.scalar(select(Post.id).where(theirs, Post.author_id == member.id, *told).limit(1)) is not None
