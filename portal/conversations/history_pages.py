"""The page of a post's earlier writings, and the words of a post as a quotation."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, flash, redirect, render_template
from werkzeug.exceptions import NotFound

from portal.accounts.signed_in import me
from portal.conversations import attaching, history, policy, quoting, veiling
from portal.conversations.for_reader import POST, post_or_404, reader
from portal.core.admission import Audience, admits
from portal.core.limits import limiter

bp = Blueprint("history", __name__)
Answer = Any  # what Flask takes: text, text with a status, or a response


@bp.get(POST + "/history")
@admits(Audience.ANYONE)
def of_post(post_id: int) -> Answer:
    post = post_or_404(post_id)
    if not policy.may_read_words(reader(), post):
        raise NotFound()
    return render_template(
        "conversations/history.html",
        post=post,
        author=veiling.name_of(post, reader()),
        writings=history.writings(post, reader()),
        files=attaching.beside([post.id]).get(post.id, ()),
        files_added_at=attaching.added_later_at(post),
        may_remove=history.may_remove(reader(), post),
    )


@bp.post(POST + "/history/<int(max=2147483647):revision_id>/removal")
@admits(Audience.ENTITLED)
def remove(post_id: int, revision_id: int) -> Answer:
    post = post_or_404(post_id)
    history.remove(post, revision_id, by=me())
    flash("Taken out of the history.", "success")
    return redirect(f"/posts/{post.id}/history", 303)


@bp.get(POST + "/quote")
@admits(Audience.ENTITLED)
@limiter.limit("60/minute")
def quote(post_id: int) -> Answer:
    """For the script of a thread's page, which puts it into the reply; without script the page does it (`?quote=`)."""
    post = post_or_404(post_id)
    if post.is_hidden:
        raise NotFound()
    return Response(quoting.quote(post), mimetype="text/plain")
