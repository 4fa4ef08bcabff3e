"""What the library shows: lists as narrow rows, one item with what its page needs, and who has downloaded what.

Lists read columns, not entities, and cost the same number of statements for two rows as for twenty.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from flask import current_app
from markupsafe import Markup
from sqlalchemy import ColumnElement, Row, Select, and_, func, or_, select
from sqlalchemy.orm import joinedload, selectinload, with_polymorphic

from portal.conversations.models import Thread
from portal.core import search
from portal.core.admission import Audience
from portal.core.clock import now
from portal.core.db import db
from portal.core.web import Page, cursor, filesize, money
from portal.library import media, transcripts
from portal.library.models import Download, Episode, File, Item, Kind, Nugget, Resource, Tool, Version, item_topic
from portal.topics.models import Topic

ROWS_A_PAGE = 20
MOST_FOUND = 40
_LETTERS_A_MINUTE = 1100  # of quiet reading

_tool, _nugget, _episode = Tool.__table__.c, Nugget.__table__.c, Episode.__table__.c


@dataclass(frozen=True)
class Shelf:
    """Which part of the library a reader looks at."""

    kind: Kind | None = None
    topic: str | None = None  # slug
    words: str = ""


@dataclass(frozen=True)
class ItemRow:
    """One line of a list."""

    id: int
    kind: Kind
    slug: str
    title: str
    summary: str
    problem: str | None
    is_free: bool
    published_at: datetime
    facts: list[str] = field(default_factory=list)  # "PDF and Word", "40 minutes"
    topics: list[tuple[str, str]] = field(default_factory=list)  # (slug, title)
    changed: bool = False  # a newer edition is there than the reader has downloaded
    snippet: Markup | None = None  # where the searched words stand

    @property
    def path(self) -> str:
        return f"/library/{self.slug}"


def is_out() -> ColumnElement[bool]:
    """Published, and not withdrawn."""
    return and_(Item.published_at <= now(), Item.withdrawn_at.is_(None))


def shelf_page(shelf: Shelf, *, reader_id: int | None, before: tuple[datetime, int] | None) -> Page[ItemRow]:
    """Twenty items, newest first; `before` is the cursor of an earlier page's last row."""
    query = _narrowed(shelf).order_by(Item.published_at.desc(), Item.id.desc()).limit(ROWS_A_PAGE + 1)
    if before:
        moment, item_id = before
        query = query.where(or_(Item.published_at < moment, and_(Item.published_at == moment, Item.id < item_id)))
    found = db.session.execute(query).all()
    rows = _complete(found[:ROWS_A_PAGE], reader_id=reader_id)
    older = cursor(rows[-1].published_at, rows[-1].id) if len(found) > ROWS_A_PAGE else None
    return Page(rows, newer=None, older=older)


def shelf_search(shelf: Shelf, *, audiences: Collection[Audience], reader_id: int | None) -> list[ItemRow]:
    """The best matches on this shelf, as far as the reader may know of them."""
    kinds = [shelf.kind.value] if shelf.kind else [k.value for k in Kind]
    # A topic narrows after the search, so more is asked for than is shown.
    hits = search.search(shelf.words, audiences=audiences, kinds=kinds, most=MOST_FOUND * (4 if shelf.topic else 1))
    places = {hit.ref_id: (place, hit.snippet) for place, hit in enumerate(hits)}
    found = db.session.execute(_narrowed(shelf).where(Item.id.in_(places))).all()
    best = sorted(found, key=lambda row: places[row.id][0])[:MOST_FOUND]
    return _complete(best, reader_id=reader_id, snippets={item_id: words for item_id, (_, words) in places.items()})


def newest_rows(kind: Kind | None = None, *, most: int, reader_id: int | None = None) -> list[ItemRow]:
    """The newest items, for a page that shows a few of them."""
    query = _narrowed(Shelf(kind)).order_by(Item.published_at.desc(), Item.id.desc()).limit(most)
    return _complete(db.session.execute(query).all(), reader_id=reader_id)


