"""Progress: a member ticks what they are done with, and unticks it.

Nothing else ticks. A worksheet that was downloaded has not been filled in, a page that was opened has not been read.
"""

from __future__ import annotations

from sqlalchemy import delete

from portal.accounts.models import Member
from portal.core.db import add_once, db
from portal.library.models import Done, Item


def tick(item: Item, *, by: Member) -> None:
    """They are done with it, on every path on which it stands."""
    add_once(Done, member_id=by.id, item_id=item.id)


def untick(item: Item, *, by: Member) -> None:
    db.session.execute(
        delete(Done)
        .where(Done.member_id == by.id, Done.item_id == item.id)
        .execution_options(synchronize_session=False)
    )
