"""What is read of conversations, by whom. Lists take columns, not whole rows: they are drawn thirty at a time."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from functools import cache
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Integer,
    Row,
    ScalarSelect,
    Select,
    SQLColumnExpression,
    String,
    and_,
    bindparam,
    case,
    cast,
    func,
    literal,
    or_,
    select,
    tuple_,
)
from sqlalchemy.orm import contains_eager, undefer

from portal.accounts.models import Draft, Member
from portal.conversations import drafts, veiling
from portal.conversations.models import (
    Follow,
    Level,
    PersonFollow,
    Post,
    PostFile,
    Room,
    RoomFollow,
    RoomKind,
    RoomMember,
    Thread,
    ThreadKind,
    thread_topic,
)
from portal.conversations.policy import Sight, sees_hidden, sight_of
from portal.core.db import Moment, db
from portal.core.web import Page, cursor, read_cursor
from portal.topics.models import Topic
from portal.topics.queries import topics_in_order

Lines = Select[*tuple[Any, ...]]  # columns by name, see each query
Line = Row[*tuple[Any, ...]]

Asked = tuple[Lines, dict[str, Any]]  # a statement, and the values that this reader puts into it


def rooms(reader: Member | None) -> Select[Room]:
    """The rooms that somebody may see, archived ones too, in the coach's order."""
    return select(Room).where(open_to(reader)).order_by(Room.position, Room.title)


def rooms_with_last_word(reader: Member | None) -> Select[Room]:
    """The same, each with when somebody last spoke in it."""
    return rooms(reader).options(undefer(Room.last_post_at))


def open_to(reader: Member | None) -> ColumnElement[bool]:
    """Rooms this person may see."""
    return _is_open(sight_of(reader), literal(reader.id if reader else 0))


def visible_to(reader: Member | None) -> ColumnElement[bool]:
    """Threads this person may know of, in a statement that joins their rooms: in a room that is open to them, and a
    hidden one only as its author or as staff. None is a visitor, or a member who is not in."""
    return _is_seen(sight_of(reader), literal(reader.id if reader else 0))


def open_with(sight: Sight) -> ColumnElement[bool]:
    """`open_to` for a statement that is built once and asked often: the reader comes as the value `reader_id`."""
    return _is_open(sight, bindparam("reader_id", type_=Integer()))


def seen_with(sight: Sight) -> ColumnElement[bool]:
    """`visible_to`, in the same way."""
    return _is_seen(sight, bindparam("reader_id", type_=Integer()))


def circles_of(reader: Member) -> Select[int]:
    """Ids of the closed circles that somebody sees."""
    return select(Room.id).where(Room.kind == RoomKind.CIRCLE, open_to(reader))


def room_for(reader: Member | None, slug: str) -> tuple[Room, Level] | None:
    """A room, and what they chose to hear of it; None if this reader may not know of it."""
    asked = {"slug": slug, "reader_id": reader.id if reader else 0}
    found = db.session.execute(_a_room(sight_of(reader)), asked).one_or_none()
    return (found[0], found[1] or Level.MINE) if found else None


def hosts_of(room: Room) -> Sequence[Member]:
    """Whom to turn to in a room."""
    return db.session.scalars(_hosts(), {"room_id": room.id}).all()


def threads_in(room: Room, reader: Member | None, kind: ThreadKind | None = None) -> Asked:
    """The lines of a room's list: each thread with the names of who began it and who spoke last; of one kind or all."""
    values = {"room_id": room.id, "reader_id": reader.id if reader else 0} | ({"kind": kind} if kind else {})
    return _threads(sees_all=sees_hidden(reader), of_one_kind=kind is not None), values


@dataclass(frozen=True, slots=True)
class Found:
    """A thread as one reader finds it."""

    thread: Thread  # with its room
    level: Level | None  # what they chose to hear of it
    room_level: Level | None  # and of its room
    renamed_at: datetime | None  # when anybody last got another name
    is_veiled: bool  # what they say in it stands under no name
    draft: Draft | None  # of a reply
    files_wait: int  # that they put into its form
    files_since: datetime | None
    muted: str | None  # whose posts they fold away


