"""Every route names its audience, and the committed list is the truth: a new route is a visible line in a diff."""

from __future__ import annotations

import os
from pathlib import Path

from flask import Flask

from portal.core.admission import Audience, audience_of

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


def test_a_visitor_meets_sign_in_or_a_refusal_at_every_closed_door(app: Flask, browse):
    for rule in app.url_map.iter_rules():
        if audience_of(app, rule.endpoint) is Audience.ANYONE:
            continue
        path = rule.build({a: 1 if "int" in str(c) else "x" for a, c in _arguments(rule)}, append_unknown=False)[1]
        for method in sorted((rule.methods or set()) - {"OPTIONS"}):
            answer = browse().open(path, method=method)
            allowed = {303} if method in {"GET", "HEAD"} else {303, 400}  # 400: no CSRF token, asked even earlier
            assert answer.status_code in allowed, f"{method} {path}: {answer.status_code}"
            if answer.status_code == 303:
                assert answer.location.startswith("/sign-in"), f"{method} {path}: {answer.location}"


def test_sam_who_never_paid_is_refused_wherever_members_only_is_written(app: Flask, browse, people):
    sam = browse(people.sam)
    for rule in app.url_map.iter_rules():
        if audience_of(app, rule.endpoint) is not Audience.ENTITLED or "GET" not in (rule.methods or set()):
            continue
        path = rule.build({a: 1 if "int" in str(c) else "x" for a, c in _arguments(rule)}, append_unknown=False)[1]
        assert sam.get(path).status_code == 403, path


def test_alice_a_member_is_refused_at_every_staff_door(app: Flask, browse, people):
    alice = browse(people.alice)
    staff = {Audience.MODERATORS, Audience.COACHES, Audience.OWNERS}
    for rule in app.url_map.iter_rules():
        if audience_of(app, rule.endpoint) not in staff or "GET" not in (rule.methods or set()):
            continue
        path = rule.build({a: 1 if "int" in str(c) else "x" for a, c in _arguments(rule)}, append_unknown=False)[1]
        assert alice.get(path).status_code == 403, path


def _arguments(rule):
    return [
        (name, type(converter).__name__.lower().replace("integerconverter", "int"))
        for name, converter in rule._converters.items()
    ]
