"""The list of words that are looked at before others read them."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template
from sqlalchemy import select

from portal.accounts.signed_in import me
from portal.core.admission import Audience, admits
from portal.core.db import one_or_404
from portal.core.errors import Refusal, back_to_form
from portal.moderation import watching
from portal.moderation.forms import WatchForm
from portal.moderation.models import WatchedWords

bp = Blueprint("watching", __name__)
_WORDS = "/moderation/words/<int(max=2147483647):entry_id>"


@bp.route("/moderation/words", methods=["GET", "POST"])
@admits(Audience.COACHES)
def words() -> Any:
    form = WatchForm()
    if form.validate_on_submit():
        try:
            watching.add(form.words.data or "", by=me())
            flash("On the list. Posts with these words wait in the queue from now on.", "success")
            return redirect("/moderation/words", 303)
        except Refusal as no:
            back_to_form(form, no)
            return _page(form), no.status
    page = _page(form)
    return (page, 422) if form.is_submitted() else page


@bp.post(_WORDS + "/removal")
@admits(Audience.COACHES)
def take_out(entry_id: int) -> Any:
    watching.take_out(one_or_404(select(WatchedWords).where(WatchedWords.id == entry_id)), by=me())
    flash("Off the list. What waits already waits for its ruling.", "success")
    return redirect("/moderation/words", 303)


def _page(form: WatchForm) -> str:
    return render_template("moderation/words.html", form=form, entries=watching.all_watched())
