"""Telling people news: one job an event, which puts it into the inbox of each, and writes a letter to those who want
one at once. Those who want one a day find it in that (bundling.py)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Row, and_, func, literal, select
from sqlalchemy.dialects import postgresql, sqlite

from portal.accounts.models import Member
from portal.core import letters
from portal.core.audit import HasId
from portal.core.clock import now
from portal.core.db import Model, db, is_postgresql, transaction
from portal.core.jobs import enqueue, job
from portal.notifications import bundling
from portal.notifications.models import Notification, Preference, Rhythm, Stream
from portal.notifications.unsubscribing import unsubscribe_url

AT_ONCE = 100  # people a job; letters to more would outlast its lease


def tell(
    members: Iterable[Member | int],
    stream: Stream,
    *,
    letter: str,
    about: HasId,
    key: str,
    within: str | None = None,
    **words: str | int | None,
) -> bool:
    """Tell those of `members` (or their ids) who want to hear of this stream: in their inbox, and with `letter`.

    Costs one statement, however many they are. `about` is checked again for each reader when their letter leaves
    (letters.readers_of) and when they open their inbox (inbox.told_of). News `within` one thing stand together.
    The same `key` tells nobody twice; False if it told before.
    """
    reached = sorted({m if isinstance(m, int) else m.id for m in members})
    if not reached:
        return True
    about_kind = str(type(about).__tablename__)  # type: ignore[attr-defined]  # every row has one
    news = {"stream": stream.value, "letter": letter, "about_kind": about_kind, "about_id": about.id, "words": words}
    news["within"] = within or f"{about_kind}:{about.id}"
    return enqueue(write_news, key=f"tell:{key}:0", member_ids=reached, key_of_news=key, done=0, **news)


def put_into_inbox(member: Member, stream: Stream, *, about: HasId) -> None:
    """Here and now, with what it tells of, and without a letter: for what has one in any case. One statement."""
    kind = str(type(about).__tablename__)  # type: ignore[attr-defined]  # every row has one
    entry = {"stream": stream, "about_kind": kind, "about_id": about.id, "within": f"{kind}:{about.id}"}
    _insert([entry | {"member_id": member.id, "created_at": now()}])


@job("notifications.tell")
def write_news(member_ids: list[int], key_of_news: str, done: int, **news: Any) -> None:
    """Tell the next hundred and ask for the rest in the same transaction, so that nobody is left out or told twice."""
    now_told, later = member_ids[:AT_ONCE], member_ids[AT_ONCE:]
    stream = Stream(news["stream"])
    with transaction():
        about = _row(news["about_kind"], news["about_id"])
        if about is None:
            return  # it is gone; nobody needs to hear of it
        told = _who_wants(now_told, stream)
        _put_into_inboxes(told, stream, news)
        for member, rhythm in told:
            if rhythm is Rhythm.DAILY and member.is_confirmed:
                bundling.ask_for_letter(member)
            if rhythm is not Rhythm.NOW or not member.is_confirmed:
                continue
            letters.post(
                news["letter"],
                to=member,
                key=f"{key_of_news}:{member.id}",
                about=about,
                unsubscribe_url=unsubscribe_url(member, stream),
                stream=stream,
                **news["words"],
            )
        if later:
            done += len(now_told)
            key = f"tell:{key_of_news}:{done}"
            enqueue(write_news, key=key, member_ids=later, key_of_news=key_of_news, done=done, **news)


def _put_into_inboxes(told: Sequence[Row[Member, Rhythm]], stream: Stream, news: dict[str, Any]) -> None:
    """One statement. Who has it there already, for another reason, has it once."""
    kind, row_id = news["about_kind"], news["about_id"]
    about = {"stream": stream, "about_kind": kind, "about_id": row_id, "created_at": now()}
    about["within"] = news.get("within") or f"{kind}:{row_id}"  # None: asked for before there were inboxes
    entries = [
        about | {"member_id": member.id, "due_at": bundling.next_letter(member) if rhythm is Rhythm.DAILY else None}
        for member, rhythm in told
    ]
    if entries:
        _insert(entries)


def _insert(entries: list[dict[str, Any]]) -> None:
    dialect = postgresql if is_postgresql() else sqlite
    db.session.execute(dialect.insert(Notification).values(entries).on_conflict_do_nothing())


def _who_wants(member_ids: list[int], stream: Stream) -> Sequence[Row[Member, Rhythm]]:
    """Those with an open account who did not turn the stream off, with how they want to hear of it."""
    chosen = and_(Preference.member_id == Member.id, Preference.stream == stream)
    rhythm = func.coalesce(Preference.rhythm, literal(Rhythm.NOW, Preference.rhythm.type))
    return db.session.execute(
        select(Member, rhythm)
        .outerjoin(Preference, chosen)
        .where(
            Member.id.in_(member_ids),
            Member.closed_at.is_(None),
            Member.leaving_since.is_(None),
            rhythm != Rhythm.OFF,
        )
        .order_by(Member.id)
    ).all()


def _row(kind: str, row_id: int) -> Any:
    """The row a piece of news is about, by the name of its table."""
    mapped = next(m.class_ for m in Model.registry.mappers if m.class_.__tablename__ == kind)
    return db.session.get(mapped, row_id)
