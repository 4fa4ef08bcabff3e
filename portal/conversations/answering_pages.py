"""The buttons of a post that say what it was good for. Each is quiet: it leads back to the post and tells nobody."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, redirect

from portal.accounts.signed_in import me
from portal.conversations import answering
from portal.conversations.for_reader import POST, post_or_404
from portal.core.admission import Audience, admits
from portal.core.limits import limiter

bp = Blueprint("answering", __name__)
Answer = Any  # what Flask takes: text, text with a status, or a response

_PRESSED = POST + "/<any(helped, endorsement, thanks):what>"
_DO = {"helped": answering.mark, "endorsement": answering.endorse, "thanks": answering.thank}
_UNDO = {
    "helped": answering.unmark,
    "endorsement": answering.end_endorsement,
    "thanks": answering.take_thanks_back,
}


@bp.post(_PRESSED)
@admits(Audience.ENTITLED)
@limiter.limit("60/minute")
def press(post_id: int, what: str) -> Answer:
    post = post_or_404(post_id)
    _DO[what](post, by=me())
    return redirect(post.path, 303)


@bp.post(_PRESSED + "/undo")
@admits(Audience.ENTITLED)
@limiter.limit("60/minute")
def take_back(post_id: int, what: str) -> Answer:
    post = post_or_404(post_id)
    _UNDO[what](post, by=me())
    return redirect(post.path, 303)
