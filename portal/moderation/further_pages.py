"""Pages of rulings that need more than a reason: what a post is to say, or where a thread belongs."""

from __future__ import annotations

from functools import partial
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request
from werkzeug.exceptions import NotFound
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than the types

from portal.accounts.signed_in import me
from portal.conversations import identifying, moving, queries
from portal.conversations.models import Post, Room, Thread
from portal.conversations.post_queries import post_for
from portal.conversations.posting import mark_of
from portal.conversations.thread_queries import thread_for
from portal.core.admission import Audience, admits
from portal.core.db import db, one_or_404
from portal.core.errors import Refusal, back_to_form
from portal.moderation import cases, editing_out, further_rulings, ruling_and_sanctioning
from portal.moderation.asking_along import asked_along, seldom_along, told_along
from portal.moderation.forms import RAISED, EditOutForm, MoveForm

bp = Blueprint("further_rulings", __name__)
Answer = Any  # what Flask takes: text, text with a status, or a response


@bp.route("/posts/<int(max=2147483647):post_id>/editing-out", methods=["GET", "POST"])
@admits(Audience.MODERATORS)
@seldom_along
def edit_out(post_id: int) -> Answer:
    post, form = one_or_404(post_for(me(), post_id)), EditOutForm()
    if not form.is_submitted():
        form.body.data = post.body
        return _edit_page(post, form)
    if not form.validate_on_submit():
        return _edit_page(post, form), 422
    also, body = asked_along(form), form.body.data or ""
    take_out = partial(editing_out.edit_out, post, body=body, seen=form.seen.data, answering=form.answers())
    try:
        ruling_and_sanctioning.rule(take_out, post, also, because=form.because.data or "", by=me())
    except Refusal as no:
        back_to_form(form, no)
        return _edit_page(one_or_404(post_for(me(), post_id)), form), no.status
    flash(" ".join(["Edited. Its author is told what was done, and why.", *told_along(also)]), "success")
    return redirect(post.path, 303)


@bp.route("/threads/<int(max=2147483647):thread_id>/moving", methods=["GET", "POST"])
@admits(Audience.MODERATORS)
def move(thread_id: int) -> Answer:
    thread, form = _thread_or_404(thread_id), MoveForm()
    rooms = _rooms(thread)
    form.room.choices = [SelectChoice(room.slug, room.title) for room in rooms]
    if not form.is_submitted():
        return _move_page(thread, form)
    if not form.validate_on_submit():
        return _move_page(thread, form), 422
    to = next(room for room in rooms if room.slug == form.room.data)
    try:
        further_rulings.move(thread, to=to, because=form.because.data or "", by=me(), answering=form.answers())
    except Refusal as no:
        back_to_form(form, no)
        return _move_page(_thread_or_404(thread_id), form), no.status
    flash(f"It stands in “{to.title}” now. Whoever began it is told why.", "success")
    return redirect(f"/threads/{thread_id}", 303)


def _thread_or_404(thread_id: int) -> Thread:
    found = thread_for(me(), thread_id)
    if found is None:
        raise NotFound()
    return found.thread


def _rooms(thread: Thread) -> list[Room]:
    return [room for room in db.session.scalars(queries.rooms(me())) if moving.may_go(thread, room)]


def _edit_page(post: Post, form: EditOutForm) -> str:
    case = cases.case_of(post, reader=me())
    form.seen.data, form.flag.data = mark_of(post), form.flag.data or str(case.flag_id or "")
    return render_template(
        "moderation/edit_out.html",
        form=form,
        case=case,
        now_says=post.body_html if form.body.data != post.body else None,
        marks=identifying.look(post.body),
        reasons=RAISED,
    )


def _move_page(thread: Thread, form: MoveForm) -> str:
    case = cases.case_of(thread, reader=me())
    form.flag.data = form.flag.data or request.args.get("flag") or str(case.flag_id or "")
    return render_template("moderation/move.html", form=form, thread=thread, case=case, reasons=RAISED)
