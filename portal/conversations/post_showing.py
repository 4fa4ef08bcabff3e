"""What a thread's page shows of its posts to whom. All is decided here, once for the page; the template only draws."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from portal.accounts.models import Member, Role, initials_of
from portal.conversations import answering, attaching, cards, holding, policy, taking_back, veiling
from portal.conversations.attaching import Shown as File
from portal.conversations.models import POSTS_A_PAGE, Level, Thread, ThreadKind
from portal.conversations.queries import Line
from portal.conversations.reading import Unread, counted_since
from portal.conversations.thread_queries import Found
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
