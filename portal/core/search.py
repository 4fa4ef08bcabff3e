"""Full text over every area: one table, filled through indexing.py, asked with the audience in the query itself.

SQLite answers from FTS5, PostgreSQL from a tsvector; both tables and triggers are made in migration 0002. What a
person types never reaches a query grammar: words are extracted, quoted, and the last one may be the beginning of a
longer word.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

from flask import Flask, current_app
from flask_login import current_user
from markupsafe import Markup
from sqlalchemy import (
    BindParameter,
    ForeignKey,
    Index,
    Row,
    String,
    UniqueConstraint,
    bindparam,
    case,
    func,
    or_,
    select,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.sql.selectable import TextualSelect

from portal.core.admission import Audience
from portal.core.db import Model, Moment, Words, db, is_postgresql
from portal.core.folding import snippet, terms_of

_RANKED = 2000  # documents weighed against each other
_MOST_TAGS = 3  # that one search narrows by
_MOST_PLACES = 3  # within one thing, shown to a reader
_FIRST, _LAST = datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)


class SearchDoc(Model):
    """What search knows of one thing, for one audience: folded words, who may see it, and where it is."""

    __tablename__ = "search_doc"
    __table_args__ = (
        UniqueConstraint("kind", "ref_id", "audience"),
        Index("ix_search_doc_audience", "audience", "kind"),
        Index("ix_search_doc_path", "path"),
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
    folded_body: Mapped[str] = mapped_column(Words)  # with the words of its passages, each once
    passage_count: Mapped[int] = mapped_column(default=0)


class SearchPassage(Model):
    """A stretch of a long text within an entry, read by whoever may read the entry."""

    __tablename__ = "search_passage"

    doc_id: Mapped[int] = mapped_column(ForeignKey("search_doc.id", ondelete="CASCADE"), index=True)
    position: Mapped[int]
    label: Mapped[str]  # "0:12:34"
    way: Mapped[str] = mapped_column(String(64))  # behind the address of the thing: "?t=754#t=754"
    words: Mapped[str] = mapped_column(Words)  # as shown
    folded: Mapped[str] = mapped_column(Words)  # " who answers for what ", nothing but words


@dataclass(frozen=True)
class Place:
    """Where within a thing the words were found."""

    label: str
    path: str
    snippet: Markup


@dataclass(frozen=True)
class Hit:
    """One thing found; snippets have the words found in <mark>."""

    kind: str
    ref_id: int
    title: str
    path: str
    snippet: Markup  # of its text; of the first place, if only a passage holds the words
    at: datetime | None
    places: tuple[Place, ...] = ()  # within its long texts, in their order


def init_app(app: Flask, *, scopes_of: Callable[[Any], frozenset[str]]) -> None:
    """Core knows no area, so it is handed the answer of conversations: which scopes a member belongs to."""
    app.extensions["scopes_of"] = scopes_of


def scopes() -> frozenset[str]:
    """The scopes the person of this request belongs to."""
    if not current_user.is_authenticated:
        return frozenset()
    found: frozenset[str] = current_app.extensions["scopes_of"](current_user.member)
    return found


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
    terms = terms_of(words)
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
    found: dict[tuple[str, int], Any] = {}
    for row in _ask(statement, values):
        if len(found) < most or (row.kind, row.ref_id) in found:
            found.setdefault((row.kind, row.ref_id), []).append(row)
    best = [max(rows, key=lambda row: row.passage_count) for rows in found.values()]
    places = _places([row.id for row in best if row.passage_count], terms)
    return [_hit(row, terms, places.get(row.id, [])) for row in best]


@cache
def _statement(sql: str) -> TextualSelect:
    """Parsed once; what lies in a list, and what is a moment, has to be said."""
    lists: Iterator[BindParameter[Any]] = (bindparam(name, expanding=True) for name in ("audiences", "scopes", "kinds"))
    moments: Iterator[BindParameter[Any]] = (bindparam(name, type_=Moment()) for name in ("since", "until"))
    doc = SearchDoc.__table__.c
    shown = (doc.id, doc.kind, doc.ref_id, doc.title, doc.path, doc.body, doc.at, doc.passage_count)
    return text(sql).bindparams(*lists, *moments).columns(*shown)


def _ask(statement: TextualSelect, values: dict[str, Any]) -> Sequence[Row[Any]]:
    """PostgreSQL plans each search for its own words, because a rare one and a common one want different ways. A
    prepared statement would be planned once, for words it has not seen."""
    if not is_postgresql():
        return db.session.execute(statement, values).all()
    driver = db.session.connection().connection.driver_connection
    prepared_after, driver.prepare_threshold = driver.prepare_threshold, None  # type: ignore[union-attr]
    try:
        return db.session.execute(statement, values).all()
    finally:
        driver.prepare_threshold = prepared_after  # type: ignore[union-attr]


def _carrying(tags: Collection[str]) -> dict[str, str]:
    """Tags as the statements look for them; an empty one is in every text."""
    if len(tags) > _MOST_TAGS:
        raise ValueError("too many tags for one search")
    wanted = [f" {tag} " for tag in tags] + [""] * _MOST_TAGS
    return {f"tag_{number}": tag for number, tag in enumerate(wanted[:_MOST_TAGS], start=1)}


def _places(doc_ids: Sequence[int], terms: list[str]) -> dict[int, list[Any]]:
    """Of each entry, the first passages of those that hold most of the words."""
    if not doc_ids:
        return {}
    passage = SearchPassage.__table__.c
    *whole, last = terms
    holding = [passage.folded.contains(f" {term} ") for term in whole]
    holding.append(passage.folded.contains(f" {last}" if _may_be_unfinished(last) else f" {last} "))
    held = sum((case((holds, 1), else_=0) for holds in holding[1:]), case((holding[0], 1), else_=0))
    place = func.row_number().over(partition_by=passage.doc_id, order_by=(held.desc(), passage.position))
    weighed = (
        select(
            passage.doc_id,
            passage.position,
            passage.label,
            passage.way,
            passage.words,
            held.label("held"),
            place.label("place"),
        )
        .where(passage.doc_id.in_(doc_ids), or_(*holding))
        .subquery()
    )
    found: dict[int, list[Any]] = {}
    best = select(weighed).where(weighed.c.place <= _MOST_PLACES).order_by(weighed.c.doc_id, weighed.c.place)
    for row in db.session.connection().execute(best):
        others = found.setdefault(row.doc_id, [])
        if not others or row.held == others[0].held:
            others.append(row)
    return found


def _hit(row: Any, terms: list[str], passages: list[Any]) -> Hit:
    places = tuple(
        Place(passage.label, row.path + passage.way, snippet(passage.words, terms))
        for passage in sorted(passages, key=lambda passage: passage.position)
    )
    shown = snippet(row.body, terms)
    if places and "<mark>" not in shown:
        shown = places[0].snippet
    return Hit(row.kind, row.ref_id, row.title, row.path, shown, row.at, places)


def _fts(terms: list[str]) -> str:
    return " ".join(f'"{t}"' for t in terms) + ("*" if _may_be_unfinished(terms[-1]) else "")


def _tsquery(terms: list[str]) -> str:
    return " & ".join(f"'{t}'" for t in terms) + (":*" if _may_be_unfinished(terms[-1]) else "")


def _may_be_unfinished(term: str) -> bool:
    """A single letter begins a tenth of all words, so it stands for itself; a single sign of Chinese need not."""
    return len(term) > 1 or not term.isascii()


# First the newest documents with these words, by number alone and as many as are worth ranking: a word that stands in
# everything does not get more precise by weighing all of it, and what is sorted is small. Then the best of those, and
# only the best are read whole. A condition that asks for nothing must not look as if it narrowed: PostgreSQL would
# expect a handful of rows, and walk twenty thousand.
_SQLITE = """
    SELECT d.id, d.kind, d.ref_id, d.title, d.path, d.body, d.at, d.passage_count
    FROM (
        SELECT id, rank FROM (
            SELECT search_fts.rowid AS id, bm25(search_fts, 4.0, 1.0) AS rank
            FROM search_fts CROSS JOIN search_doc d ON d.id = search_fts.rowid
            WHERE search_fts MATCH :query AND d.audience IN :audiences AND (d.scope IS NULL OR d.scope IN :scopes)
                AND (:any_kind = 1 OR d.kind IN :kinds)
                AND (:tag_1 = '' OR instr(d.tags, :tag_1) > 0)
                AND (:tag_2 = '' OR instr(d.tags, :tag_2) > 0)
                AND (:tag_3 = '' OR instr(d.tags, :tag_3) > 0)
                AND (:any_time = 1 OR d.at BETWEEN :since AND :until)
            ORDER BY search_fts.rowid DESC LIMIT :ranked
        ) ORDER BY rank, id DESC LIMIT :most
    ) best JOIN search_doc d ON d.id = best.id
    ORDER BY best.rank, best.id DESC
