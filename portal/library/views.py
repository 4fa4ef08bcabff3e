"""The library's pages: lists, an item, its file, and the way into the conversation about it."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, redirect, render_template, request
from sqlalchemy import select
from werkzeug.exceptions import NotFound
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than the types

from portal.accounts.agreeing import agree_along
from portal.accounts.signed_in import me, me_or_none
from portal.conversations import identifying
from portal.core import media, sending
from portal.core.admission import Audience, admits, audiences
from portal.core.db import one_or_404, release
from portal.core.errors import Refusal, back_to_form
from portal.core.limits import limiter
from portal.core.web import Page, read_cursor, whole_number
from portal.library import (
    alike,
    discussing,
    downloads,
    episode_pages,
    going_on,
    judging,
    path_queries,
    policy,
    problems,
    queries,
    shelves,
    transcripts,
    viewing,
    wording,
)
from portal.library.forms import DiscussForm, OpinionForm
from portal.library.models import Item, Kind
from portal.library.shelves import ItemRow, Shelf
from portal.practices.models import Region, Size, Specialty, in_words
from portal.topics import following
from portal.topics.models import Topic
from portal.topics.queries import Topics, topics_in_order

bp = Blueprint("library", __name__)

_QUESTIONS = 6  # that the library's first page asks; all of them have a page of their own
_MOST_ANSWERS = 12  # that one question is likely to have
_PLAYS = {"library.audio": "audio/", "library.video": "video/"}  # what is sent to be played in place
_TABS = [(None, "Everything"), (Kind.TOOL, "Tools"), (Kind.RESOURCE, "Resources"), (Kind.NUGGET, "Nuggets")]
_TABS += [(Kind.EPISODE, "Episodes")]


@bp.get("/library")
@admits(Audience.ANYONE)
def library() -> str:
    """Everything, narrowed by problem, kind, topic and words. A value we do not know narrows nothing."""
    topics = topics_in_order()
    asked = request.args.get("problem", "")[:255].replace("\x00", "")  # which PostgreSQL cannot look for
    shelf = Shelf(
        kind=next((k for k in Kind if k.value == request.args.get("kind")), None),
        topic=next((t.slug for t in topics if t.slug == request.args.get("topic")), None),
        words=" ".join(request.args.get("q", "")[:200].split()),
        problem=asked if asked and problems.is_asked(asked) else None,
    )
    page = _page(shelf, topics)
    begins = not shelf.words and not shelf.problem and "before" not in request.args
    asked_here = problems.questions(shelf, most=_QUESTIONS + 1) if begins else []
    return render_template(
        "library/library.html",
        shelf=shelf,
        page=page,
        questions=[(q.words, _shelf_url(shelf, problem=q.words), q.answers) for q in asked_here[:_QUESTIONS]],
        more_questions=len(asked_here) > _QUESTIONS,
        related=_beside(shelf.problem, page) if shelf.problem else [],
        without_problem=_shelf_url(shelf, problem=None),
        tabs=[(words, _shelf_url(shelf, kind=kind), shelf.kind is kind) for kind, words in _TABS],
        topics=[(t.title, _shelf_url(shelf, topic=t.slug), shelf.topic == t.slug) for t in topics],
        all_topics=_shelf_url(shelf, topic=None),
        without_words=_shelf_url(shelf, q=""),
        topic_title=next((t.title for t in topics if t.slug == shelf.topic), None),
        older=lambda cursor: _shelf_url(shelf, before=cursor),
    )


@bp.get("/problems")
@admits(Audience.ANYONE)
def all_problems() -> str:
    """Every question that the library answers, by topic."""
    found = [
        (title, [(q.words, _shelf_url(Shelf(problem=q.words)), q.answers) for q in questions])
        for title, questions in problems.by_topic().items()
    ]
    return render_template("library/problems.html", topics=found)


@bp.get("/nuggets")
@admits(Audience.ANYONE)
def nuggets() -> str:
    """Client stories, narrowed by the practice they come from; or those closest to the reader's own."""
    topics, reader = topics_in_order(), me_or_none()
    practice = alike.practice_of(reader) if reader else None
    wants_alike = reader is not None and request.args.get("like") == "mine"
    shelf = Shelf(
        kind=Kind.NUGGET,
        topic=next((t.slug for t in topics if t.slug == request.args.get("topic")), None),
        specialty=next((s for s in Specialty if s == request.args.get("specialty")), None),
        size=next((s for s in Size if s == request.args.get("size")), None),
        region=next((r for r in Region if r == request.args.get("region")), None),
    )
    if wants_alike:
        close = alike.stories_like(practice, reader_id=reader.id, topics=topics) if reader and practice else []
        page = Page(close, newer=None, older=None)
    else:
        page = _page(shelf, topics)
    narrowed = {name: getattr(shelf, name) for name in ("topic", "specialty", "size", "region")}
    return render_template(
        "library/nuggets.html",
        page=page,
        chosen=narrowed,
        is_narrowed=any(narrowed.values()),
        wants_alike=wants_alike,
        practice=practice,
        older=f"/nuggets?{urlencode({n: v for n, v in narrowed.items() if v} | {'before': page.older})}",
        choices=[
            ("specialty", "Kind of practice", "Any", [(s.value, in_words(s)) for s in Specialty]),
            ("size", "Size", "Any", [(s.value, in_words(s)) for s in Size]),
            ("region", "Region", "Anywhere", [(r.value, in_words(r)) for r in Region]),
            ("topic", "Topic", "Any", [(t.slug, t.title) for t in topics]),
        ],
    )


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
    return item_page(slug)


