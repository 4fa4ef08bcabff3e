"""Starting a thread, replying, mending one's own words.

Numbers and counters are decided by the database in one statement each, so fifty people may reply at once. Text is
rendered before anything is read or locked: whoever sends a hostile one waits alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Integer, Label, ScalarSelect, Select, String, bindparam, case, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.sql.dml import ReturningUpdate

from portal.accounts import house_rules
from portal.accounts.models import Member
from portal.accounts.policy import check_not_held_back, may_post
from portal.conversations import finding, following, mentioning, policy, spreading, telling_followers, veiling
from portal.conversations.models import Post, PostRevision, Room, Thread, ThreadKind
from portal.core import markdown
from portal.core.clock import now
from portal.core.db import Moment, db, enter, is_postgresql
from portal.core.errors import Refusal
from portal.core.jobs import enqueue
from portal.topics.models import Topic

Look = Callable[[Post, Any], None]
_lookers: list[tuple[Look, ScalarSelect[Any]]] = []


def looked_at_by(asking: ScalarSelect[Any]) -> Callable[[Look], Look]:
    """Register what looks at each post that was just written or edited, before anybody is told of it, and the one value
    that it has to know of the database for that: a reply asks it along with what it asks itself."""

    def register(look: Look) -> Look:
        _lookers.append((look, asking))
        return look

    return register


class NotConfirmed(Refusal):
    message = "Please confirm your e-mail address first; the letter with the link is in your mailbox."
    status = 403


class ThreadLocked(Refusal):
    message = "This thread is closed to new replies."


class RoomArchived(Refusal):
    message = "This room is archived: what was said stays to be read, and nothing new is added."


class NotYours(Refusal):
    message = "Only the author can change a post, and not after a moderator has ruled on it."
    status = 403


class ChangedSince(Refusal):
    message = (
        "This post says something else since you opened this form: a moderator changed it, or you did in another "
        "window. Look at it first; if you save once more, your words take the place of those."
    )


class NothingToRead(Refusal):
    message = "Nothing of this would be visible to others. Write a few words."
    status = 422


class TooLong(Refusal):
    message = f"This is longer than {markdown.MAX_LENGTH:,} characters. Shorten it, or send it as two posts."
    status = 422


def start(
    room: Room,
    *,
    title: str,
    body: str,
    by: Member,
    kind: ThreadKind = ThreadKind.DISCUSSION,
    about_title: str | None = None,
    about_path: str | None = None,
    topics: Iterable[Topic] = (),
    safely: bool = False,
    send_key: str | None = None,
    overrode: dict[str, Any] | None = None,
    at: datetime | None = None,
) -> Thread:
    """Open a thread with its first post; its author follows it, and have followers of them, room and topics told.

    `about_path` is a page of ours that it discusses; asked `safely`, it stands under no name (veiling.py); `send_key`
    makes a repeated submit harmless; `overrode` is what identifying.check marked and its author means; `at` is for
    imports.
    Raises NotConfirmed, Suspended, Silenced, RoomArchived, RulesChanged, TooLong, NothingToRead.
    """
    html = to_html(body)
    _check_may_post(by, room)
    html, spoken_to = mentioning.linked(html, room)
    moment = at or now()
    key = _key(by, f"start:{room.id}:{title}", send_key, body)
    thread = Thread(
        room=room,
        author=by,
        kind=kind,
        author_hidden_at=moment if safely else None,
        title=title,
        about_title=about_title,
        about_path=about_path,
        topics=list(topics),
        post_count=1,
        version=1,
        last_post_at=moment,
        last_author=None if safely else by,
        created_at=moment,
    )
    post = Post(
        thread=thread,
        number=1,
        author=by,
        veiled_at=thread.author_hidden_at,
        body=body,
        body_html=html,
        send_key=key,
        overrode=overrode,
        created_at=moment,
    )
    try:
        with _once(key):
            db.session.add(post)
            db.session.flush()
    except (IntegrityError, _SentBefore):
        return _sent_before(key).thread
    count_thread(thread, 1)
    following.begin(thread, by=by)
    mentioning.keep(post, spoken_to)
    finding.keep_found(post)
    _have_looked_at(post)
    enqueue(telling_followers.tell_followers, key=f"reply:{post.id}", post_id=post.id)
    return thread


def reply(
    thread: Thread,
    *,
    body: str,
    by: Member,
    send_key: str | None = None,
    overrode: dict[str, Any] | None = None,
    at: datetime | None = None,
) -> Post:
    """Add a post, wake the thread, and have its followers told.

    Raises NotConfirmed, Suspended, Silenced, RoomArchived, RulesChanged, ThreadLocked, TooLong, NothingToRead.
    """
    html = to_html(body)
    _check_may_write(by, thread.room)
    key = _key(by, f"reply:{thread.id}", send_key, body)
    asked = db.session.connection().execute(_before_a_reply(), {"key": key, "whose": by.id}).one()
    if asked.owed:
        house_rules.check_accepted(by)
    if asked.sent is not None:
        return _sent_before(key)
    html, spoken_to = mentioning.linked(html, thread.room)
    moment = at or now()
    number, veiled = _next_number(thread, by, moment)
    post = Post(
        thread_id=thread.id,
        number=number,
        author_id=by.id,
        veiled_at=moment if veiled else None,
        body=body,
        body_html=html,
        send_key=key,
        overrode=overrode,
        created_at=moment,
    )
    if not enter(post, once="send_key"):  # it was sent twice at once; only where there are several writers
        _give_back_number(thread)
        return _sent_before(key)
    db.session.expire(thread, ["post_count", "version", "last_post_at", "last_author_id", "last_author"])
    following.begin(thread, by=by)
    mentioning.keep(post, spoken_to)
    _have_looked_at(post, asked[2:])
    enqueue(spreading.spread, key=f"reply:{post.id}", post_id=post.id)
    return post


def edit(post: Post, *, body: str, by: Member, seen: str | None = None, overrode: dict[str, Any] | None = None) -> None:
    """Change what one said; what stood there before is kept. `seen` is the mark of what they had before them: a form
    that stood open does not bring back what was edited out of the post meanwhile.

    Raises as check_may_edit, ChangedSince, TooLong, NothingToRead.
    """
    html = to_html(body)
    post = db.session.scalars(
        select(Post).where(Post.id == post.id).with_for_update().execution_options(populate_existing=True)
    ).one()
    check_may_edit(post, by=by)
    if post.body == body:
        return
    if seen and seen != mark_of(post):
        raise ChangedSince()
    html, spoken_to = mentioning.linked(html, post.thread.room)
    db.session.add(PostRevision(post_id=post.id, body=post.body, body_html=post.body_html))
    post.body, post.body_html, post.edited_at, post.overrode = body, html, now(), overrode
    db.session.flush()
    if new := mentioning.keep(post, spoken_to):
        enqueue(telling_followers.tell_spoken_to, post_id=post.id, member_ids=new)
    touch(post.thread)
    finding.keep_found(post)
    _have_looked_at(post)


def mark_of(post: Post) -> str:
    """Says which words somebody has before them."""
    return hashlib.sha256(post.body.encode()).hexdigest()[:20]


def check_may_edit(post: Post, *, by: Member) -> None:
    """Raises NotConfirmed, Suspended, Silenced, RoomArchived, ThreadLocked, NotYours."""
    _check_may_write(by, post.thread.room)
    if post.author_id == by.id and post.thread.is_locked:
        raise ThreadLocked("This thread is closed, so its posts stay as they are.")
    if not policy.may_edit(by, post):
        raise NotYours()


def touch(thread: Thread) -> None:
    """Something visible changed in the thread: pages that browsers kept of it are no longer current."""
    db.session.execute(
        update(Thread)
        .where(Thread.id == thread.id)
        .values(version=Thread.version + 1)
        .execution_options(synchronize_session=False)
    )
    db.session.expire(thread, ["version"])


def count_thread(thread: Thread, by: int) -> None:
    """One more or one less in its room for members to find."""
    db.session.execute(
        update(Room)
        .where(Room.id == thread.room_id)
        .values(thread_count=Room.thread_count + by)
        .execution_options(synchronize_session=False)
    )
    db.session.expire(thread.room, ["thread_count", "last_post_at"])


def _have_looked_at(post: Post, answers: Sequence[Any] | None = None) -> None:
    """`answers` are those to what the lookers ask, if they were asked already."""
    if answers is None:
        answers = db.session.connection().execute(select(*_what_lookers_ask())).one()
    for (look, _asking), answer in zip(_lookers, answers, strict=True):
        look(post, answer)


def _what_lookers_ask() -> list[Label[Any]]:
    return [asking.label(f"asked_{number}") for number, (_look, asking) in enumerate(_lookers)]


def to_html(body: str) -> str:
    """What they typed, as safe HTML. Raises TooLong, NothingToRead."""
    if len(body) > markdown.MAX_LENGTH:
        raise TooLong()
    html = markdown.render(body)
    if not markdown.says_something(markdown.plain(html)):
        raise NothingToRead()
    return html


def _check_may_post(member: Member, room: Room) -> None:
    """Whether they may say something new here; mending their own words waits for no rules."""
    _check_may_write(member, room)
    house_rules.check_accepted(member)


def _check_may_write(member: Member, room: Room) -> None:
    check_not_held_back(member)
    if not may_post(member):
        raise NotConfirmed()
    if room.is_archived:
        raise RoomArchived()


def _key(by: Member, where: str, send_key: str | None, body: str) -> str | None:
    """The same words sent twice from one form are one post. Other words from that form (its page came back from the
    browser's memory) are another, and nobody can take up a key of somebody else."""
    if not send_key:
        return None
    return hashlib.sha256(f"{by.id}\0{where}\0{send_key}\0{body}".encode()).hexdigest()


class _SentBefore(Exception):
    """The same words came from the same form before."""


@contextmanager
def _once(key: str | None) -> Iterator[None]:
    """Write in here what a key may say but once. Raises _SentBefore, or IntegrityError with nothing written.

    SQLite has one writer at a time, who sees what was written before; on PostgreSQL two may write the same at once.
    """
    if is_postgresql():
        with db.session.begin_nested():
            yield
        return
    if _is_taken(key):
        raise _SentBefore()
    yield


@cache
def _before_a_reply() -> Select[*tuple[Any, ...]]:
    """Whether it was sent before, whether they owe the house rules an answer, and what lookers have to know."""
    sent = select(Post.id).where(Post.send_key == bindparam("key", type_=String()))
    return select(
        sent.scalar_subquery().label("sent"),
        house_rules.number_owed(bindparam("whose", type_=Integer())).label("owed"),
        *_what_lookers_ask(),
    )


def _is_taken(key: str | None) -> bool:
    return key is not None and db.session.connection().scalar(_by_key(), {"key": key}) is not None


@cache
def _by_key() -> Select[int]:
    return select(Post.id).where(Post.send_key == bindparam("key"))


def _sent_before(key: str | None) -> Post:
    return db.session.scalars(select(Post).where(Post.send_key == key)).one()


def _next_number(thread: Thread, by: Member, moment: datetime) -> tuple[int, bool]:
    """Take the next number and leave the thread woken, unless it was locked or hidden in the meantime; and whether what
    they say in it stands under no name."""
    asked = {"of_thread": thread.id, "moment": moment, "speaker": by.id}
    taken = db.session.connection().execute(_take_number(), asked).one_or_none()
    if taken is None:
        raise ThreadLocked()
    return taken.post_count, taken.last_author_id is None


def _give_back_number(thread: Thread) -> None:
    """Nobody else can have taken one since: the row is ours until the commit."""
    db.session.execute(
        update(Thread)
        .where(Thread.id == thread.id)
        .values(post_count=Thread.post_count - 1, version=Thread.version - 1)
        .execution_options(synchronize_session=False)
    )


@cache
def _take_number() -> ReturningUpdate[*tuple[Any, ...]]:
    thread, moment = Thread.__table__.c, bindparam("moment", type_=Moment())
    speaker = bindparam("speaker", type_=Integer())
    stands = thread.locked_at.is_(None), thread.hidden_at.is_(None), thread.merged_into_id.is_(None)
    return (
        update(Thread.__table__)  # type: ignore[arg-type]  # a mapped table is one
        .where(thread.id == bindparam("of_thread"), *stands)
        .values(
            post_count=thread.post_count + 1,
            version=thread.version + 1,
            last_post_at=case((thread.last_post_at > moment, thread.last_post_at), else_=moment),
            last_author_id=case((veiling.begun_by(speaker), None), else_=speaker),
        )
        .returning(thread.post_count, thread.last_author_id)
    )
