"""The starter content as it lies in content/: Markdown with front matter, and YAML."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from portal.core import taking_in
from portal.core.clock import now
from portal.core.taking_in import Kept

CONTENT = Path(__file__).with_name("content")


@dataclass(frozen=True)
class Sheet:
    """One file of content: its slug is its name, `about` its front matter, `body` its Markdown."""

    slug: str
    about: dict[str, Any]
    body: str


def sheets(folder: str) -> Iterator[Sheet]:
    """The Markdown files of a folder, by name."""
    import frontmatter  # only the commands read content; the server starts without YAML

    for path in sorted((CONTENT / folder).glob("*.md")):
        page = frontmatter.loads(path.read_text(encoding="utf-8"))
        yield Sheet(path.stem, page.metadata, page.content.strip())


def notes(path: Path) -> Any:
    """What a YAML file holds."""
    from frontmatter.default_handlers import YAMLHandler

    return YAMLHandler().load(path.read_text(encoding="utf-8"))


def people() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = notes(CONTENT / "people.yaml")
    return found


def threads() -> list[dict[str, Any]]:
    """In the order in which they were begun."""
    found = [notes(path) for path in sorted((CONTENT / "threads").glob("*.yaml"))]
    return sorted(found, key=lambda thread: moment(thread["posts"][0]["at"]))


def transcript(slug: str) -> str | None:
    path = CONTENT / "episodes" / f"{slug}.vtt"
    return path.read_text(encoding="utf-8") if path.exists() else None


def keep(path: str, *, name: str | None = None) -> Kept:
    """Copy a file of the content into storage."""
    source = CONTENT / path
    with source.open("rb") as stream:
        return taking_in.keep(stream, name=name or source.name)


def moment(value: Any) -> datetime:
    """A date or moment of the content in UTC; a date means its noon."""
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, date):
        return datetime.combine(value, time(12), UTC)
    raise ValueError(f"not a date: {value!r}")


def days_until_yesterday() -> timedelta:
    """How far to move all dates so that the newest post was written yesterday, and the rooms look lived in."""
    newest = max((moment(post["at"]) for thread in threads() for post in thread["posts"]), default=now())
    return timedelta(days=(now().date() - newest.date()).days - 1)
