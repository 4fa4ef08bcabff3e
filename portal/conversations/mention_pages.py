"""Whom somebody may mean, offered while they type in a room or a thread."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request

from portal.conversations import mentioning
from portal.conversations.for_reader import ROOM, THREAD, reading_or_404, room_or_404
from portal.conversations.models import Room
from portal.core.admission import Audience, admits
from portal.core.limits import limiter

bp = Blueprint("mentions", __name__)
_LOOKS = "120/minute"


@bp.get(ROOM + "/people")
@admits(Audience.ENTITLED)
@limiter.limit(_LOOKS)
def in_room(slug: str) -> Response:
    return _offered(room_or_404(slug))


@bp.get(THREAD + "/people")
@admits(Audience.ENTITLED)
@limiter.limit(_LOOKS)
def in_thread(thread_id: int) -> Response:
    return _offered(reading_or_404(thread_id).thread.room)


def _offered(room: Room) -> Response:
    begun = request.args.get("q", "")[:40].strip().replace("\x00", "")
    found = mentioning.offered(room, begun) if begun else []
    return jsonify([{"handle": row.handle, "name": row.name} for row in found])
