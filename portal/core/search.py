"""Full text over every area: one table, filled by the areas, asked with the audience in the query itself.

SQLite answers from FTS5, PostgreSQL from a tsvector; both tables and triggers are made in migration 0002. Accents are
folded here, on both sides, because the two engines differ in it. What a person types never reaches a query grammar:
words are extracted, quoted, and the last one may be the beginning of a longer word.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass

from markupsafe import Markup, escape
from sqlalchemy import Index, String, UniqueConstraint, bindparam, delete, select, text
from sqlalchemy.orm import Mapped, mapped_column

from portal.core.admission import Audience
from portal.core.db import Model, Words, db, is_postgresql

_WORD = re.compile(r"\w+")
_MAX_WORDS = 8
_SNIPPET = 220  # characters


class SearchDoc(Model):
    """What search knows of one thing: folded words, who may see it, and where it is."""

    __tablename__ = "search_doc"
    __table_args__ = (UniqueConstraint("kind", "ref_id"), Index("ix_search_doc_audience", "audience", "kind"))

    kind: Mapped[str] = mapped_column(String(32))  # "tool", "thread"
    ref_id: Mapped[int]
    audience: Mapped[Audience]
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


def index(kind: str, ref_id: int, *, audience: Audience, title: str, path: str, body: str) -> None:
    """Put a thing into the index, or what it says now in place of what it said."""
    doc = db.session.scalar(select(SearchDoc).where(SearchDoc.kind == kind, SearchDoc.ref_id == ref_id))
    if doc is None:
        doc = SearchDoc(kind=kind, ref_id=ref_id)
        db.session.add(doc)
    doc.audience, doc.title, doc.path, doc.body = audience, title[:255], path, body
    doc.folded_title, doc.folded_body = fold(title), fold(body)
    db.session.flush()


def forget(kind: str, ref_id: int) -> None:
    """Take a thing out of the index (withdrawn, hidden)."""
    db.session.execute(delete(SearchDoc).where(SearchDoc.kind == kind, SearchDoc.ref_id == ref_id))


def search(
    words: str, *, audiences: Collection[Audience], kinds: Collection[str] | None = None, most: int = 20
) -> list[Hit]:
    """Best first: things of these kinds that these audiences may see and that hold all the words."""
    terms = _WORD.findall(fold(words))[:_MAX_WORDS]
    if not terms or kinds is not None and not kinds:
        return []
    statement = text(_POSTGRESQL if is_postgresql() else _SQLITE).bindparams(
        bindparam("audiences", expanding=True), bindparam("kinds", expanding=True)
    )
    values = {
        "query": _tsquery(terms) if is_postgresql() else _fts(terms),
        "audiences": [a.value for a in audiences],
        "kinds": list(kinds or [""]),
        "any_kind": 1 if kinds is None else 0,
        "most": most,
    }
    rows = db.session.execute(statement, values).all()
    return [Hit(r.kind, r.ref_id, r.title, r.path, snippet(r.body, terms)) for r in rows]


def fold(words: str) -> str:
    """Lower case without accents: "Müller" and "muller" meet."""
    decomposed = unicodedata.normalize("NFKD", words.casefold())
    return "".join(c for c in decomposed if not unicodedata.combining(c))


def snippet(body: str, terms: list[str]) -> Markup:
    """A stretch of the text around the first word found, with the words found marked."""
    plain = " ".join(body.split())
    spots = [(m.start(), m.end()) for m in _WORD.finditer(plain) if fold(m.group()).startswith(tuple(terms))]
    start = max(0, spots[0][0] - 60) if spots else 0
    if start:
        start = plain.find(" ", start) + 1
    end = min(len(plain), start + _SNIPPET)
    out, at = Markup("… " if start else ""), start
    for first, last in spots:
        if first >= start and last <= end:
            out += escape(plain[at:first]) + Markup("<mark>{}</mark>").format(plain[first:last])
            at = last
    return out + escape(plain[at:end]) + Markup(" …" if end < len(plain) else "")


def _fts(terms: list[str]) -> str:
    return " ".join(f'"{t}"' for t in terms[:-1]) + f' "{terms[-1]}"*'


def _tsquery(terms: list[str]) -> str:
    return " & ".join([*(f"'{t}'" for t in terms[:-1]), f"'{terms[-1]}':*"])


_SQLITE = """
    SELECT d.kind, d.ref_id, d.title, d.path, d.body
    FROM search_fts JOIN search_doc d ON d.id = search_fts.rowid
    WHERE search_fts MATCH :query AND d.audience IN :audiences AND (:any_kind = 1 OR d.kind IN :kinds)
    ORDER BY bm25(search_fts, 4.0, 1.0), d.id DESC LIMIT :most
"""
_POSTGRESQL = """
    SELECT d.kind, d.ref_id, d.title, d.path, d.body
    FROM search_doc d, to_tsquery('simple', :query) q
    WHERE d.tsv @@ q AND d.audience IN :audiences AND (:any_kind = 1 OR d.kind IN :kinds)
    ORDER BY ts_rank(d.tsv, q) DESC, d.id DESC LIMIT :most
"""
