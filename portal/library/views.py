"""The library's pages: lists, an item, its file, and the way into the conversation about it."""

from __future__ import annotations

import secrets
from itertools import groupby
from operator import attrgetter
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, redirect, render_template, request
from sqlalchemy import select
from werkzeug.exceptions import NotFound

from portal.accounts.signed_in import me, me_or_none
from portal.core.admission import Audience, admits, audiences
from portal.core.db import one_or_404, release
from portal.core.errors import Refusal, back_to_form
from portal.core.limits import limiter
from portal.core.web import Page, read_cursor, whole_number
from portal.library import discussing, downloads, introducing, policy, queries, transcripts
from portal.library.forms import DiscussForm
from portal.library.models import Item, Kind
from portal.library.queries import ItemRow, Shelf
from portal.topics import following
from portal.topics.models import Topic

bp = Blueprint("library", __name__)

_TABS = [(None, "Everything"), (Kind.TOOL, "Tools"), (Kind.RESOURCE, "Resources"), (Kind.NUGGET, "Nuggets")]
_TABS += [(Kind.EPISODE, "Episodes")]


@bp.get("/library")
@admits(Audience.ANYONE)
def library() -> str:
    """Everything, narrowed by kind, topic and words. A value we do not know narrows nothing."""
    topics = queries.topics_in_order()
    shelf = Shelf(
        kind=next((k for k in Kind if k.value == request.args.get("kind")), None),
        topic=next((t.slug for t in topics if t.slug == request.args.get("topic")), None),
        words=" ".join(request.args.get("q", "")[:200].split()),
    )
    return render_template(
        "library/library.html",
        shelf=shelf,
        page=_page(shelf, topics),
        tabs=[(words, _shelf_url(shelf, kind=kind), shelf.kind is kind) for kind, words in _TABS],
        topics=[(t.title, _shelf_url(shelf, topic=t.slug), shelf.topic == t.slug) for t in topics],
        all_topics=_shelf_url(shelf, topic=None),
        without_words=_shelf_url(shelf, q=""),
        topic_title=next((t.title for t in topics if t.slug == shelf.topic), None),
        older=lambda cursor: _shelf_url(shelf, before=cursor),
    )


@bp.get("/episodes")
@admits(Audience.ANYONE)
def episodes() -> str:
    return render_template("library/episodes.html", page=_page(Shelf(kind=Kind.EPISODE)))


@bp.get("/nuggets")
@admits(Audience.ANYONE)
def nuggets() -> str:
    return render_template("library/nuggets.html", page=_page(Shelf(kind=Kind.NUGGET)))


@bp.get("/topics/<slug>")
@admits(Audience.ANYONE)
def topic(slug: str) -> str:
    """What a subject is about, and everything in the library about it."""
    found, reader = one_or_404(select(Topic).where(Topic.slug == slug)), me_or_none()
    return render_template(
        "topics/topic.html",
        topic=found,
        page=_page(Shelf(topic=slug)),
        follows=reader is not None and found.id in following.follows(reader),
    )


@bp.get("/library/<slug>")
@admits(Audience.ANYONE)
def item(slug: str) -> str:
    """The whole item for those who may read it, an honest teaser for everyone else."""
    found = queries.whole_item(slug)
    if found is None:
        raise NotFound()
    reader = me_or_none()
    may_read = policy.may_read(audiences(), found)
    files = queries.editions_of(found.id, reader_id=reader.id if reader else None)
    newest = files[0] if files else None
    is_episode = found.kind is Kind.EPISODE
    guests, links = introducing.guests_and_links(found.id) if is_episode else ([], [])
    return render_template(
        "library/item.html",
        item=found,
        path=f"/library/{found.slug}",
        topics=queries.topics_of(found.id),
        guests=guests,
        links=links,
        may_read=may_read,
        may_read_notes=policy.may_read_notes(audiences(), found),
        newest=newest,
        files=[file for file in files if newest and file.number == newest.number],
        earlier=[list(edition) for _, edition in groupby(files, key=attrgetter("number"))][1:],
        had=max((file.number for file in files if file.had), default=None),
        related=queries.related_to(found.id),
        price=queries.monthly_price(),
        chapters=transcripts.chapters(found.chapters) if found.chapters else [],
        passages=transcripts.passages(found.transcript) if may_read and found.transcript else (),
        file_facts=queries.file_facts,
        length=queries.length_in_words(found.seconds) if found.seconds else None,
    )


