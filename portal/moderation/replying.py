"""Saved replies: reasons that are given often, in words that a coach chose once."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, select

from portal.accounts.models import Member
from portal.core import audit
from portal.core.db import db
from portal.core.errors import Refusal
from portal.core.markdown import says_something
from portal.core.web import whole_number
from portal.moderation.forms import RulingForm
from portal.moderation.models import SavedReply

MOST = 30  # a list that is read at a glance


class TooManyReplies(Refusal):
    message = f"There are {MOST} already. Take one out that is no longer used."


def all_replies() -> Sequence[SavedReply]:
    return db.session.scalars(select(SavedReply).order_by(SavedReply.title, SavedReply.id).limit(MOST)).all()


def fill_in(form: RulingForm) -> None:
    """Take the words of the reply that was chosen, unless somebody wrote their own."""
    number = whole_number(form.reply.data, otherwise=0)
    if number and not says_something(form.because.data or ""):
        form.because.data = db.session.scalar(select(SavedReply.words).where(SavedReply.id == number)) or ""


def save(reply: SavedReply | None, *, title: str, words: str, by: Member) -> SavedReply:
    """Write a new one, or give one other words. Raises TooManyReplies."""
    if reply is None:
        if (db.session.scalar(select(func.count()).select_from(SavedReply)) or 0) >= MOST:
            raise TooManyReplies()
        reply = SavedReply()
        db.session.add(reply)
    reply.title, reply.words = title, words
    db.session.flush()
    audit.record(by, "saved_reply.written", reply)
    return reply


def take_out(reply: SavedReply, *, by: Member) -> None:
    """Nobody finds it in the forms any more; rulings that were made with it keep their words."""
    audit.record(by, "saved_reply.taken_out", reply)
    db.session.delete(reply)
