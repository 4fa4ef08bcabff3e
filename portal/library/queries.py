"""What the library shows of one item: all that its page needs, its files, what stands beside it.

The statements are built once, over tables and not over entities, and each page asks for everything it shows in two or
three of them: these are the pages that people open most.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, and_, bindparam, exists, func, or_, select
from sqlalchemy.orm import selectinload

from portal.accounts.models import Member
from portal.conversations.models import Room, RoomKind, Thread
from portal.core.clock import now
from portal.core.db import db
from portal.library import previewing
from portal.library.models import (
    Done,
    Download,
    Episode,
    File,
    Item,
    Nugget,
    Opinion,
    Resource,
    Saved,
    Tool,
    Version,
    is_out,
    item_topic,
)
from portal.topics.models import Topic

AnyRow = Row[*tuple[Any, ...]]

_ITEM, _TOOL, _RESOURCE = Item.__table__, Tool.__table__, Resource.__table__
_NUGGET, _EPISODE, _TOPIC = Nugget.__table__, Episode.__table__, Topic.__table__
_VERSION, _FILE, _DOWNLOAD = Version.__table__, File.__table__, Download.__table__
_THREAD, _MEMBER = Thread.__table__, Member.__table__
_SAVED, _DONE, _OPINION = Saved.__table__, Done.__table__, Opinion.__table__
_item, _version, _file, _download = _ITEM.c, _VERSION.c, _FILE.c, _DOWNLOAD.c

# Published, and not withdrawn. Every statement here says when it is asked.
IS_OUT = is_out(_item, bindparam("moment"))
# The number of an item's newest edition, in a statement that has the item.
NEWEST = select(func.max(_version.number)).where(_version.item_id == _item.id).correlate(_ITEM).scalar_subquery()
BY_KIND = (
    _ITEM.outerjoin(_TOOL, _TOOL.c.id == _item.id)
    .outerjoin(_RESOURCE, _RESOURCE.c.id == _item.id)
    .outerjoin(_NUGGET, _NUGGET.c.id == _item.id)
    .outerjoin(_EPISODE, _EPISODE.c.id == _item.id)
)


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


# The statements

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
        BY_KIND.outerjoin(
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
    .where(_item.slug == bindparam("slug"), or_(IS_OUT, _item.id == bindparam("previewed")))
)  # fmt: skip

_EPISODE_AT = (
    select(_item.id, _item.is_free, _EPISODE.c.seconds, _EPISODE.c.step)
    .select_from(_ITEM.join(_EPISODE, _EPISODE.c.id == _item.id))
    .where(_item.slug == bindparam("slug"), IS_OUT)
)

_mine, _theirs = item_topic.alias("mine"), item_topic.alias("theirs")
_RELATED = (
    select(_item.kind, _item.slug, _item.title, _item.summary, _item.problem)
    .select_from(
        _mine.join(_theirs, and_(_theirs.c.topic_id == _mine.c.topic_id, _theirs.c.item_id != _mine.c.item_id)).join(
            _ITEM, _item.id == _theirs.c.item_id
        )
    )
    .where(_mine.c.item_id == bindparam("item_id"), IS_OUT)
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
    .where(_item.slug == bindparam("slug"), IS_OUT)
)  # fmt: skip