def related_to(item: Item, *, most: int = 4, reader_id: int | None = None) -> list[ItemRow]:
    """Items that share a topic: those that share most come first, then the newest."""
    if not item.topics:
        return []
    shared = (
        select(item_topic.c.item_id, func.count().label("shared"))
        .where(item_topic.c.topic_id.in_([t.id for t in item.topics]), item_topic.c.item_id != item.id)
        .group_by(item_topic.c.item_id)
        .subquery()
    )
    query = (
        _narrowed(Shelf())
        .join(shared, shared.c.item_id == Item.id)
        .order_by(shared.c.shared.desc(), Item.published_at.desc(), Item.id.desc())
        .limit(most)
    )
    return _complete(db.session.execute(query).all(), reader_id=reader_id, with_facts=False)


def item_by_slug(slug: str) -> Select[Item]:
    """An item that is out, whole: its own columns of whichever kind, topics, and the head of its conversation."""
    whole = with_polymorphic(Item, [Tool, Resource, Nugget, Episode])
    return (
        select(whole)
        .where(whole.slug == slug, whole.published_at <= now(), whole.withdrawn_at.is_(None))
        .options(selectinload(whole.topics), joinedload(whole.thread).joinedload(Thread.last_author))
    )


def files_of(item_id: int) -> Sequence[Row[Version, File]]:
    """Every edition with its files, the newest edition first, its main file first."""
    return db.session.execute(
        select(Version, File)
        .join(File, File.version_id == Version.id)
        .where(Version.item_id == item_id)
        .order_by(Version.number.desc(), File.position)
    ).all()


def version_downloaded(item_id: int, member_id: int) -> int | None:
    """The newest edition this member has downloaded something of."""
    return db.session.scalar(
        select(func.max(Version.number))
        .join(File, File.version_id == Version.id)
        .join(Download, Download.file_id == File.id)
        .where(Version.item_id == item_id, Download.member_id == member_id)
    )


def tool_of(episode: Episode) -> Row[str, str] | None:
    """Slug and title of the tool an episode is about, if that is out."""
    if episode.tool_id is None:
        return None
    return db.session.execute(select(Item.slug, Item.title).where(Item.id == episode.tool_id, is_out())).first()


def item_about(thread_id: int) -> Row[str, str, Kind] | None:
    """Slug, title and kind of the item whose conversation a thread is."""
    return db.session.execute(select(Item.slug, Item.title, Item.kind).where(Item.thread_id == thread_id)).first()


def monthly_price() -> str:
    """What membership costs a month, in words."""
    config = current_app.config
    return f"{money(config['PLAN_MONTHLY_MINOR'], config['PLAN_CURRENCY'])} a month"


def _narrowed(shelf: Shelf) -> Select[Any]:
    """The columns a line needs, of items on this shelf that are out."""
    table = Item.__table__
    query = (
        select(
            Item.id, table.c.kind, Item.slug, Item.title, Item.summary, Item.problem, Item.is_free, Item.published_at,
            func.length(Item.body).label("letters"),
            _tool.minutes, _nugget.practice_type, _nugget.practice_size, _episode.number, _episode.seconds,
        )
        .select_from(table)
        .outerjoin(Tool.__table__, _tool.id == table.c.id)
        .outerjoin(Nugget.__table__, _nugget.id == table.c.id)
        .outerjoin(Episode.__table__, _episode.id == table.c.id)
        .where(is_out())
    )  # fmt: skip
    if shelf.kind:
        query = query.where(table.c.kind == shelf.kind)
    if shelf.topic:
        about = select(item_topic.c.item_id).join(Topic, Topic.id == item_topic.c.topic_id)
        query = query.where(Item.id.in_(about.where(Topic.slug == shelf.topic)))
    return query


