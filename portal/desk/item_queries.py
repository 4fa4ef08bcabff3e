"""What coaches see of the library: every item however it stands, and what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, and_, func, or_, select

from portal.accounts.models import Draft, Member
from portal.conversations.models import Thread
from portal.core.clock import now
from portal.core.db import db
from portal.core.web import Page, cursor, read_cursor
from portal.library.models import Download, File, Item, Kind, Listening, Opinion, Tool, Version, ViewCount, item_topic
from portal.topics.models import Topic

ROWS_A_PAGE = 30


class State(StrEnum):
    """How an item stands."""

    DRAFT = "draft"
    SCHEDULED = "scheduled"
    PUBLISHED = "published"
    WITHDRAWN = "withdrawn"


STATES = {
    State.DRAFT: ("Draft", "plain"),
    State.SCHEDULED: ("Scheduled", "warn"),
    State.PUBLISHED: ("Published", "good"),
    State.WITHDRAWN: ("Withdrawn", "bad"),
}


class Wanted(NamedTuple):
    """What the list is narrowed to."""

    state: State | None = None
    kind: Kind | None = None
    topic: str | None = None  # slug
    words: str = ""


class Line(NamedTuple):
    """One item in the list, with what became of it."""

    id: int
    kind: Kind
    title: str
    slug: str
    state: State
    moment: datetime  # when it was or will be published, was withdrawn, or was begun
    changes_wait: bool  # somebody has written what is not published yet
    views: int
    downloads: int
    listens: int | None  # None: nothing to listen to
    useful: int
    not_useful: int
    replies: int
    thread_id: int | None


def state_of(item: Item) -> State:
    return _state(item.published_at, item.withdrawn_at)


def page_of(wanted: Wanted, before: str | None) -> Page[Line]:
    """Thirty items, the newest first. Two statements, however many they are."""
    chosen = select(Item.id, Item.created_at).where(*_narrowed(wanted))
    place = read_cursor(before)
    if place is not None:
        moment, row_id = place
        chosen = chosen.where(or_(Item.created_at < moment, and_(Item.created_at == moment, Item.id < row_id)))
    found = db.session.execute(chosen.order_by(Item.created_at.desc(), Item.id.desc()).limit(ROWS_A_PAGE + 1)).all()
    shown = found[:ROWS_A_PAGE]
    older = cursor(shown[-1].created_at, shown[-1].id) if len(found) > ROWS_A_PAGE else None
    return Page(_lines([row.id for row in shown]), newer=None, older=older)


def counts() -> dict[State, int]:
    """How many items stand in each state."""
    at = now()
    is_out = Item.withdrawn_at.is_(None)
    row = db.session.execute(
        select(
            func.count().filter(is_out, Item.published_at.is_(None)),
            func.count().filter(is_out, Item.published_at > at),
            func.count().filter(is_out, Item.published_at <= at),
            func.count().filter(Item.withdrawn_at.is_not(None)),
        ).select_from(Item)
    ).one()
    return dict(zip(State, row, strict=True))


def item(item_id: int) -> Select[Item]:
    return select(Item).where(Item.id == item_id)


def tools() -> list[tuple[str, str]]:
    rows = db.session.execute(select(Tool.slug, Tool.title).order_by(Tool.title))
    return [(slug, title) for slug, title in rows]


def others_writing(thing: str, me: Member) -> Sequence[Any]:
    """Who else has words about it that are not published: name and when they last typed."""
    return db.session.execute(
        select(Member.name, Draft.saved_at)
        .join(Member, Member.id == Draft.member_id)
        .where(Draft.thing == thing, Draft.member_id != me.id)
        .order_by(Draft.saved_at.desc())
    ).all()


def thing(item_id: int) -> str:
    """What an item is called where drafts are kept."""
    return f"item:{item_id}"


def _narrowed(wanted: Wanted) -> list[ColumnElement[bool]]:
    rules: list[ColumnElement[bool]] = []
    at = now()
    if wanted.state is State.WITHDRAWN:
        rules.append(Item.withdrawn_at.is_not(None))
    elif wanted.state is not None:
        rules.append(Item.withdrawn_at.is_(None))
        rules.append(
            {
                State.DRAFT: Item.published_at.is_(None),
                State.SCHEDULED: Item.published_at > at,
                State.PUBLISHED: Item.published_at <= at,
            }[wanted.state]
        )
    if wanted.kind is not None:
        rules.append(Item.kind == wanted.kind)
    if wanted.topic is not None:
        about = select(item_topic.c.item_id).join(Topic, Topic.id == item_topic.c.topic_id)
        rules.append(Item.id.in_(about.where(Topic.slug == wanted.topic)))
    if wanted.words:
        rules.append(Item.title.icontains(wanted.words, autoescape=True))
    return rules


def _lines(ids: list[int]) -> list[Line]:
    if not ids:
        return []
    rows = db.session.execute(_FIGURES.where(Item.id.in_(ids)).order_by(Item.created_at.desc(), Item.id.desc()))
    writing = set(db.session.scalars(select(Draft.thing).where(Draft.thing.in_([thing(row_id) for row_id in ids]))))
    return [
        Line(
            id=row.id,
            kind=row.kind,
            title=row.title,
            slug=row.slug,
            state=_state(row.published_at, row.withdrawn_at),
            moment=row.withdrawn_at or row.published_at or row.created_at,
            changes_wait=thing(row.id) in writing,
            views=row.views or 0,
            downloads=row.downloads,
            listens=row.listens if row.kind is Kind.EPISODE else None,
            useful=row.useful,
            not_useful=row.not_useful,
            replies=max((row.post_count or 0) - 1, 0),
            thread_id=row.thread_id,
        )
        for row in rows
    ]


def _state(published_at: datetime | None, withdrawn_at: datetime | None) -> State:
    if withdrawn_at is not None:
        return State.WITHDRAWN
    if published_at is None:
        return State.DRAFT
    return State.PUBLISHED if published_at <= now() else State.SCHEDULED


def _opinions(is_useful: bool) -> Any:  # a column's value
    return (
        select(func.count())
        .select_from(Opinion)
        .where(Opinion.item_id == Item.id, Opinion.is_useful.is_(is_useful))
        .scalar_subquery()
    )


_FIGURES = select(
    Item.id,
    Item.kind,
    Item.title,
    Item.slug,
    Item.created_at,
    Item.published_at,
    Item.withdrawn_at,
    Item.thread_id,
    select(func.sum(ViewCount.views)).where(ViewCount.item_id == Item.id).scalar_subquery().label("views"),
    select(func.count(Download.id))
    .join(File, File.id == Download.file_id)
    .join(Version, Version.id == File.version_id)
    .where(Version.item_id == Item.id)
    .scalar_subquery()
    .label("downloads"),
    select(func.count()).where(Listening.episode_id == Item.id).scalar_subquery().label("listens"),
    _opinions(True).label("useful"),
    _opinions(False).label("not_useful"),
    Thread.post_count,
).outerjoin(Thread, Thread.id == Item.thread_id)
