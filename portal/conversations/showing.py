"""What is shown around the posts: the lines and tabs of a room's list, and by which facts a browser keeps a page."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path

from flask import current_app, request, session
from flask_wtf.csrf import generate_csrf
from markupsafe import Markup

from portal.accounts.models import Member
from portal.accounts.policy import may_post
from portal.accounts.signed_in import me_or_none
from portal.conversations import veiling
from portal.conversations.models import Level, RoomKind, ThreadKind, pages_of
from portal.conversations.post_showing import Reading
from portal.conversations.queries import Line
from portal.conversations.reading import Unread, in_words
from portal.conversations.veiling import A_MEMBER, FORMER_MEMBER
from portal.core import web

KINDS = {
    RoomKind.COACHES: "Coaches only",
    RoomKind.CIRCLE: "Closed circle",
    RoomKind.MEMBERS: None,
    RoomKind.PUBLIC: "Anyone may read",
}
WHO_READS = {
    RoomKind.COACHES: "Only coaches and the owner read and write here.",
    RoomKind.CIRCLE: "A closed circle: the people named in it read and write here, and the staff who answer for it.",
    RoomKind.MEMBERS: None,
    RoomKind.PUBLIC: "Anyone may read this room, also without an account. Members write in it.",
}
ICONS = {RoomKind.COACHES: "lock", RoomKind.CIRCLE: "lock", RoomKind.MEMBERS: "users", RoomKind.PUBLIC: "eye"}
BEGUN = {  # in lists, before the name of who began it
    ThreadKind.QUESTION: "Question by",
    ThreadKind.STORY: "Story by",
    ThreadKind.DISCUSSION: "Begun by",
}
KIND_OF = {ThreadKind.QUESTION: "Question", ThreadKind.STORY: "Story", ThreadKind.DISCUSSION: None}
ALL_OF = {ThreadKind.QUESTION: "Questions", ThreadKind.STORY: "Stories", ThreadKind.DISCUSSION: "Discussions"}


@dataclass(frozen=True, slots=True)
class Listed:
    """A thread's line in its room: finished words and its address."""

    href: str
    title: str
    facts: list[str]
    when: Markup
    unread: str | None  # how many posts, in words
    go_on: str | None  # where the first of them stands


def listed(rows: Sequence[Line], unread: Mapping[int, Unread], reader: Member | None) -> list[Listed]:
    """The lines of a room's page."""
    when, lines = web.whens(), []
    for row in rows:
        new, href = unread.get(row.id), f"/threads/{row.id}"
        lines.append(
            Listed(
                href,
                row.title,
                _facts(row, reader),
                when(row.last_post_at),
                in_words(new.count) if new else None,
                go_on(row.id, new) if new else None,
            )
        )
    return lines


def kinds_of(slug: str, chosen: ThreadKind | None) -> list[tuple[str, str, bool]]:
    """The tabs of a room: all of it, and each kind of thread."""
    one_by_one = [(words, f"/rooms/{slug}?kind={kind}", kind is chosen) for kind, words in ALL_OF.items()]
    return [("All", f"/rooms/{slug}", chosen is None), *one_by_one]


def go_on(thread_id: int, unread: Unread) -> str:
    """The address of the first unread post: the line "New" on its page, or the title where nothing was read yet."""
    return f"/threads/{thread_id}?page={unread.page}#new" if unread.first > 1 else f"/threads/{thread_id}"


def _facts(row: Line, reader: Member | None) -> list[str]:
    replies = row.post_count - 1
    told = veiling.is_told(reader, author_id=row.author_id, veiled_at=row.author_hidden_at)
    starter = A_MEMBER.lower() if not told else FORMER_MEMBER.lower() if row.starter_left else row.starter
    facts = [f"{BEGUN[row.kind]} {starter}"]
    if replies < 1:
        facts.append("No reply yet")
    else:
        last = A_MEMBER.lower() if not row.speaker else FORMER_MEMBER.lower() if row.speaker_left else row.speaker
        facts.append(f"{replies} {'reply' if replies == 1 else 'replies'}, the last by {last}")
    if row.is_answered and row.kind is ThreadKind.QUESTION:
        facts.append("Answered")
    if row.about_title:
        facts.append(f"About: {row.about_title}")
    if row.locked_at:
        facts.append("Closed to new replies")
    if row.hidden_at:
        waits = "Waits for a moderator" if row.held_at else "Taken back by its author"
        facts.append("Hidden by a moderator" if row.hidden_because else waits)
    return facts


@dataclass(frozen=True, slots=True)
class Facts:
    """What a page of a thread is made of, as far as the database knows."""

    thread_id: int
    version: int
    title: str
    post_count: int
    room: str
    kind: RoomKind
    is_archived: bool
    level: Level | None
    renamed_at: datetime | None
    draft: str | None
    files_wait: int
    files_since: datetime | None
    muted: str | None
    unread: int
    first: int | None

    @property
    def pages(self) -> int:
        return pages_of(self.post_count)


def facts_of(reading: Reading) -> Facts:
    """The facts of a page that is drawn; `reading.facts_of` asks for them alone."""
    thread, found, unread = reading.thread, reading.found, reading.unread
    return Facts(
        thread.id,
        thread.version,
        thread.title,
        thread.post_count,
        thread.room.title,
        thread.room.kind,
        thread.room.is_archived,
        found.level or found.room_level,
        found.renamed_at,
        found.draft.mark if found.draft else None,
        found.files_wait,
        found.files_since,
        found.muted,
        unread.count if unread else 0,
        unread.first if unread else None,
    )


def tag_of(facts: Facts, reader: Member | None, page: int) -> str:
    """The ETag, from what the page is made of instead of its HTML: no post is loaded to learn that nothing changed.

    The day is in it because "14:05" becomes "12 Oct" at midnight, the session's token because forms carry it.
    """
    if "csrf_token" not in session:
        generate_csrf()
    parts = (
        facts,
        page,
        _person(reader),
        web.banner(),
        datetime.now(web.reader_zone()).date(),
        web.reader_zone(),
        web.reader_manner(),
        request.cookies.get("theme", ""),
        session["csrf_token"],
        current_app.extensions["site"],
        current_app.extensions["asset_prefix"],
        _look(current_app.jinja_loader.searchpath[0]),  # type: ignore[union-attr]  # Flask's own loader
    )
    return hashlib.blake2b(repr(parts).encode(), digest_size=15).hexdigest()


def _person(reader: Member | None) -> tuple[object, ...]:
    """What a page says of its reader, also of one who is not in: their name and photo stand in its head."""
    signed_in = reader or me_or_none()
    if signed_in is None:
        return ()
    shown = (signed_in.id, signed_in.name, signed_in.photo, signed_in.role)
    held = (signed_in.silenced_until, signed_in.silenced_because) if signed_in.is_silenced else None
    return (*shown, reader is None, may_post(signed_in), held)


@cache
def _look(folder: str) -> str:
    """Changes with any template, so that a new release does not leave old pages in browsers."""
    digest = hashlib.blake2b(digest_size=8)
    for path in sorted(Path(folder).rglob("*.html")):
        digest.update(path.read_bytes())
    return digest.hexdigest()