def _complete(
    found: Sequence[Row[Any]],
    *,
    reader_id: int | None,
    snippets: dict[int, Markup] | None = None,
    with_facts: bool = True,
) -> list[ItemRow]:
    """Add to the rows what stands in other tables: one statement each for topics, files and the reader's downloads."""
    ids = [row.id for row in found]
    if not ids:
        return []
    topics = _topics_of(ids)
    editions = _main_files_of(ids) if with_facts else {}
    have = _downloaded_versions(ids, reader_id) if with_facts and reader_id is not None else {}
    return [
        ItemRow(
            id=row.id,
            kind=row.kind,
            slug=row.slug,
            title=row.title,
            summary=row.summary,
            problem=row.problem,
            is_free=row.is_free,
            published_at=row.published_at,
            facts=_facts(row, editions.get(row.id, (0, []))[1]),
            topics=topics.get(row.id, []),
            changed=row.id in have and have[row.id] < editions.get(row.id, (0, []))[0],
            snippet=(snippets or {}).get(row.id),
        )
        for row in found
    ]


def _facts(row: Row[Any], files: list[str]) -> list[str]:
    facts = []
    if row.kind == Kind.EPISODE:
        facts += [f"Episode {row.number}", *([length_in_words(row.seconds)] if row.seconds else [])]
    elif row.kind == Kind.NUGGET:
        facts += [fact for fact in (row.practice_type, row.practice_size) if fact]
    elif row.kind == Kind.RESOURCE:
        facts.append(f"{max(1, round(row.letters / _LETTERS_A_MINUTE))} min read")
    if files and row.kind != Kind.EPISODE:
        facts.append(" and ".join(files) if len(files) < 3 else ", ".join(files))
    if row.minutes:
        facts.append(f"{row.minutes} minutes to fill in")
    return facts


def length_in_words(seconds: int) -> str:
    """ "4 min", "1 h 5 min"."""
    minutes = max(1, round(seconds / 60))
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def file_facts(file: File) -> str:
    """ "PDF, 240 kB"."""
    return f"{media.in_words(file.media_type)}, {filesize(file.size)}"


def chapters_of(episode: Episode) -> list[transcripts.Chapter]:
    return transcripts.chapters(episode.chapters)


def _topics_of(ids: Iterable[int]) -> dict[int, list[tuple[str, str]]]:
    found: dict[int, list[tuple[str, str]]] = {}
    query = (
        select(item_topic.c.item_id, Topic.slug, Topic.title)
        .join(Topic, Topic.id == item_topic.c.topic_id)
        .where(item_topic.c.item_id.in_(ids))
        .order_by(Topic.position)
    )
    for item_id, slug, title in db.session.execute(query):
        found.setdefault(item_id, []).append((slug, title))
    return found


def _main_files_of(ids: Iterable[int]) -> dict[int, tuple[int, list[str]]]:
    """Of each item: the number of its newest edition, and what kinds of file are in it."""
    newest = (
        select(Version.item_id, func.max(Version.number).label("number"))
        .where(Version.item_id.in_(ids))
        .group_by(Version.item_id)
        .subquery()
    )
    query = (
        select(Version.item_id, Version.number, File.media_type)
        .join(newest, and_(newest.c.item_id == Version.item_id, newest.c.number == Version.number))
        .join(File, File.version_id == Version.id)
        .order_by(File.position)
    )
    found: dict[int, tuple[int, list[str]]] = {}
    for item_id, number, media_type in db.session.execute(query):
        kinds = found.setdefault(item_id, (number, []))[1]
        if (words := media.in_words(media_type)) not in kinds:
            kinds.append(words)
    return found


def _downloaded_versions(ids: Iterable[int], member_id: int) -> dict[int, int]:
    """Of each item this member has downloaded: the newest edition they have."""
    query = (
        select(Version.item_id, func.max(Version.number))
        .join(File, File.version_id == Version.id)
        .join(Download, Download.file_id == File.id)
        .where(Version.item_id.in_(ids), Download.member_id == member_id)
        .group_by(Version.item_id)
    )
    return {item_id: number for item_id, number in db.session.execute(query)}  # noqa: C416  # rows are not pairs
