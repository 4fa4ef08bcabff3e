"""What somebody takes along of what they chose to hear of."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import select

from portal.accounts.models import Member
from portal.core.taking_along import Part, part
from portal.notifications.models import Notification, Preference


def parts_of(member: Member) -> Iterator[Part]:
    yield part(
        "mail-choices",
        "Letters you chose",
        "What you chose; what is not here comes as it comes to everybody.",
        select(Preference.stream, Preference.rhythm, Preference.created_at.label("chosen_at")).where(
            Preference.member_id == member.id
        ),
        {"stream": "what it is about", "rhythm": "how soon, or off", "chosen_at": "when you first chose"},
    )
    yield part(
        "inbox",
        "Your inbox",
        "What you were told of. The words themselves are other people's and stay where they are.",
        select(
            Notification.created_at.label("at"),
            Notification.stream,
            Notification.about_kind,
            Notification.about_id,
            Notification.within,
            Notification.read_at,
            Notification.due_at,
        )
        .where(Notification.member_id == member.id)
        .order_by(Notification.id),
        {
            "at": "when",
            "stream": "why",
            "about_kind": "of what kind of thing",
            "about_id": "its number",
            "within": "what it happened in",
            "read_at": "when you opened it",
            "due_at": "when the daily letter was to tell of it",
        },
    )
