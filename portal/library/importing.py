"""Episodes of a public podcast, brought in from its feed: each once, and from then on the coaches' own.

Running it again changes nothing that is there already, whatever the feed or a coach has changed since; it only adds
what is new. One item that cannot be brought in keeps no other from it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import structlog
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from portal.accounts.models import Member
from portal.core import audit
from portal.core.db import db
from portal.core.errors import Refusal
from portal.library import introducing, publishing
from portal.library.feed_models import ImportedEpisode
from portal.library.introducing import Named
from portal.library.models import Episode, Item
from portal.library.reading_feeds import Entry

log = structlog.get_logger()


class Fate(StrEnum):
    """What becomes of an item of the feed."""

    NEW = "new"
    HERE = "here already"
    WRONG = "left out"


@dataclass(frozen=True)
class Line:
    """One item and what becomes of it; `why` for those that are left out."""

    entry: Entry
    fate: Fate
    slug: str
    why: str | None = None


def plan(entries: Sequence[Entry]) -> list[Line]:
    """What would happen, in the order of the file. Changes nothing; three queries for any number of items."""
    here = set(db.session.scalars(select(ImportedEpisode.origin)))
    numbers = set(db.session.scalars(select(Episode.number)))
    slugs = set(db.session.scalars(select(Item.slug)))
    lines = []
    for entry in entries:
        line = _fate(entry, here=here, numbers=numbers, slugs=slugs)
        if line.fate is Fate.NEW:
            here.add(_origin(entry))
            slugs.add(line.slug)
            numbers.add(entry.number or 0)
        lines.append(line)
    return lines


def bring_in(entries: Sequence[Entry], *, publish: bool, by: Member | None = None) -> list[Line]:
    """Add what is new: as drafts, or published on the day they came out, with notes that visitors may read.

    `by` is nobody on the command line.
    """
    done = []
    for line in plan(entries):
        if line.fate is Fate.NEW:
            line = _brought_in(line, publish=publish)
        done.append(line)
    added = sum(line.fate is Fate.NEW for line in done)
    if added and by is not None:
        audit.record(by, "episodes.imported", by, episodes=added, published=publish)
    log.info("episodes.imported", episodes=added, published=publish, by=by.id if by else None)
    return done


def _fate(entry: Entry, *, here: set[str], numbers: set[int], slugs: set[str]) -> Line:
    if _origin(entry) in here:
        return Line(entry, Fate.HERE, entry.slug)
    if entry.wrong or entry.number is None:
        return Line(entry, Fate.WRONG, entry.slug, entry.wrong)
    if entry.number in numbers:
        return Line(entry, Fate.WRONG, entry.slug, f"Another episode has the number {entry.number} already.")
    for slug in (entry.slug, f"{entry.slug}-{entry.number}"):
        if slug not in slugs:
            return Line(entry, Fate.NEW, slug)
    return Line(entry, Fate.WRONG, entry.slug, f"Something else in the library has the address /library/{entry.slug}.")


def _brought_in(line: Line, *, publish: bool) -> Line:
    try:
        with db.session.begin_nested():
            _add(line, publish=publish)
    except (Refusal, ValueError) as no:
        return Line(line.entry, Fate.WRONG, line.slug, str(no) or "It could not be read.")
    except IntegrityError:
        return Line(line.entry, Fate.WRONG, line.slug, "Somebody has just added another with its number or address.")
    return line


def _add(line: Line, *, publish: bool) -> None:
    entry = line.entry
    if entry.number is None or entry.published is None:
        raise ValueError("an item without number or date is not new")
    episode = Episode(
        slug=line.slug,
        title=entry.title,
        summary=entry.summary,
        number=entry.number,
        aired_on=entry.published.date(),
        seconds=entry.seconds,
        hear=list(entry.hear),
        transcript=entry.transcript,
        public_notes=publish,
    )
    publishing.write(episode, entry.notes)
    introducing.introduce(episode, [Named(name) for name in entry.guests])
    db.session.add(episode)
    db.session.flush()
    introducing.link(episode, entry.links)
    db.session.add(
        ImportedEpisode(
            episode_id=episode.id,
            origin=_origin(entry),
            page_url=entry.page,
            audio_url=entry.audio,
            audio_type=entry.audio_type,
            audio_size=entry.audio_size,
        )
    )
    if publish:
        publishing.publish(episode, at=entry.published, announce=False)


def _origin(entry: Entry) -> str:
    """What tells an item from all others for good; hashed, because a guid may be of any length."""
    return hashlib.sha256(entry.guid.encode("utf-8", "surrogatepass")).hexdigest()
