"""What somebody takes along of moderation: what they flagged, what was decided about their own words, and what
they said to that.

Who flagged their posts, and why, is told to nobody.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import select

from portal.accounts.models import Member
from portal.core.taking_along import Part, part
from portal.moderation.models import Flag, Ruling
from portal.moderation.person_models import Appeal, Sanction, StaffNote


def parts_of(member: Member) -> Iterator[Part]:
    yield part(
        "flags",
        "What you flagged",
        "What you reported, and what you wrote with it.",
        select(
            Flag.created_at.label("at"),
            Flag.post_id.label("post"),
            Flag.thread_id.label("thread_number"),
            Flag.member_id.label("profile"),
            Flag.item_id.label("item"),
            Flag.reason,
            Flag.words,
            Flag.ruled_at,
        )
        .where(Flag.by_id == member.id)
        .order_by(Flag.id),
        {
            "at": "when",
            "post": "the number of the post",
            "thread_number": "the number of the thread, where it was all of it",
            "profile": "the number of whose profile it was",
            "item": "the number of the nugget",
            "reason": "the reason you chose",
            "words": "what you wrote with it",
            "ruled_at": "when it was answered",
        },
    )
    yield part(
        "rulings",
        "Rulings on your words",
        "What moderators decided about your posts, threads and profile, with the reason you were told.",
        select(
            Ruling.created_at.label("at"),
            Ruling.outcome,
            Ruling.because,
            Ruling.post_id.label("post"),
            Ruling.thread_id.label("thread_number"),
        )
        .where(Ruling.author_id == member.id)
        .order_by(Ruling.id),
        {
            "at": "when",
            "outcome": "what was decided",
            "because": "the reason",
            "post": "the number of the post; empty: the whole thread, or your profile",
            "thread_number": "the end of the thread's address, /threads/…; empty: your profile",
        },
    )
    yield part(
        "appeals",
        "Your appeals",
        "What you said to decisions about your words, and what you were answered.",
        select(
            Appeal.created_at.label("at"),
            Ruling.post_id.label("post"),
            Ruling.thread_id.label("thread_number"),
            Appeal.sanction_id.label("sanction"),
            Appeal.words,
            Appeal.decided_at.label("answered_at"),
            Appeal.verdict,
            Appeal.because,
        )
        .outerjoin(Appeal.ruling)
        .where(Appeal.by_id == member.id)
        .order_by(Appeal.id),
        {
            "at": "when",
            "post": "the number of the post; empty: the whole thread",
            "thread_number": "the end of the thread's address, /threads/…",
            "sanction": "the end of the address of a silence or suspension, /sanctions/…",
            "words": "what you wrote",
            "answered_at": "when it was answered",
            "verdict": "upheld: the decision stands; overturned: it was taken back; ended: nobody had to decide",
            "because": "the reason you were told",
        },
    )
    yield part(
        "sanctions",
        "When you were silenced or suspended",
        "Each time moderators decided so, with the reason you were told.",
        select(
            Sanction.created_at.label("at"),
            Sanction.kind,
            Sanction.until,
            Sanction.because,
            Sanction.lifted_at,
            Sanction.lifted_because,
        )
        .where(Sanction.member_id == member.id)
        .order_by(Sanction.id),
        {
            "at": "when",
            "kind": "silence: you read and did not write; suspension: neither",
            "until": "until when it was meant",
            "because": "the reason",
            "lifted_at": "when it was ended before its time",
            "lifted_because": "why",
        },
    )
    yield part(
        "staff-notes",
        "What staff noted about you",
        "Notes that those who run the program keep for each other. Who wrote them is not told.",
        select(StaffNote.created_at.label("at"), StaffNote.words)
        .where(StaffNote.about_id == member.id)
        .order_by(StaffNote.id),
        {"at": "when", "words": "what was noted"},
    )
