"""What stands in a list of the desk, the same on the page and in its file: words, moments, money, people."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from babel.numbers import get_currency_precision

from portal.accounts.models import Member


@dataclass(frozen=True)
class Money:
    minor: int
    currency: str


@dataclass(frozen=True)
class Person:
    """Somebody, with the way to their page on the desk; without a handle they have no account any more."""

    name: str
    handle: str | None = None
    email: str | None = None


@dataclass(frozen=True)
class Badge:
    """A state; tones are those of the status component."""

    text: str
    tone: str = "plain"


@dataclass(frozen=True)
class Link:
    text: str
    href: str


Cell = str | int | datetime | Money | Person | Badge | Link | None


@dataclass(frozen=True)
class Column:
    """One column: its title, what of a row stands in it, and its kind, which decides how a file writes it."""

    title: str
    read: Callable[[Any], Cell]
    kind: type = str

    @property
    def is_number(self) -> bool:
        return self.kind in {int, Money}


def person(member: Member | None) -> Person:
    if member is None or member.closed_at is not None:
        return Person("Account deleted")
    return Person(member.name, member.handle, member.email)


def header(columns: Sequence[Column]) -> list[str]:
    """A file's first line. People become name and address, money an amount and its currency."""
    return [title for column in columns for title in _titles(column)]


def in_file(row: Any, columns: Sequence[Column]) -> list[str]:
    """One line of a file."""
    return [text for column in columns for text in _texts(column, column.read(row))]


def _titles(column: Column) -> Iterator[str]:
    if column.kind is Person:
        yield from (column.title, "E-mail")
    elif column.kind is Money:
        yield from (column.title, f"{column.title}, currency")
    elif column.kind is datetime:
        yield f"{column.title} (UTC)"
    else:
        yield column.title


def _texts(column: Column, cell: Cell) -> Iterator[str]:
    if isinstance(cell, Person):
        yield from (cell.name, cell.email or "")
    elif column.kind is Money:
        yield from _amount(cell) if isinstance(cell, Money) else ("", "")
    elif isinstance(cell, datetime):
        yield f"{cell.astimezone(UTC):%Y-%m-%d %H:%M}"
    elif isinstance(cell, Badge):
        yield cell.text
    elif isinstance(cell, Link):
        yield cell.href
    else:
        yield "" if cell is None else str(cell)


def _amount(money: Money) -> tuple[str, str]:
    """ "99.00", "USD": with a point in every language, so that a program reads it."""
    digits = get_currency_precision(money.currency.upper())
    return f"{Decimal(money.minor).scaleb(-digits):.{digits}f}", money.currency.upper()
