"""What is read of paths: the list with the reader's progress, one path step by step, and the path an item stands on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import and_, bindparam, func, select

from portal.core.clock import now
from portal.core.db import db
from portal.library.models import Done, File, Item, Path, PathStep, Version, is_out
from portal.library.queries import IS_OUT, NEWEST, AnyRow
from portal.library.shelves import ItemRow, rows_of

_path, _step, _item, _done = Path.__table__.c, PathStep.__table__.c, Item.__table__.c, Done.__table__.c
_version, _file = Version.__table__.c, File.__table__.c


class Step(NamedTuple):
    """One item on a path, as its reader stands to it."""

    item: ItemRow
    is_done: bool


@dataclass(frozen=True)
class Place:
    """Where an item stands on a path, how far its reader is, and what comes next for them (slug, title, kind)."""

    slug: str  # of the path
    title: str
    number: int  # among the steps that are out, from 1
    steps: int
    done: int
    next: AnyRow | None

    @property
    def path(self) -> str:
        return f"/paths/{self.slug}"


def paths_for(reader_id: int | None) -> Sequence[AnyRow]:
    """Every path that is out (slug, title, summary), how many steps it has and how many its reader is done with."""
    return db.session.connection().execute(_PATHS, {"moment": now(), "reader_id": reader_id or 0}).all()


def path_by_slug(slug: str) -> AnyRow | None:
    """A path that is out (id, slug, title, summary)."""
    return db.session.connection().execute(_PATH_BY_SLUG, {"slug": slug, "moment": now()}).first()


def steps_of(path_id: int, *, reader_id: int | None) -> list[Step]:
    """Its items in order, as far as they are out."""
    values = {"path_id": path_id, "moment": now(), "reader_id": reader_id or 0}
    found = db.session.connection().execute(_STEPS, values).all()
    lines = rows_of([row.item_id for row in found], reader_id=reader_id)
    return [Step(lines[row.item_id], row.is_done) for row in found if row.item_id in lines]


def first_undone(steps: Iterable[Step]) -> ItemRow | None:
    """Where its reader goes on."""
    return next((step.item for step in steps if not step.is_done), None)


def files_on(path_id: int) -> Sequence[AnyRow]:
    """The newest files of all its items that are out, in order, with all that sending them needs."""
    return db.session.connection().execute(_FILES, {"path_id": path_id, "moment": now()}).all()


def place_of(item_id: int, *, reader_id: int | None) -> Place | None:
    """Of the paths that an item stands on, the one its reader has come farthest on."""
    values = {"item_id": item_id, "moment": now(), "reader_id": reader_id or 0}
    paths: dict[str, list[AnyRow]] = {}
    for row in db.session.connection().execute(_AROUND, values):
        paths.setdefault(row.path_slug, []).append(row)
    if not paths:
        return None
    steps = max(paths.values(), key=lambda rows: sum(row.is_done for row in rows))
    here = next(place for place, row in enumerate(steps) if row.id == item_id)
    ahead = [row for row in steps[here + 1 :] + steps[:here] if not row.is_done]
    done = sum(row.is_done for row in steps)
    return Place(steps[0].path_slug, steps[0].path_title, here + 1, len(steps), done, ahead[0] if ahead else None)


# The statements

_PATH_IS_OUT = is_out(_path, bindparam("moment"))
_STANDING = (
    PathStep.__table__.join(Item.__table__, and_(_item.id == _step.item_id, IS_OUT))
    .join(Path.__table__, _path.id == _step.path_id)
    .outerjoin(Done.__table__, and_(_done.item_id == _item.id, _done.member_id == bindparam("reader_id")))
)

_PATHS = (
    select(_path.slug, _path.title, _path.summary, func.count().label("steps"), func.count(_done.id).label("done"))
    .select_from(_STANDING)
    .where(_PATH_IS_OUT)
    .group_by(_path.id)
    .order_by(_path.published_at, _path.id)
)
_PATH_BY_SLUG = select(_path.id, _path.slug, _path.title, _path.summary).where(
    _path.slug == bindparam("slug"), _PATH_IS_OUT
)
_STEPS = (
    select(_step.item_id, _done.id.is_not(None).label("is_done"))
    .select_from(_STANDING)
    .where(_step.path_id == bindparam("path_id"))
    .order_by(_step.position)
)
_their_step = PathStep.__table__.alias("their_step")
_AROUND = (
    select(
        _path.slug.label("path_slug"),
        _path.title.label("path_title"),
        _item.id,
        _item.slug,
        _item.title,
        _item.kind,
        _done.id.is_not(None).label("is_done"),
    )
    .select_from(_STANDING)
    .where(
        _PATH_IS_OUT,
        _step.path_id.in_(select(_their_step.c.path_id).where(_their_step.c.item_id == bindparam("item_id"))),
    )
    .order_by(_path.published_at, _path.id, _step.position)
)
_FILES = (
    select(
        _step.position.label("step"),
        _item.is_free,
        _version.created_at,
        _file.id,
        _file.name,
        _file.size,
        _file.sha256,
        _file.storage_key,
    )
    .select_from(
        PathStep.__table__.join(Item.__table__, and_(_item.id == _step.item_id, IS_OUT))
        .join(Version.__table__, and_(_version.item_id == _item.id, _version.number == NEWEST))
        .join(File.__table__, _file.version_id == _version.id)
    )
    .where(_step.path_id == bindparam("path_id"))
    .order_by(_step.position, _file.position)
)