def thread_for(reader: Member | None, thread_id: int) -> Found | None:
    """A thread and what its page needs to know before it is drawn; None if this reader may not know of it."""
    found = db.session.execute(a_thread(sight_of(reader)), asked_of(thread_id, reader)).one_or_none()
    return Found(*found) if found else None


def asked_of(thread_id: int, reader: Member | None) -> dict[str, Any]:
    """The values that `a_thread` is asked with."""
    return {"thread_id": thread_id, "reader_id": reader.id if reader else 0, "draft": drafts.of_thread(thread_id)}


def version_of(thread_id: int, reader: Member | None) -> int | None:
    """What a thread's page has come to; None if this reader may not know of it."""
    asked = {"thread_id": thread_id, "reader_id": reader.id if reader else 0}
    version: int | None = db.session.connection().scalar(_a_version(sight_of(reader)), asked)
    return version


def merged_into(thread_id: int) -> int | None:
    """The thread in which the posts of one that is no more stand now."""
    return db.session.scalar(select(Thread.merged_into_id).where(Thread.id == thread_id))


def where_merged(thread_id: int) -> Post:
    """The opening post of a thread that was joined with another, where it stands now."""
    begins = and_(Post.thread_id == Thread.merged_into_id, Post.number == Thread.merged_at)
    return db.session.scalars(select(Post).join(Thread, begins).where(Thread.id == thread_id)).one()


def opening_of(thread: Thread) -> Post:
    return db.session.scalars(select(Post).where(Post.thread_id == thread.id, Post.number == 1)).one()


def topics_of(thread_id: int) -> Sequence[Line]:
    return db.session.connection().execute(_some_topics(), {"thread_id": thread_id}).all()


def topics_to_choose() -> dict[str, str]:
    """Slug and title of each topic, in the coach's order."""
    return {topic.slug: topic.title for topic in topics_in_order()}


def topics_called(slugs: Collection[str]) -> Sequence[Topic]:
    return db.session.scalars(select(Topic).where(Topic.slug.in_(slugs))).all() if slugs else ()


def helped(thread_id: SQLColumnExpression[int]) -> ColumnElement[bool]:
    """That something in a question is marked as having helped; what is hidden says nothing."""
    marked = Post.thread_id == thread_id, Post.helped_at.is_not(None), Post.hidden_at.is_(None)
    return select(Post.id).where(*marked).exists()


# The statements of a room's and a thread's page are built once, and some skip the session: they are asked most often.


def _is_open(sight: Sight, reader_id: ColumnElement[int]) -> ColumnElement[bool]:
    if sight is Sight.COACH:
        return literal(True)
    if sight is Sight.MODERATOR:
        return Room.kind != RoomKind.COACHES
    if sight is Sight.OUTSIDE:
        return Room.kind == RoomKind.PUBLIC
    named = select(RoomMember.room_id).where(RoomMember.member_id == reader_id)
    return or_(
        Room.kind.in_([RoomKind.MEMBERS, RoomKind.PUBLIC]), and_(Room.kind == RoomKind.CIRCLE, Room.id.in_(named))
    )


def _is_seen(sight: Sight, reader_id: ColumnElement[int]) -> ColumnElement[bool]:
    is_open = and_(_is_open(sight, reader_id), Thread.merged_into_id.is_(None))
    if sight in {Sight.MODERATOR, Sight.COACH}:
        return is_open
    return and_(is_open, or_(Thread.hidden_at.is_(None), Thread.author_id == reader_id))


@cache
def _a_room(sight: Sight) -> Select[*tuple[Any, ...]]:
    return (
        select(Room, RoomFollow.level)
        .outerjoin(RoomFollow, and_(RoomFollow.room_id == Room.id, RoomFollow.member_id == _reader_id()))
        .where(Room.slug == bindparam("slug"), open_with(sight))
    )


@cache
def _hosts() -> Select[Member]:
    return (
        select(Member)
        .join(RoomMember, RoomMember.member_id == Member.id)
        .where(RoomMember.room_id == bindparam("room_id"))
        .where(RoomMember.host_since.is_not(None), Member.closed_at.is_(None))
        .order_by(RoomMember.host_since, RoomMember.id)
    )


