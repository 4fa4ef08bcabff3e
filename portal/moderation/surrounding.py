"""What stands around a flagged post, under the names that whoever decides may know."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, func, or_, select

from portal.accounts.models import Member
from portal.conversations import veiling
from portal.conversations.models import Post
from portal.core import markdown
from portal.core.db import db

_AROUND = 240  # characters of the post before it, and of the one after


@dataclass(frozen=True)
class Around:
    """A post beside the one that was flagged."""

    author: str
    words: str


def around(rows: Sequence[Any], reader: Member) -> dict[tuple[int | None, int], Around]:
    """The posts before and after, by their thread and number."""
    places = _places(rows)
    if not places:
        return {}
    found = (
        select(
            Post.thread_id,
            Post.number,
            func.substr(Post.body_html, 1, 4 * _AROUND).label("body_html"),
            Post.author_id,
            Post.veiled_at,
            Member.name,
            Member.closed_at,
        )
        .join(Member, Member.id == Post.author_id)
        .where(or_(*(and_(Post.thread_id == thread_id, Post.number == number) for thread_id, number in places)))
    )
    return {
        (row.thread_id, row.number): Around(name_of(row, reader), markdown.excerpt(row.body_html, _AROUND))
        for row in db.session.execute(found)
    }


def _places(rows: Sequence[Any]) -> Collection[tuple[int, int]]:
    return {
        (row.thread_id, row.number + step)
        for row in rows
        if row.number is not None
        for step in (-1, 1)
        if row.number + step > 0
    }


def name_of(row: Any, reader: Member) -> str:
    """Of its author."""
    if not is_told(row, reader):
        return veiling.A_MEMBER
    return veiling.FORMER_MEMBER if row.closed_at is not None else str(row.name)


def is_told(row: Any, reader: Member) -> bool:
    return veiling.is_told(reader, author_id=row.author_id, veiled_at=row.veiled_at)
