"""Marking as read and unread, and the counters that pages ask for when somebody comes back to them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, flash, make_response, redirect, request, url_for

from portal.accounts.signed_in import me
from portal.conversations import queries, reading
from portal.conversations.for_reader import POST, ROOM, THREAD, post_or_404, reading_or_404, room_or_404
from portal.conversations.models import Room
from portal.core.admission import Audience, admits
from portal.core.clock import now
from portal.core.db import db
from portal.core.limits import limiter
from portal.core.web import moment_or_none, whole_number
from portal.notifications import inbox

bp = Blueprint("reading", __name__)
Answer = Any  # what Flask takes: text, text with a status, or a response


@bp.get("/unread")
@admits(Audience.ENTITLED)
def unread() -> Answer:
    """How many posts are unread, in all and by room, and how many entries of the inbox; 304 while nothing changed."""
    counts = reading.counts(me())
    response = make_response(
        {
            "rooms": reading.in_words(sum(count.count for count in counts)),
            "by_room": {count.slug: reading.in_words(count.count) for count in counts if count.count},
            "inbox": reading.in_words(inbox.unread(me())),
        }
    )
    response.headers["Cache-Control"] = "private, no-cache"
    response.add_etag(weak=True)
    return response.make_conditional(request)


@bp.post(THREAD + "/read")
@admits(Audience.ENTITLED)
@limiter.limit("120/minute")
def see(thread_id: int) -> Answer:
    """Read up to `number`: sent by the page as posts come into view, or by its button."""
    found = reading_or_404(thread_id)
    number = whole_number(request.form.get("number"), otherwise=found.thread.post_count)
    reading.see(found.thread, up_to=number, by=me())
    if "quietly" in request.form:
        return "", 204
    return redirect(f"/rooms/{found.thread.room.slug}", 303)


@bp.post(POST + "/unread")
@admits(Audience.ENTITLED)
def put_back(post_id: int) -> Answer:
    """This post and what follows it is unread again."""
    post = post_or_404(post_id)
    reading.put_back(post.thread, to=post.number, by=me())
    flash("Unread from there on. You will find it in its room.", "success")
    return redirect(f"/rooms/{post.thread.room.slug}", 303)


@bp.post(ROOM + "/read")
@admits(Audience.ENTITLED)
def mark_room(slug: str) -> Answer:
    return _mark([room_or_404(slug)], back_to=f"/rooms/{slug}")


@bp.post("/rooms/read")
@admits(Audience.ENTITLED)
def mark_all() -> Answer:
    return _mark(db.session.scalars(queries.rooms(me())).all(), back_to="/rooms")


@bp.post("/rooms/read/undo")
@admits(Audience.ENTITLED)
def undo_mark() -> Answer:
    """What was marked a moment ago is unread again."""
    if until := moment_or_none(request.form.get("until")):
        reading.undo_marks(until, by=me())
        flash("Unread again, as it was.", "success")
    room = request.form.get("room", "")
    return redirect(f"/rooms/{room_or_404(room).slug}" if room else url_for("conversations.rooms"), 303)


def _mark(rooms: Sequence[Room], *, back_to: str) -> Answer:
    """Up to the moment at which the page was drawn: what came since was not seen. The next page offers the undo."""
    if until := moment_or_none(request.form.get("until")):
        until = min(until, now())
        reading.mark_rooms(rooms, until=until, by=me())
        return redirect(f"{back_to}?{urlencode({'undo': until.isoformat()})}", 303)
    return redirect(back_to, 303)