@cache
def a_thread(sight: Sight) -> Select[*tuple[Any, ...]]:
    """What `thread_for` asks, for whoever asks something more beside it."""
    begun = veiling.begun_by(_reader_id())
    found = _of_thread(
        sight, Thread, Follow.level, RoomFollow.level, _renamed_at(), begun, Draft, *_files_that_wait(), _muted()
    )
    return found.options(contains_eager(Thread.room))


@cache
def facts_of_thread(sight: Sight) -> Lines:
    """What its page is made of, without the rows that draw it."""
    files_wait, files_since = _files_that_wait()
    return _of_thread(
        sight,
        Thread.id,
        Thread.version,
        Thread.title,
        Thread.post_count,
        Room.title.label("room"),
        Room.kind,
        Room.archived_at.is_not(None).label("is_archived"),
        func.coalesce(Follow.level, RoomFollow.level).label("level"),
        _renamed_at().label("renamed_at"),
        Draft.mark.label("draft"),
        files_wait.label("files_wait"),
        files_since.label("files_since"),
        _muted().label("muted"),
    )


def _reader_id() -> BindParameter[int]:
    return bindparam("reader_id", type_=Integer())


def _renamed_at() -> ScalarSelect[Any]:
    return select(func.max(Member.renamed_at)).scalar_subquery()


def _muted() -> ScalarSelect[Any]:
    """Ids of the people whose posts this reader folds away, as words: a page that a browser kept shows them or not."""
    muted = PersonFollow.member_id == _reader_id(), PersonFollow.level == Level.NONE
    ids = cast(PersonFollow.person_id, String)
    return select(func.aggregate_strings(ids, ",")).where(*muted).scalar_subquery()


def _of_thread(sight: Sight, *columns: Any) -> Select[*tuple[Any, ...]]:
    reader_id = _reader_id()
    return (
        select(*columns)
        .select_from(Thread)
        .join(Thread.room)
        .outerjoin(Follow, and_(Follow.thread_id == Thread.id, Follow.member_id == reader_id))
        .outerjoin(RoomFollow, and_(RoomFollow.room_id == Thread.room_id, RoomFollow.member_id == reader_id))
        .outerjoin(Draft, and_(Draft.member_id == reader_id, Draft.thing == bindparam("draft")))
        .where(Thread.id == bindparam("thread_id"), seen_with(sight))
    )


@cache
def _a_version(sight: Sight) -> Select[int]:
    return select(Thread.version).join(Thread.room).where(Thread.id == bindparam("thread_id"), seen_with(sight))


def _files_that_wait() -> tuple[ScalarSelect[Any], ScalarSelect[Any]]:
    """How many, and since when the newest does."""
    waits = PostFile.by_id == _reader_id(), PostFile.place == bindparam("draft"), PostFile.post_id.is_(None)
    return (
        select(func.count()).select_from(PostFile).where(*waits).scalar_subquery(),
        select(func.max(PostFile.created_at)).where(*waits).scalar_subquery(),
    )


@cache
def _some_topics() -> Lines:
    topic = Topic.__table__.c
    return (
        select(topic.title, topic.slug)
        .join_from(Topic.__table__, thread_topic, thread_topic.c.topic_id == topic.id)
        .where(thread_topic.c.thread_id == bindparam("thread_id"))
        .order_by(topic.position)
    )


def posts_by(member: Member) -> Asked:
    """Everything one person wrote, hidden or not: their words stay theirs, whatever they pay. How a thread of somebody
    else's is called (title), and where it stands (room), is None where they no longer see it."""
    return _posts_of_one(sight_of(member)), {"author_id": member.id, "reader_id": member.id}


def title_for(member: Member) -> ColumnElement[str | None]:
    """What a thread is called, in a statement that joins its room, as far as it is theirs or they see it."""
    return case((or_(visible_to(member), Thread.author_id == member.id), Thread.title))


def room_title_for(member: Member) -> ColumnElement[str | None]:
    """The same of a room."""
    return case((open_to(member), Room.title))


def own_post(member: Member, post_id: int) -> Select[Post]:
    """One's own post, wherever it stands and whatever became of the membership."""
    return (
        select(Post)
        .join(Post.thread)
        .join(Thread.room)
        .options(contains_eager(Post.thread).contains_eager(Thread.room))
        .where(Post.id == post_id, Post.author_id == member.id)
    )


