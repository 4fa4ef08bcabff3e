"""What a thread is about: a thing of the library, which its author names by title or address. Search knows both."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from sqlalchemy import func, select

from portal.core import search
from portal.core.admission import Audience
from portal.core.db import db
from portal.core.errors import Refusal
from portal.core.folding import fold
from portal.core.search import SearchDoc

ITEMS = ("tool", "resource", "nugget", "episode")
_ITS_NAME = Audience.ANYONE  # by what is public of it: whoever reads the thread reads its title there
_MOST_NAMES = 200  # that a form offers by itself; by typing, all are found
_NEAR = 3


@dataclass(frozen=True, slots=True)
class Thing:
    title: str
    path: str


class NoSuchThing(Refusal):
    """Its words name what comes near."""

    status = 422

    def __init__(self, near: list[str]) -> None:
        meant = " or ".join(f"“{title}”" for title in near)
        super().__init__(
            f"Nothing in the library is called that. Did you mean {meant}?"
            if near
            else "Nothing in the library is called that. Type its title, or leave this empty."
        )


def thing_meant(typed: str) -> Thing:
    """The thing with this title or address. Raises NoSuchThing."""
    path = _path_in(typed)
    named = SearchDoc.path == path if path else SearchDoc.folded_title == fold(typed)
    found = db.session.execute(
        select(SearchDoc.title, SearchDoc.path)
        .where(SearchDoc.kind.in_(ITEMS), SearchDoc.audience == _ITS_NAME, named)
        .order_by(SearchDoc.at.desc())
        .limit(1)
    ).one_or_none()
    if found is None:
        near = search.search(typed, audiences={_ITS_NAME}, kinds=ITEMS, most=_NEAR)
        raise NoSuchThing([hit.title for hit in near])
    return Thing(found.title, found.path)


def titles() -> list[str]:
    """What a form offers while somebody types: the newest things of the library."""
    newest = func.max(SearchDoc.at)
    return list(
        db.session.scalars(
            select(SearchDoc.title)
            .where(SearchDoc.kind.in_(ITEMS), SearchDoc.audience == _ITS_NAME)
            .group_by(SearchDoc.title)
            .order_by(newest.desc())
            .limit(_MOST_NAMES)
        )
    )


def _path_in(typed: str) -> str:
    """The path of an address of ours; empty for what is none."""
    try:
        return urlsplit(typed).path if "/" in typed else ""
    except ValueError:
        return ""
