"""Deciding about several cases at once: each by a ruling of its own, and whoever decides is told which were not."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from sqlalchemy import select

from portal.accounts.models import Member
from portal.conversations.models import Post, Thread
from portal.conversations.queries import visible_to
from portal.core.db import db
from portal.core.errors import Refusal
from portal.library.models import Item, Nugget
from portal.moderation import ruling
from portal.moderation.models import Ruling, Thing

MOST = 50  # cases in one go


class OneByOne(Refusal):
    message = "A profile or a nugget is decided about by itself."


@dataclass
class Decided:
    """How many were done, and what was said about the others, by what they are called."""

    done: int = 0
    refused: list[tuple[str, str]] = field(default_factory=list)


def find(kind: str, thing_id: int, *, reader: Member) -> Thing | None:
    """What a case is about, if its reader may see it."""
    if kind == "item":
        return db.session.get(Nugget, thing_id)
    if kind == "member":
        found = db.session.get(Member, thing_id)
        return None if found is None or found.closed_at is not None else found
    if kind == "thread":
        seen = select(Thread).join(Thread.room).where(Thread.id == thing_id, visible_to(reader))
        return db.session.scalars(seen).one_or_none()
    said = select(Post).join(Post.thread).join(Thread.room).where(Post.id == thing_id, visible_to(reader))
    return db.session.scalars(said).one_or_none()


def decide(chosen: Iterable[tuple[str, int, int]], outcome: str, *, because: str, by: Member) -> Decided:
    """Keep or hide each of these cases (kind, id, and the flag by which it was seen), for the same reason."""
    decided = Decided()
    for kind, thing_id, flag_id in sorted(set(chosen))[:MOST]:  # in one order, so that two at once cannot deadlock
        thing = find(kind, thing_id, reader=by)
        if thing is None:
            continue
        try:
            with db.session.begin_nested():
                _rule_for(outcome, thing)(thing, because=because, by=by, answering=flag_id)
            decided.done += 1
        except Refusal as no:
            decided.refused.append((title_of(thing), no.message))
    return decided


def title_of(thing: Thing) -> str:
    if isinstance(thing, Member):
        return thing.name
    return thing.title if isinstance(thing, Thread | Item) else thing.thread.title


def _rule_for(outcome: str, thing: Thing) -> Callable[..., Ruling]:
    if outcome == "keep":
        return ruling.keep
    if isinstance(thing, Post):
        return ruling.hide
    if isinstance(thing, Thread):
        return ruling.hide_thread
    raise OneByOne()
