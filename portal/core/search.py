"""Full text over every area: one table, filled by the areas, asked with the audience in the query itself.

SQLite answers from FTS5, PostgreSQL from a tsvector; both tables and triggers are made in migration 0002. Accents are
folded here, on both sides, because the two engines differ in it. What a person types never reaches a query grammar:
words are extracted, quoted, and the last one may be the beginning of a longer word.

A thing may stand in the index more than once, for different audiences: a tool's teaser for anyone, the tool itself for
members. Each entry says only what its audience may read, so that neither a match nor a snippet can tell the rest. An
entry with a scope is for those of its audience who belong there: the people of a closed circle.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

from flask import Flask, current_app
from flask_login import current_user
from markupsafe import Markup, escape
from sqlalchemy import BindParameter, ColumnElement, Index, String, UniqueConstraint, bindparam, delete, select, text
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.sql.selectable import TextualSelect

from portal.core.admission import Audience
from portal.core.db import Model, Moment, Words, db, is_postgresql

_WORD = re.compile(r"[^\W_]+")
_MAX_WORDS = 8
_LONGEST = 64  # letters; PostgreSQL refuses words of more than 2,046 bytes
_SNIPPET = 220  # characters
_RANKED = 2000  # documents weighed against each other
_MOST_TAGS = 3  # that one search narrows by
_FIRST, _LAST = datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)


class SearchDoc(Model):
    """What search knows of one thing, for one audience: folded words, who may see it, and where it is."""

    __tablename__ = "search_doc"
    __table_args__ = (
        UniqueConstraint("kind", "ref_id", "audience"),
        Index("ix_search_doc_audience", "audience", "kind"),
    )

    kind: Mapped[str] = mapped_column(String(32))  # "tool", "thread"
    ref_id: Mapped[int]
    audience: Mapped[Audience]
    scope: Mapped[str | None] = mapped_column(String(64))  # "room:7": for whoever belongs there; None: for all
    tags: Mapped[str] = mapped_column(Words, default="")  # " topic:3 room:7 ", what a reader may narrow by
    at: Mapped[datetime | None]  # when it was said or published
    title: Mapped[str]  # as shown
    path: Mapped[str]  # local address
    body: Mapped[str] = mapped_column(Words)  # as shown in a snippet
    folded_title: Mapped[str] = mapped_column(Words)
    folded_body: Mapped[str] = mapped_column(Words)


@dataclass(frozen=True)
class Hit:
    """One thing found; `snippet` has the words found in <mark>."""

    kind: str
    ref_id: int
    title: str
    path: str
    snippet: Markup
    at: datetime | None


def init_app(app: Flask, *, scopes_of: Callable[[Any], frozenset[str]]) -> None:
    """Core knows no area, so it is handed the answer of conversations: which scopes a member belongs to."""
    app.extensions["scopes_of"] = scopes_of


def scopes() -> frozenset[str]:
    """The scopes the person of this request belongs to."""
    if not current_user.is_authenticated:
        return frozenset()
    found: frozenset[str] = current_app.extensions["scopes_of"](current_user.member)
    return found


def index(
    kind: str,
    ref_id: int,
    *,
    audience: Audience,
    title: str,
    path: str,
    body: str,
    inside: Mapping[Audience, str] | None = None,
    scope: str | None = None,
    tags: Collection[str] = (),
    at: datetime | None = None,
) -> None:
    """Put a thing into the index, or what it says now in place of what it said.

    `inside` holds what further audiences may read of it beside `body`: their entry has both. With a `scope`, nobody
    finds it who does not belong there, whatever their audience. A tag is a word without spaces, such as "topic:3".
    """
    says = {audience: body} | {inner: f"{body}\n\n{more}" for inner, more in (inside or {}).items()}
    docs = {d.audience: d for d in db.session.scalars(select(SearchDoc).where(*_of(kind, ref_id)))}
    for gone in docs.keys() - says.keys():
        db.session.delete(docs[gone])
    for who, words in says.items():
        doc = docs.get(who)
        if doc is None:
            doc = SearchDoc(kind=kind, ref_id=ref_id, audience=who)
            db.session.add(doc)
        doc.title, doc.path, doc.body = title[:255], path, words
        doc.scope, doc.tags, doc.at = scope, f" {' '.join(sorted(tags))} ", at
        doc.folded_title, doc.folded_body = fold(title), fold(words)
    db.session.flush()


def forget(kind: str, ref_id: int) -> None:
    """Take a thing out of the index (withdrawn, hidden)."""
    db.session.execute(delete(SearchDoc).where(*_of(kind, ref_id)))


def _of(kind: str, ref_id: int) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return SearchDoc.kind == kind, SearchDoc.ref_id == ref_id


def search(
    words: str,
    *,
    audiences: Collection[Audience],
    scopes: Collection[str] = (),
    kinds: Collection[str] | None = None,
    tags: Collection[str] = (),
    since: datetime | None = None,
    until: datetime | None = None,
    most: int = 20,
) -> list[Hit]:
    """Best first, each thing once: open to these audiences and within these scopes, and holding all the words.

    Narrowed to these kinds, to what carries all of these tags, and to what is from these days.
    """
    terms = [term[:_LONGEST] for term in _WORD.findall(fold(words))[:_MAX_WORDS]]
    if not terms or not audiences or (kinds is not None and not kinds):
        return []
    statement = _statement(_POSTGRESQL if is_postgresql() else _SQLITE)
    values = {
        "query": _tsquery(terms) if is_postgresql() else _fts(terms),
        "audiences": [a.value for a in audiences],
        "scopes": ["", *scopes],
        "kinds": list(kinds or [""]),
        "any_kind": 1 if kinds is None else 0,
        **_carrying(tags),
        "since": since or _FIRST,
        "until": until or _LAST,
        "any_time": 1 if since is None and until is None else 0,
        "ranked": _RANKED,
        "most": most * 2,  # a teaser and the thing itself may both be found
    }
    found: dict[tuple[str, int], Hit] = {}
    for row in db.session.execute(statement, values):
        if (row.kind, row.ref_id) not in found and len(found) < most:
            found[row.kind, row.ref_id] = _hit(row, terms)
    return list(found.values())


@cache
def _statement(sql: str) -> TextualSelect:
    """Parsed once; what lies in a list, and what is a moment, has to be said."""
    lists: Iterator[BindParameter[Any]] = (bindparam(name, expanding=True) for name in ("audiences", "scopes", "kinds"))
    moments: Iterator[BindParameter[Any]] = (bindparam(name, type_=Moment()) for name in ("since", "until"))
    found = SearchDoc.__table__.c
    shown = (found.kind, found.ref_id, found.title, found.path, found.body, found.at)
    return text(sql).bindparams(*lists, *moments).columns(*shown)


def _hit(row: Any, terms: list[str]) -> Hit:
    return Hit(row.kind, row.ref_id, row.title, row.path, snippet(row.body, terms), row.at)


def _carrying(tags: Collection[str]) -> dict[str, str]:
    """Tags as the statements look for them; an empty one is in every text."""
    if len(tags) > _MOST_TAGS:
        raise ValueError("too many tags for one search")
    wanted = [f" {tag} " for tag in tags] + [""] * _MOST_TAGS
    return {f"tag_{number}": tag for number, tag in enumerate(wanted[:_MOST_TAGS], start=1)}


def fold(words: str) -> str:
    """Lower case without accents: "Müller" and "muller" meet."""
    plain = unicodedata.normalize("NFKD", words).casefold()
    return plain if plain.isascii() else "".join(c for c in plain if not unicodedata.combining(c))


def snippet(body: str, terms: list[str]) -> Markup:
    """A stretch of the text around the first word found, with the words found marked."""
    plain = " ".join(body.split())
    folded = plain.translate(_one_for_one)
    words = re.compile(r"(?<![^\W_])(?:" + "|".join(map(re.escape, terms)) + r")[^\W_]*")  # every term is only letters
    first = words.search(folded)
    start = max(0, first.start() - 60) if first else 0
    if start:
        start = plain.find(" ", start) + 1
    end = min(len(plain), start + _SNIPPET)
    if end < len(plain):
        end = max(plain.rfind(" ", start, end), start + _SNIPPET // 2)  # between words, unless one is endless
    out, at = escape("… " if start else ""), start
    for match in words.finditer(folded, start, end):
        out += escape(plain[at : match.start()]) + Markup("<mark>{}</mark>").format(plain[match.start() : match.end()])
        at = match.end()
    return out + escape(plain[at:end]) + escape(" …" if end < len(plain) else "")


class _OneForOne(dict[int, str]):
    """Folds letter by letter and keeps the length, so that a place in the folded text is the place in the text."""

    def __missing__(self, letter: int) -> str:
        folded = fold(chr(letter))
        self[letter] = folded if len(folded) == 1 else chr(letter)
        return self[letter]


_one_for_one = _OneForOne()


def _fts(terms: list[str]) -> str:
    return " ".join(f'"{t}"' for t in terms) + ("*" if _may_be_unfinished(terms[-1]) else "")


def _tsquery(terms: list[str]) -> str:
    return " & ".join(f"'{t}'" for t in terms) + (":*" if _may_be_unfinished(terms[-1]) else "")


def _may_be_unfinished(term: str) -> bool:
    """A single letter begins a tenth of all words, so it stands for itself; a single sign of Chinese need not."""
    return len(term) > 1 or not term.isascii()


# Innermost: the newest documents with these words, as many as are worth ranking; a word that stands in everything does
# not get more precise by weighing all of it. Then the best of them by number, and only those are read whole.
_SQLITE = """
    SELECT d.kind, d.ref_id, d.title, d.path, d.body, d.at
    FROM (
        SELECT id, rank FROM (
            SELECT search_fts.rowid AS id, bm25(search_fts, 4.0, 1.0) AS rank
            FROM search_fts CROSS JOIN search_doc d ON d.id = search_fts.rowid
            WHERE search_fts MATCH :query AND d.audience IN :audiences AND coalesce(d.scope, '') IN :scopes
                AND (:any_kind = 1 OR d.kind IN :kinds)
                AND instr(d.tags, :tag_1) > 0 AND instr(d.tags, :tag_2) > 0 AND instr(d.tags, :tag_3) > 0
                AND (:any_time = 1 OR d.at BETWEEN :since AND :until)
            ORDER BY search_fts.rowid DESC LIMIT :ranked
        ) ORDER BY rank, id DESC LIMIT :most
    ) best JOIN search_doc d ON d.id = best.id
    ORDER BY best.rank, best.id DESC
"""
_POSTGRESQL = """
    SELECT d.kind, d.ref_id, d.title, d.path, d.body, d.at
    FROM (
        SELECT id, ts_rank(tsv, query) AS rank FROM (
            SELECT d.id, d.tsv, q AS query
            FROM search_doc d, to_tsquery('simple', :query) q
            WHERE d.tsv @@ q AND d.audience IN :audiences AND coalesce(d.scope, '') IN :scopes
                AND (:any_kind = 1 OR d.kind IN :kinds)
                AND strpos(d.tags, :tag_1) > 0 AND strpos(d.tags, :tag_2) > 0 AND strpos(d.tags, :tag_3) > 0
                AND (:any_time = 1 OR d.at BETWEEN :since AND :until)
            ORDER BY d.id DESC LIMIT :ranked
        ) newest ORDER BY rank DESC, id DESC LIMIT :most
    ) best JOIN search_doc d ON d.id = best.id
    ORDER BY best.rank DESC, best.id DESC
"""
