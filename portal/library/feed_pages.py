"""The private feed as podcast apps fetch it: no session, no cookie, the token is the key and opens nothing else.

Answers here are plain words, never pages: a page could carry the address on, and apps show none.
"""

from __future__ import annotations

from typing import Any, NoReturn

from flask import Blueprint, Response, current_app, jsonify, request
from flask_limiter.util import get_remote_address
from werkzeug.exceptions import Forbidden, Gone, HTTPException, NotFound, TooManyRequests
from werkzeug.utils import send_file

from portal.core import sending
from portal.core.admission import Audience, admits
from portal.core.db import db, release
from portal.core.limits import limiter, seconds_to_wait
from portal.library import downloads, feed_showing, feed_visits, feeds
from portal.library.feed_models import Feed
from portal.library.feeds import Door
from portal.library.queries import AnyRow

bp = Blueprint("feeds", __name__)
_WORDS = {
    403: "This private feed is paused. Its member can see why on the website.",
    404: "Nothing here.",
    410: "This address is not in use any more. Its member finds the new one on the website.",
    429: "A little too fast. Please wait a moment.",
}


def _which() -> str:
    """A feed is counted by itself: the servers of an app fetch those of many members from one address."""
    nonce = feeds.nonce_in((request.view_args or {}).get("token", ""))
    return f"feed:{nonce}" if nonce else f"address:{get_remote_address()}"


# A podcast app asks a few times an hour, and for audio once for each part it plays; neither meets these.
_feed_limit = limiter.limit("120/minute", key_func=_which)
_audio_limit = limiter.limit("1200/minute", key_func=_which)


@bp.get("/feeds/<token>/podcast.xml")
@admits(Audience.ANYONE)
@_feed_limit
def podcast(token: str) -> Response:
    """RSS for one member. The tag and the moment of the last change say whether an app has it already."""
    feed, network, is_new = _feed_or_gone(token)
    now_showing = feed_showing.showing(feed, feeds.door_of(feed.member))
    response = current_app.response_class(mimetype="application/rss+xml")
    response.set_etag(now_showing.tag, weak=True)
    response.last_modified = now_showing.changed_at
    if _has_it(now_showing):
        response.status_code = 304
    else:
        response.set_data(now_showing.xml())
    release()
    seen = feed_visits.Seen(
        app=feed_visits.app_in(request.user_agent.string),
        shown=now_showing.tag,
        changed_at=now_showing.changed_at,
        paused_at=now_showing.paused_at,
    )
    feed_visits.note(feed, network, is_new=is_new, seen=seen)
    return _private(response)


@bp.get("/feeds/<token>/<slug>/audio")
@admits(Audience.ANYONE)
@_audio_limit
def audio(token: str, slug: str) -> Response:
    """An episode's audio, in parts if wanted; for whoever may not hear it just now, the notice and nothing else."""
    feed, network, is_new = _feed_or_gone(token)
    door = feeds.door_of(feed.member)
    if door is not Door.OPEN and slug != feed_showing.PAUSED:
        raise Forbidden()
    row = feed_showing.episode(slug) if door is Door.OPEN else None
    if door is Door.OPEN and (row is None or row.file_id is None):  # what is public elsewhere is heard there
        raise NotFound()
    release()  # nobody waits for our reading while the bytes go out
    feed_visits.note(feed, network, is_new=is_new)
    if row is None:
        return _private(_shipped(feed_showing.NOTICE_AUDIO, "audio/mpeg"))
    if downloads.is_begin():
        downloads.remember(row.file_id, member_id=feed.member_id)
    return _private(sending.send(_Audio(row), inline=True))


@bp.get("/feeds/<token>/<slug>/chapters.json")
@admits(Audience.ANYONE)
@_audio_limit
def chapters(token: str, slug: str) -> Response:
    row = _episode_or_404(token, slug)
    response = jsonify(feed_showing.chapters_of(row))
    response.mimetype = "application/json+chapters"
    return _kept_if_same(response)


@bp.get("/feeds/<token>/<slug>/transcript.vtt")
@admits(Audience.ANYONE)
@_audio_limit
def transcript(token: str, slug: str) -> Response:
    _episode_or_404(token, slug)
    words = feed_showing.transcript_of(slug)
    if words is None:
        raise NotFound()
    return _kept_if_same(current_app.response_class(words, mimetype="text/vtt"))


@bp.get("/feeds/<token>/artwork.jpg")
@admits(Audience.ANYONE)
@_audio_limit
def artwork(token: str) -> Response:
    """The picture of the podcast, also while the feed is paused: the app goes on showing it."""
    _feed_or_gone(token)
    release()
    return _private(_shipped(current_app.config["PODCAST_ARTWORK"], "image/jpeg"))


@bp.errorhandler(HTTPException)
def _in_plain_words(error: HTTPException) -> Any:
    if error.response is not None or error.code is None:
        return error
    words = _WORDS.get(error.code, error.name)
    headers = {"Retry-After": str(seconds_to_wait())} if isinstance(error, TooManyRequests) else {}
    return _private(current_app.response_class(f"{words}\n", error.code, headers, mimetype="text/plain"))


@bp.after_request
def _say_nothing_of_it(response: Response) -> Response:
    """The address is a key: it is named to nobody the notes lead to, and no search engine lists what it opens."""
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["X-Robots-Tag"] = "noindex"
    return response


class _Audio:
    """What sending a file needs, of a row that has an id of another thing."""

    def __init__(self, row: AnyRow) -> None:
        self.id, self.name, self.media_type = row.file_id, row.name, row.media_type
        self.sha256, self.storage_key = row.sha256, row.storage_key


def _feed_or_gone(token: str) -> tuple[Feed, str, bool]:
    """The feed, the network it is fetched from, and whether that is new today. 404 for what was never an address."""
    nonce = feeds.nonce_in(token)
    if nonce is None:
        raise NotFound()
    network = feed_visits.network_key(nonce, request.remote_addr)
    found = db.session.execute(feed_visits.known(nonce, network)).one_or_none()
    if found is None or found[0].member.closed_at is not None:
        _gone()
    feed, was_here = found
    return feed, network, not was_here


def _gone() -> NoReturn:
    """Another address took its place, or the account is gone; 410 tells an app to stop asking."""
    raise Gone()


def _episode_or_404(token: str, slug: str) -> AnyRow:
    feed, _network, _is_new = _feed_or_gone(token)
    if feeds.door_of(feed.member) is not Door.OPEN:
        raise Forbidden()
    row = feed_showing.episode(slug)
    if row is None:
        raise NotFound()
    return row


def _has_it(now_showing: feed_showing.Showing) -> bool:
    """As RFC 9110 13.2.2: the tag decides, and the moment only for an app that sent no tag."""
    if request.if_none_match:
        return request.if_none_match.contains_weak(now_showing.tag)
    since = request.if_modified_since
    return since is not None and now_showing.feed.shown == now_showing.tag and now_showing.changed_at <= since


def _shipped(path: Any, media_type: str) -> Response:
    """A file that comes with the program."""
    return send_file(  # type: ignore[return-value]  # made of response_class, which mypy cannot know
        path, request.environ, mimetype=media_type, conditional=True, response_class=current_app.response_class
    )


def _kept_if_same(response: Response) -> Response:
    response.add_etag(weak=True)
    response.make_conditional(request)
    return _private(response)


def _private(response: Response) -> Response:
    """Kept by the app that asked and by no cache on the way; asked about anew each time."""
    response.headers["Cache-Control"] = "private, no-cache"
    return response
