"""Pages of notifications."""

from __future__ import annotations

from flask import Blueprint, abort, flash, redirect, render_template, url_for
from werkzeug.wrappers import Response

from portal.accounts.signed_in import me
from portal.core.admission import Audience, admits
from portal.notifications import unsubscribing
from portal.notifications.forms import MailForm
from portal.notifications.models import Rhythm, Stream

bp = Blueprint("notifications", __name__)


@bp.route("/account/mail", methods=["GET", "POST"])
@admits(Audience.SIGNED_IN)
def mail() -> str | Response | tuple[str, int]:
    """What comes by letter, and what always does."""
    chosen = unsubscribing.choices_of(me())
    form = MailForm(data={stream.value: rhythm is not Rhythm.OFF for stream, rhythm in chosen.items()})
    if form.validate_on_submit():
        for stream in Stream:
            unsubscribing.choose(me().id, stream, Rhythm.NOW if form.wants(stream) else Rhythm.OFF)
        flash("Saved. It counts for every letter from now on.", "success")
        return redirect(url_for("notifications.mail"), 303)
    return render_template("notifications/mail.html", form=form), 422 if form.is_submitted() else 200


@bp.get("/unsubscribe/<token>")
@admits(Audience.ANYONE)
def unsubscribe(token: str) -> str:
    """A page with a button: scanners of office mail open every link, and that must turn nothing off."""
    _, stream = _meaning(token)
    return render_template("notifications/unsubscribe.html", token=token, stream=stream)


@bp.post("/unsubscribe/<token>")
@admits(Audience.ANYONE)
def unsubscribe_now(token: str) -> str:
    """One click, effective at once, no sign-in (RFC 8058): mail programs post here by themselves."""
    member_id, stream = _meaning(token)
    unsubscribing.choose(member_id, stream, Rhythm.OFF)
    return render_template("notifications/unsubscribed.html", stream=stream)


def _meaning(token: str) -> tuple[int, Stream]:
    found = unsubscribing.read_token(token)
    if found is None:
        abort(404)
    return found
