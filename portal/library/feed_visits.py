"""Who fetches a private feed, so far as one needs to know: by which app, when, and from how many networks a day.

Many networks on one day may mean that an address is passed around. Coaches are told and nobody is locked out: a phone
on a journey, or an app that fetches through its own servers, looks the same from here.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import structlog
from flask import current_app
from sqlalchemy import Row, Select, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, TimeoutError

from portal.accounts.models import Member
from portal.billing import alerting
from portal.core.clock import now
from portal.core.db import db, is_postgresql, transaction
from portal.core.jobs import enqueue, job, periodic
from portal.core.web import absolute
from portal.library.feed_models import Feed, FeedVisit

log = structlog.get_logger()

MANY = 8  # networks on one day; more than these is worth a look
LOOKED_BACK = timedelta(days=7)
KEPT = timedelta(days=14)
_FETCHED_EVERY = timedelta(minutes=15)
_MOST_A_DAY = 500  # a day that is this lively needs no finer figure
# What stands in how an app names itself, and what people call it; the first that fits.
_APPS = {
    "overcast": "Overcast",
    "pocket casts": "Pocket Casts",
    "pocketcasts": "Pocket Casts",
    "antennapod": "AntennaPod",
    "castro": "Castro",
    "podcast addict": "Podcast Addict",
    "podcastaddict": "Podcast Addict",
    "downcast": "Downcast",
    "castbox": "Castbox",
    "player fm": "Player FM",
    "podverse": "Podverse",
    "fountain": "Fountain",
    "gpodder": "gPodder",
    "podget": "podget",
    "podcasts/": "Apple Podcasts",
    "itunes": "Apple Podcasts",
    "applecoremedia": "Apple Podcasts",
    "mozilla": "a web browser",
}
OTHER_APP = "another app"


@dataclass(frozen=True)
class Seen:
    """What one fetch of the feed changes in what is known of it."""

    app: str
    shown: str  # the tag of what it shows now
    changed_at: datetime
    paused_at: datetime | None


def app_in(user_agent: str) -> str:
    """The app's name from a short list of ours; nothing of what was sent is kept."""
    said = user_agent[:300].casefold()
    return next((name for mark, name in _APPS.items() if mark in said), OTHER_APP)


def network_key(nonce: str, address: str | None) -> str:
    """Today's hash of the network an address belongs to. Without our key, and on another day, it says nothing."""
    key = str(current_app.config["SECRET_KEY"]).encode()
    text = f"feed visit:{nonce}:{_today()}:{_network(address or '')}"
    return hmac.new(key, text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:32]


def note(feed: Feed, network: str, *, is_new: bool, seen: Seen | None = None) -> None:
    """Remember a fetch, if there is anything new in it. Whatever goes wrong here must not cost anybody their feed."""
    values = _changes(feed, seen) if seen else {}
    if not values and not is_new:
        return
    try:
        with transaction():
            if values:
                own = update(Feed).where(Feed.id == feed.id, Feed.nonce == feed.nonce)
                db.session.execute(own.values(**values).execution_options(synchronize_session=False))
            if is_new:
                _count(feed, network)
    except (DBAPIError, TimeoutError) as error:
        log.warning("feed.visit_not_noted", feed=feed.id, kind=type(error).__name__)


def known(nonce: str, network: str) -> Select[Feed, bool]:
    """The feed of a nonce, and whether it was fetched from this network today already."""
    today = select(FeedVisit.id).where(
        FeedVisit.feed_id == Feed.id, FeedVisit.day == _today(), FeedVisit.network == network
    )
    return select(Feed, today.exists()).where(Feed.nonce == nonce)


def most_networks(feed: Feed) -> int | None:
    """From how many networks the feed was fetched on its liveliest day lately, if that is worth a look."""
    counts = _lively_days().where(FeedVisit.feed_id == feed.id).subquery()
    most: int | None = db.session.scalar(select(func.max(counts.c.networks)))
    return most


