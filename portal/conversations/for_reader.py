"""What somebody asks for by its address, as far as they may know of it: the one door of all pages of conversations."""

from __future__ import annotations

from typing import NoReturn

from flask import abort, make_response
from werkzeug.exceptions import NotFound

from portal.accounts.models import Member
from portal.accounts.signed_in import me
from portal.conversations import post_queries, post_showing, queries, reading, thread_queries
from portal.conversations.models import Level, Post, Room
from portal.core.admission import Audience, audiences, way_out
from portal.core.db import db

THREAD = "/threads/<int(max=2147483647):thread_id>"  # larger is no id of ours, and no database's integer
POST = "/posts/<int(max=2147483647):post_id>"
ROOM = "/rooms/<slug>"


def reader() -> Member | None:
    """Whoever reads here as a member; None for visitors and for those who are not in, who read what anyone may."""
    return me() if Audience.ENTITLED in audiences() else None


def room_or_404(slug: str) -> Room:
    return room_and_level_or_404(slug)[0]


def room_and_level_or_404(slug: str) -> tuple[Room, Level]:
    """A room, and what its reader wants to hear of it."""
    if not slug.isprintable():
        raise NotFound()
    return queries.room_for(reader(), slug) or turn_away()


def reading_or_404(thread_id: int) -> post_showing.Reading:
    """A thread with what is unread in it; where it was joined with another, that one."""
    found = reading.thread_for(reader(), thread_id)
    if found is None and (stands_in := thread_queries.merged_into(thread_id)) is not None:
        found = reading.thread_for(reader(), stands_in)
    return post_showing.Reading(reader(), *(found or turn_away()))


def thread_or_404(thread_id: int) -> thread_queries.Found:
    """The same without what is unread, for whoever writes into it."""
    found = thread_queries.thread_for(reader(), thread_id)
    if found is None and (stands_in := thread_queries.merged_into(thread_id)) is not None:
        found = thread_queries.thread_for(reader(), stands_in)
    return found or turn_away()


def post_or_404(post_id: int) -> Post:
    return db.session.scalar(post_queries.post_for(reader(), post_id)) or turn_away()


def turn_away() -> NoReturn:
    """Nothing for this reader: members learn no more, others are told that it is for members, existing or not."""
    if reader() is None:
        abort(make_response(way_out(Audience.ENTITLED)))
    raise NotFound()
