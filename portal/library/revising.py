"""Changing what an item says: each change is kept, can be compared and put back, and never writes over another's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from portal.accounts.models import Member
from portal.core import audit
from portal.core.db import db
from portal.core.errors import Refusal
from portal.library import publishing, stories, writing
from portal.library.models import Item, Nugget, Revision


class ChangedMeanwhile(Refusal):
    """Somebody else saved it since this writer opened it; `theirs` is what they saved."""

    def __init__(self, theirs: Revision) -> None:
        self.theirs = theirs
        who = theirs.by.name if theirs.by else "Somebody"
        super().__init__(f"{who} has changed it since you opened it.")


def revise(item: Item, fields: Mapping[str, str], *, by: Member, seen: int, note: str = "") -> bool:
    """Let the item say this, if it still is what the writer saw (`seen`, the number of a revision).

    False if it said exactly that already. Raises ChangedMeanwhile, NumberTaken, Taken.
    """
    check_may_write(item)
    before = writing.written(item)
    wanted = {name: fields.get(name, "") for name in before}
    if wanted == before:
        return False
    if item.revision != seen:
        raise ChangedMeanwhile(revision(item, item.revision))
    if item.revision == 0:
        db.session.add(Revision(item_id=item.id, number=0, fields=before, created_at=item.created_at))
    writing.put(item, wanted)
    item.revision += 1
    db.session.add(
        Revision(item_id=item.id, number=item.revision, fields=writing.written(item), note=note, by_id=by.id)
    )
    db.session.flush()
    publishing.bring_search_up_to_date(item)
    audit.record(by, "item.rewritten", item, revision=item.revision)
    return True


def check_may_write(item: Item) -> None:
    """Hold the item, and see that its words may still be kept anywhere. Raises Taken."""
    stories.take_turn(item)
    if isinstance(item, Nugget):
        stories.check_not_taken(item)


def restore(item: Item, number: int, *, by: Member, seen: int) -> bool:
    """Let the item say again what it said then; what it says now is kept as a revision too."""
    return revise(item, revision(item, number).fields, by=by, seen=seen, note=f"Restored number {number}")


def revision(item: Item, number: int) -> Revision:
    """Raises NoResultFound where there is none of that number."""
    return db.session.scalars(
        select(Revision).where(Revision.item_id == item.id, Revision.number == number).options(joinedload(Revision.by))
    ).one()


def history(item: Item) -> Sequence[Revision]:
    """Every revision, the newest first, with who wrote it."""
    return db.session.scalars(
        select(Revision)
        .where(Revision.item_id == item.id)
        .options(joinedload(Revision.by))
        .order_by(Revision.number.desc())
    ).all()
