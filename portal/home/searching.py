"""Search over everything a person may open: pages and things to do, people of the directory, what is in the index."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import NamedTuple

from flask import current_app
from sqlalchemy import select

from portal.conversations import asking, finding
from portal.conversations.models import Thread
from portal.core import search
from portal.core.admission import Audience, audience_of, audiences
from portal.core.db import db
from portal.core.folding import terms_of, words_of
from portal.core.search import Hit
from portal.membership import directory
from portal.membership.directory import Listed, Wanted

MOST_HITS = 40  # in one place
_LOOKED_AT = 200  # where only some of what is found is wanted
_BEST, _MOST_WAYS, _MOST_PEOPLE = 20, 5, 4  # of each, where everything is shown
PEOPLE = "people"
# What `in=` may say, and the kinds of document it means.
PLACES: dict[str, tuple[str, ...]] = {
    "tools": ("tool",),
    "resources": ("resource",),
    "nuggets": ("nugget",),
    "episodes": ("episode",),
    "rooms": ("thread", "post"),
    "library": ("tool", "resource", "nugget", "episode"),
    PEOPLE: (),
}


class Way(NamedTuple):
    """A page, or something to do, by the words that people have for it."""

    title: str
    path: str
    words: str  # also found by
    unless: Audience | None = None  # who has no use for it
    only: Audience | None = None  # for whom, where the page itself decides among those whom its view lets in


@dataclass(frozen=True)
class Narrowed:
    """What of the rooms is wanted; None is anything."""

    room_id: int | None = None
    by_id: int | None = None  # 0: somebody who is not there
    since: datetime | None = None
    until: datetime | None = None  # the moment after the last
    unanswered: bool = False

    @property
    def tags(self) -> list[str]:
        room = [finding.within(self.room_id)] if self.room_id else []
        return room + ([finding.by(self.by_id)] if self.by_id is not None else [])


@dataclass(frozen=True)
class Found:
    """What somebody finds; nothing in it that they may not open."""

    ways: Sequence[Way] = ()
    people: Sequence[Listed] = ()
    hits: Sequence[Hit] = ()
    has_more: bool = False  # than the best of them

    @property
    def count(self) -> int:
        return len(self.ways) + len(self.people) + len(self.hits)


def find(words: str, *, place: str = "", topic_id: int | None = None, narrowed: Narrowed = Narrowed()) -> Found:
    """Everything this reader may open that holds all the words; in one place, or about one topic, if they say so, and
    in the rooms as `narrowed`."""
    if not terms_of(words):
        return Found()
    if place == PEOPLE:
        return Found(people=_people(words))
    most = MOST_HITS if place else _BEST
    wanted = narrowed if place == "rooms" else Narrowed()
    hits = search.search(
        words,
        audiences=audiences(),
        scopes=search.scopes(),
        kinds=PLACES[place] if place else None,
        tags=[*([f"topic:{topic_id}"] if topic_id else []), *wanted.tags],
        since=wanted.since,
        until=wanted.until,
        most=_LOOKED_AT if wanted.unanswered else most + 1,
    )
    if wanted.unanswered:
        hits = _unanswered(hits)
    best, has_more = hits[:most], len(hits) > most
    if place or topic_id:
        return Found(hits=best, has_more=has_more)
    return Found(_ways(words)[:_MOST_WAYS], _people(words)[:_MOST_PEOPLE], best, has_more)


def _unanswered(hits: Sequence[Hit]) -> list[Hit]:
    """Of the best hits, the questions that wait for an answer now; the index does not know which those are."""
    wanted = [hit.ref_id for hit in hits if hit.kind == "thread"]
    open_ = select(Thread.id).join(Thread.room).where(Thread.id.in_(wanted), asking.unanswered())
    waiting = set(db.session.scalars(open_)) if wanted else set()
    return [hit for hit in hits if hit.kind == "thread" and hit.ref_id in waiting]


def _people(words: str) -> Sequence[Listed]:
    """By the directory's own rules: who is listed, by what they show."""
    return directory.listed(Wanted(words=words)).rows if Audience.ENTITLED in audiences() else []


def _ways(words: str) -> list[Way]:
    """Those whose page would let this reader in; first the ones whose title begins with it, then those that say it."""
    *whole, last = terms_of(words)
    mine = audiences()
    found = [
        (next((at for at, word in enumerate(words_of(way.title)) if word.startswith(last)), len(way.title)), way)
        for way, audience, known in _known()
        if _is_open(audience, mine)
        and way.unless not in mine
        and known.issuperset(whole)
        and any(word.startswith(last) for word in known)
    ]
    return [way for _, way in sorted(found, key=lambda match: match[0])]


