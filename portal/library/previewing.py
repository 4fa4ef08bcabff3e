"""A look at an item before readers see it: for one request, its page shows a draft, or words that are not published."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from flask import g

from portal.core import markdown
from portal.core.clock import now
from portal.library.models import Kind
from portal.library.stories import PARTS
from portal.library.writing import YES

_AS_THEY_ARE = ("title", "summary", "problem", "link", "practice_type", "practice_size", "step", "transcript")
_NUMBERS = ("minutes", "number")
_LISTS = ("hear", "chapters")


def begin(item_id: int, fields: Mapping[str, str] | None) -> None:
    """The page of this item is shown to whoever asks in this request, with these words if there are any."""
    g.previewed = (item_id, fields)


def item_id() -> int:
    """The item that is shown in this request however it stands; 0 if none is."""
    return g.previewed[0] if "previewed" in g else 0


def as_written(row: Any) -> Any:
    """The row of an item's page, with the words that are being looked at in place of its own."""
    if row is None or row.id != item_id():
        return row
    fields = g.previewed[1] or {}
    values = dict(row._mapping) | {"published_at": row.published_at or now()}
    values |= {name: fields[name] or None for name in _AS_THEY_ARE if name in fields}
    values |= {name: int(fields[name]) if fields[name] else None for name in _NUMBERS if name in fields}
    values |= {name: [line for line in fields[name].split("\n") if line] for name in _LISTS if name in fields}
    values |= {name: fields[name] == YES for name in ("is_free", "public_notes") if name in fields}
    if "body" in fields:
        values["body_html"] = markdown.render(fields["body"])
    if row.kind is Kind.NUGGET:
        values["parts"] = row.parts | {
            name: {"source": fields[name], "html": markdown.render(fields[name])} for name in PARTS if name in fields
        }
    return SimpleNamespace(**values)
