"""Files on their way into a post, one by one as they arrive, and out of it to whoever may read it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, jsonify, redirect, request
from werkzeug.wrappers import Response

from portal.accounts.signed_in import me
from portal.conversations import attaching, drafts, policy, posting
from portal.conversations.attaching import FILE
from portal.conversations.for_reader import (
    POST,
    ROOM,
    THREAD,
    post_or_404,
    reader,
    reading_or_404,
    room_or_404,
    turn_away,
)
from portal.conversations.models import Room
from portal.core import media, sending
from portal.core.admission import Audience, admits
from portal.core.db import give_up, release
from portal.core.errors import Refusal
from portal.core.limits import limiter
from portal.core.web import filesize, whole_number

bp = Blueprint("attaching", __name__)
_AT_ONCE = 3 * attaching.LARGEST  # bytes of one form, which without script carries its files itself
_FORMS = {
    "conversations.reply", "conversations.new_thread", "conversations.edit",
    "attaching.to_thread", "attaching.to_room", "attaching.to_post",
}  # fmt: skip
_UPLOADS = "60/minute;300/hour"


class TooLarge(Refusal):
    message = f"At most {filesize(_AT_ONCE)} can be sent at once. Send the files one by one, or make them smaller."
    status = 413


class NotHere(Refusal):
    message = "You cannot put files here at the moment."
    status = 403


@dataclass(frozen=True)
class Along:
    """What a form brings along besides its words."""

    ids: Collection[int]
    alts: Mapping[int, str]  # what its pictures show
    is_all: bool  # it was sent for its files alone: nothing is to be posted yet


@dataclass(frozen=True)
class _Leaving:
    """A file as it goes out. A picture has a name that says nothing."""

    name: str
    media_type: str
    sha256: str
    storage_key: str


@bp.app_url_value_preprocessor
def _let_files_be_large(endpoint: str | None, _values: dict[str, Any] | None) -> None:
    """Set before anything reads the body, which the check of the form's token does."""
    if endpoint not in _FORMS or request.mimetype != "multipart/form-data":
        return
    request.max_content_length = _AT_ONCE + 1_000_000  # and the form around them
    if (request.content_length or 0) > request.max_content_length:
        raise TooLarge()


def brought_along(room: Room, place: str) -> Along:
    """Take in what a form sends, and let go what it takes out. Before any change. Raises what attaching raises."""
    sent = [file for file in request.files.getlist("files") if file.filename]
    named = (whole_number(each, otherwise=0, most=2**31 - 1) for each in request.form.getlist("file")[: attaching.MOST])
    ids = [each for each in named if each]
    alts = {each: request.form.get(f"alt-{each}", "") for each in ids}
    if sent:
        if not policy.may_start(me(), room):
            raise NotHere()
        release()  # taking files in waits for the disk and for decoders, and nobody should wait for that
        ids += [file.id for file in attaching.arrive(sent, place=place, by=me())]
    elif "attach" in request.form:
        raise attaching.NoneChosen()
    if "take_out" in request.form:
        file = attaching.file_for(me(), request.form["take_out"])
        if file is not None and file.post_id is None:
            attaching.take_out(file)
    return Along(ids, alts, bool(request.form.keys() & {"attach", "take_out"}))


@bp.post(THREAD + "/files")
@admits(Audience.ENTITLED)
@limiter.limit(_UPLOADS)
def to_thread(thread_id: int) -> Any:
    thread = reading_or_404(thread_id).thread
    if thread.is_locked:
        raise posting.ThreadLocked()
    return _taken(thread.room, drafts.of_thread(thread.id))


@bp.post(ROOM + "/threads/new/files")
@admits(Audience.ENTITLED)
@limiter.limit(_UPLOADS)
def to_room(slug: str) -> Any:
    room = room_or_404(slug)
    return _taken(room, drafts.of_room(room.id))


@bp.post(POST + "/files")
@admits(Audience.ENTITLED)
@limiter.limit(_UPLOADS)
def to_post(post_id: int) -> Any:
    post = post_or_404(post_id)
    posting.check_may_edit(post, by=me())
    return _taken(post.thread.room, drafts.of_post(post.id))


@bp.get(FILE)
@admits(Audience.ANYONE)
def file(token: str) -> Response:
    """Asked anew each time: what is hidden, deleted or moved into another room opens for nobody it is not for."""
    found = attaching.file_for(reader(), token)
    if found is None:
        turn_away()
    name = "picture.webp" if found.is_picture else found.name
    leaving = _Leaving(name, found.media_type, found.sha256, found.storage_key)
    response = sending.send(leaving, inline=found.is_picture)
    response.headers["X-Robots-Tag"] = "noindex"
    return response


@bp.post(FILE + "/removal")
@admits(Audience.ENTITLED)
def remove(token: str) -> Response:
    """An author takes a file out of a post that they may still change."""
    found = attaching.file_for(reader(), token)
    if found is None or found.by_id != me().id or found.post_id is None:
        turn_away()
    post = post_or_404(found.post_id)
    posting.check_may_edit(post, by=me())
    attaching.take_out(found)
    posting.touch(post.thread)
    return redirect(f"/posts/{post.id}/edit", 303)


def _taken(room: Room, place: str) -> Any:
    """For the script, which sends one file at a time."""
    try:
        along = brought_along(room, place)
        if not along.ids:
            raise attaching.NoneChosen()
    except Refusal as no:
        give_up()
        return jsonify(message=no.message), no.status
    arrived = attaching.waiting(me(), place)[-1]
    return jsonify(name=arrived.name, facts=media.facts(arrived.media_type, arrived.size))