@bp.get("/library/<slug>/file")
@admits(Audience.SIGNED_IN)
def file(slug: str) -> Any:
    """The file itself, to keep. `?version=2&file=2` asks for another than the newest edition's main file."""
    return _bytes(slug, inline=False)


@bp.get("/library/<slug>/audio")
@admits(Audience.SIGNED_IN)
def audio(slug: str) -> Any:
    """The same for the player on the page: in place, in parts."""
    return _bytes(slug, inline=True)


@bp.route("/library/<slug>/thread", methods=["GET", "POST"])
@admits(Audience.ENTITLED)
@limiter.limit("10/minute;60/hour", methods=["POST"])
def discuss(slug: str) -> Any:
    """Begin the conversation about an item; whoever comes second lands in the first one's."""
    found = _item_or_404(slug)
    if request.method == "GET" and found.thread_id is not None:
        return redirect(f"/threads/{found.thread_id}", 303)
    form, rooms = DiscussForm(), discussing.rooms_to_choose()
    form.room.choices = [(room.slug, room.title) for room in rooms]
    if not form.is_submitted():
        form.title.data, form.send_key.data = found.title, secrets.token_urlsafe(16)
        form.room.data = discussing.likely_room(found)
    if not form.validate_on_submit():
        return render_template("library/discuss.html", item=found, form=form), 422 if form.is_submitted() else 200
    room = next(room for room in rooms if room.slug == form.room.data)
    try:
        thread = discussing.discuss(
            found, room=room, title=form.title.data, body=form.body.data or "", by=me(), send_key=form.send_key.data
        )
    except Refusal as no:
        back_to_form(form, no)
        return render_template("library/discuss.html", item=_item_or_404(slug), form=form), no.status
    return redirect(f"/threads/{thread.id}", 303)


def _page(shelf: Shelf, topics: queries.Topics | None = None) -> Page[ItemRow]:
    reader = me_or_none()
    reader_id = reader.id if reader else None
    if shelf.words:
        found = queries.shelf_search(shelf, audiences=audiences(), reader_id=reader_id, topics=topics)
        return Page(found, newer=None, older=None)
    before = read_cursor(request.args.get("before"))
    return queries.shelf_page(shelf, reader_id=reader_id, before=before, topics=topics)


def _shelf_url(shelf: Shelf, **changes: Any) -> str:
    """The address of this part of the library with something about it changed."""
    wanted = {"kind": shelf.kind, "topic": shelf.topic, "q": shelf.words, "before": None} | changes
    query = urlencode({name: value for name, value in wanted.items() if value})
    return f"/library?{query}" if query else "/library"


def _item_or_404(slug: str) -> Item:
    return one_or_404(queries.item_by_slug(slug))


def _bytes(slug: str, *, inline: bool) -> Any:
    reader_id = me().id
    files = queries.files_at(slug, reader_id=reader_id, begun_after=downloads.begun_after())
    if not files:
        raise NotFound()
    if not policy.may_read(audiences(), files[0]):
        return render_template("errors/members_only.html"), 403
    wanted = downloads.choose(
        files,
        version=whole_number(request.args.get("version"), otherwise=0),
        position=whole_number(request.args.get("file"), otherwise=1),
    )
    if wanted is None or (inline and not wanted.media_type.startswith("audio/")):
        raise NotFound()
    release()  # our read ends here; nobody waits for it while the bytes go out
    if downloads.is_begin() and not wanted.remembered:
        downloads.remember(wanted.id, member_id=reader_id)
    return downloads.send(wanted, inline=inline)
