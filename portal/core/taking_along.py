"""What a member takes along: tables of their own rows, each column explained. Areas say which, membership packs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from enum import Enum
from typing import Any

from sqlalchemy import Select

from portal.core.db import db


@dataclass(frozen=True)
class Part:
    """One table of the archive: `columns` says what each value means, in the order they stand."""

    name: str  # of its files: "posts"
    title: str
    about: str
    columns: Mapping[str, str]
    rows: Sequence[Mapping[str, Any]]
    files: Mapping[str, str] = field(default_factory=dict)  # what they put in: name in the archive, storage key


def part(
    name: str,
    title: str,
    about: str,
    query: Select[*tuple[Any, ...]],
    columns: Mapping[str, str],
    files: Mapping[str, str] | None = None,
) -> Part:
    """The rows that `query` finds, as values that JSON has. Its columns are named as `columns` explains them."""
    found = db.session.execute(query).mappings().all()
    return Part(
        name, title, about, columns, [{column: _plain(row[column]) for column in columns} for row in found], files or {}
    )


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, date):
        return value.isoformat()
    return value.value if isinstance(value, Enum) else value
