"""The library's shelves: lists as narrow rows, newest first or best first, narrowed in every way the page offers.

The statements are built once, over tables and not over entities, for two rows as for twenty.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from functools import cache, lru_cache
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from markupsafe import Markup
from sqlalchemy import BindParameter, Select, String, bindparam, case, cast, func, or_, select

from portal.core import locales, media, search
from portal.core.admission import Audience
from portal.core.clock import now
from portal.core.db import db, strung
from portal.core.web import Page, cursor, reader_manner, reader_zone
from portal.library.models import Download, Episode, File, Item, Kind, Nugget, Resource, Tool, Version, item_topic
from portal.library.queries import BY_KIND, IS_OUT, NEWEST, AnyRow
from portal.library.wording import host_of, length_in_words
from portal.practices.models import Region, Size, Specialty
from portal.topics.models import Topic
from portal.topics.queries import Topics, topics_in_order

ROWS_A_PAGE = 20
MOST_FOUND = 40
_TOPIC_LINK = Markup('<a class="topic" href="/topics/{}">{}</a>')
_PRACTICE = ("specialty", "size", "region")  # of a story, as a shelf narrows by them
_LETTERS_A_MINUTE = 1100  # of quiet reading


_ITEM, _TOOL, _RESOURCE = Item.__table__, Tool.__table__, Resource.__table__
_NUGGET, _EPISODE, _TOPIC = Nugget.__table__, Episode.__table__, Topic.__table__
_VERSION, _FILE, _DOWNLOAD = Version.__table__, File.__table__, Download.__table__
_item, _version, _file, _download = _ITEM.c, _VERSION.c, _FILE.c, _DOWNLOAD.c


class Shelf(NamedTuple):
    """Which part of the library a reader looks at."""

    kind: Kind | None = None
    topic: str | None = None  # slug
    words: str = ""
    problem: str | None = None  # the question that its items answer
    specialty: Specialty | None = None  # these three narrow to stories from such practices
    size: Size | None = None
    region: Region | None = None


class ItemRow(NamedTuple):
    """One line of a list."""

    id: int
    kind: Kind
    path: str
    title: str
    summary: str
    problem: str | None
    is_free: bool
    published_at: datetime
    day: str  # "20 Nov", in the reader's zone
    facts: list[str]  # "PDF and Word", "40 minutes"
    topics: Markup  # links
    changed: bool  # a newer edition is there than the reader has downloaded
    snippet: Markup | None  # where the searched words stand


def shelf_page(
    shelf: Shelf, *, reader_id: int | None, before: tuple[datetime, int] | None, topics: Topics | None = None
) -> Page[ItemRow]:
    """Twenty items, newest first; `before` is the cursor of an earlier page's last row."""
    statement = _lines(**_narrowed(shelf), before=before is not None)
    values = _values(shelf, reader_id) | {"most": ROWS_A_PAGE + 1}
    if before:
        values |= {"before_moment": before[0], "before_id": before[1]}
    found = db.session.connection().execute(statement, values).all()
    rows = _rows(found[:ROWS_A_PAGE], topics)
    older = cursor(rows[-1].published_at, rows[-1].id) if len(found) > ROWS_A_PAGE else None
    return Page(rows, newer=None, older=older)


def shelf_search(
    shelf: Shelf, *, audiences: Collection[Audience], reader_id: int | None, topics: Topics | None = None
) -> list[ItemRow]:
    """The best matches on this shelf, as far as the reader may know of them."""
    kinds = [shelf.kind.value] if shelf.kind else [k.value for k in Kind]
    # A topic narrows after the search, so more is asked for than is shown.
    hits = search.search(shelf.words, audiences=audiences, kinds=kinds, most=MOST_FOUND * (4 if shelf.topic else 1))
    places = {hit.ref_id: place for place, hit in enumerate(hits)}
    statement = _lines(**_narrowed(shelf), among=True)
    found = db.session.connection().execute(statement, _values(shelf, reader_id) | {"ids": list(places)}).all()
    best = sorted(found, key=lambda row: places[row.id])[:MOST_FOUND]
    return _rows(best, topics, snippets={hit.ref_id: hit.snippet for hit in hits})


def rows_of(item_ids: Sequence[int], *, reader_id: int | None, topics: Topics | None = None) -> dict[int, ItemRow]:
    """The lines of these items, by id; those that are not out are missing."""
    values = _values(Shelf(), reader_id) | {"ids": list(item_ids)}
    found = db.session.connection().execute(_lines(among=True), values).all()
    return {row.id: row for row in _rows(found, topics)}


def _values(shelf: Shelf, reader_id: int | None) -> dict[str, Any]:
    narrowed = {"kind": shelf.kind, "topic": shelf.topic, "problem": shelf.problem}
    practice = {name: getattr(shelf, name) for name in _PRACTICE}
    return narrowed | practice | {"moment": now(), "reader_id": reader_id or 0}


def _narrowed(shelf: Shelf) -> dict[str, Any]:
    simple = {"kind": shelf.kind is not None, "topic": shelf.topic is not None, "problem": shelf.problem is not None}
    return simple | {"practice": tuple(name for name in _PRACTICE if getattr(shelf, name) is not None)}


