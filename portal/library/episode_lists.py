"""The list of episodes: twenty at a time, with or without a guest, and how far the reader has come in each."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import Select, and_, bindparam, exists, not_, or_, select

from portal.core.clock import now
from portal.core.db import db, strung
from portal.core.web import Page, cursor
from portal.library.listening import Place
from portal.library.models import Episode, Guest, Item, Listening
from portal.library.queries import IS_OUT, AnyRow
from portal.library.shelves import ROWS_A_PAGE
from portal.library.transcripts import stamp
from portal.library.wording import length_in_words


class Company(StrEnum):
    """Who is heard beside the hosts."""

    GUEST = "guest"
    SOLO = "solo"


class EpisodeRow(NamedTuple):
    """One line of the list."""

    path: str
    number: int
    title: str
    summary: str
    published_at: datetime
    length: str | None  # "34 min"
    guests: str  # "Grace Adeyemi, Ruth Castellan"
    is_free: bool
    goes_on_at: str | None  # "0:12:34", for whoever is in the middle of it
    is_heard: bool  # to its end, at some time


def episodes_page(
    *, company: Company | None, reader_id: int | None, before: tuple[datetime, int] | None
) -> Page[EpisodeRow]:
    """The newest first; `before` is the cursor of an earlier page's last row. One query, however long the list."""
    values: dict[str, Any] = {"moment": now(), "reader_id": reader_id or 0, "most": ROWS_A_PAGE + 1}
    if before:
        values |= {"before_moment": before[0], "before_id": before[1]}
    found = db.session.connection().execute(_lines(company, before=before is not None), values).all()
    shown = found[:ROWS_A_PAGE]
    older = cursor(shown[-1].published_at, shown[-1].id) if len(found) > ROWS_A_PAGE else None
    return Page([_row(row) for row in shown], newer=None, older=older)


def in_the_middle(reader_id: int) -> EpisodeRow | None:
    """The episode that the reader heard last and has not finished, to be offered first."""
    values = {"moment": now(), "reader_id": reader_id}
    rows = map(_row, db.session.connection().execute(_BEGUN, values).all())
    return next((row for row in rows if row.goes_on_at), None)


def _row(row: AnyRow) -> EpisodeRow:
    goes_on = Place(second=row.second or 0).resumes_at(row.seconds)
    return EpisodeRow(
        f"/library/{row.slug}",
        row.number,
        row.title,
        row.summary,
        row.published_at,
        length_in_words(row.seconds) if row.seconds else None,
        row.guests or "",
        row.is_free,
        stamp(goes_on) if goes_on else None,
        row.finished_at is not None,
    )


@cache
def _lines(company: Company | None, *, before: bool) -> Select[Any]:
    statement = _EVERY.order_by(_item.published_at.desc(), _item.id.desc()).limit(bindparam("most"))
    if company is not None:
        with_guest = exists(select(_guest.id).where(_guest.episode_id == _item.id).correlate(Item.__table__))
        statement = statement.where(with_guest if company is Company.GUEST else not_(with_guest))
    if before:
        earlier = or_(_item.published_at < bindparam("before_moment"), _item.id < bindparam("before_id"))
        statement = statement.where(_item.published_at <= bindparam("before_moment"), earlier)
    return statement


_item, _episode, _guest, _listening = Item.__table__.c, Episode.__table__.c, Guest.__table__.c, Listening.__table__.c
_EVERY = (
    select(
        _item.id, _item.slug, _item.title, _item.summary, _item.published_at, _item.is_free,
        _episode.number, _episode.seconds, _listening.second, _listening.finished_at,
        select(strung(_guest.name, ", "))
        .where(_guest.episode_id == _item.id)
        .correlate(Item.__table__)
        .scalar_subquery()
        .label("guests"),
    )
    .select_from(
        Item.__table__.join(Episode.__table__, _episode.id == _item.id).outerjoin(
            Listening.__table__,
            and_(_listening.episode_id == _item.id, _listening.member_id == bindparam("reader_id")),
        )
    )
    .where(IS_OUT)
)  # fmt: skip
_BEGUN = _EVERY.where(_listening.finished_at.is_(None), _listening.second > 0).order_by(_listening.at.desc()).limit(3)
