"""Pages of conversations."""

from __future__ import annotations

from typing import Any, NoReturn

from flask import (
    Blueprint,
    abort,
    current_app,
    flash,
    make_response,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from portal.accounts.models import Member
from portal.accounts.signed_in import me
from portal.conversations import following, policy, posting, queries, showing
from portal.conversations.forms import EditForm, ReplyForm, ThreadForm, new_send_key
from portal.conversations.models import Post, Room, RoomKind, Thread
from portal.core.admission import Audience, admits, audiences, way_out
from portal.core.db import db, release
from portal.core.errors import Refusal, back_to_form
from portal.core.limits import limiter
from portal.core.web import whole_number

bp = Blueprint("conversations", __name__)

THREADS_A_PAGE = 30
OWN_POSTS_A_PAGE = 20
_THREAD = "/threads/<int(max=2147483647):thread_id>"  # larger is no id of ours, and no database's integer
_POST = "/posts/<int(max=2147483647):post_id>"
Answer = Any  # what Flask takes: text, text with a status, or a response


@bp.get("/rooms")
@admits(Audience.ANYONE)
def rooms() -> Answer:
    """The rooms that are open to this reader; to whoever is not in, those that anyone may read."""
    found = [room for room in db.session.scalars(queries.rooms(_reader())) if not room.is_archived]
    if not found and _reader() is None:
        _turn_away()
    return render_template("conversations/rooms.html", rooms=found, kinds=showing.KINDS)


@bp.get("/rooms/<slug>")
@admits(Audience.ANYONE)
def room(slug: str) -> Answer:
    room = _room_or_404(slug)
    page = queries.page_of(
        queries.threads_in(room, _reader()),
        Thread.__table__.c.last_post_at,
        Thread.__table__.c.id,
        older=request.args.get("older"),
        newer=request.args.get("newer"),
        most=THREADS_A_PAGE,
        place=lambda row: (row.last_post_at, row.id),
    )
    response = make_response(
        render_template(
            "conversations/room.html",
            room=room,
            hosts=queries.hosts_of(room),
            who=showing.WHO_READS[room.kind],
            who_icon=showing.ICONS[room.kind],
            page=page,
            threads=showing.listed(page.rows),
            may_start=policy.may_start(_reader(), room),
        )
    )
    return _unlisted(response, room)


@bp.route("/rooms/<slug>/threads/new", methods=["GET", "POST"])
@admits(Audience.ENTITLED)
@limiter.limit("10/minute;60/hour", methods=["POST"])
def new_thread(slug: str) -> Answer:
    room, form = _room_or_404(slug), ThreadForm()
    if room.is_archived:
        raise posting.RoomArchived()
    if form.validate_on_submit():
        release()  # rendering hostile Markdown may take a while; nobody else should wait for it
        try:
            thread = posting.start(
                room, title=form.title.data or "", body=form.body.data or "", by=me(), send_key=form.send_key.data
            )
            return redirect(f"/threads/{thread.id}", 303)
        except Refusal as no:
            back_to_form(form, no)
            return render_template("conversations/new_thread.html", room=_room_or_404(slug), form=form), no.status
    page = render_template("conversations/new_thread.html", room=room, form=form)
    return (page, 422) if form.is_submitted() else page


@bp.get(_THREAD)
@admits(Audience.ANYONE)
def thread(thread_id: int) -> Answer:
    reading = _reading_or_404(thread_id)
    page = whole_number(request.args.get("page"), otherwise=1, most=reading.thread.pages)
    tag = None if "_flashes" in session else showing.tag_of(reading, page)
    if tag and request.if_none_match.contains_weak(tag):
        response: Response = current_app.response_class(status=304)
    else:
        response = make_response(_thread_page(reading, page))
    if tag:
        response.set_etag(tag, weak=True)
        response.headers["Cache-Control"] = "private, no-cache"  # kept by this browser, asked about each time
    return _unlisted(response, reading.thread.room)


@bp.post(_THREAD + "/posts")
@admits(Audience.ENTITLED)
@limiter.limit("30/minute;300/hour")
def reply(thread_id: int) -> Answer:
    reading, form = _reading_or_404(thread_id), ReplyForm()
    if not form.validate_on_submit():
        return _thread_page(reading, reading.thread.pages, form), 422
    release()  # rendering hostile Markdown may take a while; nobody else should wait for it
    try:
        post = posting.reply(reading.thread, body=form.body.data or "", by=me(), send_key=form.send_key.data)
    except Refusal as no:
        back_to_form(form, no)
        reading = _reading_or_404(thread_id)
        return _thread_page(reading, reading.thread.pages, form), no.status
    return redirect(post.path, 303)


@bp.get(_POST)
@admits(Audience.ANYONE)
def post(post_id: int) -> Answer:
    return redirect(_post_or_404(post_id).path, 303)


@bp.route(_POST + "/edit", methods=["GET", "POST"])
@admits(Audience.ENTITLED)
@limiter.limit("30/minute;300/hour", methods=["POST"])
def edit(post_id: int) -> Answer:
    post = _post_or_404(post_id)
    posting.check_may_edit(post, by=me())
    form = EditForm(obj=post if request.method == "GET" else None)
    if form.validate_on_submit():
        release()
        try:
            posting.edit(post, body=form.body.data or "", by=me())
            return redirect(post.path, 303)
        except Refusal as no:
            back_to_form(form, no)
            post = _post_or_404(post_id)
            return render_template("conversations/edit.html", post=post, back=post.path, form=form), no.status
    page = render_template("conversations/edit.html", post=post, back=post.path, form=form)
    return (page, 422) if form.is_submitted() else page


@bp.post(_THREAD + "/follow")
@admits(Audience.ENTITLED)
def follow(thread_id: int) -> Answer:
    following.follow(_reading_or_404(thread_id).thread, by=me())
    flash("You will hear of new replies by letter.", "success")
    return redirect(url_for("conversations.thread", thread_id=thread_id), 303)


@bp.post(_THREAD + "/mute")
@admits(Audience.ENTITLED)
def mute(thread_id: int) -> Answer:
    following.mute(_reading_or_404(thread_id).thread, by=me())
    flash("You will hear no more of this thread, also when you reply in it.", "success")
    return redirect(url_for("conversations.thread", thread_id=thread_id), 303)


@bp.get("/account/posts")
@admits(Audience.SIGNED_IN)
def own_posts() -> Answer:
    page = queries.page_of(
        queries.posts_by(me()),
        Post.__table__.c.created_at,
        Post.__table__.c.id,
        older=request.args.get("older"),
        newer=request.args.get("newer"),
        most=OWN_POSTS_A_PAGE,
        place=lambda row: (row.created_at, row.id),
    )
    return render_template("conversations/own_posts.html", page=page)


def _reader() -> Member | None:
    """Whoever reads here as a member; None for visitors and for those who are not in, who read what anyone may."""
    return me() if Audience.ENTITLED in audiences() else None


def _turn_away() -> NoReturn:
    """Nothing for this reader: members learn no more, others are told that it is for members, existing or not."""
    if _reader() is None:
        abort(make_response(way_out(Audience.ENTITLED)))
    raise NotFound()


def _room_or_404(slug: str) -> Room:
    if not slug.isprintable():
        raise NotFound()
    found = db.session.scalar(queries.rooms(_reader()).where(Room.slug == slug))
    return found or _turn_away()


def _reading_or_404(thread_id: int) -> showing.Reading:
    found = queries.thread_for(_reader(), thread_id)
    if found is None:
        _turn_away()
    thread, follows, muted, renamed_at = found
    return showing.Reading(reader=_reader(), thread=thread, follows=follows, muted=muted, renamed_at=renamed_at)


def _post_or_404(post_id: int) -> Post:
    return db.session.scalar(queries.post_for(_reader(), post_id)) or _turn_away()


def _unlisted(response: Response, room: Room) -> Response:
    """Whoever reads without signing in finds it by a link, and not through a search engine."""
    if room.kind is RoomKind.PUBLIC:
        response.headers["X-Robots-Tag"] = "noindex"
    return response


def _thread_page(reading: showing.Reading, page: int, form: ReplyForm | None = None) -> str:
    """The page; `form` when it holds something that could not be posted."""
    thread = reading.thread
    return render_template(
        "conversations/thread.html",
        thread=thread,
        reading=reading,
        posts=showing.shown(queries.posts_on_page(thread.id, page), reading),
        topics=[(row.title, f"/topics/{row.slug}") for row in queries.topics_of(thread.id)],
        page=page,
        form=form,
        send_key=new_send_key(),
    )
