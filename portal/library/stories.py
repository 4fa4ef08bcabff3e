"""The words of a client's story: as they are shown, as they are being worked on, and the hash that tells them apart.

While a nugget is out or scheduled its row holds the words that were agreed to, so that every page, list, feed and
search that reads items shows those and no others; new words wait in `draft`. Whoever writes others into such a row by
another way is refused when it is saved.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from dataclasses import asdict, dataclass, fields
from types import SimpleNamespace
from typing import Any, cast

from sqlalchemy import Connection, event, inspect, select

from portal.core import markdown
from portal.core.db import db
from portal.core.errors import Refusal
from portal.library.consent_models import Consent, ConsentState
from portal.library.models import Item, Nugget
from portal.practices.models import Region, Size, Specialty, in_words

PARTS = ("situation", "change", "result")  # in the order they are told
COMPOSITE = "A composite: drawn from several practices, with details changed so that nobody can be recognised."


class HalfTold(Refusal):
    message = "A story needs a title, a summary, the situation, what they changed, and what came of it."
    status = 422


class Taken(Refusal):
    message = "The client took this story back. Nothing of it is here any more; begin a new nugget."
    status = 410


@dataclass(frozen=True)
class Story:
    """All that readers see of a nugget beside its naming line; `lesson` is what the coach takes from it."""

    slug: str = ""
    title: str = ""
    summary: str = ""
    problem: str = ""
    situation: str = ""
    change: str = ""
    result: str = ""
    lesson: str = ""
    practice_type: str = ""
    practice_size: str = ""
    specialty: Specialty | None = None
    size: Size | None = None
    region: Region | None = None

    @property
    def kept(self) -> dict[str, Any]:
        """As a row keeps it."""
        return {name: None if value is None else _plain(value) for name, value in asdict(self).items()}

    @property
    def words(self) -> str:
        """All of it in one text, to look for a name in."""
        return "\n".join(str(value) for value in self.kept.values() if value)

    @property
    def sha256(self) -> str:
        """Of the words, whoever tells them."""
        return self.sha256_with(None)

    @property
    def told_sha256(self) -> str:
        """Of situation, change and result alone: by it a story is known again under another title."""
        return Story(situation=self.situation, change=self.change, result=self.result).sha256

    def sha256_with(self, line: str | None) -> str:
        """Of the words together with the naming line that stands below them."""
        said = {"form": 1, "story": self.kept, "line": None if line is None else _plain(line)}
        text = json.dumps(said, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Telling:
    """A story with its parts rendered, as the item's page shows them."""

    story: Story
    parts: dict[str, str]  # HTML
    lesson_html: str

    @property
    def facts(self) -> list[str]:
        """The practice in a few words, as far as they are told."""
        region = in_words(self.story.region) if self.story.region else ""
        return [fact for fact in (self.story.practice_type, self.story.practice_size, region) if fact]

    @property
    def found_under(self) -> list[str]:
        """What readers can choose to find it."""
        story = self.story
        return [in_words(chosen) for chosen in (story.specialty, story.size, story.region) if chosen is not None]


def telling(words: Story) -> Telling:
    return Telling(
        words, {name: markdown.render(getattr(words, name)) for name in PARTS}, markdown.render(words.lesson)
    )


def story(kept: dict[str, Any]) -> Story:
    """A story from what a row or a form keeps; what is no part of a story, or no value of its list, is left out."""
    known = {field.name: kept[field.name] for field in fields(Story) if kept.get(field.name)}
    for name, kind in (("specialty", Specialty), ("size", Size), ("region", Region)):
        known[name] = next((option for option in kind if option == kept.get(name)), None)
    return Story(**known)


def shown(nugget: Nugget) -> Story:
    """The words in the row: what readers see of it while it is out."""
    parts = {name: (nugget.parts or {}).get(name, {}).get("source", "") for name in PARTS}
    return Story(
        slug=nugget.slug,
        title=nugget.title,
        summary=nugget.summary,
        problem=nugget.problem or "",
        lesson=nugget.body or "",
        practice_type=nugget.practice_type or "",
        practice_size=nugget.practice_size or "",
        specialty=nugget.specialty,
        size=nugget.size,
        region=nugget.region,
        **parts,
    )


