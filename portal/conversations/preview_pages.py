"""A look at what somebody writes in a room or a thread; the editor puts the answer below its field."""

from __future__ import annotations

from flask import Blueprint, render_template, request

from portal.accounts.signed_in import me
from portal.conversations import policy
from portal.conversations.for_reader import ROOM, THREAD, room_or_404, thread_or_404
from portal.conversations.models import Room
from portal.conversations.previewing import previewed
from portal.core.admission import Audience, admits
from portal.core.errors import Refusal
from portal.core.limits import limiter

bp = Blueprint("previews", __name__)
_LOOKS = "120/minute"


class NothingToWriteHere(Refusal):
    message = "You cannot write here at the moment."
    status = 403


@bp.post(ROOM + "/preview")
@admits(Audience.ENTITLED)
@limiter.limit(_LOOKS)
def in_room(slug: str) -> str:
    return _shown(room_or_404(slug))


@bp.post(THREAD + "/preview")
@admits(Audience.ENTITLED)
@limiter.limit(_LOOKS)
def in_thread(thread_id: int) -> str:
    return _shown(thread_or_404(thread_id).thread.room)


def _shown(room: Room) -> str:
    """For whoever may write there: it says which handles are of people who see the room, as a post would."""
    if not policy.may_start(me(), room):
        raise NothingToWriteHere()
    return render_template("components/_preview.html", shown=previewed(request.form.get("body", ""), room))