def page_of(
    asked: Asked,
    moment: ColumnElement[datetime],
    number: ColumnElement[int],
    *,
    older: str | None,
    newer: str | None,
    most: int,
    place: Callable[[Line], tuple[datetime, int]],
) -> Page[Line]:
    """One screenful, newest first, beside a cursor: what is older than it, or what is newer. Nonsense means the top."""
    query, values = asked
    after, before = read_cursor(older), read_cursor(newer)
    at = after or before
    values = values | {"most": most + 1} | ({"at_moment": at[0], "at_number": at[1]} if at else {})
    side = Side.OLDER if after else Side.NEWER if before else Side.TOP
    found = db.session.connection().execute(_beside(query, moment, number, side), values).all()
    more, rows = len(found) > most, found[:most]
    if side is Side.NEWER:
        rows = rows[::-1]
    if not rows and at:
        return page_of(asked, moment, number, older=None, newer=None, most=most, place=place)
    if not rows:
        return Page([], None, None)
    is_top = side is Side.TOP or (side is Side.NEWER and not more)
    is_end = side is not Side.NEWER and not more
    return Page(
        rows,
        newer=None if is_top else cursor(*place(rows[0])),
        older=None if is_end else cursor(*place(rows[-1])),
    )


class Side(Enum):
    """Where a page lies, seen from its cursor."""

    TOP = "top"
    OLDER = "older"
    NEWER = "newer"


# The lists' statements, built once: building one anew took longer than asking it.


@cache
def _threads(*, sees_all: bool, of_one_kind: bool) -> Lines:
    thread = Thread.__table__.c
    starter, speaker = Member.__table__.alias("starter"), Member.__table__.alias("speaker")
    found = (
        select(
            thread.id,
            thread.kind,
            thread.title,
            thread.post_count,
            thread.last_post_at,
            thread.locked_at,
            thread.hidden_at,
            thread.hidden_because,
            thread.held_at,
            thread.about_title,
            thread.author_id,
            thread.author_hidden_at,
            helped(thread.id).label("is_answered"),
            starter.c.name.label("starter"),
            starter.c.closed_at.label("starter_left"),
            speaker.c.name.label("speaker"),
            speaker.c.closed_at.label("speaker_left"),
        )
        .join_from(Thread.__table__, starter, starter.c.id == thread.author_id)
        .outerjoin(speaker, speaker.c.id == thread.last_author_id)
        .where(thread.room_id == bindparam("room_id"), thread.merged_into_id.is_(None))
    )
    if of_one_kind:
        found = found.where(thread.kind == bindparam("kind", type_=thread.kind.type))
    return (
        found if sees_all else found.where(or_(thread.hidden_at.is_(None), thread.author_id == bindparam("reader_id")))
    )


@cache
def _posts_of_one(sight: Sight) -> Lines:
    reader_id = _reader_id()
    post, thread, room = Post.__table__.c, Thread.__table__.c, Room.__table__.c
    return (
        select(
            post.id,
            post.veiled_at,
            post.body_html,
            post.created_at,
            post.edited_at,
            post.hidden_at,
            post.hidden_because,
            post.deleted_at,
            post.removed_at,
            post.held_because,
            thread.id.label("thread_id"),
            case((or_(seen_with(sight), thread.author_id == reader_id), thread.title)).label("title"),
            case((_is_open(sight, reader_id), room.title)).label("room"),
        )
        .join_from(Post.__table__, Thread.__table__, thread.id == post.thread_id)
        .join(Room.__table__, room.id == thread.room_id)
        .where(post.author_id == bindparam("author_id"))
    )


@cache
def _beside(query: Lines, moment: ColumnElement[datetime], number: ColumnElement[int], side: Side) -> Lines:
    key = tuple_(moment, number)
    at = tuple_(bindparam("at_moment", type_=Moment()), bindparam("at_number", type_=Integer()))
    if side is Side.NEWER:
        query = query.where(key > at).order_by(moment, number)
    else:
        query = (query.where(key < at) if side is Side.OLDER else query).order_by(moment.desc(), number.desc())
    return query.limit(bindparam("most"))