def _is_open(audience: Audience, mine: Collection[Audience]) -> bool:
    return audience is Audience.ANYONE or audience in mine


@cache
def _known() -> list[tuple[Way, Audience, frozenset[str]]]:
    """Each way with the audience of the view it leads to, so that the gate and this list cannot differ."""
    adapter = current_app.url_map.bind("portal")
    known = []
    for way in WAYS:
        endpoint, _ = adapter.match(way.path)
        audience = way.only or audience_of(current_app, endpoint)
        if audience is None:
            raise LookupError(f"nobody may open {way.path}")
        known.append((way, audience, frozenset(words_of(f"{way.title} {way.words}"))))
    return known


WAYS = (
    Way("Your library list", "/account/saved", "saved items bookmarks"),
    Way("Your downloads", "/account/downloads", "files tools"),
    Way("Your posts", "/account/posts", "what I wrote threads replies"),
    Way("What is unread", "/unread", "new rooms threads"),
    Way("Your private podcast feed", "/account/feed", "app listen phone rss apple overcast"),
    Way("My billing", "/account/billing", "membership plan payment card invoice receipt renew price"),
    Way("Invoices and receipts", "/account/billing/invoices", "billing payment paid tax"),
    Way("Change your plan", "/account/billing/plan", "monthly annual switch upgrade downgrade"),
    Way("Cancel your membership", "/account/billing/cancellation", "end stop leave unsubscribe quit"),
    Way("Your profile", "/account/profile", "name photo practice bio handle time zone"),
    Way("Letters you get", "/account/mail", "mail e-mail notifications unsubscribe digest"),
    Way("Sign-in and devices", "/account/security", "password passkey two-step log out security sessions"),
    Way("Change your e-mail address", "/account/email", "mail mailbox"),
    Way("Take your data along", "/account/data", "export download archive privacy gdpr"),
    Way("Delete your account", "/account/data/deletion", "leave close remove forget"),
    Way("Your account", "/account", "settings"),
    Way("Members", "/members", "people directory who is here"),
    Way("The library", "/library", "tools resources nuggets episodes"),
    Way("Problems and what helps", "/problems", "questions help now what"),
    Way("Paths through the library", "/paths", "course order begin programme learn"),
    Way("Episodes", "/episodes", "podcast listen audio"),
    Way("Nuggets", "/nuggets", "client stories"),
    Way("Rooms", "/rooms", "conversations threads talk discuss ask", only=Audience.ENTITLED),
    Way("Join", "/join", "price plans membership cost become member", Audience.ENTITLED),
    Way("Sign in", "/sign-in", "log in account password", Audience.ACCOUNT),
    Way("About", "/about", "who we are"),
    Way("House rules", "/rules", "conduct behaviour"),
    Way("What the moderators did", "/rules/summary", "moderation summary numbers flags"),
    Way("Privacy", "/privacy", "data cookies"),
    Way("Terms", "/terms", "conditions legal refund"),
    Way("Moderation queue", "/moderation", "flags reports"),
    Way("Appeals", "/moderation/appeals", "moderation second look"),
    Way("Moderation log", "/moderation/log", "rulings history"),
    Way("The desk", "/desk", "figures coach"),
    Way("See the site as somebody else", "/desk/seeing-as", "preview visitor member lapsed"),
    Way("Consents", "/desk/consents", "nuggets clients ledger"),
    Way("The library's desk", "/desk/library", "write publish upload tool resource nugget episode draft schedule"),
    Way("Import a podcast", "/desk/library/import", "rss feed episodes xml"),
    Way("What people looked for in vain", "/desk/library/searches", "empty searches missing found nothing"),
    Way("The desk for paths", "/desk/library/paths", "course order"),
    Way("The desk for rooms", "/desk/rooms", "circles close open archive hosts"),
    Way("Change the house rules", "/desk/rules", "conduct pledge version"),
    Way("Feeds that look shared", "/desk/library/feeds", "podcast sharing"),
    Way("Health", "/desk/health", "jobs letters stripe backups"),
    Way("Payments", "/desk/billing", "revenue failing stripe money"),
    Way("Members and their state", "/desk/members", "lapsed paying list"),
    Way("People and roles", "/desk/people", "staff coach moderator invite"),
    Way("Give access without payment", "/desk/billing/grants", "grant complimentary free"),
)
