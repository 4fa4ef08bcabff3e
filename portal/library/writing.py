"""What an item says, as a coach writes it: every field as text, so that it can be kept, compared and put back."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import date

from sqlalchemy import select

from portal.accounts.models import Member
from portal.core import audit, locales
from portal.core.clock import now
from portal.core.db import db
from portal.core.errors import Refusal
from portal.library import introducing, publishing, stories
from portal.library.introducing import Named
from portal.library.models import Episode, Item, Kind, Nugget, Resource, Revision, Tool
from portal.topics.models import Topic

Fields = dict[str, str]  # name of a field: what stands in it; lists have a line for each of their parts
KINDS: dict[Kind, type[Item]] = {
    Kind.TOOL: Tool,
    Kind.RESOURCE: Resource,
    Kind.NUGGET: Nugget,
    Kind.EPISODE: Episode,
}
YES, NO = "yes", "no"
_ALL = {
    "title": "Title",
    "summary": "Summary",
    "problem": "The problem it is for",
    "topics": "Topics",
    "is_free": "Free with an account",
}
LABELS: dict[Kind, dict[str, str]] = {
    Kind.TOOL: {**_ALL, "minutes": "Minutes to fill in", "body": "How to use it"},
    Kind.RESOURCE: {**_ALL, "link": "Link", "body": "The text"},
    Kind.NUGGET: {
        **_ALL,
        "practice_type": "Kind of practice",
        "practice_size": "Size",
        "specialty": "Specialty",
        "size": "People who work there",
        "region": "Region",
        "situation": "The situation",
        "change": "What they changed",
        "result": "What came of it",
        "body": "What to take from it",
    },
    Kind.EPISODE: {
        **_ALL,
        "number": "Number",
        "aired_on": "Aired on",
        "guests": "Guests",
        "hear": "You will hear",
        "links": "Where else to listen",
        "tool": "The tool for it",
        "step": "Ten minutes for you",
        "chapters": "Chapters",
        "public_notes": "Notes open to visitors",
        "body": "Notes",
        "transcript": "Transcript",
    },
}


class NumberTaken(Refusal):
    message = "Another episode has this number already."
    status = 422


def begin(kind: Kind, fields: Fields, *, by: Member) -> Item:
    """A new draft that says this; the same form sent twice makes one. Raises as put does."""
    db.session.execute(select(Member.id).where(Member.id == by.id).with_for_update())  # the second of two waits
    known = _begun_already(kind, fields, by=by)
    if known is not None:
        return known
    item = KINDS[kind](slug="", title="", summary="")
    with db.session.no_autoflush:
        put(item, fields)
    item.revision = 1
    db.session.add(item)
    db.session.flush()
    db.session.add(Revision(item_id=item.id, number=1, fields=written(item), by_id=by.id))
    audit.record(by, "item.begun", item)
    return item


def written(item: Item) -> Fields:
    """Every field as it stands."""
    says: Item | stories.Story = stories.written(item) if isinstance(item, Nugget) else item
    fields = {
        "title": says.title,
        "summary": says.summary,
        "problem": says.problem or "",
        "topics": "\n".join(topic.slug for topic in item.topics),
        "is_free": _said(item.is_free),
        "body": item.body,
    }
    if isinstance(item, Tool):
        fields["minutes"] = str(item.minutes or "")
    elif isinstance(item, Resource):
        fields["link"] = item.link or ""
    elif isinstance(says, stories.Story):
        told = ("situation", "change", "result", "practice_type", "practice_size", "specialty", "size", "region")
        fields |= {name: getattr(says, name) or "" for name in told} | {"body": says.lesson}
    elif isinstance(item, Episode):
        fields |= {
            "number": str(item.number),
            "aired_on": item.aired_on.isoformat(),
            "guests": "\n".join(_parted(guest.name, guest.role, guest.link) for guest in item.guests),
            "hear": "\n".join(item.hear),
            "links": "\n".join(_parted(link.platform.name, link.address) for link in item.links),
            "tool": item.tool.slug if item.tool else "",
            "step": item.step or "",
            "chapters": "\n".join(item.chapters),
            "public_notes": _said(item.public_notes),
            "transcript": item.transcript or "",
        }
    return {name: fields[name] for name in LABELS[item.kind or _kind_of(item)]}


def put(item: Item, fields: Mapping[str, str]) -> None:
    """Let the item say this; whatever is not named is emptied. Raises NumberTaken, NotASafeAddress, NeedsAName."""
    said = {name: fields.get(name, "") for name in LABELS[item.kind or _kind_of(item)]}
    item.is_free = said["is_free"] == YES
    item.topics = list(
        db.session.scalars(select(Topic).where(Topic.slug.in_(said["topics"].split("\n"))).order_by(Topic.position))
    )
    if isinstance(item, Nugget):
        _put_story(item, said)
        return
    item.title, item.summary, item.problem = said["title"], said["summary"], said["problem"] or None
    if item.published_at is None:  # nobody has its address yet
        item.slug = _slug(item, said["title"])
    if isinstance(item, Tool):
        item.minutes = _number(said["minutes"])
    elif isinstance(item, Resource):
        item.link = said["link"] or None
    elif isinstance(item, Episode):
        _put_episode(item, said)
    publishing.write(item, said["body"])


def next_number() -> int:
    """The number that the next episode takes, if its coach does not say otherwise."""
    newest = db.session.scalar(select(Episode.number).order_by(Episode.number.desc()).limit(1))
    return (newest or 0) + 1


def _put_story(nugget: Nugget, said: Fields) -> None:
    """A story that is out goes on saying what its client agreed to; what is written here waits for them."""
    slug = nugget.slug if nugget.published_at is not None else _slug(nugget, said["title"])
    words = {name: value for name, value in said.items() if name not in {"topics", "is_free", "body"}}
    stories.write(nugget, stories.story(words | {"slug": slug, "lesson": said["body"]}))
    if nugget.is_meant_to_show and not (nugget.composite or nugget.is_public):
        nugget.is_free = False  # free means everyone with an account, which no client has agreed to here


def _put_episode(episode: Episode, said: Fields) -> None:
    number = _number(said["number"]) or next_number()
    taken = db.session.scalar(select(Episode.id).where(Episode.number == number))
    if taken is not None and taken != episode.id:
        raise NumberTaken()
    episode.number = number
    today = now().astimezone(locales.zone_of(None)).date()
    episode.aired_on = date.fromisoformat(said["aired_on"]) if said["aired_on"] else today
    introducing.introduce(episode, [Named(*_parts(line, 3)) for line in _lines(said["guests"])])
    introducing.link(episode, dict(_parts(line, 2) for line in _lines(said["links"])))
    episode.hear = _lines(said["hear"])
    episode.chapters, episode.step = _lines(said["chapters"]), said["step"] or None
    episode.tool = db.session.scalar(select(Tool).where(Tool.slug == said["tool"])) if said["tool"] else None
    episode.public_notes, episode.transcript = said["public_notes"] == YES, said["transcript"] or None


def _begun_already(kind: Kind, fields: Fields, *, by: Member) -> Item | None:
    newest = db.session.scalar(
        select(Revision)
        .where(Revision.by_id == by.id)
        .order_by(Revision.created_at.desc(), Revision.id.desc())
        .limit(1)
    )
    if newest is None or newest.number != 1 or (now() - newest.created_at).total_seconds() > 60:
        return None
    item = db.session.get_one(Item, newest.item_id)
    same = item.kind is kind and all(newest.fields.get(name) == value for name, value in fields.items() if value)
    return item if same else None


def _slug(item: Item, title: str) -> str:
    """From the title, in plain letters; with a number where another item has it."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    base = re.sub(r"[^a-z0-9]+", "-", plain.replace("'", "")).strip("-")[:100].strip("-") or "untitled"
    like = select(Item.slug).where(Item.slug.startswith(base, autoescape=True))
    taken = set(db.session.scalars(like.where(Item.id != item.id) if item.id else like))
    number, slug = 1, base
    while slug in taken:
        number += 1
        slug = f"{base}-{number}"
    return slug


def _kind_of(item: Item) -> Kind:
    return next(kind for kind, made in KINDS.items() if isinstance(item, made))


def _said(is_so: bool | None) -> str:
    return YES if is_so else NO


def _number(typed: str) -> int | None:
    return int(typed) if typed.isascii() and typed.isdigit() and len(typed) <= 6 else None


def _parted(*parts: str | None) -> str:
    """ "Ines Roth | veterinarian | https://…" without what is empty at its end."""
    return " | ".join(part or "" for part in parts).rstrip(" |")


def _parts(line: str, many: int) -> list[str]:
    """The same line taken apart; parts that are missing are empty."""
    return [part.strip() for part in (line + "|" * many).split("|")][:many]


def _lines(typed: str) -> list[str]:
    return [line.strip() for line in typed.split("\n") if line.strip()]