def _rows(
    found: Sequence[AnyRow], topics: Topics | None, *, snippets: dict[int, Markup] | None = None
) -> list[ItemRow]:
    if not found:
        return []
    topics = topics_in_order() if topics is None else topics
    links = [(str(topic.id), _TOPIC_LINK.format(topic.slug, topic.title)) for topic in topics]  # once, not once a row
    zone, manner = reader_zone(), reader_manner()
    year = now().astimezone(zone).year
    rows = []
    for row in found:
        about = set(row.topic_ids.split(",")) if row.topic_ids else ()
        rows.append(
            ItemRow(
                row.id,
                row.kind,
                f"/library/{row.slug}",
                row.title,
                row.summary,
                row.problem,
                row.is_free,
                row.published_at,
                _day(row.published_at, zone, year, manner),
                _facts(row),
                Markup("").join(link for topic_id, link in links if topic_id in about),
                row.had is not None and row.had < row.edition,
                snippets.get(row.id) if snippets else None,
            )
        )
    return rows


def _facts(row: AnyRow) -> list[str]:
    facts = []
    if row.kind is Kind.EPISODE:
        return [f"Episode {row.number}", *([length_in_words(row.seconds)] if row.seconds else [])]
    if row.kind is Kind.NUGGET:
        facts += [fact for fact in (row.practice_type, row.practice_size) if fact]
    elif row.kind is Kind.RESOURCE and row.link:
        facts.append(f"On {host_of(row.link)}")
    elif row.kind is Kind.RESOURCE and row.letters >= _LETTERS_A_MINUTE // 2:
        facts.append(f"{max(1, round(row.letters / _LETTERS_A_MINUTE))} min read")
    if row.media_types:
        facts.append(_media_in_words(row.media_types))
    if row.minutes:
        facts.append(f"{row.minutes} minutes to fill in")
    return facts


@lru_cache(maxsize=256)
def _media_in_words(media_types: str) -> str:
    """ "PDF and Word"; the database lists them in any order."""
    words = sorted({media.in_words(media_type) for media_type in media_types.split(" ")})
    return " and ".join(words) if len(words) < 3 else ", ".join(words)


def _day(moment: datetime, zone: ZoneInfo, year: int, manner: locales.Manner) -> str:
    there = moment.astimezone(zone).date()
    return locales.short_day(there, manner, with_year=there.year != year)


# The statements


@cache
def _lines(
    *,
    kind: bool = False,
    topic: bool = False,
    problem: bool = False,
    practice: tuple[str, ...] = (),
    before: bool = False,
    among: bool = False,
) -> Select[Any]:
    """A list narrowed in these ways. The items are chosen first, so that only what is shown is looked up further."""
    chosen = select(_item.id).where(IS_OUT)
    if practice:
        chosen = chosen.join(_NUGGET, _NUGGET.c.id == _item.id)
        chosen = chosen.where(*(_NUGGET.c[name] == bindparam(name) for name in practice))
    if kind:
        chosen = chosen.where(_item.kind == bindparam("kind"))
    if topic:
        about = select(item_topic.c.item_id).join(_TOPIC, _TOPIC.c.id == item_topic.c.topic_id)
        chosen = chosen.where(_item.id.in_(about.where(_TOPIC.c.slug == bindparam("topic"))))
    if problem:
        chosen = chosen.where(_item.problem == bindparam("problem"))
    if before:
        moment: BindParameter[Any] = bindparam("before_moment")
        row_id: BindParameter[Any] = bindparam("before_id")
        chosen = chosen.where(
            _item.published_at <= moment, or_(_item.published_at < moment, _item.id < row_id)
        )  # the first condition alone lets the index begin at the right place
    if among:
        chosen = chosen.where(_item.id.in_(bindparam("ids", expanding=True)))
    else:
        chosen = chosen.order_by(_item.published_at.desc(), _item.id.desc()).limit(bindparam("most"))
    return (
        select(
            _item.id, _item.kind, _item.slug, _item.title, _item.summary, _item.problem, _item.is_free,
            _item.published_at,
            case((_item.kind == Kind.RESOURCE, func.length(_item.body))).label("letters"),
            _TOOL.c.minutes, _RESOURCE.c.link, _NUGGET.c.practice_type, _NUGGET.c.practice_size, _EPISODE.c.number,
            _EPISODE.c.seconds, _TOPIC_IDS, NEWEST.label("edition"), _MEDIA_TYPES, _HAD.label("had"),
        )
        .select_from(BY_KIND)
        .where(_item.id.in_(chosen))
        .order_by(_item.published_at.desc(), _item.id.desc())
    )  # fmt: skip


_TOPIC_IDS = (
    select(strung(cast(item_topic.c.topic_id, String), ","))
    .where(item_topic.c.item_id == _item.id)
    .scalar_subquery()
    .label("topic_ids")
)
_MEDIA_TYPES = (
    select(strung(_file.media_type, " "))
    .select_from(_VERSION.join(_FILE, _file.version_id == _version.id))
    .where(_version.item_id == _item.id, _version.number == NEWEST)
    .correlate(_ITEM)
    .scalar_subquery()
    .label("media_types")
)
_HAD = (
    select(func.max(_version.number))
    .select_from(_VERSION.join(_FILE, _file.version_id == _version.id).join(_DOWNLOAD, _download.file_id == _file.id))
    .where(_version.item_id == _item.id, _download.member_id == bindparam("reader_id"))
    .correlate(_ITEM)
    .scalar_subquery()
)
