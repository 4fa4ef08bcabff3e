"""Choosing what comes by letter, on a page or by one click in a letter, without signing in."""

from __future__ import annotations

from flask import current_app
from itsdangerous import BadSignature, URLSafeSerializer
from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite

from portal.accounts.models import Member
from portal.core.clock import now
from portal.core.db import db, is_postgresql
from portal.core.web import absolute
from portal.notifications.models import Preference, Rhythm, Stream


def unsubscribe_url(member: Member, stream: Stream) -> str:
    """The address for the header and the foot of a letter. It never runs out; letters are kept for years."""
    token: str = _signer().dumps([member.id, stream.value])
    return absolute("notifications.unsubscribe", token=token)


def read_token(token: str) -> tuple[int, Stream] | None:
    """Whom and what a link means; None if it is not one of ours, or the stream is no more."""
    try:
        member_id, stream = _signer().loads(token)
        return int(member_id), Stream(stream)
    except (BadSignature, ValueError, TypeError):
        return None


def choose(member_id: int, stream: Stream, rhythm: Rhythm) -> None:
    """Remember the choice; the last one counts. Says nothing if there is no such member any more."""
    if db.session.get(Member, member_id) is None:
        return
    dialect = postgresql if is_postgresql() else sqlite
    insert = dialect.insert(Preference).values(member_id=member_id, stream=stream, rhythm=rhythm, created_at=now())
    db.session.execute(insert.on_conflict_do_update(index_elements=["member_id", "stream"], set_={"rhythm": rhythm}))


def choices_of(member: Member) -> dict[Stream, Rhythm]:
    """How soon they hear of each stream; without a choice of their own, at once."""
    chosen = db.session.execute(select(Preference.stream, Preference.rhythm).where(Preference.member_id == member.id))
    return dict.fromkeys(Stream, Rhythm.NOW) | dict(chosen.all())


def _signer() -> URLSafeSerializer:
    return URLSafeSerializer(current_app.config["SECRET_KEY"], salt="unsubscribe")