def written(nugget: Nugget) -> Story:
    """The words as their writer left them: the draft where there is one, else what the row says."""
    return story(nugget.draft) if nugget.draft else shown(nugget)


def write(nugget: Nugget, words: Story) -> None:
    """Keep what was written. What is out stays as it is until the client has agreed to the new words. Raises Taken."""
    take_turn(nugget)
    check_not_taken(nugget)
    if nugget.is_meant_to_show:
        nugget.draft = None if words.sha256 == shown(nugget).sha256 else words.kept
    else:
        nugget.draft = None
        put(nugget, words)


def take_turn(item: Item) -> None:
    """Read the row anew and hold it: agreeing, writing, publishing and withdrawing wait for each other."""
    if inspect(item).pending:
        db.session.flush()
    if inspect(item).persistent:
        db.session.flush()
        db.session.execute(select(Item.id).where(Item.id == item.id).with_for_update())
        db.session.refresh(item)


def put(nugget: Nugget, words: Story) -> None:
    """Set the row's words, each part rendered once."""
    nugget.slug, nugget.title, nugget.summary = words.slug, words.title, words.summary
    nugget.problem = words.problem or None
    nugget.body, nugget.body_html = words.lesson, markdown.render(words.lesson)
    nugget.practice_type, nugget.practice_size = words.practice_type or None, words.practice_size or None
    nugget.specialty, nugget.size, nugget.region = words.specialty, words.size, words.region
    sources = {name: getattr(words, name) for name in PARTS}
    nugget.parts = {name: {"source": source, "html": markdown.render(source)} for name, source in sources.items()}


def check_not_taken(nugget: Nugget) -> None:
    """A story that its client took back is not written again, from whatever page that stayed open. Raises Taken."""
    taken = select(Consent.id).where(Consent.nugget_id == nugget.id, Consent.state == ConsentState.WITHDRAWN)
    if db.session.scalar(taken.limit(1)) is not None:
        raise Taken()


def check_told(words: Story) -> None:
    """Raises HalfTold."""
    needed = (words.title, words.summary, words.situation, words.change, words.result)
    if not all(markdown.says_something(each) for each in needed):
        raise HalfTold()


def _plain(value: str) -> str:
    """One form for the same words: NFC, one kind of line end, no NUL, no blank end."""
    text = unicodedata.normalize("NFC", str(value)).replace("\x00", "")
    return text.replace("\r\n", "\n").replace("\r", "\n").rstrip()


@event.listens_for(Nugget, "before_insert")
@event.listens_for(Nugget, "before_update")
def _refuse_other_words(_mapper: Any, connection: Connection, nugget: Nugget) -> None:
    """The last wall: no code of ours can save words into a story that is out unless they were agreed to."""
    row = SimpleNamespace(**_as_it_will_be(connection, nugget))
    if row.published_at is None or row.withdrawn_at is not None:
        return
    rendered = all(part["html"] == markdown.render(part["source"]) for part in row.parts.values())
    as_meant = not _changes(nugget, "parts", "body_html") or (rendered and row.body_html == markdown.render(row.body))
    if shown(cast(Nugget, row)).sha256_with(row.naming_line) != row.shown_sha256 or not as_meant:
        raise RuntimeError(f"nugget {nugget.id} would show words that nobody agreed to (see library/consenting.py)")


def _as_it_will_be(connection: Connection, nugget: Nugget) -> dict[str, Any]:
    """The row as it is now, locked, with what this flush changes: what the object says may have grown old."""
    item, telling_of = Item.__table__, Nugget.__table__
    names = [column.key for column in Nugget.__mapper__.column_attrs]
    both = select(item, telling_of).join(telling_of, telling_of.c.id == item.c.id)
    found = connection.execute(both.where(item.c.id == nugget.id).with_for_update()).first()
    now_there = dict.fromkeys(names) if found is None else {name: found._mapping[_column(name)] for name in names}
    return now_there | {name: getattr(nugget, name) for name in names if found is None or _changes(nugget, name)}


def _column(name: str) -> Any:
    return Nugget.__mapper__.column_attrs[name].columns[0]


def _changes(nugget: Nugget, *names: str) -> bool:
    return any(inspect(nugget).attrs[name].history.has_changes() for name in names)
