"""Pages of conversations."""

from __future__ import annotations

from typing import Any

from flask import (
    Blueprint,
    current_app,
    make_response,
    redirect,
    render_template,
    request,
    session,
)
from werkzeug.wrappers import Response

from portal.accounts import drafting
from portal.accounts.agreeing import agree_along
from portal.accounts.models import Draft
from portal.accounts.signed_in import me
from portal.conversations import (
    attaching,
    cards,
    drafts,
    drawing,
    identifying,
    paging,
    pointing,
    policy,
    post_queries,
    posting,
    queries,
    reading,
    showing,
    taking_back,
    thread_queries,
)
from portal.conversations.attaching_pages import brought_along
from portal.conversations.for_reader import (
    POST,
    THREAD,
    post_or_404,
    reader,
    reading_or_404,
    room_and_level_or_404,
    room_or_404,
    thread_or_404,
    turn_away,
)
from portal.conversations.forms import EditForm, ReplyForm, ThreadForm
from portal.conversations.models import Post, RoomKind, Thread, ThreadKind
from portal.conversations.previewing import previewed
from portal.core import markdown
from portal.core.admission import Audience, admits
from portal.core.clock import now
from portal.core.db import db, one_or_404, release
from portal.core.errors import Refusal, back_to_form
from portal.core.limits import limiter
from portal.core.web import moment_or_none, whole_number

bp = Blueprint("conversations", __name__)

THREADS_A_PAGE = 30
OWN_POSTS_A_PAGE = 20
Answer = Any  # what Flask takes: text, text with a status, or a response


@bp.get("/rooms")
@admits(Audience.ANYONE)
def rooms() -> Answer:
    """The rooms that are open to this reader; to whoever is not in, those that anyone may read."""
    found = [room for room in db.session.scalars(queries.rooms_with_last_word(reader())) if not room.is_archived]
    if not found and reader() is None:
        turn_away()
    unread = {count.room_id: count.count for count in reading.counts(me())} if reader() else {}
    return render_template(
        "conversations/rooms.html",
        rooms=found,
        kinds=showing.KINDS,
        unread={room_id: reading.in_words(count) for room_id, count in unread.items() if count},
        until=now().isoformat(),
        undo=moment_or_none(request.args.get("undo")),
    )


@bp.get("/rooms/<slug>")
@admits(Audience.ANYONE)
def room(slug: str) -> Answer:
    """Its threads, the latest first; `?kind=question` chooses one kind."""
    (room, level), kind = room_and_level_or_404(slug), _kind_or_none(request.args.get("kind"))
    page = paging.page_of(
        queries.threads_in(room, reader(), kind),
        Thread.__table__.c.last_post_at,
        Thread.__table__.c.id,
        older=request.args.get("older"),
        newer=request.args.get("newer"),
        most=THREADS_A_PAGE,
        place=lambda row: (row.last_post_at, row.id),
    )
    member = reader()
    unread = reading.in_threads(member, [row.id for row in page.rows]) if member and not room.is_archived else {}
    response = make_response(
        render_template(
            "conversations/room.html",
            room=room,
            hosts=queries.hosts_of(room),
            who=showing.WHO_READS[room.kind],
            who_icon=showing.ICONS[room.kind],
            page=page,
            threads=showing.listed(page.rows, unread, member),
            kind=kind,
            kinds=showing.kinds_of(room.slug, kind),
            here=f"/rooms/{room.slug}?" + (f"kind={kind}&" if kind else ""),
            may_start=policy.may_start(member, room),
            level=level if member else None,
            until=now().isoformat(),
            undo=moment_or_none(request.args.get("undo")),
        )
    )
    return _unlisted(response, room.kind)


