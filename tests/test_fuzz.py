"""Anything typed into any field and any query: never a 500, never a traceback, nothing run that was typed.

Forms are found by clicking through the site, names of query parameters by reading the source. `make test` tries some
hundreds of combinations; `make audit` sets FUZZ_EXAMPLES to many thousands. A failure prints the example it was.
"""

from __future__ import annotations

import os
import re
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portal.core.admission import Audience, audience_of
from tests.crawling import crawl, endpoint_of, fields_of_forms, parameters_read

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "150"))
BOUNDED = settings(
    max_examples=EXAMPLES,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],  # one site for all examples
)
MARK = "<script>alert(1)</script>"
TYPED = st.one_of(
    st.text(max_size=60),
    st.text(st.characters(codec=None, categories=("Cc", "Cs", "Cf", "Zl", "Zp", "Co")), max_size=12),
    st.sampled_from(
        ["", "0", "-1", "9" * 400, "1e309", "NaN", "../../etc/passwd", "\x00", MARK, "'\"--", "%00", "𝕬" * 90]
    ),
    st.integers().map(str),
    st.text("[(*_`~#>|", max_size=400),
)


@pytest.fixture
def site(app: Flask, make, people, browse) -> dict[str, Any]:
    """A little of everything, and everybody's browser."""
    thread = make.thread(by=people.alice, posts=2)
    make.reply(thread, by=people.bob)
    make.tool(), make.nugget(), make.episode(), make.topic()
    return {name: browse(getattr(people, name)) for name in ("alice", "sam", "mo", "olga")} | {"": browse()}


@pytest.fixture
def links(app: Flask, browse, people, make, site) -> dict[str, list[str]]:
    """Paths out of letters by the route that answers them: a reset, a confirmation, an invitation, another address."""
    from portal.core.db import db
    from portal.core.letters import Letter

    nora = {"name": "Nora Novak", "email": "nora@example.com", "password": "a calm and private place"}
    browse().post("/join", data=nora)
    site["alice"].post("/account/email", data={"email": "alice@elsewhere.example"})
    site["olga"].post("/desk/people/invitations", data={"email": "iris@example.com", "role": "coach"})
    with app.app_context():
        texts = db.session.scalars(db.select(Letter.text).where(Letter.text.is_not(None))).all()
    found: dict[str, list[str]] = {"accounts.reset_password": [f"/password/reset/{make.link(people.alice)}"]}
    for path in {path for text in texts for path in re.findall(r"http://localhost(/\S+)", text)}:
        if (endpoint := endpoint_of(app, path)) is not None:
            found.setdefault(endpoint, []).append(path)
    assert {"accounts.confirm", "address.confirm_address", "membership.invitation"} <= set(found)
    return found


def test_no_form_breaks_whatever_is_typed(app: Flask, site):
    forms = [(who, form) for who, person in site.items() for form in crawl(app, person)]
    forms = [(who, form) for who, form in forms if not form.action.startswith(("/sign-out", "http"))]
    assert len(forms) > 40

    @BOUNDED
    @given(st.data())
    def some(data: st.DataObject) -> None:
        who, form = data.draw(st.sampled_from(forms), label="form")
        names = [name for name in form.fields if name != "csrf_token"]
        touched = data.draw(st.lists(st.sampled_from(names), unique=True) if names else st.just([]), label="touched")
        typed = form.standing | {name: data.draw(TYPED, label=name) for name in touched}
        sent = {name: value.encode("utf-8", "surrogatepass") for name, value in typed.items() if name != "csrf_token"}
        person, address = site[who], form.action or form.page
        if form.method == "get":
            answer = person.get(address, query_string=sent)
        else:
            answer = person.post(address, data=dict(sent))
        _is_sound(answer, f"{who}: {form.method} {address} {typed}")

    some()


def test_no_request_breaks_a_route(app: Flask, site, links):
    """Every route there is, by anybody, with fields and parameters of any form there is: most make no sense, none may
    break."""
    names = sorted(fields_of_forms() | {name for found in parameters_read(app).values() for name in found})
    routes = [
        (rule, method)
        for rule in app.url_map.iter_rules()
        for method in sorted((rule.methods or set()) & {"GET", "POST"})
        if audience_of(app, rule.endpoint) in set(Audience) and rule.endpoint != "accounts.sign_out"
    ]
    assert len(names) > 40
    assert len(routes) > 120

    @BOUNDED
    @given(st.data())
    def some(data: st.DataObject) -> None:
        rule, method = data.draw(st.sampled_from(routes), label="route")
        path = data.draw(_address(rule, links), label="path")
        typed = data.draw(st.dictionaries(st.sampled_from(names), TYPED, max_size=5), label="typed")
        sent = {name: value.encode("utf-8", "surrogatepass") for name, value in typed.items()}
        who = data.draw(st.sampled_from(sorted(site)), label="who")
        answer = site[who].get(path, query_string=sent) if method == "GET" else site[who].post(path, data=sent)
        _is_sound(answer, f"{who}: {method} {path} {typed}")

    some()


def _address(rule: Any, links: dict[str, list[str]]) -> st.SearchStrategy[str]:
    """An address of this route: one of a letter where there is one, else with a small number or anything typed."""

    def build(values: list[Any]) -> str | None:
        try:
            built = rule.build(dict(zip(rule._converters, values, strict=True)))
        except (UnicodeEncodeError, ValueError):  # half a character is no address
            return None
        return built[1] if built else None

    kinds = [
        st.integers(0, 9) if "Integer" in type(converter).__name__ else TYPED.filter(bool)
        for converter in rule._converters.values()
    ]
    made = st.tuples(*kinds).map(lambda values: build(list(values))).filter(lambda path: path is not None)
    return st.one_of(st.sampled_from(links[rule.endpoint]), made) if rule.endpoint in links else made


def _is_sound(answer: Any, said: str) -> None:
    from portal.core.limits import limiter

    limiter.reset()
    assert answer.status_code < 500 or answer.status_code == 503, said  # no Stripe stands beside these tests
    if answer.mimetype == "text/html":
        assert "Traceback" not in answer.text, said
        assert MARK not in answer.text, said
