"""What somebody takes along of the library: what they fetched. The files themselves are the program's."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import select

from portal.accounts.models import Member
from portal.core.taking_along import Part, part
from portal.library.models import Download, File, Item, Version


def parts_of(member: Member) -> Iterator[Part]:
    yield part(
        "downloads",
        "Downloads",
        "The files you fetched, and when. Once an hour at most for each.",
        select(Download.created_at.label("at"), Item.title, Item.slug, Version.number.label("edition"), File.name)
        .join(File, File.id == Download.file_id)
        .join(Version, Version.id == File.version_id)
        .join(Item, Item.id == Version.item_id)
        .where(Download.member_id == member.id)
        .order_by(Download.id),
        {
            "at": "when",
            "title": "of what in the library",
            "slug": "the end of its address",
            "edition": "which edition",
            "name": "the file's name",
        },
    )
