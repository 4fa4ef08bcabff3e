"""What a member does with an item for themselves: save it, tick it, say whether it was useful; and their own lists."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from portal.accounts.signed_in import me
from portal.core.admission import Audience, admits
from portal.core.db import one_or_404
from portal.core.web import local_path, read_cursor
from portal.library import judging, own_queries, queries, saving, ticking
from portal.library.forms import OpinionForm
from portal.library.models import Item
from portal.library.views import item_page

bp = Blueprint("own_library", __name__)


@bp.get("/account/saved")
@admits(Audience.SIGNED_IN)
def saved() -> str:
    """Their own list; it stays theirs when the membership ends, the files behind it do not."""
    page = own_queries.saved_by(me().id, before=read_cursor(request.args.get("before")))
    return render_template("library/saved.html", page=page, gone=own_queries.saved_and_gone(me().id))


@bp.get("/account/downloads")
@admits(Audience.SIGNED_IN)
def downloaded() -> str:
    """What they fetched, and what has changed since."""
    page = own_queries.downloaded_by(me().id, before=read_cursor(request.args.get("before")))
    return render_template("library/downloads.html", page=page, gone=own_queries.downloaded_and_gone(me().id))


@bp.post("/library/<slug>/saved")
@admits(Audience.SIGNED_IN)
def save(slug: str) -> Response:
    saving.save(_item_or_404(slug), by=me())
    flash("Saved. You find it under “Saved and downloads” in your menu.", "success")
    return _back(slug)


@bp.post("/library/<slug>/saved/removal")
@admits(Audience.SIGNED_IN)
def take_off(slug: str) -> Response:
    saving.take_off(_item_or_404(slug), by=me())
    flash("It is off your list.", "success")
    return _back(slug)


@bp.post("/library/<slug>/done")
@admits(Audience.ENTITLED)
def tick(slug: str) -> Response:
    ticking.tick(_item_or_404(slug), by=me())
    return _back(slug)


@bp.post("/library/<slug>/done/removal")
@admits(Audience.ENTITLED)
def untick(slug: str) -> Response:
    ticking.untick(_item_or_404(slug), by=me())
    return _back(slug)


@bp.post("/library/<slug>/opinion")
@admits(Audience.ENTITLED)
def judge(slug: str) -> Any:
    """Useful or not, with one press; the sentence comes after that, and is kept when only the answer changes."""
    item, form = _item_or_404(slug), OpinionForm()
    if not form.validate_on_submit():
        return item_page(slug, opinion=form), 422
    words = form.words.data if "words" in request.form else None
    judging.judge(item, is_useful=form.useful.data == "yes", words=words, by=me())
    flash("Thank you. Only the coaches see this.", "success")
    return redirect(url_for("library.item", slug=slug), 303)


@bp.post("/library/<slug>/opinion/removal")
@admits(Audience.SIGNED_IN)
def take_back(slug: str) -> Response:
    judging.take_back(_item_or_404(slug), by=me())
    flash("Your answer is taken back.", "success")
    return redirect(url_for("library.item", slug=slug), 303)


def _item_or_404(slug: str) -> Item:
    return one_or_404(queries.item_by_slug(slug))


def _back(slug: str) -> Response:
    """To the page on which the button stood: a list, a path, else the item's own."""
    return redirect(local_path(request.form.get("next"), url_for("library.item", slug=slug)), 303)