@bp.route("/rooms/<slug>/threads/new", methods=["GET", "POST"])
@admits(Audience.ENTITLED)
@limiter.limit("10/minute;60/hour", methods=["POST"])
def new_thread(slug: str) -> Answer:
    room = room_or_404(slug)
    if room.is_archived:
        raise posting.RoomArchived()
    draft = drafting.kept(me(), drafts.of_room(room.id))
    opened_with = {"about": request.args.get("about")} | _thread_typed(draft)
    form = ThreadForm(data=opened_with if request.method == "GET" else None)
    form.topics.choices = thread_queries.topics_to_choose()
    try:
        along = brought_along(room, drafts.of_room(room.id))
    except Refusal as no:
        back_to_form(form, no)
        return drawing.new_thread_page(room_or_404(slug), form, draft), no.status
    if along.is_all:
        return drawing.new_thread_page(room, form, draft)
    if not form.validate_on_submit():
        page = drawing.new_thread_page(room, form, draft)
        return (page, 422) if form.is_submitted() else page
    if "preview" in request.form:
        return drawing.new_thread_page(room, form, draft, preview=previewed(form.body.data or "", room))
    try:
        about = pointing.thing_meant(form.about.data) if form.about.data else None
        topics = thread_queries.topics_called(form.topics.data or ())
        overrode = identifying.check(form.title.data or "", form.body.data or "", seen=request.form.get("anyway"))
        _let_others_write(form.body.data or "")
        agree_along()
        thread = posting.start(
            room,
            title=form.title.data or "",
            body=form.body.data or "",
            safely=form.safely.data,
            by=me(),
            kind=form.kind.data,
            about_title=about.title if about else None,
            about_path=about.path if about else None,
            topics=topics,
            send_key=form.send_key.data,
            overrode=overrode,
        )
        attaching.attach(thread_queries.opening_of(thread), along.ids, alts=along.alts, by=me())
    except Refusal as no:
        back_to_form(form, no, "about" if isinstance(no, pointing.NoSuchThing) else None)
        return drawing.new_thread_page(room_or_404(slug), form, draft, no=no), no.status
    drafting.throw_away(me(), drafts.of_room(room.id))
    return redirect(f"/threads/{thread.id}", 303)


@bp.get(THREAD)
@admits(Audience.ANYONE)
def thread(thread_id: int) -> Answer:
    if _is_asking_again() and thread_queries.version_of(thread_id, reader()) == _known_version():
        return "", 204
    if unchanged := _unchanged(thread_id):
        return unchanged
    found = reading_or_404(thread_id)
    if found.thread.id != thread_id:
        return redirect(thread_queries.where_merged(thread_id).path, 301)
    page = whole_number(request.args.get("page"), otherwise=1, most=found.thread.pages)
    if _is_asking_again() and "_flashes" in session:
        return "", 204  # what is to be said once is said to whoever looks
    tag = None if _is_for_once() else showing.tag_of(showing.facts_of(found), found.reader, page)
    response = make_response(drawing.thread_page(found, page))
    if tag and not cards.told_of_others():
        _let_browsers_keep(response, tag)
    return _unlisted(response, found.thread.room.kind)


def _unchanged(thread_id: int) -> Response | None:
    """The short answer for a browser that holds the page as it still is."""
    if not request.if_none_match or _is_for_once():
        return None
    row = reading.facts_of(reader(), thread_id)
    if row is None:
        return None
    facts = showing.Facts(*row)
    page = whole_number(request.args.get("page"), otherwise=1, most=facts.pages)
    tag = showing.tag_of(facts, reader(), page)
    if not request.if_none_match.contains_weak(tag):
        return None
    response: Response = current_app.response_class(status=304)
    _let_browsers_keep(response, tag)
    return _unlisted(response, facts.kind)


def _is_for_once() -> bool:
    """The page says something that it will not say again, or opens with what this link brings."""
    return "_flashes" in session or "quote" in request.args


def _let_browsers_keep(response: Response, tag: str) -> None:
    response.set_etag(tag, weak=True)
    response.headers["Cache-Control"] = "private, no-cache"  # kept by this browser, asked about each time


@bp.post(THREAD + "/posts")
@admits(Audience.ENTITLED)
@limiter.limit("60 per 10 minutes")
def reply(thread_id: int) -> Answer:
    thread, form = thread_or_404(thread_id).thread, ReplyForm()
    try:
        along = brought_along(thread.room, drafts.of_thread(thread.id))
    except Refusal as no:
        back_to_form(form, no)
        return _reply_page(thread_id, form), no.status
    if along.is_all:
        return _reply_page(thread_id, form)
    if not form.validate_on_submit():
        return _reply_page(thread_id, form), 422
    if "preview" in request.form:
        return _reply_page(thread_id, form, preview=previewed(form.body.data or "", thread.room))
    _let_others_write(form.body.data or "")
    try:
        overrode = identifying.check(form.body.data or "", seen=request.form.get("anyway"))
        agree_along()
        post = posting.reply(thread, body=form.body.data or "", by=me(), send_key=form.send_key.data, overrode=overrode)
        attaching.attach(post, along.ids, alts=along.alts, by=me())
    except Refusal as no:
        back_to_form(form, no)
        return _reply_page(thread_id, form, no=no), no.status
    drafting.throw_away_sent(me(), drafts.of_thread(thread.id), words="body", sent=form.body.data or "")
    return redirect(post.path, 303)


