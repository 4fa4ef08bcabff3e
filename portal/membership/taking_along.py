"""Taking one's data along: one archive of open formats, put together by a job, fetched within a week.

A worker that dies in the middle leaves the row as it was; the next one begins anew under the same storage key, so that
there is one file and one letter however often that happens.
"""

from __future__ import annotations

import json
import secrets
import tempfile
import zipfile
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import IO, Any

import structlog
from flask import render_template
from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError

from portal.accounts.models import Member
from portal.accounts.taking_along import parts_of as of_account
from portal.accounts.times import in_their_zone
from portal.billing.taking_along import parts_of as of_billing
from portal.conversations.taking_along import parts_of as of_conversations
from portal.core import audit, letters, storage
from portal.core.clock import now
from portal.core.db import db, transaction
from portal.core.errors import Refusal, TooMuch
from portal.core.jobs import enqueue, job, periodic
from portal.core.spreadsheets import MARK, line
from portal.core.taking_along import Part
from portal.core.web import absolute
from portal.library.taking_along import parts_of as of_library
from portal.membership.models import Export
from portal.moderation.purging import ends_archives
from portal.moderation.taking_along import parts_of as of_moderation
from portal.notifications.taking_along import parts_of as of_notifications
from portal.practices.taking_along import parts_of as of_practice
from portal.topics.taking_along import parts_of as of_topics

log = structlog.get_logger()
KEPT = timedelta(days=7)
PER_DAY = 3
GIVEN_UP_AFTER = timedelta(days=2)
FORMAT = "https://json-schema.org/draft/2020-12/schema"
AREAS: tuple[Callable[[Member], Iterator[Part]], ...] = (
    of_account,
    of_practice,
    of_notifications,
    of_topics,
    of_billing,
    of_conversations,
    of_library,
    of_moderation,
)


class UnderWay(Refusal):
    message = "Your data is being put together already. A letter tells you when it is ready."


def ask(member: Member) -> Export:
    """Have the archive put together; an earlier one is removed. Raises UnderWay, TooMuch."""
    lately = (
        select(func.count())
        .select_from(Export)
        .where(Export.member_id == member.id, Export.created_at > now() - timedelta(days=1))
    )
    if (db.session.scalar(lately) or 0) >= PER_DAY:
        raise TooMuch("You have had this done several times today. Please come back tomorrow.", retry_after=86_400)
    export = Export(member_id=member.id, storage_key=secrets.token_hex(16), steps=len(AREAS) + 1)
    try:
        with db.session.begin_nested():
            db.session.add(export)
            db.session.flush()
    except IntegrityError:
        raise UnderWay() from None
    audit.record(member, "export.asked", export)
    enqueue(put_together, key=f"membership.put_together:{export.once}", export_id=export.id)
    return export


def latest(member: Member) -> Export | None:
    """The archive that is ready or under way."""
    found = select(Export).where(Export.member_id == member.id, Export.ended_at.is_(None))
    return db.session.scalar(found.order_by(Export.id.desc()).limit(1))


def forget(member: Member) -> None:
    """No archive of theirs is left."""
    for export in db.session.scalars(select(Export).where(Export.member_id == member.id)).all():
        storage.remove(export.storage_key)
        db.session.delete(export)


@ends_archives
def end_of(member_ids: Collection[int]) -> None:
    """Archives of these members hold what was removed for good: those that are ready and those under way end."""
    of_them = Export.member_id.in_(member_ids), Export.ended_at.is_(None)
    for export in db.session.scalars(select(Export).where(*of_them)).all():
        _end(export)


@job("membership.put_together")
def put_together(export_id: int) -> None:
    """Read everything, write one archive, tell its member once."""
    parts = _collect(export_id)
    if parts is None:
        return
    with transaction():
        key = db.session.scalar(select(Export.storage_key).where(Export.id == export_id))
    if key is None:
        return
    with tempfile.TemporaryFile() as file:
        _pack(file, parts)
        file.seek(0)
        stored = storage.put(file, key=key)
    if not _finish(export_id, stored):
        storage.remove(key)


