"""Rooms, and the threads in them with their posts, flags and one ruling."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select

from portal.accounts.models import Member
from portal.conversations import finding, posting, spreading, telling_followers
from portal.conversations import reading as marking
from portal.conversations.following import who_hears_of
from portal.conversations.models import Post, Room, Thread, ThreadKind
from portal.core import markdown
from portal.core.clock import now
from portal.core.db import db
from portal.core.jobs import Job
from portal.core.letters import Letter
from portal.library.models import Item
from portal.moderation import appealing, replying, ruling, sanctioning
from portal.moderation.flagging import flag
from portal.moderation.models import Reason
from portal.notifications.models import Notification
from portal.seeds import reading
from portal.topics.models import Topic

_READ_UNTIL = timedelta(days=6)  # everybody read what is older, so that the counters tell of a few days


def load_rooms() -> int:
    """Rooms that are not there yet."""
    known = set(db.session.scalars(select(Room.slug)))
    new = [sheet for sheet in reading.sheets("rooms") if sheet.slug not in known]
    for sheet in new:
        room = Room(
            slug=sheet.slug,
            title=sheet.about["title"],
            purpose=sheet.about["purpose"],
            notes=sheet.body,
            notes_html=markdown.render(sheet.body),
            position=sheet.about["position"],
        )
        db.session.add(room)
    db.session.flush()
    return len(new)


def load_threads(people: dict[str, Member], *, shift: timedelta) -> tuple[int, int]:
    """Threads and posts through the same doors as everybody's, at the moments that the content gives them, moved by
    `shift`; returns how many of each. Nobody gets a letter about what was said before the demo began."""
    rooms = {room.slug: room for room in db.session.scalars(select(Room))}
    posts = 0
    for about in (found := reading.threads()):
        thread = _start(about, rooms[about["room"]], people, shift=shift)
        opening = db.session.scalars(select(Post).where(Post.thread_id == thread.id)).one()
        all_said = [(opening, about["posts"][0])]
        for said in about["posts"][1:]:
            at = reading.moment(said["at"]) + shift
            all_said.append((posting.reply(thread, body=said["body"].strip(), by=people[said["by"]], at=at), said))
        for post, said in all_said:  # at the end: what waits for a moderator takes no replies
            _flag(post, said, people)
            _rule(post, said, people)
        _flag(thread, about, people, at=reading.moment(about["flag"]["at"]) + shift if "flag" in about else None)
        posts += len(about["posts"])
    _into_inboxes()
    for post in db.session.scalars(select(Post).where(Post.number > 1)):
        finding.keep_found(post)
    for person in people.values():
        marking.mark_rooms(list(rooms.values()), until=now() - _READ_UNTIL, by=person)
    told_by = [work.__job__ for work in (spreading.spread, telling_followers.tell_followers)]  # type: ignore[attr-defined]
    db.session.execute(delete(Job).where(Job.work.in_(told_by)))
    return len(found), posts


def load_replies(by: Member) -> None:
    """Reasons that are given often, for the queue."""
    for about in reading.notes(reading.CONTENT / "replies.yaml"):
        replying.save(None, title=about["title"], words=about["words"], by=by)


def _start(about: dict[str, Any], room: Room, people: dict[str, Member], *, shift: timedelta) -> Thread:
    first = about["posts"][0]
    item = db.session.scalar(select(Item).where(Item.slug == about["item"])) if about.get("item") else None
    topics = db.session.scalars(select(Topic).where(Topic.slug.in_(about.get("topics", [])))).all()
    thread = posting.start(
        room,
        title=about["title"],
        body=first["body"].strip(),
        by=people[first["by"]],
        kind=ThreadKind(about.get("kind", "question" if about["title"].endswith("?") else "discussion")),
        about_title=item.title if item else None,
        about_path=item.path if item else None,
        topics=topics,
        at=reading.moment(first["at"]) + shift,
    )
    if item is not None and item.thread_id is None:
        item.thread_id = thread.id
    return thread


def _into_inboxes() -> None:
    """What each would have been told of, without the letters; of the days that everybody has read, it is read."""
    read_until = now() - _READ_UNTIL
    for post in db.session.scalars(select(Post).join(Post.thread).order_by(Post.created_at)):
        for stream, members in who_hears_of(post).items():
            for member_id in members:
                entry = Notification(
                    member_id=member_id,
                    stream=stream,
                    about_kind="post",
                    about_id=post.id,
                    within=f"thread:{post.thread_id}",
                    created_at=post.created_at,
                    read_at=read_until if post.created_at < read_until else None,
                )
                db.session.add(entry)
    db.session.flush()


def _flag(thing: Post | Thread, said: dict[str, Any], people: dict[str, Member], *, at: datetime | None = None) -> None:
    """A flag that waits in the queue, raised then, or an hour after what was said."""
    if about := said.get("flag"):
        raised = flag(thing, reason=Reason(about["reason"]), words=about.get("words", ""), by=people[about["by"]])
        raised.created_at = min(at or thing.created_at + timedelta(hours=1), now())
        db.session.flush()
        _unwrite_letters(thing.author_id)


def _rule(post: Post, said: dict[str, Any], people: dict[str, Member]) -> None:
    """It was hidden, its author is silenced for a while from now on, and asks for a second look at that."""
    if about := said.get("ruling"):
        by, silence = people[about["by"]], about["silence"]
        hidden = ruling.hide(post, because=about["because"], by=by)
        silenced = sanctioning.silence(
            post.author, days=silence["days"], because=silence["because"], by=by, after=hidden
        )
        appealing.appeal_sanction(silenced, words=about["appeal"], by=post.author)
        db.session.flush()
        _unwrite_letters(post.author_id)


def _unwrite_letters(member_id: int) -> None:
    """What staff see to here began before the demo did: whom it is about has long heard of it."""
    told = Letter.member_id == member_id, Letter.kind.like("moderation/%")
    written = db.session.scalars(select(Letter).where(*told)).all()
    db.session.execute(delete(Job).where(Job.key.in_([f"letter:{letter.once}" for letter in written])))
    db.session.execute(delete(Letter).where(*told))
