"""What somebody takes along of what they chose to hear of."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import select

from portal.accounts.models import Member
from portal.core.taking_along import Part, part
from portal.notifications.models import Preference


def parts_of(member: Member) -> Iterator[Part]:
    yield part(
        "mail-choices",
        "Letters you chose",
        "What you turned on or off; what is not here comes as it comes to everybody.",
        select(Preference.stream, Preference.rhythm, Preference.created_at.label("chosen_at")).where(
            Preference.member_id == member.id
        ),
        {"stream": "what it is about", "rhythm": "how soon, or off", "chosen_at": "when you first chose"},
    )
