"""What a private feed shows at this moment: the episodes, or one polite notice in their place.

All of it is asked in one statement, and a tag is made of what was found before anything is drawn: most fetches of a
podcast app are answered by the tag alone.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from flask import current_app, render_template
from sqlalchemy import and_, bindparam, func, or_, select

from portal.core.clock import now
from portal.core.db import db
from portal.core.web import absolute
from portal.library import transcripts
from portal.library.feed_models import Feed, ImportedEpisode
from portal.library.feeds import Door, token_of
from portal.library.models import Episode, File, Guest, Item, Kind, Version
from portal.library.queries import IS_OUT, NEWEST, AnyRow

PAUSED = "membership-paused"  # the notice's place among the slugs; while it is shown, no other is served
FOLDER = Path(__file__).parent / "feed"
NOTICE_AUDIO = FOLDER / "paused.mp3"
_NOTICE_SECONDS = 33
_NAMESPACE = uuid.UUID("ead4c236-bf58-58c6-a2c6-a6b28d128cb6")  # of podcast:guid, as the podcast namespace has it
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")  # in no XML 1.0 document, even escaped
_LOCAL_LINK = re.compile(r'(<a\b[^>]*?\bhref=")(?=/)')
_WITHIN_PAGE = re.compile(r'(<a\b[^>]*?\bhref=")(?=#)')


@dataclass(frozen=True)
class Entry:
    """One item of the feed, ready to be written out."""

    guid: str
    title: str
    summary: str
    notes: str  # HTML
    link: str
    published: str  # RFC 2822
    audio: str
    media_type: str
    size: int  # bytes
    seconds: int | None = None
    number: int | None = None
    guests: Sequence[AnyRow] = ()  # name, link
    chapters: str | None = None
    transcript: str | None = None


@dataclass(frozen=True)
class Showing:
    """The whole feed, before it is written out."""

    feed: Feed
    door: Door
    rows: Sequence[AnyRow]
    guests: Sequence[AnyRow]
    tag: str
    changed_at: datetime
    paused_at: datetime | None

    def xml(self) -> str:
        """RSS 2.0 with the itunes and podcast namespaces."""
        address = FeedAddress(token_of(self.feed))
        heard: dict[int, list[AnyRow]] = {}
        for guest in self.guests:
            heard.setdefault(guest.episode_id, []).append(guest)
        entries = [_entry(row, heard.get(row.id, ()), address) for row in self.rows]
        if self.paused_at is not None:
            entries = [_notice(self.feed, self.door, self.paused_at, address)]
        drawn = render_template(
            "library/feed.xml",
            address=address,
            entries=entries,
            changed=format_datetime(self.changed_at),
            language=current_app.config["SITE_LOCALE"].replace("_", "-").lower(),
            show_guid=uuid.uuid5(_NAMESPACE, f"{_host()}/feeds/{self.feed.once}"),
        )
        return _ILLEGAL.sub("", drawn)


class FeedAddress:
    """The addresses of a feed and of what is in it; all of PUBLIC_URL, whatever the request said."""

    def __init__(self, token: str) -> None:
        self._token = token

    @property
    def feed(self) -> str:
        return absolute("feeds.podcast", token=self._token)

    @property
    def episodes(self) -> str:
        return page_address("/episodes")

    @property
    def artwork(self) -> str:
        return absolute("feeds.artwork", token=self._token)

    def audio(self, slug: str) -> str:
        return absolute("feeds.audio", token=self._token, slug=slug)

    def chapters(self, slug: str) -> str:
        return absolute("feeds.chapters", token=self._token, slug=slug)

    def transcript(self, slug: str) -> str:
        return absolute("feeds.transcript", token=self._token, slug=slug)


def page_address(path: str) -> str:
    """A page of ours, as it is named outside. Its address is a promise; the name of its view is not."""
    return f"{current_app.config['PUBLIC_URL']}{path}"


def showing(feed: Feed, door: Door) -> Showing:
    """What the feed shows to its member now."""
    ask = db.session.connection().execute
    rows = ask(_EPISODES, {"moment": now()}).all() if door is Door.OPEN else []
    guests = ask(_GUESTS).all() if rows else []
    this_second = now().replace(microsecond=0)
    paused_at = None if door is Door.OPEN else feed.paused_at or this_second
    tag = _tag(feed, door, rows, guests, paused_at)
    changed_at = feed.changed_at
    if feed.shown != tag or changed_at is None:
        # A second later than what was shown before: the header has no smaller measure.
        changed_at = max(this_second, changed_at + timedelta(seconds=1)) if changed_at else this_second
    return Showing(feed, door, rows, guests, tag, changed_at, paused_at)


def episode(slug: str) -> AnyRow | None:
    """An episode as the feed shows it, with what sending its audio needs. None for whatever the feed does not show."""
    return db.session.connection().execute(_EPISODE, {"moment": now(), "slug": slug}).first()


def transcript_of(slug: str) -> str | None:
    """WebVTT, None where there is none or no such episode."""
    return db.session.connection().execute(_TRANSCRIPT, {"moment": now(), "slug": slug}).scalar()


def chapters_of(row: AnyRow) -> dict[str, object]:
    """As the podcast namespace's JSON chapters have it, version 1.2."""
    found = transcripts.chapters(row.chapters or [])
    return {"version": "1.2.0", "chapters": [{"startTime": each.second, "title": each.title} for each in found]}


