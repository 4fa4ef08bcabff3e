"""Flagging: a member tells the moderators that something should not stand as it is."""

from __future__ import annotations

from sqlalchemy.exc import IntegrityError

from portal.accounts.models import Member
from portal.conversations.models import Post, Thread
from portal.core.db import db
from portal.core.errors import Refusal
from portal.library.models import Item
from portal.moderation.models import Flag, Reason, Thing, author_id_of, which


class OwnWords(Refusal):
    message = "This is your own. You can change it instead."


class AlreadyHidden(Refusal):
    message = "This is not shown any more."


class AlreadyFlagged(Refusal):
    """The message names what was flagged."""


def flag(thing: Thing, *, reason: Reason, words: str = "", by: Member) -> Flag:
    """Put it before the moderators, once per member. Raises OwnWords, AlreadyHidden, AlreadyFlagged."""
    check_may_flag(thing, by=by)
    raised = Flag(**which(thing), by_id=by.id, reason=reason, rank=0 if reason.is_urgent else 1, words=words)
    try:
        with db.session.begin_nested():
            db.session.add(raised)
            db.session.flush()
    except IntegrityError:
        raise AlreadyFlagged(f"You have flagged this {name_of(thing)} before. A moderator knows of it.") from None
    return raised


def check_may_flag(thing: Thing, *, by: Member) -> None:
    """Raises OwnWords, AlreadyHidden."""
    if author_id_of(thing) == by.id:
        raise OwnWords(f"This {name_of(thing)} is your own. You can change it instead.")
    if _is_gone(thing):
        raise AlreadyHidden(f"This {name_of(thing)} is not shown any more.")


def name_of(thing: Thing) -> str:
    """What people call it."""
    if isinstance(thing, Member):
        return "profile"
    return "nugget" if isinstance(thing, Item) else thing.__tablename__


def _is_gone(thing: Thing) -> bool:
    if isinstance(thing, Post):
        return thing.is_hidden or thing.thread.is_hidden
    if isinstance(thing, Thread):
        return thing.is_hidden
    return thing.closed_at is not None if isinstance(thing, Member) else not thing.is_published
