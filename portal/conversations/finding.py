"""What search knows of conversations: a thread with its opening words, and each reply by itself. Nothing hidden, and
nothing for whoever does not see its room.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import Select, and_, bindparam, delete, or_, select
from sqlalchemy.orm import joinedload

from portal.accounts.models import Member
from portal.conversations import queries
from portal.conversations.models import Post, Room, RoomKind, Thread, thread_topic
from portal.core import indexing, markdown
from portal.core.admission import Audience
from portal.core.db import db, transaction
from portal.core.jobs import enqueue, job
from portal.core.search import SearchDoc

_AUDIENCE = {
    RoomKind.COACHES: Audience.COACHES,
    RoomKind.CIRCLE: Audience.ENTITLED,  # narrowed to its people by a scope
    RoomKind.MEMBERS: Audience.ENTITLED,
    RoomKind.PUBLIC: Audience.ANYONE,
}


def scopes_of(member: Member) -> frozenset[str]:
    """The closed circles that search may show somebody, as scopes of its index."""
    return frozenset(within(room_id) for room_id in db.session.scalars(queries.circles_of(member)))


def keep_found(post: Post) -> None:
    """Put a post into the index as it reads now, or take it out when it may not be read."""
    thread = post.thread
    if thread.is_hidden:
        return
    if post.number == 1:
        body = "" if post.is_hidden else markdown.plain(post.body_html)
        indexing.index(
            "thread",
            thread.id,
            at=thread.created_at,
            title=thread.title,
            path=f"/threads/{thread.id}",
            body=body,
            **_for(post),
        )
    elif post.is_hidden:
        indexing.forget("post", post.id)
    else:
        indexing.index(
            "post",
            post.id,
            at=post.created_at,
            title=thread.title,
            path=f"/posts/{post.id}",
            body=markdown.plain(post.body_html),
            **_for(post),
        )


def forget_thread(thread: Thread) -> None:
    """Take a thread and all that was said in it out of the index, in one statement however long it is."""
    _forget(select(Thread.id).where(Thread.id == thread.id))


def find_thread_again(thread: Thread) -> None:
    """After a restored thread: put everything back, in the background because it may be long."""
    enqueue(index_thread, thread_id=thread.id)


def find_room_again(room: Room) -> None:
    """Other people see the room from now on: at once nobody finds what was said in it, and soon those who may."""
    _forget(select(Thread.id).where(Thread.room_id == room.id))
    enqueue(index_room, room_id=room.id)


def find_post(post_id: int) -> None:
    """Put a post into the index as it reads by now. Whoever changes or moves it meanwhile touches its thread, so they
    wait for this, and what they put into the index comes after it."""
    with transaction():
        _hold(select(Thread.id).join(Post, Post.thread_id == Thread.id).where(Post.id == post_id))
        post = db.session.scalar(_with_place().where(Post.id == post_id))
        if post is not None:
            keep_found(post)


def _hold(thread: Select[int]) -> None:
    db.session.execute(thread.with_for_update(of=Thread))


def _with_place() -> Select[Post]:
    return select(Post).options(joinedload(Post.thread, innerjoin=True).joinedload(Thread.room, innerjoin=True))


def _forget(threads: Select[int]) -> None:
    posts = select(Post.id).where(Post.thread_id.in_(threads))
    db.session.execute(
        delete(SearchDoc)
        .where(
            or_(
                and_(SearchDoc.kind == "thread", SearchDoc.ref_id.in_(threads)),
                and_(SearchDoc.kind == "post", SearchDoc.ref_id.in_(posts)),
            )
        )
        .execution_options(synchronize_session=False)
    )


def _for(post: Post) -> dict[str, Any]:
    """For whom its words are, and what they are found by: not by whoever asked safely."""
    thread, room = post.thread, post.thread.room
    said_by = [] if post.is_veiled else [by(post.author_id)]
    return {
        "audience": _AUDIENCE[room.kind],
        "scope": within(room.id) if room.kind is RoomKind.CIRCLE else None,
        "tags": [within(room.id), *said_by, *(f"topic:{topic_id}" for topic_id in _topic_ids(thread))],
    }


def _topic_ids(thread: Thread) -> Sequence[int]:
    return db.session.connection().execute(_of_thread(), {"thread_id": thread.id}).scalars().all()


@cache
def _of_thread() -> Select[int]:
    return select(thread_topic.c.topic_id).where(thread_topic.c.thread_id == bindparam("thread_id"))


def by(member_id: int) -> str:
    """The tag of what somebody said under their name."""
    return f"by:{member_id}"


def within(room_id: int) -> str:
    """The tag of what was said in a room, and the scope of what was said in a closed circle."""
    return f"room:{room_id}"


@job("conversations.index_room")
def index_room(room_id: int) -> None:
    """Have every thread of a room indexed as it is for those who see it now."""
    with transaction():
        for thread_id in db.session.scalars(select(Thread.id).where(Thread.room_id == room_id)):
            enqueue(index_thread, thread_id=thread_id)


@job("conversations.index_thread")
def index_thread(thread_id: int) -> None:
    """Index all posts of a thread as they read now, some at a time so that nobody waits for the whole of it; held
    meanwhile as in find_post, or what is hidden in between would stay to be found."""
    after = 0
    while True:
        with transaction():
            _hold(select(Thread.id).where(Thread.id == thread_id))
            posts = db.session.scalars(
                _with_place().where(Post.thread_id == thread_id, Post.number > after).order_by(Post.number).limit(200)
            ).all()
            for post in posts:
                keep_found(post)
            if not posts:
                return
            after = posts[-1].number
