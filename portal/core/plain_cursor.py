"""A cursor of PostgreSQL that describes the columns of an answer only to whoever looks at them.

psycopg makes an object for each column of each answer, a hundred in the course of one reply. SQLAlchemy asks for them
each time and looks at them once, when it meets a statement first: a fifteenth of what a reply cost.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from psycopg import Cursor
from psycopg.pq.abc import PGresult


class PlainCursor(Cursor[Any]):
    """psycopg's own, but for `description`."""

    @property
    def description(self) -> Any:
        answer = self.pgresult
        return _Columns(answer) if answer is not None and answer.nfields else None


class _Columns(Sequence[tuple[Any, ...]]):
    """Each column in the seven values of PEP 249: its name, its type, and five that nobody asks for."""

    def __init__(self, answer: PGresult) -> None:
        self._answer = answer

    def __len__(self) -> int:
        return self._answer.nfields

    def __getitem__(self, number: Any) -> Any:
        if isinstance(number, slice):
            return [self[each] for each in range(len(self))[number]]
        if not 0 <= number < len(self):
            raise IndexError(number)
        name = self._answer.fname(number) or b""
        return (name.decode(), self._answer.ftype(number), None, None, None, None, None)
