"""What templates and views share: addresses, moments in the reader's zone, money, paging by cursor."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import lru_cache, partial
from typing import Any, Generic, TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from flask import Flask, current_app, g, has_request_context, request
from flask_login import current_user
from markupsafe import Markup, escape

from portal.core import locales, markdown
from portal.core.admission import Audience, audiences
from portal.core.clock import now

T = TypeVar("T")
_LOCAL_PATH = re.compile(r"/(?![/\\])[\w\-./~%?=&+,:@!$'()*;#]*\Z", re.ASCII)


@dataclass(frozen=True)
class Site:
    """The program as its owner calls it."""

    name: str
    accent: str
    reply_to: str
    time_zone: str


@dataclass(frozen=True)
class Can:
    """What the reader of this page may do in general; finer questions go to an area's policy."""

    read: bool
    moderate: bool
    coach: bool
    own: bool


def init_app(app: Flask) -> None:
    config = app.config
    app.extensions["site"] = Site(
        config["SITE_NAME"], config["SITE_ACCENT"], config["REPLY_TO"], config["SITE_TIME_ZONE"]
    )
    app.jinja_env.globals |= {"asset": asset, "site": app.extensions["site"], "now": now, "absolute": absolute}
    app.jinja_env.globals["outbox"] = config["OUTBOX"]
    app.jinja_env.filters |= {"when": when, "money": money, "rendered": markdown.safe, "filesize": filesize, "day": day}
    app.context_processor(_for_every_page)
    app.extensions.setdefault("banners", [])


def asset(path: str) -> str:
    """Address of a static file, kept by browsers for a year: `asset("css/site.css")`."""
    return str(current_app.extensions["asset_prefix"] + path)


def absolute(endpoint: str, **values: Any) -> str:
    """An address for a letter. Built on PUBLIC_URL, never on the Host header (Indico CVE-2021-30185)."""
    return str(current_app.config["PUBLIC_URL"]) + _relative(endpoint, **values)


def _relative(endpoint: str, **values: Any) -> str:
    adapter = current_app.url_map.bind("portal")
    return adapter.build(endpoint, values, force_external=False)


def local_path(wanted: str | None, otherwise: str) -> str:
    """`wanted` if it leads to a page of ours as a browser would read it, else `otherwise`."""
    if wanted and _LOCAL_PATH.match(wanted) and not urlsplit(wanted).netloc:
        return wanted
    return otherwise


@dataclass(frozen=True)
class Banner:
    """One sentence on top of every page, with one way to mend it."""

    text: str
    href: str
    label: str
    tone: str = "notice"  # or "warning"


def on_every_page(app: Flask, ask: Callable[[], Banner | None]) -> None:
    """Ask an area for its banner on each page of a signed-in person; one answer is shown."""
    app.extensions.setdefault("banners", []).append(ask)


def _for_every_page() -> dict[str, Any]:
    if not has_request_context() or g.get("plain_page"):  # a letter written by a job; a page while the database is away
        here = request.path if has_request_context() else ""
        return {"me": None, "can": Can(False, False, False, False), "here": here, "banner": None}
    found = audiences()
    here = request.full_path.rstrip("?") if request.method == "GET" else request.path
    return {
        "me": current_user.member if current_user.is_authenticated else None,
        "can": Can(
            read=Audience.ENTITLED in found,
            moderate=Audience.MODERATORS in found,
            coach=Audience.COACHES in found,
            own=Audience.OWNERS in found,
        ),
        "here": here,
        "banner": banner(),
    }


def banner() -> Banner | None:
    """What stands on top of this page, a warning before a notice; asked once a request, for pages that say before
    drawing whether they changed."""
    if "banner" not in g:
        asked = current_app.extensions["banners"] if current_user.is_authenticated else []
        answers = [answer for ask in asked if (answer := ask())]
        g.banner = min(answers, key=lambda answer: answer.tone == "notice", default=None)
    found: Banner | None = g.banner
    return found


def lead_with(first: Banner) -> None:
    """Put this banner on top of the page of this request, before whatever the areas would say."""
    g.banner = first


def reader_zone() -> ZoneInfo:
    """The zone of whoever reads this page: their own, else the site's. Looked up once a request; a page asks often."""
    if "zone" not in g:
        _write_for(current_user.member if current_user and current_user.is_authenticated else None)
    found: ZoneInfo = g.zone
    return found


def reader_manner() -> locales.Manner:
    """How whoever reads this page writes days, times and money."""
    reader_zone()
    found: locales.Manner = g.manner
    return found


