"""What the library shows: lists as narrow rows, one item with what its page needs, the files of an item.

The statements are built once, over tables and not over entities, and each page asks for everything it shows in two or
three of them, for two rows as for twenty: these are the pages that people open most.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from functools import cache, lru_cache
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from flask import current_app
from markupsafe import Markup
from sqlalchemy import BindParameter, Row, Select, String, and_, bindparam, case, cast, exists, func, or_, select
from sqlalchemy.orm import selectinload

from portal.accounts.models import Member
from portal.billing.models import Interval
from portal.billing.prices import offers
from portal.conversations.models import Room, RoomKind, Thread
from portal.core import locales, media, search
from portal.core.admission import Audience
from portal.core.clock import now
from portal.core.db import db
from portal.core.web import Page, cursor, money, reader_manner, reader_zone
from portal.library import previewing
from portal.library.models import (
    Done,
    Download,
    Episode,
    File,
    Item,
    Kind,
    Nugget,
    Opinion,
    Resource,
    Saved,
    Tool,
    Version,
    is_out,
    item_topic,
)
from portal.practices.models import Region, Size, Specialty
from portal.topics.models import Topic

ROWS_A_PAGE = 20
MOST_FOUND = 40
_TOPIC_LINK = Markup('<a class="topic" href="/topics/{}">{}</a>')
_PRACTICE = ("specialty", "size", "region")  # of a story, as a shelf narrows by them
_LETTERS_A_MINUTE = 1100  # of quiet reading

_ITEM, _TOOL, _RESOURCE = Item.__table__, Tool.__table__, Resource.__table__
_NUGGET, _EPISODE, _TOPIC = Nugget.__table__, Episode.__table__, Topic.__table__
_VERSION, _FILE, _DOWNLOAD = Version.__table__, File.__table__, Download.__table__
_THREAD, _MEMBER = Thread.__table__, Member.__table__
_SAVED, _DONE, _OPINION = Saved.__table__, Done.__table__, Opinion.__table__
_item, _version, _file, _download = _ITEM.c, _VERSION.c, _FILE.c, _DOWNLOAD.c

# Published, and not withdrawn. Every statement here says when it is asked.
_IS_OUT = is_out(_item, bindparam("moment"))


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


AnyRow = Row[*tuple[Any, ...]]
Topics = Sequence[AnyRow]  # id, slug, title of every topic, in the coach's order


def topics_in_order() -> Topics:
    return db.session.connection().execute(_TOPICS).all()


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


def related_to(item_id: int, *, most: int = 4) -> Sequence[AnyRow]:
    """Items that share a topic (kind, slug, title, summary, problem): those that share most, then the newest."""
    return db.session.connection().execute(_RELATED, {"item_id": item_id, "moment": now(), "most": most}).all()


def whole_item(slug: str, *, reader_id: int | None = None) -> AnyRow | None:
    """All that an item's page shows of the item itself, with the head of its conversation, an episode's tool, and what
    the reader saved, ticked and said of it."""
    values = {"slug": slug, "moment": now(), "reader_id": reader_id or 0, "previewed": previewing.item_id()}
    return previewing.as_written(db.session.connection().execute(_WHOLE, values).first())  # type: ignore[no-any-return]


def episode_at(slug: str) -> AnyRow | None:
    """The few facts of an episode that its player asks for every ten seconds; None for what is no episode."""
    return db.session.connection().execute(_EPISODE_AT, {"slug": slug, "moment": now()}).first()


def topics_of(item_id: int) -> Sequence[AnyRow]:
    """Slug and title, in the coach's order."""
    return db.session.connection().execute(_TOPICS_OF, {"item_id": item_id}).all()


def editions_of(item_id: int, *, reader_id: int | None) -> Sequence[AnyRow]:
    """Every file of every edition, the newest edition first, its main file first; `had` tells what the reader has."""
    return db.session.connection().execute(_EDITIONS, {"item_id": item_id, "reader_id": reader_id or 0}).all()


