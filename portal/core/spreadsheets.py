"""Lines of CSV that every spreadsheet reads as text and as UTF-8."""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Sequence

MARK = "\ufeff"  # at the start of a file; by it spreadsheets know that it is UTF-8
_STARTS_A_FORMULA = frozenset("=+-@")


def line(cells: Sequence[str]) -> str:
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL).writerow([harmless(cell) for cell in cells])
    return text.getvalue()


def harmless(text: str) -> str:
    """A cell that no spreadsheet takes for a formula (TryGhost/Ghost CVE-2024-34448), full-width signs included."""
    flat = "".join(" " if unicodedata.category(c) == "Cc" else c for c in text)
    first = unicodedata.normalize("NFKC", flat).strip()[:1]
    is_formula = first in _STARTS_A_FORMULA or (text[:1] != "" and text[0] in "\t\r\n")
    return f"'{flat}" if is_formula else flat
