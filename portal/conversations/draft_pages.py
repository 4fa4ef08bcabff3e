"""Forms of conversations save themselves here while somebody types."""

from __future__ import annotations

from flask import Blueprint, Response

from portal.accounts.signed_in import me
from portal.conversations import drafts, posting
from portal.conversations.for_reader import POST, ROOM, THREAD, post_or_404, reading_or_404, room_or_404
from portal.core.admission import Audience, admits
from portal.core.limits import limiter

bp = Blueprint("drafts", __name__)
_SAVINGS = "240/minute"


@bp.post(ROOM + "/threads/new/draft")
@admits(Audience.ENTITLED)
@limiter.limit(_SAVINGS)
def keep_thread(slug: str) -> Response:
    return drafts.receive(drafts.of_room(room_or_404(slug).id))


@bp.post(THREAD + "/draft")
@admits(Audience.ENTITLED)
@limiter.limit(_SAVINGS)
def keep_reply(thread_id: int) -> Response:
    return drafts.receive(drafts.of_thread(reading_or_404(thread_id).thread.id))


@bp.post(POST + "/draft")
@admits(Audience.ENTITLED)
@limiter.limit(_SAVINGS)
def keep_edit(post_id: int) -> Response:
    post = post_or_404(post_id)
    posting.check_may_edit(post, by=me())
    return drafts.receive(drafts.of_post(post.id))
