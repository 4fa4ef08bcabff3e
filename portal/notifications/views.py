"""The inbox, how to hear of what, and the way out that each letter carries."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from portal.accounts.signed_in import me
from portal.core.admission import Audience, admits
from portal.core.clock import now
from portal.core.web import moment_or_none, whole_number
from portal.notifications import bundling, unsubscribing
from portal.notifications import inbox as news
from portal.notifications.forms import MailForm
from portal.notifications.models import CHOSEN, Stream

bp = Blueprint("notifications", __name__)
_NEWEST = 2_147_483_647


@bp.get("/notifications")
@admits(Audience.ENTITLED)
def inbox() -> str:
    """What came, the newest first; opening an entry marks it as read, looking at the list does not."""
    before = whole_number(request.args.get("before"), otherwise=_NEWEST, most=_NEWEST)
    entries, older = news.page_of(me(), None if before == _NEWEST else before)
    return render_template(
        "notifications/inbox.html",
        entries=entries,
        older=older,
        is_first=before == _NEWEST,
        until=now().isoformat(),
        undo=moment_or_none(request.args.get("undo")),
    )


@bp.post("/notifications/<int(max=2147483647):entry_id>/open")
@admits(Audience.ENTITLED)
def open_entry(entry_id: int) -> Response:
    """On to where it happened."""
    entry = news.open_entry(me(), entry_id)
    if entry is None:
        abort(404)
    return redirect(entry.path, 303)


@bp.post("/notifications/read")
@admits(Audience.ENTITLED)
def mark_all() -> Response:
    """Up to the moment at which the page was drawn: what came since was not seen. The next page offers the undo."""
    until = moment_or_none(request.form.get("until"))
    if until is None:
        return redirect(url_for("notifications.inbox"), 303)
    marked_at = news.mark_all(me(), until=min(until, now()))
    return redirect(f"/notifications?{urlencode({'undo': marked_at.isoformat()})}", 303)


@bp.post("/notifications/read/undo")
@admits(Audience.ENTITLED)
def undo_mark() -> Response:
    if marked_at := moment_or_none(request.form.get("until")):
        news.undo(me(), marked_at)
        flash("Unread again, as it was.", "success")
    return redirect(url_for("notifications.inbox"), 303)


@bp.route("/account/mail", methods=["GET", "POST"])
@admits(Audience.SIGNED_IN)
def mail() -> Any:
    """How soon to hear of what, and what always comes."""
    chosen = unsubscribing.choices_of(me())
    form = MailForm(data={stream.value: rhythm.value for stream, rhythm in chosen.items()})
    if form.validate_on_submit():
        for stream in CHOSEN:
            unsubscribing.choose(me().id, stream, form.rhythm_for(stream))
        flash("Saved. It counts for everything from now on.", "success")
        return redirect(url_for("notifications.mail"), 303)
    page = render_template("notifications/mail.html", form=form, daily_at=bundling.next_letter(me()))
    return (page, 422) if form.is_submitted() else page


@bp.get("/unsubscribe/<token>")
@admits(Audience.ANYONE)
def unsubscribe(token: str) -> str:
    """A page with a button: scanners of office mail open every link, and that must turn nothing off."""
    _, stream = _meaning(token)
    return render_template("notifications/unsubscribe.html", token=token, what=_what(stream))


@bp.post("/unsubscribe/<token>")
@admits(Audience.ANYONE)
def unsubscribe_now(token: str) -> str:
    """One click, effective at once, no sign-in (RFC 8058): mail programs post here by themselves."""
    member_id, stream = _meaning(token)
    unsubscribing.stop_letters(member_id, stream)
    return render_template("notifications/unsubscribed.html", what=_what(stream))


def _meaning(token: str) -> tuple[int, Stream | None]:
    found = unsubscribing.read_token(token)
    if found is None:
        abort(404)
    return found


def _what(stream: Stream | None) -> str:
    return stream.label if stream else unsubscribing.THE_DAILY_LETTER
