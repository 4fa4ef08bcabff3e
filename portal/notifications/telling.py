"""Telling people news: one job an event, which writes a letter to each whose preference allows it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import select

from portal.accounts.models import Member
from portal.core import letters
from portal.core.audit import HasId
from portal.core.db import Model, db, transaction
from portal.core.jobs import enqueue, job
from portal.notifications.models import Preference, Rhythm, Stream
from portal.notifications.unsubscribing import unsubscribe_url

AT_ONCE = 100  # letters a job; more would outlast its lease


def tell(
    members: Iterable[Member | int], stream: Stream, *, letter: str, about: HasId, key: str, **words: str | int | None
) -> bool:
    """Have `letter` written to those of `members` (or their ids) who want to hear of this stream by letter.

    Costs one statement, however many they are. `about` is checked again for each reader when their letter leaves
    (letters.readers_of). The same `key` tells nobody twice; False if it told before.
    """
    reached = sorted({m if isinstance(m, int) else m.id for m in members})
    if not reached:
        return True
    about_kind = str(type(about).__tablename__)  # type: ignore[attr-defined]  # every row has one
    news = {"stream": stream.value, "letter": letter, "about_kind": about_kind, "about_id": about.id, "words": words}
    return enqueue(write_letters, key=f"tell:{key}:0", member_ids=reached, key_of_news=key, done=0, **news)


@job("notifications.tell")
def write_letters(member_ids: list[int], key_of_news: str, done: int, **news: Any) -> None:
    """Write the next hundred letters and ask for the rest in the same transaction, so that none is lost or doubled."""
    now_served, later = member_ids[:AT_ONCE], member_ids[AT_ONCE:]
    with transaction():
        about = _row(news["about_kind"], news["about_id"])
        if about is None:
            return  # it is gone; nobody needs to hear of it
        for member in _who_wants(now_served, Stream(news["stream"])):
            letters.post(
                news["letter"],
                to=member,
                key=f"{key_of_news}:{member.id}",
                about=about,
                unsubscribe_url=unsubscribe_url(member, Stream(news["stream"])),
                **news["words"],
            )
        if later:
            done += len(now_served)
            key = f"tell:{key_of_news}:{done}"
            enqueue(write_letters, key=key, member_ids=later, key_of_news=key_of_news, done=done, **news)


def _who_wants(member_ids: list[int], stream: Stream) -> Iterable[Member]:
    """Those with a confirmed address and an open account who did not turn the stream off."""
    turned_off = select(Preference.member_id).where(Preference.stream == stream, Preference.rhythm == Rhythm.OFF)
    return db.session.scalars(
        select(Member)
        .where(
            Member.id.in_(member_ids),
            Member.confirmed_at.is_not(None),
            Member.closed_at.is_(None),
            Member.leaving_since.is_(None),
            Member.id.not_in(turned_off),
        )
        .order_by(Member.id)
    ).all()


def _row(kind: str, row_id: int) -> Any:
    """The row a piece of news is about, by the name of its table."""
    mapped = next(m.class_ for m in Model.registry.mappers if m.class_.__tablename__ == kind)
    return db.session.get(mapped, row_id)
