"""Bringing in a public podcast: a coach chooses the feed's file, reads what would happen, and says how."""

from __future__ import annotations

from collections import Counter
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from sqlalchemy import delete, select

from portal.accounts.signed_in import me
from portal.core.admission import Audience, admits
from portal.core.clock import now
from portal.core.db import db, one_or_404, release, transaction
from portal.core.errors import Refusal
from portal.core.jobs import periodic
from portal.core.limits import limiter
from portal.core.web import plain_name
from portal.library import importing, reading_feeds
from portal.library.feed_models import FeedFile
from portal.library.importing import Fate

bp = Blueprint("desk_importing", __name__)
_FIRST = [Fate.WRONG, Fate.NEW, Fate.HERE]  # what a coach can do something about stands on top


@bp.url_value_preprocessor
def _let_feeds_be_large(endpoint: str | None, _values: dict[str, object] | None) -> None:
    """Set before anything reads the body, which the check of the form's token does."""
    if endpoint == "desk_importing.choose":
        request.max_content_length = reading_feeds.LARGEST + 64 * 1024  # and the form around it


@bp.route("/desk/library/import", methods=["GET", "POST"])
@admits(Audience.COACHES)
@limiter.limit("30/hour", methods=["POST"])
def choose() -> Any:
    """The file is read before it is kept, so what is kept can be read."""
    if request.method == "GET":
        return render_template("desk/import.html", problem=None)
    sent = request.files.get("feed")
    release()  # reading a long feed takes a moment, and nobody should wait for it
    try:
        if sent is None or not sent.filename:
            raise reading_feeds.NotAFeed("Choose the file of the feed first.")
        content = sent.stream.read(reading_feeds.LARGEST + 1)
        reading_feeds.read(content)
    except Refusal as no:
        return render_template("desk/import.html", problem=no.message), no.status
    file = FeedFile(name=plain_name(sent.filename)[:120] or "feed.xml", content=content)
    db.session.add(file)
    db.session.flush()
    return redirect(url_for("desk_importing.look", file_id=file.id), 303)


@bp.get("/desk/library/import/<int(max=2147483647):file_id>")
@admits(Audience.COACHES)
@limiter.limit("120/hour")
def look(file_id: int) -> str:
    """What would happen; after it happened, that all of it is there."""
    file = _file_or_404(file_id)
    lines = sorted(importing.plan(reading_feeds.read(file.content)), key=lambda line: _FIRST.index(line.fate))
    return render_template("desk/import_plan.html", file=file, lines=lines, counts=_counts(lines))


@bp.post("/desk/library/import/<int(max=2147483647):file_id>")
@admits(Audience.COACHES)
@limiter.limit("30/hour")
def bring_in(file_id: int) -> Any:
    content = _file_or_404(file_id).content
    release()
    entries = reading_feeds.read(content)
    publish = request.form.get("how") == "published"  # whatever else was sent: drafts, which nobody sees
    lines = importing.bring_in(entries, publish=publish, by=me())
    added = _counts(lines)[Fate.NEW]
    left_out = [line for line in lines if line.fate is Fate.WRONG]
    what = "published with public notes" if publish else "here as drafts"
    flash(f"{added} {'episode is' if added == 1 else 'episodes are'} {what}.", "success" if added else "info")
    if left_out:
        flash(f"{len(left_out)} could not be brought in; the list says why.", "warning")
    return redirect(url_for("desk_importing.look", file_id=file_id), 303)


@periodic("desk.sweep_feed_files", every=FeedFile.KEPT)
def sweep() -> None:
    """The files that coaches chose are kept for a day."""
    with transaction():
        db.session.execute(delete(FeedFile).where(FeedFile.created_at < now() - FeedFile.KEPT))


def _file_or_404(file_id: int) -> FeedFile:
    found: FeedFile = one_or_404(
        select(FeedFile).where(FeedFile.id == file_id, FeedFile.created_at >= now() - FeedFile.KEPT)
    )
    return found


def _counts(lines: list[importing.Line]) -> Counter[Fate]:
    return Counter(line.fate for line in lines)
