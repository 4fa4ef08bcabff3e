"""What the library keeps for one member: what they saved, what they downloaded, and what has changed since."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, and_, func, or_, select

from portal.core.clock import now
from portal.core.db import db
from portal.core.web import Page, Place, cursor
from portal.library.models import Download, File, Item, Kind, Saved, Version, is_out
from portal.library.queries import AnyRow
from portal.library.shelves import ItemRow, rows_of

OWN_A_PAGE = 20

_item, _version, _file = Item.__table__.c, Version.__table__.c, File.__table__.c
_download, _saved = Download.__table__.c, Saved.__table__.c


class Downloaded(NamedTuple):
    """An item of which somebody has a file, and what has become of it since."""

    kind: Kind
    path: str
    title: str
    edition: int  # the newest that they have
    last_at: datetime  # when they last fetched a file of it
    newer: Sequence[AnyRow]  # editions (number, note, created_at) that came since, the newest first


def saved_by(member_id: int, *, before: Place | None) -> Page[ItemRow]:
    """What they saved, the last first, as far as it is out."""
    chosen = (
        select(_saved.item_id, _saved.created_at, _saved.id)
        .join(Item.__table__, _item.id == _saved.item_id)
        .where(_saved.member_id == member_id, is_out(_item, now()))
        .order_by(_saved.created_at.desc(), _saved.id.desc())
    )
    if before:
        chosen = chosen.where(_is_older(_saved.created_at, _saved.id, before))
    found = db.session.connection().execute(chosen.limit(OWN_A_PAGE + 1)).all()
    page, more = found[:OWN_A_PAGE], len(found) > OWN_A_PAGE
    lines = rows_of([row.item_id for row in page], reader_id=member_id)
    older = cursor(page[-1].created_at, page[-1].id) if more else None
    return Page([lines[row.item_id] for row in page], newer=None, older=older)


def downloaded_by(member_id: int, *, before: Place | None) -> Page[Downloaded]:
    """What they fetched files of, the last first; also for whoever may no longer fetch any."""
    last_at = func.max(_download.created_at)
    chosen = (
        _fetched(member_id)
        .with_only_columns(
            _item.id, _item.kind, _item.slug, _item.title, func.max(_version.number).label("had"), last_at.label("at")
        )
        .where(is_out(_item, now()))
        .group_by(_item.id)
        .order_by(last_at.desc(), _item.id.desc())
    )
    if before:
        chosen = chosen.having(_is_older(last_at, _item.id, before))
    found = db.session.connection().execute(chosen.limit(OWN_A_PAGE + 1)).all()
    page, more = found[:OWN_A_PAGE], len(found) > OWN_A_PAGE
    editions = _editions_of([row.id for row in page])
    rows = [
        Downloaded(
            row.kind,
            f"/library/{row.slug}",
            row.title,
            row.had,
            row.at,
            [edition for edition in editions.get(row.id, []) if edition.number > row.had],
        )
        for row in page
    ]
    return Page(rows, newer=None, older=cursor(page[-1].at, page[-1].id) if more else None)


def saved_and_gone(member_id: int) -> int:
    """How many things they saved are no longer in the library."""
    mine = select(_saved.item_id).join(Item.__table__, _item.id == _saved.item_id).where(_saved.member_id == member_id)
    return _how_many_are_gone(mine)


def downloaded_and_gone(member_id: int) -> int:
    """How many things they have files of are no longer in the library."""
    return _how_many_are_gone(_fetched(member_id).with_only_columns(_item.id))


def _fetched(member_id: int) -> Select[Any]:
    tables = (
        Download.__table__.join(File.__table__, _file.id == _download.file_id)
        .join(Version.__table__, _version.id == _file.version_id)
        .join(Item.__table__, _item.id == _version.item_id)
    )
    return select(_item.id).select_from(tables).where(_download.member_id == member_id)


def _editions_of(item_ids: Sequence[int]) -> dict[int, list[AnyRow]]:
    """The newest edition first."""
    statement = (
        select(_version.item_id, _version.number, _version.note, _version.created_at)
        .where(_version.item_id.in_(item_ids))
        .order_by(_version.number.desc())
    )
    editions: dict[int, list[AnyRow]] = {}
    for row in db.session.connection().execute(statement):
        editions.setdefault(row.item_id, []).append(row)
    return editions


def _how_many_are_gone(theirs: Select[Any]) -> int:
    gone = theirs.where(or_(_item.published_at.is_(None), _item.published_at > now(), _item.withdrawn_at.is_not(None)))
    return db.session.scalar(select(func.count()).select_from(gone.distinct().subquery())) or 0


def _is_older(moment: ColumnElement[datetime], row_id: ColumnElement[int], place: Place) -> ColumnElement[bool]:
    return or_(moment < place[0], and_(moment == place[0], row_id < place[1]))
