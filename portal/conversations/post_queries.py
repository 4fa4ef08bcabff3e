"""What is read of posts: one by its number, those that a page of a thread draws, and all that somebody wrote."""

from __future__ import annotations

from functools import cache

from sqlalchemy import Integer, Select, bindparam, case, func, or_, select, union
from sqlalchemy.orm import contains_eager

from portal.accounts.models import Member
from portal.conversations.models import POSTS_A_PAGE, Post, PostFile, Room, Thanks, Thread
from portal.conversations.policy import Sight, sight_of
from portal.conversations.queries import Asked, Line, Lines, asking_reader, open_with, seen_with, visible_to
from portal.core.db import db

ON_TOP = 6  # posts that a thread leads to; with more, the latest


def post_for(reader: Member | None, post_id: int) -> Select[Post]:
    """A post whose thread this person may know of, with that thread and its room."""
    return (
        select(Post)
        .join(Post.thread)
        .join(Thread.room)
        .options(contains_eager(Post.thread).contains_eager(Thread.room))
        .where(Post.id == post_id, visible_to(reader))
    )


def posts_on_page(thread_id: int, page: int, reader: Member | None) -> tuple[list[Line], list[Line]]:
    """The posts of one page with their authors and marks, found by number: page 1,000 costs what page 1 costs. And the
    posts that each page of the thread leads to: what coaches stand behind, then what helped."""
    last = page * POSTS_A_PAGE
    first = last - POSTS_A_PAGE + 1
    asked = {"thread_id": thread_id, "first": first, "last": last, "reader_id": reader.id if reader else 0}
    found = db.session.connection().execute(_some_posts(), asked).all()
    marked = [row for row in found if (row.helped_at or row.endorsed_at) and not row.hidden_at]
    marked.sort(key=lambda row: (row.endorsed_at is None, -row.number))
    on_top = sorted(marked[:ON_TOP], key=lambda row: (row.endorsed_at is None, row.number))
    return [row for row in found if first <= row.number <= last], on_top


def posts_by(member: Member) -> Asked:
    """Everything one person wrote, hidden or not: their words stay theirs, whatever they pay. How a thread of somebody
    else's is called (title), and where it stands (room), is None where they no longer see it."""
    return _posts_of_one(sight_of(member)), {"author_id": member.id, "reader_id": member.id}


def own_post(member: Member, post_id: int) -> Select[Post]:
    """One's own post, wherever it stands and whatever became of the membership."""
    return (
        select(Post)
        .join(Post.thread)
        .join(Thread.room)
        .options(contains_eager(Post.thread).contains_eager(Thread.room))
        .where(Post.id == post_id, Post.author_id == member.id)
    )


# The statements of a thread's page and of a list are built once, and skip the session: they are asked most often.


@cache
def _some_posts() -> Lines:
    post, member, coach = Post.__table__.c, Member.__table__.c, Member.__table__.alias("coach")
    thanks, reader_id = Thanks.post_id == post.id, bindparam("reader_id", type_=Integer())
    return (
        select(
            post.id,
            post.number,
            post.author_id,
            post.veiled_at,
            post.body_html,
            post.created_at,
            post.edited_at,
            post.hidden_at,
            post.hidden_because,
            post.deleted_at,
            post.removed_at,
            post.held_because,
            select(PostFile.id).where(PostFile.post_id == post.id).exists().label("has_files"),
            post.helped_at,
            post.endorsed_at,
            post.endorsed_by_id,
            coach.c.name.label("coach"),
            coach.c.closed_at.label("coach_left"),
            select(func.count()).select_from(Thanks).where(thanks).scalar_subquery().label("thanks"),
            select(Thanks.id).where(thanks, Thanks.member_id == reader_id).exists().label("thanked"),
            member.name,
            member.handle,
            member.role,
            member.photo,
            member.closed_at,
        )
        .join_from(Post.__table__, Member.__table__, member.id == post.author_id)
        .outerjoin(coach, coach.c.id == post.endorsed_by_id)
        .where(post.id.in_(union(_ids_on_page(), _ids_on_top())))
        .order_by(post.number)
    )


def _ids_on_page() -> Select[int]:
    one = Post.__table__.alias("one").c
    first, last = bindparam("first", type_=Integer()), bindparam("last", type_=Integer())
    return select(one.id).where(one.thread_id == bindparam("thread_id"), one.number >= first, one.number <= last)


def _ids_on_top() -> Select[int]:
    top = Post.__table__.alias("top").c
    latest = (
        select(top.id)
        .where(
            top.thread_id == bindparam("thread_id"),
            or_(top.helped_at.is_not(None), top.endorsed_at.is_not(None)),
            top.hidden_at.is_(None),
        )
        .order_by(top.endorsed_at.is_(None), top.number.desc())
        .limit(ON_TOP)
        .subquery()
    )
    return select(latest.c.id)


@cache
def _posts_of_one(sight: Sight) -> Lines:
    reader_id = asking_reader()
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
            case((open_with(sight), room.title)).label("room"),
        )
        .join_from(Post.__table__, Thread.__table__, thread.id == post.thread_id)
        .join(Room.__table__, room.id == thread.room_id)
        .where(post.author_id == bindparam("author_id"))
    )
