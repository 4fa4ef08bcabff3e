"""Choosing how to hear of each stream, on a page or by one click in a letter, without signing in."""

from __future__ import annotations

from flask import current_app
from itsdangerous import BadSignature, URLSafeSerializer
from sqlalchemy import select, update
from sqlalchemy.dialects import postgresql, sqlite

from portal.accounts.models import Member
from portal.core.clock import now
from portal.core.db import db, is_postgresql
from portal.core.web import absolute
from portal.notifications.models import CHOSEN, Notification, Preference, Rhythm, Stream

DAILY = "daily"  # what the daily letter's own link stops, whatever streams it is made of
THE_DAILY_LETTER = "what came during the day"


def unsubscribe_url(member: Member, stream: Stream) -> str:
    """The address for the header and the foot of a letter. It never runs out; letters are kept for years."""
    return _url(member, stream.value)


def stop_daily_url(member: Member) -> str:
    """The same, for the daily letter."""
    return _url(member, DAILY)


def read_token(token: str) -> tuple[int, Stream | None] | None:
    """Whom and what a link means, the daily letter where no stream; None if it is not one of ours, or is no more."""
    try:
        member_id, what = _signer().loads(token)
        return int(member_id), None if what == DAILY else Stream(what)
    except (BadSignature, ValueError, TypeError):
        return None


def stop_letters(member_id: int, stream: Stream | None) -> None:
    """No more letters of this stream, or no daily one; what they would have told stays in the inbox."""
    if stream is not None:
        choose(member_id, stream, Rhythm.SITE)
        return
    daily = select(Preference.stream).where(Preference.member_id == member_id, Preference.rhythm == Rhythm.DAILY)
    for chosen in db.session.scalars(daily).all():
        choose(member_id, chosen, Rhythm.SITE)


def choose(member_id: int, stream: Stream, rhythm: Rhythm) -> None:
    """Remember the choice; the last one counts. Says nothing if there is no such member any more."""
    if db.session.get(Member, member_id) is None:
        return
    dialect = postgresql if is_postgresql() else sqlite
    insert = dialect.insert(Preference).values(member_id=member_id, stream=stream, rhythm=rhythm, created_at=now())
    db.session.execute(insert.on_conflict_do_update(index_elements=["member_id", "stream"], set_={"rhythm": rhythm}))
    if rhythm is not Rhythm.DAILY:
        _leave_out_of_letter(member_id, stream)


def choices_of(member: Member) -> dict[Stream, Rhythm]:
    """How soon they hear of each stream; without a choice of their own, at once."""
    chosen = db.session.execute(select(Preference.stream, Preference.rhythm).where(Preference.member_id == member.id))
    return dict.fromkeys(CHOSEN, Rhythm.NOW) | dict(chosen.all())


def _leave_out_of_letter(member_id: int, stream: Stream) -> None:
    """What waits for the next daily letter does not come with it."""
    db.session.execute(
        update(Notification)
        .where(Notification.member_id == member_id, Notification.stream == stream)
        .values(due_at=None, letter_id=None)
        .execution_options(synchronize_session=False)
    )


def _url(member: Member, what: str) -> str:
    token: str = _signer().dumps([member.id, what])
    return absolute("notifications.unsubscribe", token=token)


def _signer() -> URLSafeSerializer:
    return URLSafeSerializer(current_app.config["SECRET_KEY"], salt="unsubscribe")
