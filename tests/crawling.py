"""Reads the site as a person would click through it: every page that links lead to, and every form on them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlsplit

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect
from wtforms.fields.core import UnboundField

from portal.core.admission import Audience, audience_of
from portal.core.typed import TextForm

MOST_PAGES = 150


@dataclass(frozen=True)
class Form:
    """A form as it stands on a page: where it leads, and its fields by name with their kind and value."""

    page: str
    method: str
    action: str
    fields: dict[str, tuple[str, str]]

    @property
    def standing(self) -> dict[str, str]:
        """What would be sent if nobody touched it."""
        return {n: v for n, (kind, v) in self.fields.items() if kind not in {"submit", "button", "file"}}


class _Page(HTMLParser):
    def __init__(self, path: str, html: str) -> None:
        super().__init__()
        self.path = path
        self.forms: list[Form] = []
        self.links: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "form":
            self.forms.append(Form(self.path, (given.get("method") or "get").lower(), given.get("action") or "", {}))
        elif tag == "a" and given.get("href"):
            self.links.append(given["href"] or "")
        elif self.forms and given.get("name") and tag in {"input", "textarea", "select", "button"}:
            kind = given.get("type") or "text" if tag == "input" else tag
            self.forms[-1].fields.setdefault(given["name"] or "", (kind, given.get("value") or ""))


def forms_on(path: str, html: str) -> list[Form]:
    return _Page(path, html).forms


def crawl(app: Flask, person: FlaskClient, *, most: int = MOST_PAGES) -> Iterator[Form]:
    """Every form this person can come across, each address and set of fields once."""
    told = set()
    for path, html in walk(app, person, most=most):
        for form in forms_on(path, html):
            key = (form.method, endpoint_of(app, form.action or path, form.method), frozenset(form.fields))
            if key not in told:
                told.add(key)
                yield form


def walk(app: Flask, person: FlaskClient, *, most: int = MOST_PAGES) -> Iterator[tuple[str, str]]:
    """Every page this person can come across, with its address."""
    waiting, seen = list(_places(app)), set()
    while waiting and len(seen) < most:
        path = waiting.pop(0)
        if path in seen or endpoint_of(app, path) is None:
            continue
        seen.add(path)
        answer = person.get(path)
        if answer.mimetype != "text/html" or answer.status_code != 200:
            continue
        page = _Page(path, answer.text)
        waiting += [link for link in page.links if link.startswith("/") and not link.startswith("//")]
        yield path, answer.text


def _places(app: Flask) -> Iterator[str]:
    """The addresses that one can type: pages without a thing in them."""
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: rule.rule):
        if not rule.arguments and "GET" in (rule.methods or set()) and audience_of(app, rule.endpoint) in set(Audience):
            yield rule.rule


def endpoint_of(app: Flask, address: str, method: str = "get") -> str | None:
    """What answers at an address, None for an address that is not ours."""
    try:
        endpoint, _values = app.url_map.bind("localhost").match(urlsplit(address).path, method=method.upper())
    except (HTTPException, RequestRedirect):
        return None
    return str(endpoint)


def fields_of_forms() -> set[str]:
    """The names of all fields of all forms that are written anywhere in the portal."""
    waiting, names = [TextForm], set()
    while waiting:
        form = waiting.pop()
        waiting += form.__subclasses__()
        names |= {name for name, field in vars(form).items() if isinstance(field, UnboundField)}
    return names


def parameters_read(app: Flask) -> dict[str, set[str]]:
    """The names that each module reads from the query, found in its source: {"portal.library.views": {"kind", …}}."""
    import ast
    from pathlib import Path

    found: dict[str, set[str]] = {}
    for file in Path(app.root_path).rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            name = _read_here(node)
            if name:
                found.setdefault(str(file.relative_to(app.root_path)), set()).add(name)
    return found


def _read_here(node: Any) -> str | None:
    """`request.args.get("x")`, `request.values["x"]`, `"x" in request.args`: the x."""
    import ast

    def is_query(thing: Any) -> bool:
        return (
            isinstance(thing, ast.Attribute)
            and thing.attr in {"args", "values", "form"}
            and isinstance(thing.value, ast.Name)
            and thing.value.id == "request"
        )

    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and is_query(node.func.value) and node.args:
        return node.args[0].value if isinstance(node.args[0], ast.Constant) else None
    if isinstance(node, ast.Subscript) and is_query(node.value) and isinstance(node.slice, ast.Constant):
        return str(node.slice.value)
    if isinstance(node, ast.Compare) and is_query(node.comparators[0]) and isinstance(node.left, ast.Constant):
        return str(node.left.value)
    return None
