"""Choosing what to hear of: a thread, a room, a person."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request
from sqlalchemy import select

from portal.accounts.models import Member
from portal.accounts.signed_in import me
from portal.conversations import following
from portal.conversations.for_reader import ROOM, THREAD, reading_or_404, room_or_404
from portal.conversations.models import Level
from portal.core.admission import Audience, admits
from portal.core.db import one_or_404
from portal.core.web import plain_name

bp = Blueprint("following", __name__)
Answer = Any  # what Flask takes: text, text with a status, or a response

_HEARS = {
    Level.ALL: "You will hear of every new post by letter.",
    Level.MINE: "It stays marked when something is new; letters come only where you take part.",
    Level.NONE: "You will hear no more of it, and it no longer counts as unread.",
}


@bp.post(THREAD + "/following")
@admits(Audience.ENTITLED)
def thread(thread_id: int) -> Answer:
    found = reading_or_404(thread_id)
    if level := _level():
        following.choose(found.thread, level, by=me())
        flash(_HEARS[level], "success")
    return redirect(f"/threads/{found.thread.id}", 303)


@bp.post(ROOM + "/following")
@admits(Audience.ENTITLED)
def room(slug: str) -> Answer:
    found = room_or_404(slug)
    if level := _level():
        following.choose_for_room(found, level, by=me())
        flash(_HEARS[level], "success")
    return redirect(f"/rooms/{found.slug}", 303)


@bp.route("/members/<handle>/following", methods=["GET", "POST"])
@admits(Audience.ENTITLED)
def person(handle: str) -> Answer:
    """Follow somebody, or fold what they say. They do not learn of it."""
    found = one_or_404(select(Member).where(Member.handle == plain_name(handle), Member.closed_at.is_(None)))
    level = _level()
    if request.method == "GET" or level is None:
        chosen = following.level_for_person(found, me())
        return render_template("conversations/person.html", person=found, level=chosen)
    following.choose_for_person(found, level, by=me())
    flash(_OF_PERSON[level].format(found.name), "success")
    return redirect(f"/members/{found.handle}/following", 303)


_OF_PERSON = {
    Level.ALL: "You will hear by letter of what {} posts, wherever you may read it.",
    Level.MINE: "You hear of {} like of everybody else.",
    Level.NONE: "What {} posts is folded for you from now on, and sends you no letters.",
}


def _level() -> Level | None:
    return next((level for level in Level if level == request.form.get("level")), None)
