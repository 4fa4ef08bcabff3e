"""What is stored and what the rows say of it: bytes that no row names are swept, bytes that a row names are checked."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice
from typing import Any

import structlog
from flask import Flask, current_app
from sqlalchemy import null, select, true

from portal.core import storage
from portal.core.clock import now
from portal.core.db import db, transaction
from portal.core.jobs import periodic

log = structlog.get_logger()

LEFT_ALONE = timedelta(days=1)  # bytes are stored before their row is written; no request or job takes that long
_AT_ONCE = 500
_CHUNK = 1024 * 1024


@dataclass(frozen=True)
class Naming:
    """Columns in which rows name what is stored: the key, and where they say so its length and SHA-256."""

    what: str  # in words, for whoever runs the program
    key: Any
    size: Any = None
    sha256: Any = None
    only: Any = field(default_factory=true)  # which of the rows have their bytes at all


@dataclass(frozen=True)
class Wrong:
    """A row whose bytes are not what it says."""

    what: str
    row_id: int
    because: str

    def __str__(self) -> str:
        return f"{self.what} {self.row_id}: {self.because}"


def init_app(app: Flask, *, namings: Sequence[Naming]) -> None:
    """Core knows no area, so it is handed every column that names a file."""
    app.extensions["namings"] = namings


@periodic("storage.sweep", every=timedelta(days=1))
def sweep() -> None:
    """Remove what lies in storage for longer than a day and is in no row, and parts of what was never finished."""
    before = now() - LEFT_ALONE
    storage.remove_parts(before)
    old = storage.keys(before)
    removed = 0
    while some := list(islice(old, _AT_ONCE)):
        for key in set(some) - _named(some):
            storage.remove(key)
            removed += 1
    log.info("storage.swept", removed=removed)


def check() -> Iterator[Wrong]:
    """Read all that any row names, some at a time, and tell what is missing or is not what the row says."""
    for naming in current_app.extensions["namings"]:
        after = 0
        while rows := _rows(naming, after):
            for row in rows:
                because = _wrong_with(row.key, row.size, row.sha256)
                if because is not None and _is_named_still(naming, row.key):
                    yield Wrong(naming.what, row.id, because)
            after = rows[-1].id


def _named(keys: Sequence[str]) -> set[str]:
    with transaction():
        return {
            key
            for naming in current_app.extensions["namings"]
            for key in db.session.scalars(select(naming.key).where(naming.key.in_(keys)))
        }


def _rows(naming: Naming, after: int) -> Sequence[Any]:
    row_id = naming.key.class_.id
    told = (null() if column is None else column for column in (naming.size, naming.sha256))
    size, sha256 = (column.label(name) for column, name in zip(told, ("size", "sha256"), strict=True))
    with transaction():
        return db.session.execute(
            select(row_id, naming.key.label("key"), size, sha256)
            .where(row_id > after, naming.only)
            .order_by(row_id)
            .limit(_AT_ONCE)
        ).all()


def _wrong_with(key: str, size: int | None, sha256: str | None) -> str | None:
    digest, length = hashlib.sha256(), 0
    try:
        with storage.opened(key) as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
                length += len(chunk)
    except FileNotFoundError:
        return "its file is not there"
    if size is not None and length != size:
        return f"its file has {length} bytes instead of {size}"
    if sha256 and digest.hexdigest() != sha256:
        return "its file has other bytes than were stored (SHA-256)"
    return None


def _is_named_still(naming: Naming, key: str) -> bool:
    """Between reading the row and reading the file, both may have gone together."""
    with transaction():
        return db.session.scalar(select(naming.key).where(naming.key == key)) is not None