@bp.get("/library/<slug>/print")
@admits(Audience.ANYONE)
def on_paper(slug: str) -> Any:
    """The words of an item alone, as they are printed. Whoever may not read them is led to what they may."""
    found = queries.whole_item(slug)
    if found is None:
        raise NotFound()
    if not policy.may_read_notes(audiences(), found):
        return redirect(f"/library/{found.slug}", 303)
    may_read = policy.may_read(audiences(), found)
    files = queries.editions_of(found.id, reader_id=None) if may_read else []
    return render_template(
        "library/print.html",
        item=found,
        path=f"/library/{found.slug}",
        may_read=may_read,
        files=[file for file in files if file.number == files[0].number],
        passages=transcripts.passages(found.transcript) if may_read and found.transcript else (),
        file_facts=media.facts,
    )


def item_page(slug: str, *, opinion: OpinionForm | None = None) -> str:
    """Its page; `opinion` when what was said of it needs another look."""
    reader = me_or_none()
    reader_id = reader.id if reader else None
    found = queries.whole_item(slug, reader_id=reader_id)
    if found is None:
        raise NotFound()
    viewing.note(found.id)
    may_read = policy.may_read(audiences(), found)
    files = queries.editions_of(found.id, reader_id=reader_id)
    place = path_queries.place_of(found.id, reader_id=reader_id)
    had = max((file.number for file in files if file.had), default=None)
    newest = files[0] if files else None
    return render_template(
        "library/item.html",
        item=found,
        region_in_words=in_words(found.region) if found.region else None,
        path=f"/library/{found.slug}",
        topics=queries.topics_of(found.id),
        may_read=may_read,
        may_read_notes=policy.may_read_notes(audiences(), found),
        newest=newest,
        files=[file for file in files if newest and file.number == newest.number],
        earlier=[list(edition) for _, edition in groupby(files, key=attrgetter("number"))][1:],
        had=had,
        since=[edition for edition in _one_a_number(files) if had and edition.number > had],
        place=place,
        next_step=going_on.next_step(found, place) if may_read and Audience.ENTITLED in audiences() else None,
        opinion=opinion or OpinionForm(formdata=None, useful="yes" if found.is_useful else "no", words=found.words),
        figures=judging.figures_of(found.id) if Audience.COACHES in audiences() else None,
        host=wording.host_of(found.link) if found.link else None,
        related=queries.related_to(found.id),
        price=wording.monthly_price(),
        file_facts=media.facts,
        length=wording.length_in_words(found.seconds) if found.seconds else None,
        **(episode_pages.what_an_episode_shows(found, may_read=may_read) if found.kind is Kind.EPISODE else {}),
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


@bp.get("/library/<slug>/video")
@admits(Audience.SIGNED_IN)
def video(slug: str) -> Any:
    """And for a resource that is watched. `?file=2` asks for another than the main file."""
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
    form.room.choices = [SelectChoice(room.slug, room.title) for room in rooms]
    if not form.is_submitted():
        form.title.data, form.send_key.data = found.title, secrets.token_urlsafe(16)
        form.room.data = discussing.likely_room(found)
    if not form.validate_on_submit():
        page = render_template("library/discuss.html", item=found, form=form, no=None)
        return (page, 422) if form.is_submitted() else page
    room = next(room for room in rooms if room.slug == form.room.data)
    try:
        overrode = identifying.check(form.title.data or "", form.body.data or "", seen=request.form.get("anyway"))
        agree_along()
        thread = discussing.discuss(
            found,
            room=room,
            title=form.title.data,
            body=form.body.data or "",
            safely=form.safely.data,
            by=me(),
            send_key=form.send_key.data,
            overrode=overrode,
        )
    except Refusal as no:
        back_to_form(form, no)
        return render_template("library/discuss.html", item=_item_or_404(slug), form=form, no=no), no.status
    return redirect(f"/threads/{thread.id}", 303)


def _page(shelf: Shelf, topics: Topics | None = None) -> Page[ItemRow]:
    reader = me_or_none()
    reader_id = reader.id if reader else None
    if shelf.words:
        found = shelves.shelf_search(shelf, audiences=audiences(), reader_id=reader_id, topics=topics)
        return Page(found, newer=None, older=None)
    before = read_cursor(request.args.get("before"))
    return shelves.shelf_page(shelf, reader_id=reader_id, before=before, topics=topics)


def _beside(problem: str, page: Page[ItemRow]) -> list[queries.AnyRow]:
    """What else is about the subject of a question's first answer."""
    related = queries.related_to(page.rows[0].id, most=_MOST_ANSWERS) if page.rows else []
    return [row for row in related if row.problem != problem][:3]


def _shelf_url(shelf: Shelf, **changes: Any) -> str:
    """The address of this part of the library with something about it changed."""
    now_chosen = {"problem": shelf.problem, "kind": shelf.kind, "topic": shelf.topic, "q": shelf.words, "before": None}
    wanted = now_chosen | changes
    query = urlencode({name: value for name, value in wanted.items() if value})
    return f"/library?{query}" if query else "/library"


def _one_a_number(files: Sequence[queries.AnyRow]) -> list[queries.AnyRow]:
    """One row an edition, the newest first."""
    return [next(edition) for _, edition in groupby(files, key=attrgetter("number"))]


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
    if wanted is None or (inline and not wanted.media_type.startswith(_PLAYS[request.endpoint or ""])):
        raise NotFound()
    release()  # our read ends here; nobody waits for it while the bytes go out
    if not inline and downloads.is_begin() and not wanted.remembered:
        downloads.remember(wanted.id, member_id=reader_id)
    return sending.send(wanted, inline=inline)
