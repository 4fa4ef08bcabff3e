"""Following: who hears of what. Starting a thread or replying begins it; only the member changes it.

What somebody chose for a thread goes before what they chose for its room; without either they hear of what is theirs.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Integer, Select, and_, bindparam, case, delete, func, literal, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from portal.accounts.models import Member
from portal.conversations.models import Follow, Level, Mention, PersonFollow, Post, Room, RoomFollow, Thread
from portal.core.clock import now
from portal.core.db import Model, db, is_postgresql
from portal.core.errors import Refusal
from portal.notifications.models import Stream
from portal.topics.models import TopicFollow


class Oneself(Refusal):
    message = "This is you. You hear of your own words anyway."


def begin(thread: Thread, *, by: Member) -> None:
    """They took part, so they hear of all of it from now on, unless they chose otherwise."""
    _keep(Follow, by, level=Level.ALL, thread_id=thread.id)


def choose(thread: Thread, level: Level, *, by: Member) -> None:
    """What they want to hear of this thread; replying does not change it."""
    _keep(Follow, by, level=level, thread_id=thread.id, instead=True)


def choose_for_room(room: Room, level: Level, *, by: Member) -> None:
    """What they want to hear of its threads, but for those they chose for themselves."""
    _keep(RoomFollow, by, level=level, room_id=room.id, instead=True)


def choose_for_person(person: Member, level: Level, *, by: Member) -> None:
    """Follow somebody (all), fold what they say (none), or neither (mine). They are not told. Raises Oneself."""
    if person.id == by.id:
        raise Oneself()
    if level is Level.MINE:
        db.session.execute(
            delete(PersonFollow).where(PersonFollow.member_id == by.id, PersonFollow.person_id == person.id)
        )
    else:
        _keep(PersonFollow, by, level=level, person_id=person.id, instead=True)


def level_for_person(person: Member, member: Member) -> Level:
    chosen = select(PersonFollow.level).where(PersonFollow.person_id == person.id, PersonFollow.member_id == member.id)
    return db.session.scalar(chosen) or Level.MINE


def muted_people(member: Member) -> set[int]:
    """Ids of the people whose posts a member folds."""
    return set(db.session.connection().execute(_muted(), {"member_id": member.id}).scalars())


def muted_by(member_id: ColumnElement[int]) -> Select[int]:
    """The same, within another statement."""
    return select(PersonFollow.person_id).where(PersonFollow.member_id == member_id, PersonFollow.level == Level.NONE)


def who_hears_of(post: Post) -> dict[Stream, list[int]]:
    """Ids of all who want to hear of a post, each once, by why: they are spoken to in it, it answers in a thread
    of theirs, or they follow its author, or its thread, its room, or a topic of the thread it opens.

    One statement, however many they are. Whether they may read it is asked when the news reach them.
    """
    thread, level = post.thread, level_in_force()
    somebody = literal(post.author_id if not post.is_veiled else None, Integer())  # under no name it is nobody's
    of_author = and_(PersonFollow.member_id == Member.id, PersonFollow.person_id == somebody)
    followed_then = or_(Follow.id.is_(None), Follow.created_at <= post.created_at)  # not by having answered it
    is_theirs = Member.id == thread.author_id  # also for whoever hears only of what concerns them
    is_spoken_to = select(Mention.id).where(Mention.post_id == post.id, Mention.member_id == Member.id).exists()
    follows_author = PersonFollow.level == Level.ALL
    reasons = [is_spoken_to, is_theirs, and_(level == Level.ALL, followed_then), follows_author]
    if post.number == 1:
        about = [topic.id for topic in thread.topics]
        reasons.append(Member.id.in_(select(TopicFollow.member_id).where(TopicFollow.topic_id.in_(about))))
    why = case(
        (is_spoken_to, Stream.MENTIONS.value),
        (is_theirs, Stream.ANSWERS.value),
        (follows_author, Stream.PEOPLE.value),
        else_=Stream.REPLIES.value,
    )
    wanted = (
        select(Member.id, why.label("stream"))
        .outerjoin(Follow, and_(Follow.member_id == Member.id, Follow.thread_id == thread.id))
        .outerjoin(RoomFollow, and_(RoomFollow.member_id == Member.id, RoomFollow.room_id == thread.room_id))
        .outerjoin(PersonFollow, of_author)
        .where(
            or_(*reasons),
            level != Level.NONE,
            func.coalesce(PersonFollow.level, _MINE) != Level.NONE,
            Member.id != post.author_id,
            Member.closed_at.is_(None),
        )
        .order_by(Member.id)
    )
    found: dict[Stream, list[int]] = {}
    for member_id, stream in db.session.execute(wanted):
        found.setdefault(Stream(stream), []).append(member_id)
    return found


def level_in_force() -> ColumnElement[Level]:
    """The level that counts, in a statement that joins what a member chose for a thread and for its room."""
    return func.coalesce(Follow.level, RoomFollow.level, _MINE)


@cache
def _muted() -> Select[int]:
    """Asked for each page of a thread, so it is built once."""
    return muted_by(bindparam("member_id", type_=Integer()))


_MINE = literal(Level.MINE, Follow.level.type)


def _keep(choice: type[Model], by: Member, *, level: Level, instead: bool = False, **about: int) -> None:
    """Write down what somebody chose about one thing; `instead` of an earlier choice, or only if there was none."""
    values = about | {"member_id": by.id}
    choose = _choosing(choice, tuple(values), instead=instead, on_postgresql=is_postgresql())
    db.session.connection().execute(choose, values | {"level": level, "created_at": now()})


@cache
def _choosing(choice: type[Model], key: tuple[str, ...], *, instead: bool, on_postgresql: bool) -> Any:
    insert = (postgresql if on_postgresql else sqlite).insert(choice.__table__)
    if instead:
        return insert.on_conflict_do_update(index_elements=key, set_={"level": insert.excluded.level})
    return insert.on_conflict_do_nothing(index_elements=key)