def _entry(row: AnyRow, guests: Sequence[AnyRow], address: FeedAddress) -> Entry:
    link = page_address(f"/library/{row.slug}")
    return Entry(
        guid=str(uuid.uuid5(_NAMESPACE, f"episode {row.id} of {row.created_at.timestamp():.6f}")),
        title=row.title,
        summary=row.summary,
        notes=render_template(
            "library/_feed_notes.html", row=row, link=link, body=_absolute_links(row.body_html, link)
        ),
        link=link,
        published=format_datetime(row.published_at),
        audio=address.audio(row.slug) if row.file_id is not None else row.audio_url,
        media_type=row.media_type,
        size=row.size,
        seconds=row.seconds,
        number=row.number,
        guests=guests,
        chapters=address.chapters(row.slug) if transcripts.chapters(row.chapters or []) else None,
        transcript=address.transcript(row.slug) if row.has_transcript else None,
    )


def _notice(feed: Feed, door: Door, paused_at: datetime, address: FeedAddress) -> Entry:
    """The one episode of somebody who may not hear the others just now; a new one each time that this begins."""
    link = page_address("/account/feed")
    return Entry(
        guid=str(uuid.uuid5(_NAMESPACE, f"notice {feed.once} of {paused_at.date()}")),
        title="Your private feed is paused",
        summary="The episodes come back at this same address. Keep it in your app: there is nothing to set up again.",
        notes=render_template("library/_feed_notice.html", door=door, at=page_address, member=feed.member),
        link=link,
        published=format_datetime(paused_at),
        audio=address.audio(PAUSED),
        media_type="audio/mpeg",
        size=NOTICE_AUDIO.stat().st_size,
        seconds=_NOTICE_SECONDS,
    )


def _absolute_links(html: str, link: str) -> str:
    """The notes leave the site, so what led to a page of ours by its path has to name the site."""
    site: str = current_app.config["PUBLIC_URL"]
    html = _LOCAL_LINK.sub(lambda found: found[1] + site, html)
    return _WITHIN_PAGE.sub(lambda found: found[1] + link, html)


def _tag(feed: Feed, door: Door, rows: Sequence[AnyRow], guests: Sequence[AnyRow], paused_at: datetime | None) -> str:
    """Changes with anything that the feed shows; weak, because the page may leave compressed."""
    parts = (
        feed.nonce,
        door,
        [tuple(row) for row in rows],
        [tuple(guest) for guest in guests],
        paused_at,
        feed.member.suspended_until if door is Door.SUSPENDED else None,
        current_app.config["PUBLIC_URL"],
        current_app.config["SITE_LOCALE"],
        current_app.extensions["site"],
        _look(current_app.jinja_loader.searchpath[0]),  # type: ignore[union-attr]  # Flask's own loader
    )
    return hashlib.blake2b(repr(parts).encode("utf-8", "surrogatepass"), digest_size=15).hexdigest()


@cache
def _look(folder: str) -> str:
    """Changes with the templates a feed is drawn from, so that a new release is seen in kept feeds."""
    digest = hashlib.blake2b(NOTICE_AUDIO.read_bytes(), digest_size=8)
    for path in sorted((Path(folder) / "library").glob("*feed*")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _host() -> str:
    return urlsplit(str(current_app.config["PUBLIC_URL"])).netloc


_item, _episode, _version, _file = Item.__table__.c, Episode.__table__.c, Version.__table__.c, File.__table__.c
_imported = ImportedEpisode.__table__.c
_EPISODES = (
    select(
        _item.id, _item.created_at, _item.slug, _item.title, _item.summary, _item.body_html, _item.published_at,
        _episode.number, _episode.seconds, _episode.hear, _episode.step, _episode.chapters,
        _episode.transcript.is_not(None).label("has_transcript"),
        _file.id.label("file_id"), _file.sha256, _file.name, _file.storage_key, _imported.audio_url,
        func.coalesce(_file.size, _imported.audio_size, 0).label("size"),
        func.coalesce(_file.media_type, _imported.audio_type).label("media_type"),
    )
    .select_from(
        Item.__table__.join(Episode.__table__, _episode.id == _item.id)
        .outerjoin(Version.__table__, and_(_version.item_id == _item.id, _version.number == NEWEST))
        .outerjoin(
            File.__table__,
            and_(_file.version_id == _version.id, _file.position == 1, _file.media_type.like("audio/%")),
        )
        .outerjoin(ImportedEpisode.__table__, _imported.episode_id == _item.id)
    )
    .where(
        _item.kind == Kind.EPISODE,
        IS_OUT,
        or_(_file.id.is_not(None), _imported.audio_url.is_not(None)),
    )
    .order_by(_item.published_at.desc(), _item.id.desc())
)  # fmt: skip
_GUESTS = select(Guest.episode_id, Guest.name, Guest.link).order_by(Guest.episode_id, Guest.position)
_EPISODE = _EPISODES.where(_item.slug == bindparam("slug"))
_TRANSCRIPT = (
    select(_episode.transcript)
    .select_from(Item.__table__.join(Episode.__table__, _episode.id == _item.id))
    .where(_item.slug == bindparam("slug"), IS_OUT)
)
