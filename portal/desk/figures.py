"""Six figures that say how the program stands, each with what it counts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Select, func, select

from portal.accounts.models import Member, Role
from portal.conversations import asking, queries
from portal.conversations.models import Post, Thread
from portal.core.clock import now
from portal.core.db import db
from portal.desk.queries import count_open
from portal.library.models import Download
from portal.moderation.models import Flag

WINDOW = timedelta(days=30)


@dataclass(frozen=True)
class Figure:
    """A number, what it counts, and the list behind it, for everybody at the desk or for the owner alone."""

    label: str
    value: int
    definition: str
    href: str | None = None
    owners_href: str | None = None
    tone: str = "plain"


def figures(reader: Member) -> list[Figure]:
    """What waits for somebody stands first; then how the program goes."""
    since = now() - WINDOW
    flags = _count(select(func.count()).select_from(Flag).where(Flag.ruled_at.is_(None)))
    return [
        Figure(
            "Open flags",
            flags,
            "Reports that no ruling has answered yet.",
            href="/moderation",
            tone="bad" if flags else "plain",
        ),
        Figure(
            "Unanswered questions",
            _count(
                select(func.count())
                .select_from(Thread)
                .join(Thread.room)
                .where(asking.unanswered(), queries.visible_to(reader))
            ),
            "Questions to which nobody but whoever asked has replied.",
            href="/desk/unanswered",
        ),
        Figure(
            "Members",
            count_open(),
            "People who may come in today, by plan or by grant; staff not counted.",
            owners_href="/desk/members?state=open",
        ),
        Figure(
            "New accounts",
            _count(
                select(func.count()).select_from(Member).where(Member.created_at >= since, Member.role == Role.MEMBER)
            ),
            "Accounts made in the last 30 days, paid or not.",
            owners_href="/desk/members",
        ),
        Figure(
            "Posts",
            _count(select(func.count()).select_from(Post).where(Post.created_at >= since, Post.hidden_at.is_(None))),
            "Posts written in the last 30 days that are not hidden.",
            href="/rooms",
        ),
        Figure(
            "Downloads",
            _count(select(func.count()).select_from(Download).where(Download.created_at >= since)),
            "Files fetched by members in the last 30 days; resuming one counts once.",
            href="/library",
        ),
    ]


def _count(query: Select[int]) -> int:
    return db.session.scalar(query) or 0