"""
_POSTGRESQL = """
    WITH newest AS MATERIALIZED (
        SELECT d.id
        FROM search_doc d
        WHERE d.tsv @@ to_tsquery('simple', :query) AND d.audience IN :audiences
            AND (d.scope IS NULL OR d.scope IN :scopes)
            AND (:any_kind = 1 OR d.kind IN :kinds)
            AND (:tag_1 = '' OR strpos(d.tags, :tag_1) > 0)
            AND (:tag_2 = '' OR strpos(d.tags, :tag_2) > 0)
            AND (:tag_3 = '' OR strpos(d.tags, :tag_3) > 0)
            AND (:any_time = 1 OR d.at BETWEEN :since AND :until)
        ORDER BY d.id DESC LIMIT :ranked
    ), best AS MATERIALIZED (
        SELECT
            newest.id,
            (SELECT ts_rank(d.tsv, to_tsquery('simple', :query)) FROM search_doc d WHERE d.id = newest.id) AS rank
        FROM newest
        ORDER BY rank DESC, id DESC LIMIT :most
    )
    SELECT d.id, d.kind, d.ref_id, d.title, d.path, d.body, d.at, d.passage_count
    FROM best JOIN search_doc d ON d.id = best.id
    ORDER BY best.rank DESC, best.id DESC
"""
