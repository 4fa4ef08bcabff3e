"""A list as a CSV file: sent as it is made, harmless in a spreadsheet, and noted in the log."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from flask import Flask, current_app
from werkzeug.wrappers import Response

from portal.accounts.models import Member
from portal.core import audit
from portal.core.clock import now
from portal.core.db import transaction
from portal.core.spreadsheets import MARK, line
from portal.desk.cells import Column, header, in_file

AT_ONCE = 500  # rows read together; nothing is held open while they go out


def export(
    name: str,
    ids: Sequence[int],
    rows: Callable[[Sequence[int]], Iterable[Any]],
    columns: Sequence[Column],
    *,
    by: Member,
) -> Response:
    """The answer that carries the file. That somebody took it along is noted before the first line leaves."""
    audit.record(by, "list.exported", by, list=name, rows=len(ids))
    app: Any = current_app._get_current_object()  # type: ignore[attr-defined]  # werkzeug's proxy hides it
    answer = Response(_lines(app, ids, rows, columns), mimetype="text/csv")
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}-{now():%Y-%m-%d}.csv"'
    return answer


def _lines(
    app: Flask, ids: Sequence[int], rows: Callable[[Sequence[int]], Iterable[Any]], columns: Sequence[Column]
) -> Iterator[str]:
    yield MARK + line(header(columns))
    for start in range(0, len(ids), AT_ONCE):
        with app.app_context(), transaction():
            some = [line(in_file(row, columns)) for row in rows(ids[start : start + AT_ONCE])]
        yield "".join(some)