def files_at(slug: str, *, reader_id: int, begun_after: datetime) -> Sequence[AnyRow]:
    """Whether an item is free, and its files with all that sending them needs; one row without a file if it has none.

    `remembered` says whether the reader began to download that file after the given moment.
    """
    values = {"slug": slug, "moment": now(), "reader_id": reader_id, "begun_after": begun_after}
    return db.session.connection().execute(_FILES, values).all()


def item_by_slug(slug: str) -> Select[Item]:
    """An item that is out, as an entity, for those who change something about it."""
    return select(Item).where(Item.slug == slug, is_out(Item, now())).options(selectinload(Item.topics))


def monthly_price() -> str:
    """What membership costs a month, in words; the least of it where several are sold."""
    monthly = [offer for offer in offers(current_app.config) if offer.interval is Interval.MONTH]
    least = min(monthly, key=lambda offer: offer.price_minor)
    return f"{'from ' if len(monthly) > 1 else ''}{money(least.price_minor, least.currency)} a month"


def length_in_words(seconds: int) -> str:
    """ "4 min", "1 h 5 min"."""
    minutes = max(1, round(seconds / 60))
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def host_of(link: str) -> str:
    """Whose page a link leads to: "example.org". A link that leads nowhere must not cost anybody the list it is in."""
    try:
        host = urlsplit(link).hostname
    except ValueError:
        host = None
    return (host or "another page").removeprefix("www.")


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
    chosen = select(_item.id).where(_IS_OUT)
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
            _EPISODE.c.seconds, _TOPIC_IDS, _NEWEST.label("edition"), _MEDIA_TYPES, _HAD.label("had"),
        )
        .select_from(_BY_KIND)
        .where(_item.id.in_(chosen))
        .order_by(_item.published_at.desc(), _item.id.desc())
    )  # fmt: skip


