"""Ruling: what a moderator decides about what was flagged, told to its author and written into the log.

Each decision is one conditional UPDATE, so of two moderators deciding at once the first wins and the second is told;
carrying_out.py has what all of them do.
"""

from __future__ import annotations

from sqlalchemy import and_, or_, select

from portal.accounts.models import Member, Role
from portal.conversations import finding, holding
from portal.conversations.models import Post, Thread
from portal.conversations.posting import count_thread, touch
from portal.core import audit, markdown
from portal.core.clock import now
from portal.core.db import db
from portal.core.errors import Refusal
from portal.library import publishing, stories
from portal.library.models import Nugget
from portal.moderation.carrying_out import (
    HELD_NO_MORE,
    TakenBack,
    already_ruled,
    change,
    check_not_own,
    in_thread,
    settle,
    settle_in,
    show_change,
    write,
)
from portal.moderation.models import RAISED_FOR, Flag, Outcome, Ruling, Thing, about
from portal.moderation.telling_authors import tell_of_ruling
from portal.practices import describing, photos

EXCERPT = 300  # characters of a post in the letter about it


class NotACoach(Refusal):
    """The library is the coaches'."""

    message = "Only a coach takes something out of the library."
    status = 403


def keep(thing: Thing, *, because: str, by: Member, answering: int | None = None) -> Ruling:
    """It stays and its flags are settled. Its author never knew, so hears nothing, unless it waited for this: then
    members read it from now on, and its author hears that they do, also where no flag on it is open. Raises
    AlreadyRuled, OwnWords."""
    check_not_own(thing, by)
    waited = isinstance(thing, Post | Thread) and thing.is_held
    ruling = write(Outcome.KEPT, thing, because, by)
    settled = settle(ruling, Flag.about == about(thing), answering)
    if not settled and not (isinstance(thing, Post | Thread) and holding.release(thing)):
        raise already_ruled(ruling)
    if waited and isinstance(thing, Post | Thread) and not thing.is_hidden:  # taken back meanwhile, it stays gone
        tell_of_ruling(ruling, thing.author)
    if isinstance(thing, Post):
        audit.record(by, "post.kept", thing, because=because, thread=thing.thread_id, ruling=ruling.id)
    elif isinstance(thing, Thread):
        audit.record(by, "thread.kept", thing, because=because, ruling=ruling.id)
    elif isinstance(thing, Member):
        audit.record(by, "profile.kept", ruling, because=because, member=thing.id)
    else:
        audit.record(by, "nugget.kept", ruling, because=because, item=thing.id)
    return ruling


def hide(post: Post, *, because: str, by: Member, answering: int | None = None) -> Ruling:
    """Members find a line in its place, its author finds the words and the reason. One that its author took back can
    be ruled on too: then they cannot undo that. Raises AlreadyRuled."""
    check_not_own(post, by)
    ruling = write(Outcome.HIDDEN, post, because, by)
    undecided = or_(Post.hidden_at.is_(None), Post.hidden_because.is_(None))  # read, taken back, or held until now
    change(post, undecided, ruling, hidden_at=now(), hidden_because=because, **HELD_NO_MORE)
    settle(ruling, Flag.about == about(post), answering)
    show_change(post)
    audit.record(by, "post.hidden", post, because=because, thread=post.thread_id, ruling=ruling.id)
    tell_of_ruling(ruling, post.author, excerpt=markdown.excerpt(post.body_html, EXCERPT))
    return ruling


def restore(post: Post, *, because: str, by: Member, with_letter: bool = True) -> Ruling:
    """Members read it again. One that waits for a moderator is kept: nobody had decided about it before.

    Raises AlreadyRuled, TakenBack, OwnWords.
    """
    if post.is_deleted:
        raise TakenBack()
    if post.is_held:
        return keep(post, because=because, by=by)
    check_not_own(post, by)
    ruling = write(Outcome.RESTORED, post, because, by)
    still = and_(Post.hidden_at.is_not(None), Post.deleted_at.is_(None), Post.held_at.is_(None))
    change(post, still, ruling, hidden_at=None, hidden_because=None, removed_at=None)
    show_change(post)
    audit.record(by, "post.restored", post, because=because, thread=post.thread_id, ruling=ruling.id)
    if with_letter:
        tell_of_ruling(ruling, post.author, excerpt=markdown.excerpt(post.body_html, EXCERPT))
    return ruling


def lock(thread: Thread, *, because: str, by: Member, answering: int | None = None) -> Ruling:
    """Nobody replies or edits there any more; `answering` is a flag on it, or on a post in it, that is settled with
    all on the same. Raises AlreadyRuled."""
    ruling = write(Outcome.LOCKED, thread, because, by)
    change(thread, Thread.locked_at.is_(None), ruling, locked_at=now(), locked_because=because)
    settle_in(thread, ruling, answering)
    touch(thread)
    audit.record(by, "thread.locked", thread, because=because, ruling=ruling.id)
    tell_of_ruling(ruling, thread.author)
    return ruling


