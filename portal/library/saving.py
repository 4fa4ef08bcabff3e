"""A list of one's own: save an item to find it again, take it off again."""

from __future__ import annotations

from sqlalchemy import delete

from portal.accounts.models import Member
from portal.core.db import add_once, db
from portal.library.models import Item, Saved


def save(item: Item, *, by: Member) -> None:
    add_once(Saved, member_id=by.id, item_id=item.id)


def take_off(item: Item, *, by: Member) -> None:
    db.session.execute(
        delete(Saved)
        .where(Saved.member_id == by.id, Saved.item_id == item.id)
        .execution_options(synchronize_session=False)
    )
