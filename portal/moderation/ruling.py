"""Ruling: what a moderator decides about what was flagged, told to its author and written into the log.

Each decision is one conditional UPDATE, so of two moderators deciding at once the first wins and the second is told.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, and_, or_, select, update
from sqlalchemy.orm import aliased, joinedload

from portal.accounts.models import Member, Role
from portal.conversations import finding, holding
from portal.conversations.models import Post, Thread
from portal.conversations.posting import count_thread, touch
from portal.core import audit, letters, markdown
from portal.core.clock import now
from portal.core.db import db
from portal.core.errors import Refusal
from portal.core.web import absolute
from portal.library import publishing, stories
from portal.library.models import Nugget
from portal.moderation import assigning, citing, telling_authors, telling_reporters
from portal.moderation.forms import RAISED
from portal.moderation.models import RAISED_FOR, Flag, Outcome, Reason, Ruling, Thing, about, author_id_of, which
from portal.practices import describing, photos

HELD_NO_MORE: dict[str, Any] = {"held_at": None, "held_because": None}  # decided, so it waits no longer
EXCERPT = 300  # characters of a post in the letter about it


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
        tell(ruling, thing.author)
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
    tell(ruling, post.author, excerpt=markdown.excerpt(post.body_html, EXCERPT))
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
        tell(ruling, post.author, excerpt=markdown.excerpt(post.body_html, EXCERPT))
    return ruling


def lock(thread: Thread, *, because: str, by: Member, answering: int | None = None) -> Ruling:
    """Nobody replies or edits there any more; `answering` is a flag on it, or on a post in it, that is settled with
    all on the same. Raises AlreadyRuled."""
    ruling = write(Outcome.LOCKED, thread, because, by)
    change(thread, Thread.locked_at.is_(None), ruling, locked_at=now(), locked_because=because)
    settle_in(thread, ruling, answering)
    touch(thread)
    audit.record(by, "thread.locked", thread, because=because, ruling=ruling.id)
    tell(ruling, thread.author)
    return ruling


def unlock(thread: Thread, *, because: str, by: Member, with_letter: bool = True) -> Ruling:
    """The conversation may go on. Raises AlreadyRuled, OwnWords: whoever began it opens only what they closed."""
    if last_decided(thread, Outcome.LOCKED) != by.id:
        check_not_own(thread, by)
    ruling = write(Outcome.UNLOCKED, thread, because, by)
    change(thread, Thread.locked_at.is_not(None), ruling, locked_at=None, locked_because=None)
    touch(thread)
    audit.record(by, "thread.unlocked", thread, because=because, ruling=ruling.id)
    if with_letter:
        tell(ruling, thread.author)
    return ruling


def hide_thread(thread: Thread, *, because: str, by: Member, answering: int | None = None) -> Ruling:
    """Only staff and its author find it from now on; flags in it are settled with it. Raises AlreadyRuled,
    OwnWords."""
    check_not_own(thread, by)
    ruling = write(Outcome.HIDDEN, thread, because, by)
    if not holding.end(thread, hidden_because=because):
        change(thread, Thread.hidden_at.is_(None), ruling, hidden_at=now(), hidden_because=because)
        count_thread(thread, -1)
    settle(ruling, _in_thread(Flag, thread, by), answering)
    touch(thread)
    finding.forget_thread(thread)
    audit.record(by, "thread.hidden", thread, because=because, ruling=ruling.id)
    tell(ruling, thread.author)
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
        tell(ruling, thread.author)
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
    tell(ruling, member)
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


def check_not_own(thing: Thing, by: Member) -> None:
    if author_id_of(thing) == by.id and by.role is not Role.OWNER:
        raise OwnWords()


def _put_before_again(thread: Thread) -> None:
    """Posts that wait in it were settled with the thread when that was hidden; they still wait, so they are cases, also
    one that its author took back: it waits on when they undo that."""
    is_open = select(Flag.id).where(Flag.post_id == Post.id, Flag.ruled_at.is_(None)).exists()
    waits = Post.thread_id == thread.id, Post.held_at.is_not(None), ~is_open
    for post in db.session.scalars(select(Post).where(*waits)).all():
        if post.held_because is not None:
            reason = RAISED_FOR[post.held_because]
            db.session.add(Flag(post_id=post.id, by_id=None, reason=reason, rank=0 if reason.is_urgent else 1))


def last_decided(thread: Thread, outcome: Outcome) -> int | None:
    """The id of whoever decided this of a thread the last time."""
    decided = Ruling.thread_id == thread.id, Ruling.post_id.is_(None), Ruling.outcome == outcome
    return db.session.scalar(select(Ruling.by_id).where(*decided).order_by(Ruling.id.desc()).limit(1))


def _in_thread(flag: Any, thread: Thread, by: Member) -> ColumnElement[bool]:
    """A flag on the thread itself, or on a post in it; but for those on the words of whoever decides."""
    posts = select(Post.id).where(Post.thread_id == thread.id)
    if by.role is Role.OWNER:
        return or_(flag.thread_id == thread.id, flag.post_id.in_(posts))
    on_others = flag.post_id.in_(posts.where(Post.author_id != by.id))
    return on_others if thread.author_id == by.id else or_(flag.thread_id == thread.id, on_others)


def write(outcome: Outcome, thing: Thing, because: str, by: Member) -> Ruling:
    ruling = Ruling(outcome=outcome, because=because, by_id=by.id, author_id=author_id_of(thing), **which(thing))
    if isinstance(thing, Post):
        ruling.thread_id = thing.thread_id
    db.session.add(ruling)
    db.session.flush()
    return ruling


def change(thing: Post | Thread, still: ColumnElement[bool], ruling: Ruling, **values: object) -> None:
    """Change it if it still stands as the moderator saw it. Raises AlreadyRuled."""
    kind = type(thing)
    changed = db.session.scalar(
        update(kind)
        .where(kind.id == thing.id, still)
        .values(**values)
        .returning(kind.id)
        .execution_options(synchronize_session=False)
    )
    if changed is None:
        raise already_ruled(ruling)
    db.session.expire(thing, list(values))


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
        flagged = select(seen.about).where(seen.id == answering, _in_thread(seen, thread, ruling.by))
        settle(ruling, Flag.about == flagged.scalar_subquery(), answering)


def _let_stand(decided: Collection[str]) -> None:
    """What waited for a decision and was not taken down by it is read from now on."""
    for kind, thing_id in sorted(name.split(":") for name in decided):
        table = {"post": Post, "thread": Thread}.get(kind)
        thing = db.session.get(table, int(thing_id)) if table else None
        if isinstance(thing, Post | Thread) and thing.is_held:
            holding.release(thing)


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


def show_change(post: Post) -> None:
    touch(post.thread)
    finding.keep_found(post)


def tell(ruling: Ruling, author: Member, excerpt: str | None = None) -> None:
    """The author hears what was decided, about which words, and why; always, because it is about them."""
    if author.closed_at is not None or author.id == ruling.by_id:
        return
    rule = citing.cited(ruling)
    telling_authors.tell_author(ruling, author)
    letters.post(
        "moderation/ruling",
        to=author,
        key=f"ruling:{ruling.id}",
        outcome=ruling.outcome.value,
        is_post=ruling.post_id is not None,
        thread_title=ruling.thread.title_for(author) if ruling.thread else None,
        because=ruling.because,
        rule=rule.title if rule else None,
        rule_link=absolute("home.rules_before", number=rule.version) + rule.fragment if rule else None,
        reason=RAISED[ruling.reason] if ruling.reason and ruling.reason is not Reason.OTHER else None,
        room=ruling.thread.room.title if ruling.thread else None,
        excerpt=excerpt,
        link=_link(ruling, author),
        rules=absolute("home.rules"),
        appeal=absolute("appeals.own", ruling_id=ruling.id) if ruling.can_be_appealed else None,
        until=ruling.appeal_until,
    )


def _link(ruling: Ruling, author: Member) -> str:
    """Where its author looks at it."""
    if ruling.post_id is not None:
        return absolute("conversations.post", post_id=ruling.post_id)
    if ruling.thread_id is not None:
        return absolute("conversations.thread", thread_id=ruling.thread_id)
    return absolute("practices.member", handle=author.handle)


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
