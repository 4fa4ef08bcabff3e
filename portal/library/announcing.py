"""Telling those who follow a topic that something new is there: once an item, and only where a coach wants it."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import select, update

from portal.accounts.models import Member
from portal.billing.entitlements import audiences_of
from portal.core import letters
from portal.core.clock import now
from portal.core.db import db
from portal.core.web import absolute
from portal.library import policy, showing
from portal.library.consent_models import Place
from portal.library.models import Item, Kind, Nugget
from portal.notifications.inbox import Told, told_of
from portal.notifications.models import Stream
from portal.notifications.telling import tell
from portal.topics.following import followers_of


def announce(item: Item) -> bool:
    """Tell followers of its topics; False where that was done before, however often it is published since."""
    claimed = db.session.execute(
        update(Item)
        .where(Item.id == item.id, Item.announced_at.is_(None))
        .values(announced_at=now())
        .execution_options(synchronize_session=False)
        .returning(Item.id)
    )
    if claimed.scalar() is None:
        return False
    db.session.refresh(item, ["announced_at"])
    tell(
        followers_of(item.topics),
        Stream.NEW_ITEMS,
        letter="library/new_item",
        about=item,
        key=f"item.new:{item.once}",
        what=item.kind.value,
        title=item.title,
        summary=item.summary,
        link=absolute("library.item", slug=item.slug),
    )
    return True


def may_be_announced(item: Item) -> bool:
    """A client's story goes out by letter only where its client said so."""
    if not isinstance(item, Nugget):
        return True
    if item.is_meant_to_show:
        return item.in_mail
    consent = showing.standing(item)
    return consent is not None and Place.MAIL in showing.places_of(consent)


def may_hear_of(member_id: int, item_id: int) -> bool:
    """Asked when a letter leaves: is it still out, may a letter tell of it, and may this person open it?"""
    member, item = db.session.get(Member, member_id), db.session.get(Item, item_id)
    if member is None or item is None or not item.is_published or not may_be_announced(item):
        return False
    return policy.may_read(audiences_of(member), item)


for _kind in Kind:
    letters.readers_of(_kind.value)(may_hear_of)


def told(reader: Member, item_ids: Collection[int]) -> dict[int, Told]:
    """What an inbox may say of these items: those that are out and that this reader may open."""
    mine = audiences_of(reader)
    found = db.session.scalars(select(Item).where(Item.id.in_(item_ids))).all()
    return {
        item.id: Told(
            title=item.title, path=f"/library/{item.slug}", about=item.summary, place=item.kind.value.capitalize()
        )
        for item in found
        if item.is_published and policy.may_read(mine, item)
    }


for _kind in Kind:
    told_of(_kind.value)(told)


def followers(item: Item) -> int:
    """How many people follow a topic of it."""
    return len(followers_of(item.topics))
