"""Flagging: a member tells the moderators that something should not stand as it is. What cannot wait for them is hidden
until they have looked."""

from __future__ import annotations

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import aliased

from portal.accounts.models import Member
from portal.conversations import holding
from portal.conversations.models import Hold, Post, Thread
from portal.conversations.thread_queries import where_merged
from portal.core import audit, letters
from portal.core.clock import now
from portal.core.db import db
from portal.core.errors import Refusal
from portal.core.web import absolute
from portal.library.models import Item
from portal.moderation import assigning, trusting
from portal.moderation.models import Flag, Reason, Thing, about, author_id_of, which


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
    if isinstance(thing, Post | Thread) and (why := trusting.why_to_hold(thing, raised, by)) is not None:
        hold(thing, why)
    return raised


def hold(thing: Post | Thread, why: Hold) -> None:
    """Let it wait for a moderator, and tell its author that it does; of flags they hear no more than that."""
    if not holding.hold(thing, why):
        return
    if isinstance(thing, Post):
        audit.record(None, "post.held", thing, why=why.value)
    else:
        audit.record(None, "thread.held", thing, why=why.value)
    if thing.author.closed_at is not None:
        return
    thread = thing.thread if isinstance(thing, Post) else thing
    letters.post(
        "moderation/held",
        to=thing.author,
        key=f"held:{about(thing)}:{thing.held_at:%Y%m%d%H%M%S%f}",
        is_post=isinstance(thing, Post),
        thread_title=thread.title,
        why=holding.WHY[why],
        link=absolute("conversations.thread", thread_id=thread.id),
        rules=absolute("home.rules"),
    )


def follow_merge(gone: Thread) -> None:
    """Open flags on a thread that was joined with another are flags on the post that began it, where that stands now.
    Whoever had flagged the post too has said it once."""
    opening, said = where_merged(gone.id), aliased(Flag)
    said_twice = select(said.id).where(said.about == about(opening), said.by_id == Flag.by_id).exists()
    of_gone = Flag.thread_id == gone.id, Flag.ruled_at.is_(None)
    _change(*of_gone, ~said_twice, about=about(opening), post_id=opening.id, thread_id=None)
    _change(*of_gone, ruled_at=now())
    assigning.let_go({about(gone)})


def _change(*which_of_them: ColumnElement[bool], **values: object) -> None:
    db.session.execute(update(Flag).where(*which_of_them).values(**values).execution_options(synchronize_session=False))


def check_may_flag(thing: Thing, *, by: Member) -> None:
    """Raises OwnWords, AlreadyHidden."""
    if author_id_of(thing) == by.id:
        raise OwnWords(f"This {name_of(thing)} is your own. You can change it instead.")
    if _is_gone(thing) and not (by.is_staff and isinstance(thing, Post | Thread) and thing.is_held):
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