_BY_KIND = (
    _ITEM.outerjoin(_TOOL, _TOOL.c.id == _item.id)
    .outerjoin(_RESOURCE, _RESOURCE.c.id == _item.id)
    .outerjoin(_NUGGET, _NUGGET.c.id == _item.id)
    .outerjoin(_EPISODE, _EPISODE.c.id == _item.id)
)
_TOPIC_IDS = (
    select(func.aggregate_strings(cast(item_topic.c.topic_id, String), ","))
    .where(item_topic.c.item_id == _item.id)
    .scalar_subquery()
    .label("topic_ids")
)
_NEWEST = select(func.max(_version.number)).where(_version.item_id == _item.id).correlate(_ITEM).scalar_subquery()
_MEDIA_TYPES = (
    select(func.aggregate_strings(_file.media_type, " "))
    .select_from(_VERSION.join(_FILE, _file.version_id == _version.id))
    .where(_version.item_id == _item.id, _version.number == _NEWEST)
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
_TOPICS = select(_TOPIC.c.id, _TOPIC.c.slug, _TOPIC.c.title).order_by(_TOPIC.c.position, _TOPIC.c.title)
_TOPICS_OF = (
    select(_TOPIC.c.slug, _TOPIC.c.title)
    .join(item_topic, item_topic.c.topic_id == _TOPIC.c.id)
    .where(item_topic.c.item_id == bindparam("item_id"))
    .order_by(_TOPIC.c.position)
)

_its_tool = _ITEM.alias("its_tool")
# A conversation that was taken into a closed room is no longer an item's: most who read the item could not open it.
_is_shared = _THREAD.c.room_id.in_(select(Room.id).where(Room.kind.in_([RoomKind.MEMBERS, RoomKind.PUBLIC])))
_WHOLE = (
    select(
        _item.id, _item.kind, _item.slug, _item.title, _item.summary, _item.problem, _item.is_free, _item.body_html,
        _item.published_at,
        _TOOL.c.minutes, _RESOURCE.c.link,
        _NUGGET.c.practice_type, _NUGGET.c.practice_size, _NUGGET.c.region, _NUGGET.c.naming_line, _NUGGET.c.composite,
        _NUGGET.c.parts, _NUGGET.c.is_public,
        _EPISODE.c.number, _EPISODE.c.seconds, _EPISODE.c.hear, _EPISODE.c.step,
        _EPISODE.c.chapters, _EPISODE.c.transcript, _EPISODE.c.public_notes,
        _its_tool.c.slug.label("tool_slug"), _its_tool.c.title.label("tool_title"),
        _item.thread_id.label("began_id"),
        _THREAD.c.id.label("thread_id"), _THREAD.c.title.label("thread_title"), _THREAD.c.post_count,
        _THREAD.c.last_post_at, _MEMBER.c.name.label("last_author"),
        _SAVED.c.id.is_not(None).label("is_saved"), _DONE.c.id.is_not(None).label("is_done"),
        _OPINION.c.is_useful, _OPINION.c.words,
    )
    .select_from(
        _BY_KIND.outerjoin(
            _its_tool,
            and_(
                _its_tool.c.id == _EPISODE.c.tool_id,
                is_out(_its_tool.c, bindparam("moment")),
            ),
        )
        .outerjoin(_THREAD, and_(_THREAD.c.id == _item.thread_id, _THREAD.c.hidden_at.is_(None), _is_shared))
        .outerjoin(_MEMBER, _MEMBER.c.id == _THREAD.c.last_author_id)
        .outerjoin(_SAVED, and_(_SAVED.c.item_id == _item.id, _SAVED.c.member_id == bindparam("reader_id")))
        .outerjoin(_DONE, and_(_DONE.c.item_id == _item.id, _DONE.c.member_id == bindparam("reader_id")))
        .outerjoin(_OPINION, and_(_OPINION.c.item_id == _item.id, _OPINION.c.member_id == bindparam("reader_id")))
    )
    .where(_item.slug == bindparam("slug"), or_(_IS_OUT, _item.id == bindparam("previewed")))
)  # fmt: skip

_EPISODE_AT = (
    select(_item.id, _item.is_free, _EPISODE.c.seconds, _EPISODE.c.step)
    .select_from(_ITEM.join(_EPISODE, _EPISODE.c.id == _item.id))
    .where(_item.slug == bindparam("slug"), _IS_OUT)
)

_mine, _theirs = item_topic.alias("mine"), item_topic.alias("theirs")
_RELATED = (
    select(_item.kind, _item.slug, _item.title, _item.summary, _item.problem)
    .select_from(
        _mine.join(_theirs, and_(_theirs.c.topic_id == _mine.c.topic_id, _theirs.c.item_id != _mine.c.item_id)).join(
            _ITEM, _item.id == _theirs.c.item_id
        )
    )
    .where(_mine.c.item_id == bindparam("item_id"), _IS_OUT)
    .group_by(_item.id)
    .order_by(func.count().desc(), _item.published_at.desc(), _item.id.desc())
    .limit(bindparam("most"))
)

_EDITIONS = (
    select(
        _version.number, _version.note, _version.created_at,
        _file.position, _file.name, _file.media_type, _file.size,
        exists(
            select(_download.id)
            .where(_download.file_id == _file.id, _download.member_id == bindparam("reader_id"))
            .correlate(_FILE)
        ).label("had"),
    )
    .select_from(_VERSION.join(_FILE, _file.version_id == _version.id))
    .where(_version.item_id == bindparam("item_id"))
    .order_by(_version.number.desc(), _file.position)
)  # fmt: skip

_FILES = (
    select(
        _item.is_free, _NUGGET.c.is_public, _version.number,
        _file.id, _file.position, _file.name, _file.media_type, _file.size, _file.sha256, _file.storage_key,
        exists(
            select(_download.id)
            .where(
                _download.file_id == _file.id,
                _download.member_id == bindparam("reader_id"),
                _download.created_at > bindparam("begun_after"),
            )
            .correlate(_FILE)
        ).label("remembered"),
    )
    .select_from(
        _ITEM.outerjoin(_NUGGET, _NUGGET.c.id == _item.id)
        .outerjoin(_VERSION, _version.item_id == _item.id)
        .outerjoin(_FILE, _file.version_id == _version.id)
    )
    .where(_item.slug == bindparam("slug"), _IS_OUT)
)  # fmt: skip
