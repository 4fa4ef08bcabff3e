"""What somebody takes along of where they work and what they keep to themselves."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import select

from portal.accounts.models import Member
from portal.core.db import db
from portal.core.taking_along import Part, part
from portal.practices.models import Affiliation, Beginning, Discretion, Field, Photo, Practice


def parts_of(member: Member) -> Iterator[Part]:
    yield part(
        "practice",
        "Your practice",
        "Where you work, as you told us.",
        select(Practice.name, Practice.specialty, Practice.size, Practice.region, Affiliation.part, Affiliation.title)
        .join(Affiliation, Affiliation.practice_id == Practice.id)
        .where(Affiliation.member_id == member.id),
        {
            "name": "as you call it",
            "specialty": "what it practises",
            "size": "how many work there",
            "region": "where it is",
            "part": "your part in it",
            "title": "what you call that yourself",
        },
    )
    hidden = [f"hides_{field}" for field in Field]
    yield part(
        "discretion",
        "What you keep to yourself",
        "What other members do not read about you.",
        select(*(getattr(Discretion, name) for name in hidden), Discretion.is_unlisted).where(
            Discretion.member_id == member.id
        ),
        {name: f"whether you keep {name.removeprefix('hides_')} back" for name in hidden}
        | {"is_unlisted": "whether you are left out of the list of members"},
    )
    photo = db.session.scalar(select(Photo).where(Photo.member_id == member.id))
    yield part(
        "photo",
        "Your photo",
        "As others see it; the picture that you sent was drawn anew and not kept.",
        select(Photo.token, Photo.created_at.label("put_in_at")).where(Photo.member_id == member.id),
        {"token": "the end of its address", "put_in_at": "when you put it in"},
        files={"photo.webp": photo.large_key} if photo is not None else None,
    )
    yield part(
        "first-steps",
        "Your first steps",
        "How you wanted the list of first steps.",
        select(Beginning.part_skipped_at, Beginning.put_away_at).where(Beginning.member_id == member.id),
        {
            "part_skipped_at": "when you would rather not say what you are in your practice",
            "put_away_at": "when you put the list away",
        },
    )
