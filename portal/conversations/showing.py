"""What a thread's page shows to whom. All is decided here, once for the page; the template only draws."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path

from flask import current_app, request, session
from flask_wtf.csrf import generate_csrf
from markupsafe import Markup

from portal.accounts.models import Member, Role, initials_of
from portal.accounts.policy import may_post
from portal.accounts.signed_in import me_or_none
from portal.conversations import answering, attaching, cards, holding, policy, taking_back, veiling
from portal.conversations.attaching import Shown as File
from portal.conversations.models import POSTS_A_PAGE, Level, RoomKind, Thread, ThreadKind, pages_of
from portal.conversations.queries import Found, Line
from portal.conversations.reading import Unread, counted_since, in_words
from portal.conversations.veiling import A_MEMBER, FORMER_MEMBER
from portal.core import markdown, web
from portal.core.clock import now

HIDDEN = "Hidden by a moderator."
DELETED = "Deleted by a moderator."
WAITS = "Waits for a moderator."
TAKEN_BACK = "Taken back by its author."
YOU_TOOK_BACK = "You took this back. In its place, others read that its author did."
HELPED = "This helped the asker"
ONLY_COACHES = "Only coaches see that this is yours."
ASKED_SAFELY = "Asked safely: members read “A member”. Please do not name them."
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
_EXCERPT = 220
_TITLE_OF = {Role.MODERATOR: "Moderator", Role.COACH: "Coach", Role.OWNER: "Coach"}


@dataclass(frozen=True)
class Reading:
    """One reader at one thread."""

    reader: Member | None  # None: whoever is not in, and reads what anyone may
    found: Found
    unread: Unread | None  # None: nothing

    @property
    def thread(self) -> Thread:
        return self.found.thread

    @property
    def level(self) -> Level:
        """What they hear of this thread, chosen for it or for its room."""
        return self.found.level or self.found.room_level or Level.MINE

    @property
    def may_reply(self) -> bool:
        return policy.may_reply(self.reader, self.thread)

    @property
    def rules(self) -> bool:
        """They may hide and lock here."""
        return policy.sees_hidden(self.reader)

    def first_new(self, page: int) -> int | None:
        """The number of the post before which the line "New" stands on this page."""
        return self.unread.first if self.unread and self.unread.page == page else None


@dataclass(frozen=True, slots=True)
class Press:
    """A button that marks a post, or takes the mark back."""

    to: str  # the end of its address
    words: str
    is_pressed: bool
    count: int = 0


@dataclass(frozen=True, slots=True)
class Shown:
    """A post as this reader finds it: finished words and addresses, nothing left to ask."""

    id: int
    author: str
    initials: str
    photo: str | None
    author_href: str | None
    staff: str | None
    when: Markup
    edited: Markup | None
    body: Markup | None
    files: Sequence[File]  # beside its words, for whoever reads those
    gone: str | None  # in place of the words, for those who may not read them
    hidden_because: str | None
    removed: bool  # staff deleted it
    waits: str | None  # for those who read it while it waits for a moderator: why it does
    taken_back: bool  # by its author, with no ruling about it
    may_undo: bool  # its author, for a short while
    folded: bool  # staff open it on purpose
    muted: bool  # its author is one whose words this reader folds
    number: int
    mine: bool
    veiled: str | None  # for those who know whose it is although others do not: what others know
    may_edit: bool
    may_take_back: bool
    may_quote: bool
    may_flag: bool
    may_put_back: bool  # to unread; what counts as read by its age stays so
    marks: Sequence[str]  # that it helped whoever asked, that a coach stands behind it
    thanks: int  # how many it helped, where nobody can press
    presses: Sequence[Press]


def shown(rows: Sequence[Line], reading: Reading, muted: Collection[int]) -> list[Shown]:
    """The posts of a page for its reader; those of `muted` people come folded."""
    rules, open_to_edits = reading.rules, reading.may_reply
    reader_id = reading.reader.id if reading.reader else None
    new_from = (reading.unread.first if reading.unread else reading.thread.post_count + 1) if reading.reader else 0
    counts_from = counted_since(reading.reader) if reading.reader else now()
    when = web.whens()
    files = attaching.beside([row.id for row in rows if row.has_files])
    bodies = cards.with_cards([row.body_html for row in rows])
    found = []
    for row, body in zip(rows, bodies, strict=True):
        mine, hidden = row.author_id == reader_id, row.hidden_at is not None
        taken_back = row.deleted_at is not None and row.hidden_because is None
        readable = not hidden or (not taken_back and row.removed_at is None if mine else rules)
        told = veiling.is_told(reading.reader, author_id=row.author_id, veiled_at=row.veiled_at)
        left = row.closed_at is not None
        named = told and not left
        found.append(
            Shown(
                id=row.id,
                author=row.name if named else FORMER_MEMBER if told else A_MEMBER,
                initials=initials_of(row.name) if named else "·",
                photo=row.photo if named and reader_id is not None else None,
                author_href="/members/" + row.handle if named and reader_id is not None else None,
                staff=_TITLE_OF.get(row.role) if named else None,
                when=when(row.created_at),
                edited=when(row.edited_at) if row.edited_at and readable else None,
                body=markdown.safe(body) if readable else None,
                files=files.get(row.id, ()) if readable else (),
                gone=None if readable else _gone(row, mine=mine),
                hidden_because=row.hidden_because if hidden and (readable or mine) else None,
                removed=row.removed_at is not None,
                waits=holding.WHY[row.held_because] if row.held_because and readable and not taken_back else None,
                taken_back=taken_back and readable,
                may_undo=mine and taking_back.may_undo(row.deleted_at, row.hidden_because),
                folded=hidden and rules and not mine,
                muted=told and row.author_id in muted,
                number=row.number,
                mine=mine,
                veiled=None if row.veiled_at is None or not told else ONLY_COACHES if mine else ASKED_SAFELY,
                may_edit=mine and not hidden and open_to_edits,
                may_take_back=mine and not row.deleted_at and (not hidden or row.held_because is not None),
                may_quote=open_to_edits and not hidden,
                may_flag=reader_id is not None and not mine and not hidden,
                may_put_back=row.number < new_from and row.created_at > counts_from and not mine and not hidden,
                marks=() if hidden else _marks(row, reading),
                thanks=0 if hidden or (reader_id is not None and not mine) else row.thanks,
                presses=() if hidden else _presses(row, reading),
            )
        )
    return found


def _gone(row: Line, *, mine: bool) -> str:
    """What stands in place of words that a reader may not read."""
    if row.removed_at is not None:
        return DELETED
    if mine:
        return YOU_TOOK_BACK
    return TAKEN_BACK if row.deleted_at else WAITS if row.held_because else HIDDEN


def _marks(row: Line, reading: Reading) -> list[str]:
    marks = []
    if row.endorsed_at:
        coach = "a coach" if row.coach_left else row.coach
        marks.append("Coach’s take" if _is_take(row) else f"Endorsed by {coach}")
    if row.helped_at and reading.thread.kind is ThreadKind.QUESTION:
        marks.append(HELPED)
    return marks


def _is_take(row: Line) -> bool:
    """A coach's own words. Said under no name they are anybody's: the mark must not tell whose."""
    return row.endorsed_by_id == row.author_id and row.veiled_at is None


def _presses(row: Line, reading: Reading) -> list[Press]:
    """What this reader may say of a post. Whoever asked says that it helped; others thank."""
    reader, found = reading.reader, []
    if answering.may_mark(reader, reading.thread) and row.number > 1:
        found.append(_press("helped", "This helped me", row.helped_at is not None))
    elif answering.may_thank(reader, author_id=row.author_id, hidden=reading.thread.is_hidden):
        found.append(_press("thanks", "This helped", row.thanked, row.thanks))
    if answering.may_endorse(reader) and not reading.thread.is_hidden:
        mine = reader is not None and row.author_id == reader.id and row.veiled_at is None
        words = "Endorse" if not mine else "Coach’s take" if row.endorsed_at else "Make it the coach’s take"
        found.append(_press("endorsement", words, row.endorsed_at is not None))
    return found


def _press(what: str, words: str, is_pressed: bool, count: int = 0) -> Press:
    return Press(f"{what}/undo" if is_pressed else what, words, is_pressed, count)


@dataclass(frozen=True, slots=True)
class Top:
    """A post that a thread leads to before all others."""

    href: str
    label: str
    excerpt: str | None  # None: this reader muted its author


def led_to(rows: Sequence[Line], reading: Reading, muted: Collection[int]) -> list[Top]:
    found = []
    for row in rows:
        is_asked = reading.thread.kind is ThreadKind.QUESTION
        if not row.endorsed_at and not is_asked:
            continue
        told = veiling.is_told(reading.reader, author_id=row.author_id, veiled_at=row.veiled_at)
        author = A_MEMBER if not told else FORMER_MEMBER if row.closed_at else row.name
        coach = "A coach" if row.coach_left else row.coach
        also = ", and it helped the asker" if row.helped_at and is_asked else ""
        if not row.endorsed_at:
            label = f"What helped the asker, by {_within(author)}"
        elif _is_take(row):
            label = f"Coach’s take, by {_within(author)}{also}"
        else:
            label = f"{coach} endorses what {_within(author)} wrote{also}"
        page = -(-row.number // POSTS_A_PAGE)
        is_folded = told and row.author_id in muted
        excerpt = None if is_folded else markdown.excerpt(row.body_html, _EXCERPT)
        found.append(Top(f"/threads/{reading.thread.id}?page={page}#post-{row.id}", label, excerpt))
    return found


def _within(author: str) -> str:
    """Their name within a sentence."""
    return author.lower() if author in {A_MEMBER, FORMER_MEMBER} else author


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
    """The address of the first unread post: the line "New" on its page."""
    return f"/threads/{thread_id}?page={unread.page}#new"


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
