"""A list as a CSV file: sent as it is made, harmless in a spreadsheet, and noted in the log."""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from flask import Flask, current_app
from werkzeug.wrappers import Response

from portal.accounts.models import Member
from portal.core import audit
from portal.core.clock import now
from portal.core.db import transaction
from portal.desk.cells import Column, header, in_file

AT_ONCE = 500  # rows read together; nothing is held open while they go out
_STARTS_A_FORMULA = frozenset("=+-@")


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


def harmless(text: str) -> str:
    """A cell that no spreadsheet takes for a formula (TryGhost/Ghost CVE-2024-34448), full-width signs included."""
    flat = "".join(" " if unicodedata.category(c) == "Cc" else c for c in text)
    first = unicodedata.normalize("NFKC", flat).strip()[:1]
    is_formula = first in _STARTS_A_FORMULA or (text[:1] != "" and text[0] in "\t\r\n")
    return f"'{flat}" if is_formula else flat


def _lines(
    app: Flask, ids: Sequence[int], rows: Callable[[Sequence[int]], Iterable[Any]], columns: Sequence[Column]
) -> Iterator[str]:
    yield "\ufeff" + _line(header(columns))  # by which spreadsheets know that it is UTF-8
    for start in range(0, len(ids), AT_ONCE):
        with app.app_context(), transaction():
            some = [_line(in_file(row, columns)) for row in rows(ids[start : start + AT_ONCE])]
        yield "".join(some)


def _line(cells: Sequence[str]) -> str:
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL).writerow([harmless(cell) for cell in cells])
    return text.getvalue()
