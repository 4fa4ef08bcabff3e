"""Topics and items with their files in storage, and the paths through them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from portal.core.clock import now
from portal.core.db import db
from portal.core.taking_in import Kept
from portal.library import consenting, introducing, paths, publishing, stories
from portal.library.introducing import Named
from portal.library.models import Episode, Item, Nugget, Resource, Tool
from portal.seeds import reading
from portal.seeds.reading import Sheet
from portal.topics.models import Topic

Files = dict[str, list[Kept]]  # slug to what lies in storage for it


def keep_files() -> Files:
    """Copy all files into storage. Before the transaction, because it waits for the disk at each of them."""
    kept: Files = {}
    for folder in ("tools", "resources"):
        for sheet in reading.sheets(folder):
            if "files" in sheet.about:
                kept[sheet.slug] = [reading.keep(file["path"], name=file["name"]) for file in sheet.about["files"]]
    for sheet in reading.sheets("episodes"):
        kept[sheet.slug] = [reading.keep(sheet.about["audio"], name=sheet.about["audio_name"])]
    return kept


def load(files: Files, *, shift: timedelta) -> int:
    """Topics and items, all dates moved by `shift`; returns how many items. Nothing is published in the future."""
    topics = {topic.slug: topic for topic in _load_topics()}
    items: list[Item] = [
        *map(_tool, reading.sheets("tools")),
        *map(_resource, reading.sheets("resources")),
        *map(_nugget, reading.sheets("nuggets")),
    ]
    _publish(items, topics, files, shift=shift)
    tools = {item.slug: item for item in items if isinstance(item, Tool)}
    episodes = [_episode(sheet, tools, files[sheet.slug], shift=shift) for sheet in reading.sheets("episodes")]
    _publish(episodes, topics, files, shift=shift)
    return len(items) + len(episodes)


def load_paths() -> int:
    """The paths over the items that were loaded; returns how many."""
    items = {item.slug: item for item in db.session.scalars(select(Item))}
    sheets = sorted(reading.sheets("paths"), key=lambda sheet: sheet.about["position"])
    for sheet in sheets:
        path = paths.create(title=sheet.about["title"], summary=sheet.about["summary"], slug=sheet.slug)
        paths.put_in_order(path, [items[slug] for slug in sheet.about["items"]])
        paths.publish(path)
    return len(sheets)


def load_platforms() -> None:
    """Where the demo's podcast could be heard elsewhere; addresses that lead to nobody."""
    for about in reading.notes(reading.CONTENT / "platforms.yaml"):
        introducing.is_heard_on(about["name"], address=about["address"])


def _load_topics() -> list[Topic]:
    known = set(db.session.scalars(select(Topic.slug)))
    for sheet in reading.sheets("topics"):
        if sheet.slug not in known:
            topic = Topic(
                slug=sheet.slug, title=sheet.about["title"], description=sheet.body, position=sheet.about["position"]
            )
            db.session.add(topic)
    db.session.flush()
    return list(db.session.scalars(select(Topic)))


def _publish(items: Iterable[Item], topics: dict[str, Topic], files: Files, *, shift: timedelta) -> None:
    abouts = {sheet.slug: sheet.about for kind in _FOLDERS for sheet in reading.sheets(kind)}
    for item in items:
        about = abouts[item.slug]
        out_at = _not_ahead(reading.moment(about["published"]) + shift)
        item.topics = sorted(_topics(item, about, topics), key=lambda topic: topic.position)
        item.created_at = out_at
        db.session.add(item)
        if item.slug in files:
            version = publishing.add_version(item, files=files[item.slug], note=about.get("note", ""))
            version.created_at = out_at
        if isinstance(item, Nugget):
            consenting.declare(item, by=None)
        publishing.publish(item, at=out_at)


def _topics(item: Item, about: dict[str, Any], topics: dict[str, Topic]) -> list[Topic]:
    """Those it names; an episode that names none is about what its tool is about."""
    if isinstance(item, Episode) and item.tool and not about.get("topics"):
        return list(item.tool.topics)
    return [topics[slug] for slug in about.get("topics", [])]


_FOLDERS = ("tools", "resources", "nuggets", "episodes")


def _tool(sheet: Sheet) -> Tool:
    tool = Tool(**_common(sheet), minutes=sheet.about.get("minutes"))
    publishing.write(tool, sheet.body)
    return tool


def _resource(sheet: Sheet) -> Resource:
    resource = Resource(**_common(sheet), link=sheet.about.get("link"))
    publishing.write(resource, sheet.body)
    return resource


def _nugget(sheet: Sheet) -> Nugget:
    nugget = Nugget(**_common(sheet))
    stories.write(nugget, stories.story(sheet.about | {"slug": sheet.slug, "lesson": sheet.body}))
    return nugget


def _episode(sheet: Sheet, tools: dict[str, Tool], files: list[Kept], *, shift: timedelta) -> Episode:
    about = sheet.about
    episode = Episode(
        **_common(sheet),
        number=about["number"],
        aired_on=_not_ahead(reading.moment(about["published"]) + shift).date(),
        seconds=publishing.seconds_of(files[0]),
        hear=about.get("hear") or [],
        step=about.get("step"),
        chapters=[f"{chapter['at']} {chapter['title']}" for chapter in about.get("chapters") or []],
        transcript=reading.transcript(sheet.slug),
        public_notes=bool(about.get("public_notes")),
        tool=tools.get(about.get("tool", "")),
    )
    introducing.introduce(episode, [Named(**guest) for guest in about.get("guests") or []])
    publishing.write(episode, sheet.body)
    return episode


def _common(sheet: Sheet) -> dict[str, Any]:
    about = sheet.about
    return {
        "slug": sheet.slug,
        "title": about["title"],
        "summary": about["summary"],
        "problem": about.get("problem"),
        "is_free": bool(about.get("free")),
    }


def _not_ahead(moment: datetime) -> datetime:
    return min(moment, now() - timedelta(hours=1))
