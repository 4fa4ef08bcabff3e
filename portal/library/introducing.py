"""Who is heard in an episode, and where else it can be heard. Both are data; a platform that closes is one change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import urlsplit

from sqlalchemy import and_, bindparam, func, literal, null, or_, select, union_all

from portal.core.clock import now
from portal.core.db import db
from portal.core.errors import Refusal
from portal.core.web import plain_name
from portal.library.models import Episode, Guest, ListeningLink, Platform

_NAME, _ROLE, _ADDRESS = 120, 160, 500  # the longest that reads well, and the longest address that is one


class NotASafeAddress(Refusal):
    message = "Give the whole address, beginning with https://"
    status = 422


class NeedsAName(Refusal):
    message = "Give it a name."
    status = 422


@dataclass(frozen=True)
class Named:
    """A guest as a form or a feed says it."""

    name: str
    role: str | None = None
    link: str | None = None


class Elsewhere(NamedTuple):
    """A link to the same episode, or to the whole program, on a platform."""

    platform: str
    address: str


def introduce(episode: Episode, guests: Sequence[Named]) -> None:
    """These are its guests, in this order; nobody for a talk without one. Raises NeedsAName, NotASafeAddress."""
    episode.guests = [
        Guest(name=_name(guest.name), role=plain_name(guest.role or "")[:_ROLE] or None, link=_optional(guest.link))
        for guest in guests
    ]


def is_heard_on(name: str, *, address: str | None = None) -> Platform:
    """The program is on this platform (again), there under `address`. Raises NeedsAName, NotASafeAddress."""
    platform = platform_called(_name(name, most=60))
    if platform is None:
        last = db.session.scalar(select(func.max(Platform.position))) or 0
        platform = Platform(name=_name(name, most=60), position=last + 1)
        db.session.add(platform)
    platform.address, platform.closed_at = _optional(address), None
    db.session.flush()
    return platform


def platform_called(name: str) -> Platform | None:
    return db.session.scalar(select(Platform).where(Platform.name == name))


def has_closed(platform: Platform) -> None:
    """Nothing links there any more, neither the program nor a single episode."""
    platform.closed_at = now()


def link(episode: Episode, addresses: Mapping[str, str]) -> None:
    """Where it is on each platform, by the platform's name; those not named are no longer linked for this episode."""
    links = {link.platform.name: link for link in episode.links}
    kept = []
    for name, address in addresses.items():
        wanted = safe_address(address)
        known = links.get(name)
        if known is None:
            platform = platform_called(name) or is_heard_on(name)
            known = ListeningLink(platform=platform, address=wanted)
        known.address = wanted
        kept.append(known)
    episode.links = kept


def safe_address(text: str) -> str:
    """An https address somebody typed, as it may stand in a page. Raises NotASafeAddress."""
    text = text.strip()
    try:
        parts = urlsplit(text)
        host = parts.hostname or ""
        _port = parts.port  # raises where it is none
    except ValueError:
        raise NotASafeAddress() from None
    odd = not text.isprintable() or " " in text or "\\" in text or len(text) > _ADDRESS
    if odd or parts.scheme != "https" or "." not in host or parts.username is not None:
        raise NotASafeAddress()
    return text


def guests_and_links(episode_id: int) -> tuple[list[Named], list[Elsewhere]]:
    """Its guests in order, and where it can be heard on every platform that is open: there itself, else the program."""
    rows = db.session.connection().execute(_AROUND, {"episode_id": episode_id}).all()
    guests = [Named(row.name, row.role, row.address) for row in rows if row.part == "guest"]
    return guests, [Elsewhere(row.name, row.address) for row in rows if row.part == "link"]


def platforms_of_the_program() -> list[Elsewhere]:
    """Where the whole program can be heard, for the list of episodes."""
    wanted = select(Platform.name, Platform.address).where(Platform.address.is_not(None), Platform.closed_at.is_(None))
    rows = db.session.execute(wanted.order_by(Platform.position, Platform.id))
    return [Elsewhere(name, address) for name, address in rows if address]


def _name(text: str, *, most: int = _NAME) -> str:
    name = plain_name(text)[:most].strip()
    if not name:
        raise NeedsAName()
    return name


def _optional(address: str | None) -> str | None:
    return safe_address(address) if address and address.strip() else None


_guest, _link, _platform = Guest.__table__.c, ListeningLink.__table__.c, Platform.__table__.c
_AROUND = union_all(
    select(
        literal("guest").label("part"),
        _guest.position.label("position"),
        _guest.id.label("id"),
        _guest.name.label("name"),
        _guest.role.label("role"),
        _guest.link.label("address"),
    ).where(_guest.episode_id == bindparam("episode_id")),
    select(
        literal("link"),
        _platform.position,
        _platform.id,
        _platform.name,
        null(),
        func.coalesce(_link.address, _platform.address),
    )
    .select_from(
        Platform.__table__.outerjoin(
            ListeningLink.__table__,
            and_(_link.platform_id == _platform.id, _link.episode_id == bindparam("episode_id")),
        )
    )
    .where(_platform.closed_at.is_(None), or_(_link.address.is_not(None), _platform.address.is_not(None))),
).order_by("part", "position", "id")