@periodic("membership.sweep_exports", every=timedelta(hours=1))
def sweep() -> None:
    """Remove the files that ran out, and let go of what never got ready."""
    with transaction():
        over = db.session.scalars(
            select(Export).where(
                Export.ended_at.is_(None),
                (Export.expires_at < now())
                | (Export.ready_at.is_(None) & (Export.created_at < now() - GIVEN_UP_AFTER)),
            )
        ).all()
        for export in over:
            _end(export)


def _collect(export_id: int) -> list[Part] | None:
    """Each area's parts, the progress noted after each; None when nobody waits for it any more."""
    parts: list[Part] = []
    for done, parts_of in enumerate(AREAS, start=1):
        with transaction():
            export = db.session.get(Export, export_id)
            if export is None or not export.is_under_way:
                return None
            parts += parts_of(db.session.get_one(Member, export.member_id))
            export.steps_done = done
    return parts


def _pack(file: IO[bytes], parts: Sequence[Part]) -> None:
    made_at = now()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("README.txt", render_template("membership/export.txt", parts=parts, made_at=made_at))
        archive.writestr("index.html", render_template("membership/export.html", parts=parts, made_at=made_at))
        archive.write(Path(__file__).with_name("export.css"), "look.css")
        archive.writestr("schema.json", _as_json(_schema(parts)))
        for part in parts:
            archive.writestr(f"data/{part.name}.json", _as_json(part.rows))
            archive.writestr(f"data/{part.name}.csv", _as_csv(part))
            for name, key in part.files.items():
                with suppress(FileNotFoundError), storage.opened(key) as source:  # replaced a moment ago
                    archive.writestr(f"files/{name}", source.read())


def _schema(parts: Sequence[Part]) -> dict[str, Any]:
    """What each file under data/ holds, in the words of JSON Schema; its parts are named like the files."""
    return {
        "$schema": FORMAT,
        "$defs": {
            part.name: {
                "title": part.title,
                "description": part.about,
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {name: {"description": meaning} for name, meaning in part.columns.items()},
                    "required": list(part.columns),
                },
            }
            for part in parts
        },
    }


def _as_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"


def _as_csv(part: Part) -> str:
    lines = [line(list(part.columns))]
    lines += [line(["" if row[name] is None else str(row[name]) for name in part.columns]) for row in part.rows]
    return MARK + "".join(lines)


def _finish(export_id: int, stored: storage.Stored) -> bool:
    """Make it theirs to fetch, write the letter, remove what was there before; False if nobody waits for it."""
    with transaction():
        ready = db.session.scalar(
            update(Export)
            .where(Export.id == export_id, Export.ended_at.is_(None), Export.ready_at.is_(None))
            .values(ready_at=now(), expires_at=now() + KEPT, size=stored.size, sha256=stored.sha256)
            .values(steps_done=Export.steps)
            .returning(Export.id)
        )
        if ready is None:
            return (
                db.session.scalar(select(Export.id).where(Export.id == export_id, Export.ended_at.is_(None)))
                is not None
            )
        export = db.session.get_one(Export, export_id, populate_existing=True)
        earlier = select(Export).where(
            Export.member_id == export.member_id, Export.id != export.id, Export.ended_at.is_(None)
        )
        for before in db.session.scalars(earlier).all():
            _end(before)
        member = db.session.get_one(Member, export.member_id)
        letters.post(
            "membership/export-ready",
            to=member,
            key=f"export:{export.once}",
            link=absolute("data.data"),
            until=in_their_zone(member, now() + KEPT),
        )
    log.info("export.ready", export=export_id)
    return True


def _end(export: Export) -> None:
    storage.remove(export.storage_key)
    export.ended_at = now()