def unlock(thread: Thread, *, because: str, by: Member, with_letter: bool = True) -> Ruling:
    """The conversation may go on. Raises AlreadyRuled, OwnWords: whoever began it opens only what they closed."""
    if _last_decided(thread, Outcome.LOCKED) != by.id:
        check_not_own(thread, by)
    ruling = write(Outcome.UNLOCKED, thread, because, by)
    change(thread, Thread.locked_at.is_not(None), ruling, locked_at=None, locked_because=None)
    touch(thread)
    audit.record(by, "thread.unlocked", thread, because=because, ruling=ruling.id)
    if with_letter:
        tell_of_ruling(ruling, thread.author)
    return ruling


def hide_thread(thread: Thread, *, because: str, by: Member, answering: int | None = None) -> Ruling:
    """Only staff and its author find it from now on; flags in it are settled with it. Raises AlreadyRuled,
    OwnWords."""
    check_not_own(thread, by)
    ruling = write(Outcome.HIDDEN, thread, because, by)
    if not holding.end(thread, hidden_because=because):
        change(thread, Thread.hidden_at.is_(None), ruling, hidden_at=now(), hidden_because=because)
        count_thread(thread, -1)
    settle(ruling, in_thread(Flag, thread, by), answering)
    touch(thread)
    finding.forget_thread(thread)
    audit.record(by, "thread.hidden", thread, because=because, ruling=ruling.id)
    tell_of_ruling(ruling, thread.author)
    return ruling


def restore_thread(thread: Thread, *, because: str, by: Member, with_letter: bool = True) -> Ruling:
    """Members find and read it again; one that waits for a moderator is kept, as a post is. Raises AlreadyRuled,
    TakenBack, OwnWords."""
    if thread.is_taken_back:
        raise TakenBack()
    if thread.is_held:
        return keep(thread, because=because, by=by)
    check_not_own(thread, by)
    ruling = write(Outcome.RESTORED, thread, because, by)
    still = and_(Thread.hidden_at.is_not(None), Thread.held_at.is_(None))
    change(thread, still, ruling, hidden_at=None, hidden_because=None)
    count_thread(thread, +1)
    touch(thread)
    finding.find_thread_again(thread)
    _put_before_again(thread)
    audit.record(by, "thread.restored", thread, because=because, ruling=ruling.id)
    if with_letter:
        tell_of_ruling(ruling, thread.author)
    return ruling


def clear(member: Member, *, because: str, by: Member, answering: int | None = None) -> Ruling:
    """Nothing of what they said about themselves stands on their profile any more; their name does. The words are kept
    nowhere. Raises AlreadyRuled, OwnWords."""
    check_not_own(member, by)
    describing.wait_for_turn(member)  # before a ruling points to them: two at once would wait for each other
    ruling = write(Outcome.CLEARED, member, because, by)
    if not settle(ruling, Flag.about == about(member), answering):
        raise already_ruled(ruling)
    describing.say_nothing(member)
    photos.remove(member)
    audit.record(by, "profile.cleared", ruling, because=because, member=member.id)
    tell_of_ruling(ruling, member)
    return ruling


def withdraw(nugget: Nugget, *, because: str, by: Member, answering: int | None = None) -> Ruling:
    """Take it out of the library; a coach can bring it back there. Raises AlreadyRuled, NotACoach."""
    if not by.is_at_least(Role.COACH):
        raise NotACoach()
    stories.take_turn(nugget)  # first, as in clear
    ruling = write(Outcome.WITHDRAWN, nugget, because, by)
    if not settle(ruling, Flag.about == about(nugget), answering):
        raise already_ruled(ruling)
    publishing.withdraw(nugget, because=because, by=by)
    return ruling


def _last_decided(thread: Thread, outcome: Outcome) -> int | None:
    """The id of whoever decided this of a thread the last time."""
    decided = Ruling.thread_id == thread.id, Ruling.post_id.is_(None), Ruling.outcome == outcome
    return db.session.scalar(select(Ruling.by_id).where(*decided).order_by(Ruling.id.desc()).limit(1))


def _put_before_again(thread: Thread) -> None:
    """Posts that wait in it were settled with the thread when that was hidden; they still wait, so they are cases, also
    one that its author took back: it waits on when they undo that."""
    is_open = select(Flag.id).where(Flag.post_id == Post.id, Flag.ruled_at.is_(None)).exists()
    waits = Post.thread_id == thread.id, Post.held_at.is_not(None), ~is_open
    for post in db.session.scalars(select(Post).where(*waits)).all():
        if post.held_because is not None:
            reason = RAISED_FOR[post.held_because]
            db.session.add(Flag(post_id=post.id, by_id=None, reason=reason, rank=0 if reason.is_urgent else 1))
