"""A public podcast feed, read from a file that somebody chose: what each of its items says, in our words.

The one place where a file of somebody's is read as XML. A document type is refused outright, so there are no entities
to grow or to fetch; depth and size are limited; nothing that the feed names is ever fetched.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NoReturn
from urllib.parse import urlsplit
from xml.parsers import expat

from portal.core import markdown
from portal.core.errors import Refusal
from portal.core.web import plain_name
from portal.library import transcripts
from portal.library.feed_showing import PAUSED
from portal.library.from_html import as_markdown, links_in

LARGEST = 16 * 1024 * 1024  # bytes; ten years of weekly episodes with transcripts
MOST_ITEMS = 5_000
_DEEPEST = 40
_SUMMARY, _TITLE, _NAME = 400, 160, 80
_NAMESPACES = {
    "http://www.itunes.com/dtds/podcast-1.0.dtd": "itunes:",
    "http://purl.org/rss/1.0/modules/content/": "content:",
    "": "",
}
# Where else an episode can be heard, by the host that its notes link to.
_PLATFORMS = {
    "podcasts.apple.com": "Apple Podcasts",
    "open.spotify.com": "Spotify",
    "overcast.fm": "Overcast",
    "pca.st": "Pocket Casts",
    "pocketcasts.com": "Pocket Casts",
    "youtube.com": "YouTube",
    "youtu.be": "YouTube",
    "music.amazon.com": "Amazon Music",
}
_NUMBERED_ADDRESS = re.compile(r"[a-z]+[-_]?(\d{1,5})|(?:.*-)?(?:ep|episode)-?(\d{1,5})(?:-.*)?")
_NUMBERED_TITLE = re.compile(r"(?:(?:episode|ep\.?|[A-Z]{2,6})\s*)?#?\s*(\d{1,5})\s*[:.|–—-]\s+", re.IGNORECASE)
_STAMP = re.compile(r"\W{0,2}((?:\d{1,2}:)?\d{1,2}:\d{2})\W{0,2}\s*(?:([^\W\d][^:]{0,60}):\s*)?(.*)")
_TRANSCRIPT_BEGINS = re.compile(r"[#*\s]*(?:full |episode )?transcript[:*\s]*", re.IGNORECASE)
_HEAR_BEGINS = re.compile(r".*\b(?:you(?:['’]ll| will) hear|you(?:['’]ll| will) learn)\b.*", re.IGNORECASE)


class NotAFeed(Refusal):
    message = "This file is not a podcast feed (RSS)."
    status = 422


@dataclass(frozen=True)
class Entry:
    """One item of a feed. `wrong` says why it cannot become an episode, None when it can."""

    place: int  # in the file, from 1
    guid: str
    title: str
    slug: str
    number: int | None
    published: datetime | None
    summary: str = ""
    notes: str = ""  # Markdown
    guests: tuple[str, ...] = ()
    hear: tuple[str, ...] = ()
    seconds: int | None = None
    transcript: str | None = None  # WebVTT
    page: str | None = None
    audio: str | None = None
    audio_type: str = "audio/mpeg"
    audio_size: int | None = None  # bytes, as the feed says
    links: Mapping[str, str] = field(default_factory=dict)  # platform to address
    wrong: str | None = None


def read(content: bytes) -> list[Entry]:
    """The items in the order of the file. Raises NotAFeed for what cannot be read at all."""
    if len(content) > LARGEST:
        raise NotAFeed(f"The file is larger than {LARGEST // 1024 // 1024} MB.")
    return [_entry(place, item) for place, item in enumerate(_Items().of(content), start=1)]


@dataclass
class _Item:
    """The children of one <item>: their text, and the attributes of the last of each name."""

    texts: dict[str, str] = field(default_factory=dict)
    attributes: dict[str, dict[str, str]] = field(default_factory=dict)

    def text(self, *names: str) -> str:
        """The first of these that says something."""
        return next((found for name in names if (found := self.texts.get(name, "").strip())), "")


class _Items:
    """Walks the file once and keeps no tree."""

    def __init__(self) -> None:
        self._items: list[_Item] = []
        self._path: list[str] = []
        self._words: list[str] = []

    def of(self, content: bytes) -> list[_Item]:
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.buffer_text = True
        parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = parser.ExternalEntityRefHandler = _refuse
        parser.StartElementHandler, parser.EndElementHandler = self._begin, self._end
        parser.CharacterDataHandler = self._words.append
        try:
            parser.Parse(content, True)
        except expat.ExpatError as error:
            raise NotAFeed(
                f"The file cannot be read as XML: it breaks off or is malformed in line {error.lineno}."
            ) from None
        except (LookupError, ValueError):
            raise NotAFeed("The file is in an alphabet that is not known here; save it as UTF-8.") from None
        return self._items

    def _begin(self, name: str, attributes: dict[str, str]) -> None:
        self._path.append(_short(name))
        if self._path[0] != "rss":
            raise NotAFeed()
        if len(self._path) > _DEEPEST:
            raise NotAFeed("The file is nested too deeply for a feed.")
        if self._path == ["rss", "channel", "item"]:
            if len(self._items) >= MOST_ITEMS:
                raise NotAFeed(f"The feed has more than {MOST_ITEMS:,} items.")
            self._items.append(_Item())
        elif len(self._path) == 4 and self._path[2] == "item":
            self._items[-1].attributes[self._path[3]] = dict(attributes)
            self._words.clear()

    def _end(self, _name: str) -> None:
        if len(self._path) == 4 and self._path[2] == "item":
            self._items[-1].texts.setdefault(self._path[3], "".join(self._words))
        if len(self._path) < 4:
            self._words.clear()
        self._path.pop()


def _refuse(*_declared: Any) -> NoReturn:
    raise NotAFeed("The file declares a document type or entities, as no podcast feed does. Nothing of it was read.")


def _short(name: str) -> str:
    """ "itunes:duration" of a name with its whole namespace; a foreign one gets a prefix that is never asked for."""
    namespace, _, local = name.rpartition(" ")
    return _NAMESPACES.get(namespace.lower(), "other:") + local


def _entry(place: int, item: _Item) -> Entry:
    enclosure = item.attributes.get("enclosure", {})
    audio, page = _web_address(enclosure.get("url")), _web_address(item.text("link"))
    written = plain_name(item.text("title", "itunes:title"))
    number = _number(item.text("itunes:episode"), page, written)
    title, guests = _title_and_guests(written, number)
    html = item.text("content:encoded", "description", "itunes:summary")
    notes, transcript = _without_transcript(as_markdown(html))
    notes, hear = _without_hear(notes)
    published = _moment(item.text("pubDate"))
    wrong = None
    if not title:
        wrong = "It has no title."
    elif number is None:
        wrong = "No number was found: neither as itunes:episode, nor in its address or title."
    elif published is None:
        wrong = "Its date (pubDate) is missing or cannot be read."
    elif not -1 < number < 100_000:
        wrong = "Its number is none that an episode has."
    return Entry(
        place=place,
        guid=item.text("guid") or audio or page or "",
        title=title,
        slug=_slug(page, title),
        number=number,
        published=published,
        summary=_summary(item.text("itunes:summary", "itunes:subtitle", "description", "content:encoded")) or title,
        notes=_shortened(notes),
        guests=guests,
        hear=hear,
        seconds=_seconds(item.text("itunes:duration")),
        transcript=transcript,
        page=page,
        audio=audio,
        audio_type=_audio_type(enclosure.get("type", "")),
        audio_size=_whole(enclosure.get("length", ""), most=2**31 - 1),
        links=_links(html, page or audio),
        wrong=wrong or (None if item.text("guid") or audio or page else "Nothing in it tells it from others (guid)."),
    )


def _number(declared: str, page: str | None, title: str) -> int | None:
    if (found := _whole(declared, most=99_999)) is not None:
        return found
    last = _last_part(page)
    if match := _NUMBERED_ADDRESS.fullmatch(last):
        return int(match[1] or match[2])
    match = _NUMBERED_TITLE.match(title)
    return int(match[1]) if match else None


def _title_and_guests(written: str, number: int | None) -> tuple[str, tuple[str, ...]]:
    """ "142. The empty chair | Ada Marsh" is the title and a guest; the number stands elsewhere."""
    match = _NUMBERED_TITLE.match(written)
    title = written[match.end() :] if match and int(match[1]) == number else written
    before, bar, after = title.rpartition(" | ")
    guests: tuple[str, ...] = ()
    if bar and before.strip() and 0 < len(after.strip()) <= _NAME * 2:
        title = before
        guests = tuple(name.strip()[:_NAME] for name in re.split(r"\s+(?:&|and)\s+", after.strip()) if name.strip())
    title = title.strip()
    return (title if len(title) <= _TITLE else title[: _TITLE - 1].rstrip() + "…"), guests


def _slug(page: str | None, title: str) -> str:
    """The end of its public address, so that it is found under the name people know; else its title."""
    last = _last_part(page)
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,99}", last) or last == PAUSED:
        last = re.sub(r"[^a-z0-9]+", "-", title.casefold())[:100].strip("-")
    return last or "episode"


def _last_part(page: str | None) -> str:
    return urlsplit(page).path.rstrip("/").rpartition("/")[2].lower() if page else ""


def _moment(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
        found = found if found.tzinfo else found.replace(tzinfo=UTC)
        return found.astimezone(UTC) if 1990 <= found.year <= 2100 else None
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def _summary(html: str) -> str:
    """One to three sentences."""
    words = markdown.plain(markdown.render(as_markdown(html)[: markdown.MAX_LENGTH]))
    kept = ""
    for sentence in re.split(r"(?<=[.!?])\s+", words)[:3]:
        if len(kept) + len(sentence) >= _SUMMARY:
            break
        kept = f"{kept} {sentence}".strip()
    return kept or (words if len(words) <= _SUMMARY else words[: _SUMMARY - 1].rsplit(" ", 1)[0] + "…")


def _without_transcript(notes: str) -> tuple[str, str | None]:
    """A transcript that follows the notes under its own heading, as WebVTT; the notes without it."""
    lines = notes.split("\n")
    begins = next((at for at, line in enumerate(lines) if _TRANSCRIPT_BEGINS.fullmatch(line)), None)
    if begins is None:
        return notes, None
    vtt = _as_vtt(lines[begins + 1 :])
    return ("\n".join(lines[:begins]).rstrip(), vtt) if vtt else (notes, None)


def _as_vtt(lines: list[str]) -> str | None:
    """ "0:01:05 Ada: words", or the words in the lines below it."""
    said: list[tuple[int, str, list[str]]] = []
    for line in lines:
        plain = re.sub(r"\\(.)", r"\1", line).replace("**", "").strip()
        match = _STAMP.fullmatch(plain)
        second = transcripts.seconds(match[1]) if match else None
        if match is not None and second is not None:
            who, words = match[2] or "", match[3].strip()
            if not who and words and len(words) <= 60 and words[-1] not in ".,!?…":
                who, words = words, ""  # the speaker alone, what they say in the next line
            said.append((second, who, [words] if words else []))
        elif plain and said:
            said[-1][2].append(plain)
    cues = []
    for at, (second, who, words) in enumerate(said):
        end = said[at + 1][0] if at + 1 < len(said) else second + 30
        if words:
            voice = f"<v {_in_vtt(who)}>" if who else ""
            cues.append(f"{_vtt_time(second)} --> {_vtt_time(max(end, second + 1))}\n{voice}{_in_vtt(' '.join(words))}")
    return "\n\n".join(["WEBVTT", *cues]) + "\n" if cues else None


def _in_vtt(words: str) -> str:
    return words.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _vtt_time(second: int) -> str:
    return f"{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}.000"


def _without_hear(notes: str) -> tuple[str, tuple[str, ...]]:
    """The list under "You will hear", which the page shows by itself; the notes without it."""
    lines = notes.split("\n")
    for at, line in enumerate(lines):
        if not _HEAR_BEGINS.fullmatch(line) or len(line) > 120:
            continue
        begins = at + 1 if at + 1 < len(lines) and lines[at + 1] else at + 2
        ends = begins
        while ends < len(lines) and lines[ends].startswith("- "):
            ends += 1
        if ends > begins:
            heard = (markdown.plain(markdown.render(each.removeprefix("- ")[:500])) for each in lines[begins:ends])
            return "\n".join(lines[:at] + lines[ends:]).strip(), tuple(filter(None, heard))
    return notes, ()


def _shortened(notes: str) -> str:
    if len(notes) <= markdown.MAX_LENGTH:
        return notes
    cut = notes[: markdown.MAX_LENGTH - 3]
    return (cut[: cut.rfind("\n\n")] if "\n\n" in cut else cut) + "\n\n…"


def _seconds(text: str) -> int | None:
    whole = _whole(text.split(".", maxsplit=1)[0], most=1_000_000)
    return whole if whole is not None else transcripts.seconds(text)


def _whole(text: str, *, most: int) -> int | None:
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 12 and int(text) <= most else None


def _audio_type(said: str) -> str:
    said = said.strip().lower()
    return said if re.fullmatch(r"audio/[a-z0-9.+-]{1,40}", said) else "audio/mpeg"


def _web_address(text: str | None) -> str | None:
    """An address of the web that may stand in a page as it is."""
    text = (text or "").strip()
    try:
        parts = urlsplit(text)
        _port = parts.port  # raises where it is none
    except ValueError:
        return None
    odd = not text.isprintable() or re.search(r"[\s\\<>\"]", text) or len(text) > 1000 or parts.username is not None
    return None if odd or parts.scheme not in {"http", "https"} or not parts.hostname else text


def _links(html: str, own: str | None) -> dict[str, str]:
    """Platforms that the notes name, and its public page or audio under the name of its host."""
    found: dict[str, str] = {}
    for address in links_in(html):
        name = _PLATFORMS.get(_host(address))
        if name and address.startswith("https://"):
            found.setdefault(name, address)
    if own and own.startswith("https://") and "." in _host(own) and len(_host(own)) <= 60:
        found.setdefault(_PLATFORMS.get(_host(own), _host(own)), own)
    return found


def _host(address: str) -> str:
    try:
        return (urlsplit(address).hostname or "").removeprefix("www.").removeprefix("m.")
    except ValueError:
        return ""