@contextmanager
def written_for(reader: locales.Reader) -> Iterator[None]:
    """Moments and money in here are for this reader, whose request it may not be: a letter, most often."""
    before = {name: g.get(name) for name in _READER if name in g}
    _write_for(reader)
    try:
        yield
    finally:
        for name in _READER:
            g.pop(name)
        for name, value in before.items():
            setattr(g, name, value)


_READER = ("zone", "manner", "today")


def _write_for(reader: locales.Reader | None) -> None:
    g.zone, g.manner = locales.zone_of(reader), locales.manner_of(reader)
    g.today = datetime.now(g.zone).date()


def when(moment: datetime, style: str = "short") -> Markup:
    """`<time>` in the reader's zone: "14:05" today, "12 Oct" this year, "12 Oct 2024" before; exact on hover."""
    return whens(style)(moment)


def whens(style: str = "short") -> Callable[[datetime], Markup]:
    """`when` for a loop, with the reader's zone and day asked for once."""
    zone, manner = reader_zone(), reader_manner()
    return partial(_time_element, zone=zone, manner=manner, today=g.today, style=style)


@lru_cache(maxsize=8192)  # members of one zone read the same lists all day
def _time_element(moment: datetime, *, zone: ZoneInfo, manner: locales.Manner, today: date, style: str) -> Markup:
    local = moment.astimezone(zone)
    exact = locales.exact(local, manner)
    if style == "exact":
        text = exact
    elif local.date() == today:
        text = locales.clock(local.hour, local.minute, manner)
    else:
        text = locales.short_day(local.date(), manner, with_year=local.year != today.year)
    utc = f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    return Markup(  # noqa: S704  # the words are escaped, the moment is digits
        f'<time datetime="{utc}" title="{escape(exact)}">{escape(text)}</time>'
    )


def day(moment: datetime) -> str:
    """A date in words, "3 May 2026", in the reader's zone."""
    return locales.day(moment.astimezone(reader_zone()).date(), reader_manner())


def end_of_day(last: date) -> datetime:
    """The last second of a day where the program is: an end that staff chose reads as that day and no other."""
    return datetime.combine(last, time(23, 59, 59), locales.zone_of(None))


def money(minor: int, currency: str) -> str:
    """`9900, "usd"` → "$99.00" (or "$99" when even), as the reader writes it. Minor units, never a float."""
    return locales.money(minor, currency.upper(), reader_manner())


def filesize(size: int) -> str:
    """Bytes for people: "84 kB", "1.2 MB" (powers of ten)."""
    if size < 1000:
        return f"{size} bytes"
    if size < 1_000_000:
        return f"{round(size / 1000)} kB"
    return f"{size / 1_000_000:.1f} MB"


@dataclass(frozen=True)
class Page(Generic[T]):
    """One screenful and the cursors of its neighbours (None at an end)."""

    rows: Sequence[T]
    newer: str | None
    older: str | None


Place = tuple[datetime, int]  # a moment and an id: where a row stands in a list ordered by both


def cursor(moment: datetime, row_id: int) -> str:
    """A place, as it stands in an address."""
    raw = f"{moment.astimezone(UTC).strftime('%Y%m%d%H%M%S%f')}-{row_id}"
    return base64.urlsafe_b64encode(raw.encode()).decode().rstrip("=")


def read_cursor(text: str | None) -> Place | None:
    """The place a cursor means; None for none or nonsense (unknown query values fall back, they do not fail)."""
    if not text or len(text) > 64:
        return None
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
        stamp, row_id = raw.split("-")
        found = datetime.strptime(stamp, "%Y%m%d%H%M%S%f").replace(tzinfo=UTC), int(row_id)
        return found if 0 <= found[1] < 2**31 else None  # larger is no id of ours
    except ValueError:
        return None


def whole_number(text: str | None, *, otherwise: int, most: int = 10_000_000) -> int:
    """A positive number from a query string, else `otherwise`."""
    if text and text.isascii() and text.isdigit() and len(text) <= 9:
        return min(max(int(text), 1), most)
    return otherwise


def moment_or_none(text: str | None) -> datetime | None:
    """An aware moment from an address or a hidden field, as `isoformat()` wrote it; None for nonsense."""
    try:
        found = datetime.fromisoformat(text or "")
        return found.astimezone(UTC) if found.tzinfo else None
    except (ValueError, OverflowError):  # the first and last days there are have no place in every zone
        return None


def plain_name(text: str) -> str:
    """A name without control and bidi characters, spaces folded (security.md 17)."""
    kept = "".join(
        c
        for c in text
        if c.isprintable()
        and c not in "\u200e\u200f\u061c"
        and not "\u202a" <= c <= "\u202e"
        and not "\u2066" <= c <= "\u2069"
    )
    return " ".join(kept.split())
