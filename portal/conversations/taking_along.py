"""What somebody takes along of conversations: every word of theirs as they typed it, and nobody else's.

Of others only the title of a thread is told, without which a reply to it could not be placed.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import select

from portal.accounts.models import Member
from portal.conversations.models import Follow, Post, PostRevision, Room, RoomMember, Thread
from portal.core.taking_along import Part, part


def parts_of(member: Member) -> Iterator[Part]:
    yield part(
        "threads",
        "Threads you began",
        "Their titles; what you wrote in them is among your posts.",
        select(
            Thread.id.label("number"),
            Thread.created_at.label("begun_at"),
            Room.title.label("room"),
            Thread.title,
            Thread.about_title,
            Thread.about_path,
            Thread.locked_at,
            Thread.locked_because,
            Thread.hidden_at,
            Thread.hidden_because,
        )
        .join(Room, Room.id == Thread.room_id)
        .where(Thread.author_id == member.id)
        .order_by(Thread.id),
        {
            "number": "the end of its address, /threads/…",
            "begun_at": "when",
            "room": "in which room",
            "title": "as you named it",
            "about_title": "what in the library it is about",
            "about_path": "where that is",
            "locked_at": "when it was closed to replies",
            "locked_because": "the reason you were told",
            "hidden_at": "when it was hidden",
            "hidden_because": "the reason you were told",
        },
    )
    yield part(
        "posts",
        "Your posts",
        "Everything you wrote, in Markdown as you typed it.",
        select(
            Post.id.label("number"),
            Post.created_at.label("written_at"),
            Thread.title.label("thread"),
            Thread.id.label("thread_number"),
            Post.number.label("place"),
            Post.body,
            Post.edited_at,
            Post.hidden_at,
            Post.hidden_because,
        )
        .join(Thread, Thread.id == Post.thread_id)
        .where(Post.author_id == member.id)
        .order_by(Post.id),
        {
            "number": "the end of its address, /posts/…",
            "written_at": "when",
            "thread": "the title of the thread; it may be somebody else's words",
            "thread_number": "the end of the thread's address, /threads/…",
            "place": "the how many-th post there",
            "body": "your words, in Markdown",
            "edited_at": "when you last changed them",
            "hidden_at": "when a moderator hid it",
            "hidden_because": "the reason you were told",
        },
    )
    yield part(
        "earlier-versions",
        "Earlier versions of your posts",
        "What a post of yours said before you changed it.",
        select(PostRevision.post_id.label("post"), PostRevision.created_at.label("until"), PostRevision.body)
        .join(Post, Post.id == PostRevision.post_id)
        .where(Post.author_id == member.id)
        .order_by(PostRevision.id),
        {"post": "the number of the post", "until": "when it was changed", "body": "what it said, in Markdown"},
    )
    yield part(
        "follows",
        "Threads you follow",
        "And those you muted.",
        select(
            Follow.created_at.label("since"),
            Thread.id.label("thread_number"),
            Thread.title.label("thread"),
            Follow.muted_at,
        )
        .join(Thread, Thread.id == Follow.thread_id)
        .where(Follow.member_id == member.id)
        .order_by(Follow.id),
        {
            "since": "since when",
            "thread_number": "the end of its address, /threads/…",
            "thread": "its title; it may be somebody else's words",
            "muted_at": "when you muted it",
        },
    )
    yield part(
        "rooms",
        "Rooms that name you",
        "Closed circles you are in, and rooms you host.",
        select(RoomMember.created_at.label("since"), Room.title.label("room"), RoomMember.host_since)
        .join(Room, Room.id == RoomMember.room_id)
        .where(RoomMember.member_id == member.id)
        .order_by(RoomMember.id),
        {"since": "since when", "room": "its name", "host_since": "since when you host it"},
    )
