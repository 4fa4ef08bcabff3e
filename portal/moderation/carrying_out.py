"""What every ruling does: it is written down, changes the thing if that still stands as the moderator saw it, settles
the flags, and lets whoever came second know who was first.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, and_, or_, select, update
from sqlalchemy.orm import aliased, joinedload

from portal.accounts.models import Member, Role
from portal.conversations import finding, holding
from portal.conversations.models import Post, Thread
from portal.conversations.posting import touch
from portal.core.clock import now
from portal.core.db import change_if, db
from portal.core.errors import Refusal
from portal.moderation import assigning, telling_reporters
from portal.moderation.models import Flag, Outcome, Ruling, Thing, author_id_of, which

HELD_NO_MORE: dict[str, Any] = {"held_at": None, "held_because": None}  # decided, so it waits no longer
_DECIDED = {
    Outcome.KEPT: "it stays",
    Outcome.HIDDEN: "it is hidden",
    Outcome.RESTORED: "it is restored",
    Outcome.LOCKED: "the thread is closed to new replies",
    Outcome.UNLOCKED: "the thread is open again",
    Outcome.EDITED: "a part is edited out",
    Outcome.DELETED: "it is deleted",
    Outcome.MOVED: "it stands in another room",
    Outcome.NOTED: "its author has a note",
    Outcome.CLEARED: "what was said on the profile is taken down",
    Outcome.WITHDRAWN: "it is out of the library",
}


class OwnWords(Refusal):
    """Nobody judges their own words nor learns who flagged them; only the owner may, lest a case wait for ever."""

    message = "These are your own words; somebody else decides about them."
    status = 403


class TakenBack(Refusal):
    """What its author deleted is theirs to say again, and nobody else's."""

    message = "Its author took it back, so it stays gone."


class AlreadyRuled(Refusal):
    """Another moderator was first; the message says who decided what, and why."""

    message = "This has been decided in the meantime."


def check_not_own(thing: Thing, by: Member) -> None:
    if author_id_of(thing) == by.id and by.role is not Role.OWNER:
        raise OwnWords()


def write(outcome: Outcome, thing: Thing, because: str, by: Member) -> Ruling:
    ruling = Ruling(outcome=outcome, because=because, by_id=by.id, author_id=author_id_of(thing), **which(thing))
    if isinstance(thing, Post):
        ruling.thread_id = thing.thread_id
    db.session.add(ruling)
    db.session.flush()
    return ruling


def change(thing: Post | Thread, still: ColumnElement[bool], ruling: Ruling, **values: object) -> None:
    """Change it if it still stands as the moderator saw it. Raises AlreadyRuled."""
    if not change_if(thing, still, **values):
        raise already_ruled(ruling)


def settle(ruling: Ruling, whose: ColumnElement[bool], answering: int | None) -> int:
    """Settle the open flags with this ruling. Raises AlreadyRuled when the flag acted on is settled already."""
    settled = db.session.execute(
        update(Flag)
        .where(whose, Flag.ruled_at.is_(None))
        .values(ruled_at=now(), ruling_id=ruling.id)
        .returning(Flag.id, Flag.about, Flag.rank, Flag.reason, Flag.by_id)
        .execution_options(synchronize_session=False)
    ).all()
    if answering is not None and answering not in {flag.id for flag in settled}:
        raise already_ruled(ruling)
    assigning.let_go({flag.about for flag in settled})
    if settled:
        ruling.reason = min(settled, key=lambda flag: (flag.rank, flag.id)).reason
    if ruling.outcome is not Outcome.HIDDEN:
        _let_stand({flag.about for flag in settled})
    telling_reporters.tell_outcome(ruling, {flag.by_id for flag in settled} - {None, ruling.by_id})
    return len(settled)


def settle_in(thread: Thread, ruling: Ruling, answering: int | None) -> None:
    """Settle the flag acted on, if there is one, with all on the same thread or post in it. Raises AlreadyRuled, also
    where it is a flag on the words of whoever decides: no decision about a thread answers that."""
    if answering is not None:
        seen = aliased(Flag)
        flagged = select(seen.about).where(seen.id == answering, in_thread(seen, thread, ruling.by))
        settle(ruling, Flag.about == flagged.scalar_subquery(), answering)


def in_thread(flag: Any, thread: Thread, by: Member) -> ColumnElement[bool]:
    """A flag on the thread itself, or on a post in it; but for those on the words of whoever decides."""
    posts = select(Post.id).where(Post.thread_id == thread.id)
    if by.role is Role.OWNER:
        return or_(flag.thread_id == thread.id, flag.post_id.in_(posts))
    on_others = flag.post_id.in_(posts.where(Post.author_id != by.id))
    return on_others if thread.author_id == by.id else or_(flag.thread_id == thread.id, on_others)


def show_change(post: Post) -> None:
    touch(post.thread)
    finding.keep_found(post)


def already_ruled(ours: Ruling) -> AlreadyRuled:
    """What to say to whoever came second; `ours` is the ruling that will not be."""
    if ours.post_id is not None:
        same = and_(Ruling.thread_id == ours.thread_id, or_(Ruling.post_id == ours.post_id, Ruling.post_id.is_(None)))
    elif ours.thread_id is not None:
        same = Ruling.thread_id == ours.thread_id
    else:
        same = Ruling.member_id == ours.member_id if ours.member_id is not None else Ruling.item_id == ours.item_id
    earlier = select(Ruling).where(same, Ruling.id != ours.id).options(joinedload(Ruling.by))
    first = db.session.scalars(earlier.order_by(Ruling.id.desc()).limit(1)).first()
    if first is None:
        return AlreadyRuled()
    return AlreadyRuled(f"{first.by.name} was first: {_DECIDED[first.outcome]}. The reason given: {first.because}")


def _let_stand(decided: Collection[str]) -> None:
    """What waited for a decision and was not taken down by it is read from now on."""
    for kind, thing_id in sorted(name.split(":") for name in decided):
        table = {"post": Post, "thread": Thread}.get(kind)
        thing = db.session.get(table, int(thing_id)) if table else None
        if isinstance(thing, Post | Thread) and thing.is_held:
            holding.release(thing)
