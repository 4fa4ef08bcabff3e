"""Private feeds that may have been passed on, for coaches: whom to ask, and nothing to lock."""

from __future__ import annotations

from flask import Blueprint, render_template

from portal.core import locales
from portal.core.admission import Audience, admits
from portal.core.web import reader_manner
from portal.library import feed_visits

bp = Blueprint("desk_feeds", __name__)


@bp.get("/desk/library/feeds")
@admits(Audience.COACHES)
def feeds() -> str:
    return render_template(
        "desk/feeds.html",
        rows=feed_visits.shared_lately(),
        many=feed_visits.MANY,
        day_of=lambda on: locales.day(on, reader_manner()),
    )
