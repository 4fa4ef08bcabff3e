"""A row in every table that can hold one of somebody's, each text in it a word that is found again.

The tables are read from the models, so a new one is planted by itself, and whoever forgets it in leaving or in the
export is told by a failing test.
"""

from __future__ import annotations

import enum
import secrets
from datetime import date, datetime
from itertools import count
from typing import Any

from sqlalchemy import JSON, Column, Table, insert, select

from portal.core.clock import now
from portal.core.db import db, transaction

_numbers = count(1)
# Names of columns without a foreign key that hold the id of a member all the same.
_HOLD_A_MEMBER = {"member_id"}
# Columns of which one row fills a single one, and those left empty when it is planted.
_LEFT_EMPTY = {("flag", "thread_id"), ("flag", "member_id"), ("flag", "item_id"), ("appeal", "sanction_id")}
# Columns that say which row is meant by a word of ours, "post:7"; nothing in them is said by anybody.
_NAME_A_ROW = {("flag", "about"), ("handling", "about")}
# Tables that tell of a member without pointing to one: they are pointed to.
_DESCRIBE_A_MEMBER = {"member", "practice"}
# Columns that name a file in storage: random, and nothing else is taken for one.
_NAME_A_FILE = {"small_key", "large_key", "storage_key"}
# Tables that no member's row is planted in, each with the reason.
NOT_PLANTED = {
    "record": "the log takes ids only, and refuses to be changed",
    "seal": "a sum over a line of the log",
    "search_doc": "made from posts and items by the functions that write them",
    "search_passage": "made as search_doc is",
    "export": "the archive itself, which has tests of its own",
    "job": "made by the functions that ask for work",
}


def tables() -> list[Table]:
    return [t for t in db.metadata.sorted_tables if t.name not in NOT_PLANTED]


def private_tables() -> list[Table]:
    """The tables with rows of one person: by their own column, or because they belong to such a row."""
    found: dict[str, Table] = {}
    for table in tables():
        if table.name in _DESCRIBE_A_MEMBER or any(_leads_to(column, found) for column in table.columns):
            found[table.name] = table
    return list(found.values())


def words_columns(table: Table) -> list[Column[Any]]:
    """The columns that can say something about a person."""
    return [column for column in table.columns if _is_words(column)]


def plant(app: Any, member_id: int, word: str) -> dict[str, dict[str, str]]:
    """One row of theirs in every private table; returns the words by table and column."""
    planted: dict[str, dict[str, str]] = {}
    rows: dict[str, Any] = {"member": member_id}
    private = {table.name for table in private_tables()}
    with app.app_context(), transaction():
        for table in tables():
            if table.name == "member":
                planted["member"] = _plant_member(table, member_id, word)
                continue
            values, words = _values(table, rows, word if table.name in private else f"neutral{next(_numbers)}")
            result = db.session.execute(insert(table).values(**values))
            if result.inserted_primary_key is not None and len(result.inserted_primary_key) == 1:
                rows[table.name] = result.inserted_primary_key[0]
            if table.name in private:
                planted[table.name] = words
    return planted


def found_in_database(app: Any, *words: str) -> set[str]:
    """Every column of every table in which one of these words stands, as "table.column"."""
    found = set()
    with app.app_context():
        for table in db.metadata.sorted_tables:
            for row in db.session.execute(select(table)).mappings():
                for name, value in row.items():
                    if any(word.casefold() in str(value).casefold() for word in words):
                        found.add(f"{table.name}.{name}")
    return found


def _leads_to(column: Column[Any], private: dict[str, Table]) -> bool:
    if column.name in _HOLD_A_MEMBER and not column.foreign_keys:
        return True
    return any(key.column.table.name in private for key in column.foreign_keys)


def _is_words(column: Column[Any]) -> bool:
    """Three letters are a currency and name nobody."""
    is_text = _kind(column) in {str, dict, list} and (getattr(column.type, "length", None) or 99) > 3
    return is_text and not column.foreign_keys and _enum(column) is None and not _is_one_of(column, _NAME_A_ROW)


def _is_one_of(column: Column[Any], named: set[tuple[str, str]]) -> bool:
    return (column.table.name, column.name) in named


def _kind(column: Column[Any]) -> type:
    """What Python has for it; a type of our own stands for the one it is made of."""
    if isinstance(column.type, JSON):
        return dict
    return getattr(column.type, "impl_instance", column.type).python_type


def _enum(column: Column[Any]) -> Any:
    found = getattr(column.type, "enum_class", None)
    return found if isinstance(found, type) and issubclass(found, enum.Enum) else None


def _plant_member(table: Table, member_id: int, word: str) -> dict[str, str]:
    values: dict[str, Any] = {}
    words: dict[str, str] = {}
    for column in words_columns(table):
        if column.name in {"uuid", "time_zone", "locale"}:
            continue
        words[column.name] = text = _text(column, f"{word}member{column.name}")
        values[column.name] = _as_kind(column, text)
    db.session.execute(table.update().where(table.c.id == member_id).values(**values))
    return words


def _values(table: Table, rows: dict[str, Any], word: str) -> tuple[dict[str, Any], dict[str, str]]:
    values: dict[str, Any] = {}
    words: dict[str, str] = {}
    for column in table.columns:
        keys = list(column.foreign_keys)
        if _is_one_of(column, _LEFT_EMPTY):
            continue
        if _is_one_of(column, _NAME_A_ROW):
            values[column.name] = f"{table.name}:{next(_numbers)}"
        elif keys and keys[0].column.table.name in rows:
            values[column.name] = rows[keys[0].column.table.name]
        elif keys:
            assert column.nullable, f"{table.name}.{column.name} points to a table that is filled later"
        elif column.name in _HOLD_A_MEMBER:
            values[column.name] = rows["member"]
        elif column.name in _NAME_A_FILE:
            values[column.name] = secrets.token_hex(16)
        elif column.primary_key and column.autoincrement in {True, "auto"}:
            continue
        elif (kind := _enum(column)) is not None:
            values[column.name] = next(iter(kind))
        elif _is_words(column):
            words[column.name] = text = _text(column, f"{word}{table.name}{column.name}")
            values[column.name] = _as_kind(column, text)
        else:
            values[column.name] = _plain(column)
    return values, words


def _text(column: Column[Any], text: str) -> str:
    """Unique, and short enough for its column."""
    longest = getattr(column.type, "length", None) or 200
    text = f"{text.replace('_', '')}{next(_numbers)}"
    return text if len(text) <= longest else text[: max(longest - 6, 3)] + str(next(_numbers) % 1000)


def _as_kind(column: Column[Any], text: str) -> Any:
    return {dict: {"said": text}, list: [text]}.get(_kind(column), text)


def _plain(column: Column[Any]) -> Any:
    kind = _kind(column)
    if kind is str:
        return "usd"
    if kind is bool:
        return False
    if kind is int:
        return next(_numbers) + 10_000
    if kind is datetime:
        return None if column.nullable else now()
    if kind is date:
        return now().date()
    if kind is bytes:
        return b"x"
    raise AssertionError(f"no value for {column}")