def _let_others_write(body: str) -> None:
    """Rendering a long hostile text takes a while, and on SQLite nobody else could write meanwhile."""
    if not markdown.is_quick(body):
        release()


def _reply_page(thread_id: int, form: ReplyForm, **more: Any) -> str:
    """The end of the thread, with what they typed."""
    found = reading_or_404(thread_id)
    return drawing.thread_page(found, found.thread.pages, form, **more)


@bp.get(POST)
@admits(Audience.ANYONE)
def post(post_id: int) -> Answer:
    return redirect(post_or_404(post_id).path, 303)


@bp.route(POST + "/edit", methods=["GET", "POST"])
@admits(Audience.ENTITLED)
@limiter.limit("30/minute;300/hour", methods=["POST"])
def edit(post_id: int) -> Answer:
    post = post_or_404(post_id)
    posting.check_may_edit(post, by=me())
    draft = drafting.kept(me(), drafts.of_post(post.id))
    form = EditForm(data=_post_typed(post) | drafts.as_data(draft) if request.method == "GET" else None)
    try:
        along = brought_along(post.thread.room, drafts.of_post(post.id))
    except Refusal as no:
        back_to_form(form, no)
        return drawing.edit_page(post_or_404(post_id), form, draft), no.status
    if along.is_all:
        return drawing.edit_page(post, form, draft)
    if not form.validate_on_submit():
        page = drawing.edit_page(post, form, draft)
        return (page, 422) if form.is_submitted() else page
    if "preview" in request.form:
        return drawing.edit_page(post, form, draft, preview=previewed(form.body.data or "", post.thread.room))
    _let_others_write(form.body.data or "")
    try:
        overrode = identifying.check(form.body.data or "", seen=request.form.get("anyway"))
        posting.edit(post, body=form.body.data or "", by=me(), seen=form.seen.data, overrode=overrode)
        attaching.attach_later(post, along.ids, alts=along.alts, by=me())
    except Refusal as no:
        back_to_form(form, no)
        post = post_or_404(post_id)
        if isinstance(no, posting.ChangedSince):
            form.seen.data = posting.mark_of(post)
        return drawing.edit_page(post, form, draft, no=no), no.status
    drafting.throw_away(me(), drafts.of_post(post.id))
    return redirect(post.path, 303)


@bp.post(POST + "/delete")
@admits(Audience.SIGNED_IN)
@limiter.limit("60/hour")
def take_back(post_id: int) -> Answer:
    post = one_or_404(post_queries.own_post(me(), post_id))
    taking_back.take_back(post, by=me())
    return _where_it_stood(post)


@bp.post(POST + "/delete/undo")
@admits(Audience.SIGNED_IN)
def undo_taking_back(post_id: int) -> Answer:
    post = one_or_404(post_queries.own_post(me(), post_id))
    taking_back.undo(post, by=me())
    return _where_it_stood(post)


def _where_it_stood(post: Post) -> Response:
    """Back to its place, or for those who do not read there to the list of their own posts."""
    return redirect(post.path if reader() else "/account/posts", 303)


@bp.get("/account/posts")
@admits(Audience.SIGNED_IN)
def own_posts() -> Answer:
    page = paging.page_of(
        post_queries.posts_by(me()),
        Post.__table__.c.created_at,
        Post.__table__.c.id,
        older=request.args.get("older"),
        newer=request.args.get("newer"),
        most=OWN_POSTS_A_PAGE,
        place=lambda row: (row.created_at, row.id),
    )
    undoable = {row.id for row in page.rows if taking_back.may_undo(row.deleted_at, row.hidden_because)}
    return render_template("conversations/own_posts.html", page=page, undoable=undoable)


def _post_typed(post: Post) -> dict[str, Any]:
    return {"body": post.body, "seen": posting.mark_of(post)}


def _thread_typed(draft: Draft | None) -> dict[str, Any]:
    typed = drafts.as_data(draft, lists=("topics",))
    return typed | {"kind": _kind_or_none(typed["kind"]) or ThreadKind.QUESTION} if "kind" in typed else typed


def _is_asking_again() -> bool:
    """An open page asks by itself what is new since it was drawn."""
    return "Portal-Look" in request.headers


def _known_version() -> int:
    return whole_number(request.headers["Portal-Look"], otherwise=0)


def _kind_or_none(typed: str | None) -> ThreadKind | None:
    return ThreadKind(typed) if typed in set(ThreadKind) else None


def _unlisted(response: Response, kind: RoomKind) -> Response:
    """Whoever reads without signing in finds it by a link, and not through a search engine."""
    if kind is RoomKind.PUBLIC:
        response.headers["X-Robots-Tag"] = "noindex"
    return response
