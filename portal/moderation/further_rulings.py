"""Further rulings: deleting a post for good, moving a thread to where it belongs, or only writing to an author."""

from __future__ import annotations

from sqlalchemy import func, select

from portal.accounts.models import Member
from portal.conversations import moving
from portal.conversations.models import Post, Room, Thread
from portal.core import audit
from portal.core.clock import now
from portal.core.db import db
from portal.moderation import carrying_out, telling_authors
from portal.moderation.models import Flag, Outcome, Ruling, about


def delete(post: Post, *, because: str, by: Member, answering: int | None = None) -> Ruling:
    """A line stays in its place, which its author cannot undo; the words only staff still read. Raises AlreadyRuled,
    OwnWords."""
    carrying_out.check_not_own(post, by)
    ruling = carrying_out.write(Outcome.DELETED, post, because, by)
    moment = now()
    gone = {
        "hidden_at": func.coalesce(Post.hidden_at, moment),
        "hidden_because": because,
        "removed_at": moment,
        **carrying_out.HELD_NO_MORE,
    }
    carrying_out.change(post, Post.removed_at.is_(None), ruling, **gone)
    carrying_out.settle(ruling, Flag.about == about(post), answering)
    carrying_out.show_change(post)
    audit.record(by, "post.deleted", post, because=because, thread=post.thread_id, ruling=ruling.id)
    telling_authors.tell_of_ruling(ruling, post.author)
    return ruling


def move(thread: Thread, *, to: Room, because: str, by: Member, answering: int | None = None) -> Ruling:
    """Take it into the room where it belongs, and settle flags on the thread. Raises AlreadyRuled, moving.NotThere,
    moving.OpensWider."""
    seen_in = thread.room_id
    # Held before the ruling points to it: otherwise two at once would each wait for the other.
    db.session.execute(select(Thread.id).where(Thread.id == thread.id).with_for_update())
    ruling = carrying_out.write(Outcome.MOVED, thread, because, by)
    carrying_out.change(thread, Thread.room_id == seen_in, ruling, moved_at=now())
    moving.move(thread, to=to, by=by, because=because)
    carrying_out.settle_in(thread, ruling, answering)
    telling_authors.tell_of_ruling(ruling, thread.author)
    return ruling


def note(thing: Post | Thread, *, because: str, by: Member, answering: int | None = None) -> Ruling:
    """Write to its author; nothing changes but that the flags are settled. Raises AlreadyRuled, OwnWords."""
    carrying_out.check_not_own(thing, by)
    ruling = carrying_out.write(Outcome.NOTED, thing, because, by)
    carrying_out.settle(ruling, Flag.about == about(thing), answering)
    if isinstance(thing, Post):
        audit.record(by, "post.noted", thing, because=because, thread=thing.thread_id, ruling=ruling.id)
    else:
        audit.record(by, "thread.noted", thing, because=because, ruling=ruling.id)
    telling_authors.tell_of_ruling(ruling, thing.author)
    return ruling
