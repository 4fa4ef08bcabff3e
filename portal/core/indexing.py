"""What search knows of the areas' things: each area puts its own in, and takes them out.

A thing may stand in the index more than once, for different audiences: a tool's teaser for anyone, the tool itself for
members. Each entry says only what its audience may read, so that neither a match nor a snippet can tell the rest. An
entry with a scope is for those of its audience who belong there: the people of a closed circle.

What is long (a transcript, the text of a file) is kept in passages, each with the way to it; its entry knows only which
words are in it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Select, Table, bindparam, delete, insert, select
from sqlalchemy.sql.dml import ReturningInsert

from portal.core.admission import Audience
from portal.core.clock import now
from portal.core.db import db
from portal.core.folding import fold, words_of
from portal.core.search import SearchDoc, SearchPassage

_DOC: Table = SearchDoc.__table__  # type: ignore[assignment]  # a mapped table is one


@dataclass(frozen=True)
class Passage:
    """A stretch of a long text: its words, what its place is called, and the way there from the thing's address."""

    words: str
    label: str
    way: str = ""


def index(
    kind: str,
    ref_id: int,
    *,
    audience: Audience,
    title: str,
    path: str,
    body: str,
    inside: Mapping[Audience, str] | None = None,
    passages: Sequence[Passage] = (),
    scope: str | None = None,
    tags: Collection[str] = (),
    at: datetime | None = None,
) -> None:
    """Put a thing into the index, or what it says now in place of what it said.

    `inside` holds what further audiences may read of it beside `body`: their entry has both, and the passages. With a
    `scope`, nobody finds it who does not belong there, whatever their audience. A tag has no space: "topic:3".
    """
    says = {audience: body} | {inner: f"{body}\n\n{more}" for inner, more in (inside or {}).items()}
    db.session.flush()
    connection = db.session.connection()
    known = {doc.audience: doc for doc in connection.execute(_entries(), _of_one(kind, ref_id))}
    for gone in known.keys() - says.keys():
        connection.execute(delete(SearchDoc).where(SearchDoc.id == known[gone].id))
    for who, words in says.items():
        within = passages if who in (inside or {}) else ()
        entry = {
            "title": title[:255],
            "path": path,
            "body": words,
            "scope": scope,
            "tags": f" {' '.join(sorted(tags))} ",
            "at": at,
            "folded_title": fold(title),
            "folded_body": _folded(words, within),
            "passage_count": len(within),
        }
        doc = known.get(who)
        if doc:
            connection.execute(_DOC.update().where(_DOC.c.id == doc.id), entry)
            _put_passages(doc.id, within, instead_of=doc.passage_count)
        else:
            of = {"kind": kind, "ref_id": ref_id, "audience": who, "created_at": now()}
            _put_passages(connection.execute(_entering(), of | entry).scalar_one(), within)


# Built once, and past the session: every reply asks them.


def _of_one(kind: str, ref_id: int) -> dict[str, Any]:
    return {"kind": kind, "ref_id": ref_id}


@cache
def _entries() -> Select[*tuple[Any, ...]]:
    of = _DOC.c.kind == bindparam("kind"), _DOC.c.ref_id == bindparam("ref_id")
    return select(_DOC.c.id, _DOC.c.audience, _DOC.c.passage_count).where(*of)


@cache
def _entering() -> ReturningInsert[int]:
    return _DOC.insert().returning(_DOC.c.id)


def forget(kind: str, ref_id: int) -> None:
    """Take a thing out of the index (withdrawn, hidden)."""
    db.session.execute(delete(SearchDoc).where(*_of(kind, ref_id)))


def _of(kind: str, ref_id: int) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return SearchDoc.kind == kind, SearchDoc.ref_id == ref_id


def _folded(body: str, passages: Sequence[Passage]) -> str:
    """The body, and once each word that only a passage holds: an hour of talk weighs no more than what it is about."""
    folded = fold(body)
    more = dict.fromkeys(word for passage in passages for word in words_of(passage.words))
    return " ".join([folded, *(more.keys() - set(words_of(body)))]) if more else folded


def _put_passages(doc_id: int, passages: Sequence[Passage], *, instead_of: int = 0) -> None:
    if instead_of:
        db.session.execute(delete(SearchPassage).where(SearchPassage.doc_id == doc_id))
    if not passages:
        return
    rows = [
        {
            "doc_id": doc_id,
            "position": position,
            "label": passage.label[:255],
            "way": passage.way,
            "words": passage.words,
            "folded": f" {' '.join(words_of(passage.words))} ",
        }
        for position, passage in enumerate(passages, start=1)
    ]
    db.session.execute(insert(SearchPassage), rows)
