"""A member's page about their private feed: the way into their app, what is known of it, and another address."""

from __future__ import annotations

from urllib.parse import quote

from flask import Blueprint, flash, redirect, render_template, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from portal.accounts.signed_in import me
from portal.core import qr
from portal.core.admission import Audience, admits
from portal.core.limits import limiter
from portal.library import feed_visits, feeds
from portal.library.feed_showing import FeedAddress

bp = Blueprint("own_feed", __name__)


@bp.get("/account/feed")
@admits(Audience.SIGNED_IN)
def page() -> str:
    """The address with what opens it in the common apps; for whoever has none, what it is and how to get it."""
    feed = feeds.feed_of(me())
    door = feeds.door_of(me())
    if feed is None:
        return render_template("library/own_feed.html", feed=None, door=door)
    address = FeedAddress(feeds.token_of(feed)).feed
    return render_template(
        "library/own_feed.html",
        feed=feed,
        door=door,
        address=address,
        code=qr.code_of(address),
        apps=_apps(address),
        networks=feed_visits.most_networks(feed),
    )


@bp.post("/account/feed")
@admits(Audience.ENTITLED)
@limiter.limit("30/hour")
def begin() -> Response:
    feeds.begin(me())
    return redirect(url_for("own_feed.page"), 303)


@bp.post("/account/feed/rotation")
@admits(Audience.SIGNED_IN)
@limiter.limit("30/hour")
def rotate() -> Response:
    """Also for whoever may not hear just now: an address that got around is dead at once."""
    feed = feeds.feed_of(me())
    if feed is None:
        raise NotFound()
    feeds.rotate(feed)
    flash("This is your new address. The one before does not work any more; add the new one to your app.", "success")
    return redirect(url_for("own_feed.page"), 303)


def _apps(address: str) -> list[tuple[str, str]]:
    """Name of an app and the link that opens the feed in it. None of them leads over somebody's website, which would
    learn the address."""
    without_scheme = address.partition("://")[2]
    return [
        ("Apple Podcasts", f"podcast://{without_scheme}"),
        ("Overcast", f"overcast://x-callback-url/add?url={quote(address, safe='')}"),
        ("Pocket Casts", f"pktc://subscribe/{without_scheme}"),
        ("AntennaPod", f"antennapod-subscribe://{without_scheme}"),
    ]
