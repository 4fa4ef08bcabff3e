"""What somebody takes along of conversations: every word of theirs as they typed it, and nobody else's.

Of others only the title of a thread is told, without which a reply to it could not be placed.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import case, select

from portal.accounts.models import Member
from portal.conversations import queries
from portal.conversations.models import (
    Follow,
    Mention,
    PersonFollow,
    Post,
    PostFile,
    PostRevision,
    QuestionOwner,
    ReadAhead,
    Reading,
    Room,
    RoomFollow,
    RoomMember,
    RoomReading,
    Thanks,
    Thread,
)
from portal.core.db import db
from portal.core.taking_along import Part, part


def parts_of(member: Member) -> Iterator[Part]:
    yield part(
        "threads",
        "Threads you began",
        "Their titles; what you wrote in them is among your posts.",
        select(
            Thread.id.label("number"),
            Thread.created_at.label("begun_at"),
            queries.room_title_for(member).label("room"),
            Thread.kind,
            Thread.title,
            Thread.author_hidden_at.label("asked_safely_at"),
            Thread.about_title,
            Thread.about_path,
            Thread.locked_at,
            Thread.locked_because,
            Thread.hidden_at,
            Thread.hidden_because,
            Thread.held_at,
        )
        .join(Room, Room.id == Thread.room_id)
        .where(Thread.author_id == member.id)
        .order_by(Thread.id),
        {
            "number": "the end of its address, /threads/…",
            "begun_at": "when",
            "room": "in which room",
            "kind": "a question, a story or a discussion",
            "title": "as you named it",
            "asked_safely_at": "when you asked it under no name",
            "about_title": "what in the library it is about",
            "about_path": "where that is",
            "locked_at": "when it was closed to replies",
            "locked_because": "the reason you were told",
            "hidden_at": "when it was hidden",
            "hidden_because": "the reason you were told",
            "held_at": "since when it waits for a moderator",
        },
    )
    yield part(
        "posts",
        "Your posts",
        "Everything you wrote, in Markdown as you typed it.",
        select(
            Post.id.label("number"),
            Post.created_at.label("written_at"),
            queries.title_for(member).label("thread"),
            Thread.id.label("thread_number"),
            Post.number.label("place"),
            Post.veiled_at.label("under_no_name_since"),
            case((Post.removed_at.is_(None), Post.body), else_="").label("body"),
            Post.edited_at,
            Post.hidden_at,
            Post.hidden_because,
            Post.held_at,
            Post.deleted_at,
            Post.helped_at,
            Post.endorsed_at,
            Post.overrode.label("shown_before_posting"),
        )
        .join(Thread, Thread.id == Post.thread_id)
        .join(Room, Room.id == Thread.room_id)
        .where(Post.author_id == member.id)
        .order_by(Post.id),
        {
            "number": "the end of its address, /posts/…",
            "written_at": "when",
            "thread": "the title of the thread, which may be somebody else's words; empty where you no longer see it",
            "thread_number": "the end of the thread's address, /threads/…",
            "place": "the how many-th post there",
            "under_no_name_since": "filled where only the coaches see that it is yours",
            "body": "your words, in Markdown; empty where a moderator deleted them",
            "edited_at": "when you last changed them",
            "hidden_at": "since when members do not read it",
            "hidden_because": "the reason a moderator gave you",
            "held_at": "since when it waits for a moderator",
            "deleted_at": "when you took it back",
            "helped_at": "when whoever asked said that it helped",
            "endorsed_at": "when a coach stood behind it",
            "shown_before_posting": "how many names, numbers and the like you were shown in it, and posted as they are",
        },
    )
    kept = PostRevision.removed_at.is_(None)
    yield part(
        "earlier-versions",
        "Earlier versions of your posts",
        "What a post of yours said before you changed it.",
        select(
            PostRevision.post_id.label("post"),
            PostRevision.created_at.label("until"),
            case((kept, PostRevision.body), else_="").label("body"),
            case((kept, PostRevision.body_html)).label("as_shown"),
            PostRevision.removed_at,
        )
        .join(Post, Post.id == PostRevision.post_id)
        .where(Post.author_id == member.id)
        .order_by(PostRevision.id),
        {
            "post": "the number of the post",
            "until": "when it was changed",
            "body": "what it said, in Markdown; empty where it was taken out of the history",
            "as_shown": "the same, as the page showed it",
            "removed_at": "when its words were taken out of the history",
        },
    )
    files = db.session.scalars(select(PostFile).where(PostFile.by_id == member.id).order_by(PostFile.id)).all()
    yield part(
        "post-files",
        "Files beside your posts",
        "As others see them; pictures that you sent were drawn anew and not kept.",
        select(
            PostFile.id.label("number"),
            PostFile.created_at.label("sent_at"),
            PostFile.post_id.label("post"),
            PostFile.place,
            PostFile.name,
            PostFile.media_type,
            PostFile.size,
            PostFile.alt,
            PostFile.token,
        )
        .where(PostFile.by_id == member.id)
        .order_by(PostFile.id),
        {
            "number": "the beginning of its name under files/posts/",
            "sent_at": "when",
            "post": "the number of the post; empty while it waits for one",
            "place": "the form it was put into",
            "name": "as you called it",
            "media_type": "what kind of file it is",
            "size": "in bytes",
            "alt": "what a picture shows, as you described it",
            "token": "the end of its address, /files/…",
        },
        files={f"posts/{file.id}-{_name_in_archive(file)}": file.storage_key for file in files},
    )
    yield part(
        "mentions",
        "Where you were spoken to",
        "Posts of others that mention or quote you.",
        select(Mention.created_at.label("at"), Mention.post_id.label("post"))
        .where(Mention.member_id == member.id)
        .order_by(Mention.id),
        {"at": "when", "post": "the end of its address, /posts/…"},
    )
    yield part(
        "follows",
        "Threads you follow",
        "And what you want to hear of each.",
        select(
            Follow.created_at.label("since"),
            Thread.id.label("thread_number"),
            queries.title_for(member).label("thread"),
            Follow.level,
        )
        .join(Thread, Thread.id == Follow.thread_id)
        .join(Room, Room.id == Thread.room_id)
        .where(Follow.member_id == member.id)
        .order_by(Follow.id),
        {
            "since": "since when",
            "thread_number": "the end of its address, /threads/…",
            "thread": "its title, which may be somebody else's words; empty where you no longer see it",
            "level": "all, mine (letters only where you are spoken to) or none",
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
    yield part(
        "followed-rooms",
        "Rooms you chose something for",
        "What you want to hear of each.",
        select(RoomFollow.created_at.label("since"), queries.room_title_for(member).label("room"), RoomFollow.level)
        .join(Room, Room.id == RoomFollow.room_id)
        .where(RoomFollow.member_id == member.id)
        .order_by(RoomFollow.id),
        {"since": "since when", "room": "its name", "level": "all, mine (where you take part) or none"},
    )
    yield part(
        "people",
        "People you follow or muted",
        "They are not told.",
        select(PersonFollow.created_at.label("since"), Member.name.label("person"), PersonFollow.level)
        .join(Member, Member.id == PersonFollow.person_id)
        .where(PersonFollow.member_id == member.id)
        .order_by(PersonFollow.id),
        {"since": "since when", "person": "whom", "level": "all: you follow them; none: what they say is folded"},
    )
    yield part(
        "read",
        "How far you have read",
        "The last post that you read in each thread.",
        select(Reading.thread_id.label("thread_number"), Reading.last_number.label("place"), Reading.unread_at)
        .where(Reading.member_id == member.id)
        .order_by(Reading.id),
        {
            "thread_number": "the end of its address, /threads/…",
            "place": "the how many-th post there",
            "unread_at": "when you put it back to unread",
        },
    )
    yield part(
        "read-rooms",
        "Rooms you marked as read",
        "Up to which moment.",
        select(queries.room_title_for(member).label("room"), RoomReading.read_until, RoomReading.before)
        .join(Room, Room.id == RoomReading.room_id)
        .where(RoomReading.member_id == member.id)
        .order_by(RoomReading.id),
        {"room": "its name", "read_until": "up to when", "before": "up to when before that"},
    )
    yield part(
        "read-ahead",
        "Posts you read before earlier ones",
        "They came from a thread that was joined with another.",
        select(ReadAhead.post_id.label("post")).where(ReadAhead.member_id == member.id).order_by(ReadAhead.id),
        {"post": "the end of its address, /posts/…"},
    )
    yield part(
        "thanks",
        "Posts that helped you",
        "Where you pressed “This helped”. Nobody is told that it was you.",
        select(Thanks.created_at.label("since"), Thanks.post_id.label("post"))
        .where(Thanks.member_id == member.id)
        .order_by(Thanks.id),
        {"since": "when", "post": "the end of its address, /posts/…"},
    )
    yield part(
        "questions",
        "Questions you see to",
        "As a coach.",
        select(QuestionOwner.created_at.label("since"), QuestionOwner.thread_id.label("thread_number"))
        .where(QuestionOwner.member_id == member.id)
        .order_by(QuestionOwner.id),
        {"since": "since when", "thread_number": "the end of its address, /threads/…"},
    )


def _name_in_archive(file: PostFile) -> str:
    """A picture has the ending of what it became."""
    return f"{file.name.rpartition('.')[0]}.webp" if file.is_picture else file.name
