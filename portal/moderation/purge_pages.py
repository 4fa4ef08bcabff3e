"""The page on which an owner removes a passage, or all that a post says, for good."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template
from sqlalchemy import select
from sqlalchemy.orm import contains_eager

from portal.accounts.signed_in import me
from portal.accounts.stepping_up import needs_fresh_sign_in
from portal.conversations.models import Post, Thread
from portal.core.admission import Audience, admits
from portal.core.db import one_or_404
from portal.core.errors import Refusal, back_to_form
from portal.moderation import purging
from portal.moderation.because import Because
from portal.moderation.forms import PurgeForm

bp = Blueprint("purging", __name__)


@bp.route("/posts/<int(max=2147483647):post_id>/removal-for-good", methods=["GET", "POST"])
@admits(Audience.OWNERS)
@needs_fresh_sign_in
def post(post_id: int) -> Any:
    found, form = _post_or_404(post_id), PurgeForm()
    if form.validate_on_submit():
        passage = form.passage.data if form.scope.data == "passage" else None
        try:
            done = purging.purge(found, passage=passage, because=Because(form.why.data), by=me())
        except Refusal as no:
            back_to_form(form, no)
            return _page(_post_or_404(post_id), form), no.status
        flash(_said(done), "success")
        return redirect(found.path, 303)
    page = _page(found, form)
    return (page, 422) if form.is_submitted() else page


def _post_or_404(post_id: int) -> Post:
    query = select(Post).join(Post.thread).join(Thread.room)
    return one_or_404(query.options(contains_eager(Post.thread).contains_eager(Thread.room)).where(Post.id == post_id))


def _page(post: Post, form: PurgeForm) -> str:
    return render_template("moderation/purge.html", post=post, form=form)


def _said(done: purging.Purged) -> str:
    words = "Removed for good."
    if done.quotations:
        words += f" Posts that quoted it and were changed too: {done.quotations}."
    if done.in_log:
        words += " A reason in the log says it too; the log is never changed."
    return words