def shared_lately() -> Sequence[Row[*tuple[object, ...]]]:
    """The feeds that look shared, the liveliest first, each with its member's name and handle. One statement."""
    days = _lively_days().subquery()
    most = func.max(days.c.networks)
    return db.session.execute(
        select(
            Member.name,
            Member.handle,
            most.label("networks"),
            func.count().label("days"),
            func.max(days.c.day).label("last"),
            Feed.fetched_by,
        )
        .join(Feed, Feed.id == days.c.feed_id)
        .join(Member, Member.id == Feed.member_id)
        .group_by(Member.id, Feed.id)
        .order_by(most.desc(), Member.handle)
        .limit(_MOST_A_DAY)
    ).all()


@job("library.tell_of_sharing")
def tell_of_sharing(feed_id: int, day: str) -> None:
    """One letter a coach and owner, at most once a week for a feed."""
    with transaction():
        feed = db.session.get(Feed, feed_id)
        networks = _networks_on(feed_id, date.fromisoformat(day))
        if feed is None or networks <= MANY:  # they left, or made another address meanwhile
            return
        told = [
            f"The private podcast feed of {feed.member.name} was fetched from {networks} networks on one day. It may "
            "have been passed on; it may also be a phone on a journey, or an app with servers of its own.",
            "Nothing was closed. A friendly question is best: on their page for the podcast they can make another "
            "address in one click, and the one before is dead at once.",
            f"All feeds that look shared: {absolute('desk_feeds.feeds')}",
        ]
        alerting.tell_staff(
            f"feed-shared:{_once(feed)}", subject=f"{feed.member.name}: their podcast feed may be shared", told=told
        )


@periodic("library.sweep_feed_visits", every=timedelta(days=1))
def sweep() -> None:
    """Forget from where feeds were fetched."""
    with transaction():
        db.session.execute(delete(FeedVisit).where(FeedVisit.day < _today() - KEPT))


def _changes(feed: Feed, seen: Seen) -> dict[str, object]:
    values: dict[str, object] = {}
    if feed.shown != seen.shown:
        values |= {"shown": seen.shown, "changed_at": seen.changed_at, "paused_at": seen.paused_at}
    if feed.fetched_by != seen.app or feed.fetched_at is None or feed.fetched_at < now() - _FETCHED_EVERY:
        values |= {"fetched_by": seen.app, "fetched_at": now()}
    return values


def _count(feed: Feed, network: str) -> None:
    day = _today()
    if _networks_on(feed.id, day) >= _MOST_A_DAY:
        return
    dialect = postgresql if is_postgresql() else sqlite
    visit = dialect.insert(FeedVisit).values(feed_id=feed.id, day=day, network=network, created_at=now())
    db.session.execute(visit.on_conflict_do_nothing())
    if _networks_on(feed.id, day) > MANY:
        key = f"library.tell_of_sharing:{_once(feed)}"
        enqueue(tell_of_sharing, key=key, feed_id=feed.id, day=day.isoformat())


def _once(feed: Feed) -> str:
    """One address in one week; another address may be passed on anew."""
    year, week, _ = _today().isocalendar()
    return f"{feed.once}:{feed.rotated_at.timestamp() if feed.rotated_at else 0:.0f}:{year}w{week}"


def _networks_on(feed_id: int, day: date) -> int:
    counted = select(func.count()).select_from(FeedVisit).where(FeedVisit.feed_id == feed_id, FeedVisit.day == day)
    return db.session.scalar(counted) or 0


def _lively_days() -> Select[int, date, int]:
    networks = func.count().label("networks")
    return (
        select(FeedVisit.feed_id, FeedVisit.day, networks)
        .where(FeedVisit.day > _today() - LOOKED_BACK)
        .group_by(FeedVisit.feed_id, FeedVisit.day)
        .having(func.count() > MANY)
    )


def _network(address: str) -> str:
    """What one household, office or carrier has at least: a /24 of IPv4, a /48 of IPv6."""
    try:
        known_as = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(known_as, ipaddress.IPv6Address) and known_as.ipv4_mapped:
        known_as = known_as.ipv4_mapped
    return str(ipaddress.ip_network((known_as, 24 if known_as.version == 4 else 48), strict=False))


def _today() -> date:
    return now().date()
