"""Every route names its audience, and the committed list is the truth: a new route is a visible line in a diff.

What the list says is tried in test_doors.py.
"""

from __future__ import annotations

import os
from pathlib import Path

from flask import Flask

from portal.core.admission import audience_of

LIST = Path(__file__).with_name("routes.txt")


def _table(app: Flask) -> str:
    lines = []
    for rule in app.url_map.iter_rules():
        methods = ",".join(sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}))
        audience = audience_of(app, rule.endpoint)
        lines.append(f"{rule.rule:<52} {methods:<9} {audience.value if audience else '—':<11} {rule.endpoint}")
    return "\n".join(sorted(lines)) + "\n"


def test_the_list_of_routes_and_audiences_is_as_committed(app: Flask):
    """`WRITE_ROUTES=1 pytest tests/test_admission.py` writes the list anew; read the diff before you commit it."""
    table = _table(app)
    if os.environ.get("WRITE_ROUTES"):
        LIST.write_text(table, encoding="utf-8")
    assert table == LIST.read_text(encoding="utf-8")


def test_no_route_is_without_an_audience(app: Flask):
    unmarked = [r.rule for r in app.url_map.iter_rules() if audience_of(app, r.endpoint) is None]
    assert unmarked == []
