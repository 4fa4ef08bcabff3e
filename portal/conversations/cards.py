"""A link to something of ours that stands alone in its paragraph is shown as a card: what it is, and its title.

Which title, and whether any, is asked each time for whoever reads: search says what they could find by themselves, and
of anything else the link stays as it was typed. Pages elsewhere are never asked for one.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from html import unescape
from typing import Any

from flask import current_app, g
from sqlalchemy import Row, or_, select

from portal.conversations.pointing import ITEMS
from portal.core import search
from portal.core.admission import Audience, audiences
from portal.core.db import db
from portal.core.search import SearchDoc

# As markdown.render() writes a paragraph of one link. A longer paragraph tells about it in its own words.
_ALONE = re.compile(r'<p><a href="([^"]+)"[^>]*>[^<]*</a></p>')
_OURS = re.compile(r"/(?:library/[a-z0-9-]+|threads/[0-9]+|posts/[0-9]+)")
_KINDS = {"thread": "Thread", "post": "Post"}  # things of the library are called as they are
_MOST = 20  # a page; what comes after them stays a link


@dataclass(frozen=True, slots=True)
class Card:
    """A thing of ours as this reader may know it."""

    href: str
    kind: str
    title: str
    access: str | None


def with_cards(bodies: Sequence[str]) -> list[str]:
    """Stored HTML of posts, with cards in it for the reader of this request. Two statements for all, or none."""
    paths = {path for body in bodies for href in _ALONE.findall(body) if (path := _path_in(unescape(href)))}
    if not paths:
        return list(bodies)
    g.tells_of_others = True
    known = _known(sorted(paths)[:_MOST])
    return [_ALONE.sub(lambda link: _drawn(link, known), body) for body in bodies]


def told_of_others() -> bool:
    """Whether this page says what may change without its thread: a browser must not keep it."""
    return bool(g.get("tells_of_others"))


def _known(paths: Collection[str]) -> dict[str, list[Row[*tuple[Any, ...]]]]:
    """What the index says of each path to this reader. The scopes are asked for only where a thread is meant."""
    scopes = search.scopes() if any(not path.startswith("/library/") for path in paths) else frozenset()
    found: dict[str, list[Row[*tuple[Any, ...]]]] = {}
    for row in db.session.execute(
        select(SearchDoc.path, SearchDoc.kind, SearchDoc.title, SearchDoc.audience).where(
            SearchDoc.path.in_(paths), or_(SearchDoc.scope.is_(None), SearchDoc.scope.in_(scopes))
        )
    ):
        found.setdefault(row.path, []).append(row)
    return found


def _drawn(link: re.Match[str], known: Mapping[str, Sequence[Row[*tuple[Any, ...]]]]) -> str:
    href = unescape(link[1])
    rows = known.get(_path_in(href) or "", ())
    mine = audiences()
    open_to_me = [row for row in rows if row.audience in mine]
    if not open_to_me:
        return link[0]
    row = open_to_me[0]
    access = None
    if row.kind in ITEMS and Audience.ENTITLED in {each.audience for each in rows}:
        access = "Yours to open" if Audience.ENTITLED in mine else "For members"
    card = Card(_local(href), _KINDS.get(row.kind, row.kind.capitalize()), row.title, access)
    template: Any = current_app.jinja_env.get_template("conversations/_card.html")
    return str(template.module.own_card(card))


def _path_in(href: str) -> str | None:
    """The path of something that may have a card; None for whatever leads elsewhere."""
    path = _local(href).split("?")[0].split("#")[0]
    return path if _OURS.fullmatch(path) else None


def _local(href: str) -> str:
    """A full address of this portal without what is the same for all of them."""
    own = current_app.config["PUBLIC_URL"]
    return href.removeprefix(own) if href.startswith(f"{own}/") else href
