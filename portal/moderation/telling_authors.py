"""Whoever was ruled on, silenced or suspended finds that in their inbox, beside the letter, and so they do with what
became of their appeal. It is about them, so nobody can turn it off."""

from __future__ import annotations

from collections.abc import Collection
from textwrap import shorten
from typing import Any

from sqlalchemy import Row, select

from portal.accounts.models import Member
from portal.conversations.models import Room, Thread
from portal.core import letters
from portal.core.db import db
from portal.core.web import absolute
from portal.moderation import citing
from portal.moderation.forms import RAISED
from portal.moderation.models import Outcome, Reason, Ruling, Verdict
from portal.moderation.person_models import Appeal, Sanction, SanctionKind
from portal.notifications.inbox import Told, told_of
from portal.notifications.models import Stream
from portal.notifications.telling import put_into_inbox

_EXCERPT = 240  # characters of the reason; all of it stands on the page
_WHO, _SECOND = "A moderator", "A second person"
_DID = {  # what was done to their post or thread
    Outcome.KEPT: "let stand",
    Outcome.HIDDEN: "hid",
    Outcome.RESTORED: "restored",
    Outcome.LOCKED: "closed",
    Outcome.UNLOCKED: "reopened",
    Outcome.EDITED: "edited a part out of",
    Outcome.DELETED: "deleted",
    Outcome.MOVED: "moved",
    Outcome.NOTED: "wrote to you about",
}
_SANCTIONED = {
    SanctionKind.SILENCE: "You cannot write to other members for a while",
    SanctionKind.SUSPENSION: "Your account is suspended for a while",
}
_VERDICTS = {
    Verdict.UPHELD: "The decision stands.",
    Verdict.OVERTURNED: "The decision was taken back.",
    Verdict.ENDED: "Nothing is left to decide.",
}


def tell_author(about: Ruling | Sanction | Appeal, member: Member) -> None:
    put_into_inbox(member, Stream.RULINGS, about=about)


def tell_of_ruling(ruling: Ruling, author: Member, excerpt: str | None = None) -> None:
    """The author hears what was decided, about which words, and why; always, because it is about them."""
    if author.closed_at is not None or author.id == ruling.by_id:
        return
    rule = citing.cited(ruling)
    tell_author(ruling, author)
    letters.post(
        "moderation/ruling",
        to=author,
        key=f"ruling:{ruling.id}",
        outcome=ruling.outcome.value,
        is_post=ruling.post_id is not None,
        thread_title=ruling.thread.title_for(author) if ruling.thread else None,
        because=ruling.because,
        rule=rule.title if rule else None,
        rule_link=absolute("home.rules_before", number=rule.version) + rule.fragment if rule else None,
        reason=RAISED[ruling.reason] if ruling.reason and ruling.reason is not Reason.OTHER else None,
        room=ruling.thread.room.title if ruling.thread else None,
        excerpt=excerpt,
        link=_link(ruling, author),
        rules=absolute("home.rules"),
        appeal=absolute("appeals.own", ruling_id=ruling.id) if ruling.can_be_appealed else None,
        until=ruling.appeal_until,
    )


def told_of_rulings(reader: Member, ruling_ids: Collection[int]) -> dict[int, Told]:
    """Of those on their own words; what reporters are told of others stands in telling_reporters.py."""
    found = (
        select(Ruling.id, Ruling.outcome, Ruling.because, Ruling.post_id, Ruling.thread_id)
        .add_columns(Thread, Room.title.label("room"))
        .outerjoin(Ruling.thread)
        .outerjoin(Thread.room)
        .where(Ruling.id.in_(ruling_ids), Ruling.author_id == reader.id)
    )
    return {row.id: _of_ruling(row, reader) for row in db.session.execute(found)}


@told_of("sanction")
def told_of_sanctions(reader: Member, sanction_ids: Collection[int]) -> dict[int, Told]:
    found = select(Sanction).where(Sanction.id.in_(sanction_ids), Sanction.member_id == reader.id)
    return {
        each.id: Told(
            title=_SANCTIONED[each.kind],
            path=f"/sanctions/{each.id}",
            who=_WHO,
            did="decided:",
            about=_in_short(each.because),
        )
        for each in db.session.scalars(found)
    }


@told_of("appeal")
def told_of_appeals(reader: Member, appeal_ids: Collection[int]) -> dict[int, Told]:
    found = (
        select(Appeal.id, Appeal.ruling_id, Appeal.sanction_id, Appeal.verdict, Appeal.because, Sanction.kind)
        .add_columns(Thread)
        .outerjoin(Appeal.sanction)
        .outerjoin(Appeal.ruling)
        .outerjoin(Ruling.thread)
        .where(Appeal.id.in_(appeal_ids), Appeal.by_id == reader.id, Appeal.decided_at.is_not(None))
    )
    return {row.id: _of_appeal(row, reader) for row in db.session.execute(found)}


def _link(ruling: Ruling, author: Member) -> str:
    """Where its author looks at it."""
    if ruling.post_id is not None:
        return absolute("conversations.post", post_id=ruling.post_id)
    if ruling.thread_id is not None:
        return absolute("conversations.thread", thread_id=ruling.thread_id)
    return absolute("practices.member", handle=author.handle)


def _of_ruling(row: Row[*tuple[Any, ...]], reader: Member) -> Told:
    about = _in_short(row.because)
    if row.outcome not in _DID or row.thread_id is None:
        path = f"/members/{reader.handle}"
        return Told(title="Your profile", path=path, who=_WHO, did="took down the words on", about=about)
    did = f"{_DID[row.outcome]} {'your post in' if row.post_id is not None else 'your thread'}"
    path = f"/rulings/{row.id}"
    if row.outcome is Outcome.KEPT:  # nothing to read about it but the words themselves
        path = f"/posts/{row.post_id}" if row.post_id is not None else f"/threads/{row.thread_id}"
    return Told(title=row.Thread.title_for(reader), path=path, who=_WHO, did=did, about=about, place=row.room)


def _of_appeal(row: Row[*tuple[Any, ...]], reader: Member) -> Told:
    of_ruling = row.ruling_id is not None
    return Told(
        title=row.Thread.title_for(reader) if of_ruling else _SANCTIONED[row.kind],
        path=f"/rulings/{row.ruling_id}" if of_ruling else f"/sanctions/{row.sanction_id}",
        who="The portal" if row.verdict is Verdict.ENDED else _SECOND,
        did="closed your appeal about" if row.verdict is Verdict.ENDED else "answered your appeal about",
        about=f"{_VERDICTS[row.verdict]} {_in_short(row.because)}",
    )


def _in_short(because: str) -> str:
    return shorten(because, _EXCERPT, placeholder="…")
