"""What moderators read of the log, a page at a time; the queue is in cases.py."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, select

from portal.accounts.models import Member
from portal.core.audit import Record
from portal.core.db import db


@dataclass(frozen=True)
class Line:
    """One record as the log shows it."""

    id: int
    at: datetime
    by: str | None
    by_handle: str | None
    action: str
    ref_kind: str
    ref_id: int
    because: str | None
    details: dict[str, Any]
    about: str | None  # whom it befell, when that is not who did it and they still have an account
    about_handle: str | None


@dataclass(frozen=True)
class Log:
    rows: Sequence[Line]
    newer: int | None
    older: int | None


def log(
    *,
    kinds: Sequence[str] | None,
    conditions: Sequence[ColumnElement[bool]],
    older: int | None,
    newer: int | None,
    most: int,
) -> Log:
    """Records, newest first. The log only grows, so its numbers are its order; `kinds` is what the reader may see."""
    query = _records().where(*conditions)
    if kinds is not None:
        query = query.where(Record.ref_kind.in_(kinds))
    if newer is not None:
        up = query.where(Record.id > newer).order_by(Record.id).limit(most + 1)
        found = list(db.session.execute(up))
        has_newer, has_older = len(found) > most, True
        shown = list(reversed(found[:most]))
    else:
        down = query.where(Record.id < older) if older is not None else query
        found = list(db.session.execute(down.order_by(Record.id.desc()).limit(most + 1)))
        has_newer, has_older = older is not None, len(found) > most
        shown = found[:most]
    if not shown:
        return Log([], None, None)
    lines = _lines(shown)
    return Log(lines, lines[0].id if has_newer else None, lines[-1].id if has_older else None)


def log_ids(conditions: Sequence[ColumnElement[bool]]) -> Sequence[int]:
    """The numbers of all of them, the newest first."""
    return db.session.scalars(select(Record.id).where(*conditions).order_by(Record.id.desc())).all()


def log_lines(ids: Sequence[int]) -> list[Line]:
    return _lines(db.session.execute(_records().where(Record.id.in_(ids)).order_by(Record.id.desc())).all())


def _records() -> Any:
    return select(Record, Member.name, Member.handle).outerjoin(Member, Member.id == Record.by_id)


def _lines(found: Sequence[Any]) -> list[Line]:
    """Records with the names of whom they are about: one statement, however many they are."""
    whom = {_whom(record) for record, _, _ in found}
    people = {
        row.id: row
        for row in db.session.execute(
            select(Member.id, Member.name, Member.handle).where(
                Member.id.in_(whom - {None}), Member.closed_at.is_(None)
            )
        )
    }
    lines = []
    for record, name, handle in found:
        member_id = _whom(record)
        about = people.get(member_id) if member_id != record.by_id else None
        lines.append(
            Line(
                record.id,
                record.created_at,
                name,
                handle,
                record.action,
                record.ref_kind,
                record.ref_id,
                record.because,
                record.details or {},
                about.name if about else None,
                about.handle if about else None,
            )
        )
    return lines


def _whom(record: Record) -> int | None:
    return record.ref_id if record.ref_kind == "member" else (record.details or {}).get("member")
