"""The coach's rooms: opening them, who is in them, their order, and putting a thread where it belongs."""

from __future__ import annotations

import re
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request
from sqlalchemy import select

from portal.accounts.models import Member
from portal.accounts.signed_in import me
from portal.conversations import furnishing, moving, queries
from portal.conversations.for_reader import reading_or_404
from portal.conversations.models import Room, RoomKind, Thread
from portal.core.admission import Audience, admits
from portal.core.db import db, one_or_404
from portal.core.errors import Refusal, back_to_form
from portal.core.web import plain_name
from portal.desk.forms import JoinForm, NameForm, RoomForm
from portal.library import discussing
from portal.moderation import flagging

bp = Blueprint("desk_rooms", __name__)
Answer = Any  # what Flask takes: text, text with a status, or a response

_THREAD = "/desk/threads/<int(max=2147483647):thread_id>"
_BESIDE: dict[type[Refusal], str] = {furnishing.OwnersWord: "kind", furnishing.SpokenInConfidence: "kind"}


@bp.get("/desk/rooms")
@admits(Audience.COACHES)
def rooms() -> Answer:
    return render_template("desk/rooms.html", rooms=db.session.scalars(queries.rooms_with_last_word(me())).all())


@bp.route("/desk/rooms/new", methods=["GET", "POST"])
@admits(Audience.COACHES)
def new() -> Answer:
    form = RoomForm()
    if not form.validate_on_submit():
        return render_template("desk/room_new.html", form=form), 422 if form.is_submitted() else 200
    try:
        room = furnishing.open_room(**form.said(), by=me())
    except Refusal as no:
        back_to_form(form, no, _BESIDE.get(type(no)))
        return render_template("desk/room_new.html", form=form), no.status
    flash(f"“{room.title}” is open.", "success")
    return redirect(f"/desk/rooms/{room.slug}", 303)


@bp.route("/desk/rooms/<slug>", methods=["GET", "POST"])
@admits(Audience.COACHES)
def room(slug: str) -> Answer:
    found = _room_or_404(slug)
    form = RoomForm(data={"title": found.title, "purpose": found.purpose, "kind": found.kind, "rules": found.notes})
    if not form.validate_on_submit():
        return _room_page(found, form), 422 if form.is_submitted() else 200
    try:
        furnishing.change(found, **form.said(), by=me())
    except Refusal as no:
        back_to_form(form, no, _BESIDE.get(type(no)))
        return _room_page(_room_or_404(slug), form), no.status
    flash("Saved.", "success")
    return redirect(f"/desk/rooms/{slug}", 303)


@bp.post("/desk/rooms/<slug>/order")
@admits(Audience.COACHES)
def order(slug: str) -> Answer:
    furnishing.put_before(_room_or_404(slug), places=-1 if request.form.get("to") == "down" else 1, by=me())
    return redirect("/desk/rooms", 303)


@bp.post("/desk/rooms/<slug>/archive")
@admits(Audience.COACHES)
def archive(slug: str) -> Answer:
    furnishing.archive(_room_or_404(slug), by=me())
    flash("Archived: what was said stays to be read and found, and nothing new is added.", "success")
    return redirect(f"/desk/rooms/{slug}", 303)


@bp.post("/desk/rooms/<slug>/reopen")
@admits(Audience.COACHES)
def reopen(slug: str) -> Answer:
    furnishing.reopen(_room_or_404(slug), by=me())
    flash("Open again, with everything that was said.", "success")
    return redirect(f"/desk/rooms/{slug}", 303)


@bp.post("/desk/rooms/<slug>/people")
@admits(Audience.COACHES)
def name(slug: str) -> Answer:
    found, form = _room_or_404(slug), NameForm()
    if not form.validate_on_submit():
        return _room_page(found, naming=form), 422
    try:
        who = furnishing.person_called(form.who.data or "")
        furnishing.name(found, who, as_host=form.host.data or found.kind is not RoomKind.CIRCLE, by=me())
    except Refusal as no:
        back_to_form(form, no, "who")
        return _room_page(_room_or_404(slug), naming=form), no.status
    flash(f"{who.name} is named in this room now.", "success")
    return redirect(f"/desk/rooms/{slug}#people", 303)


@bp.post("/desk/rooms/<slug>/people/<handle>/end")
@admits(Audience.COACHES)
def take_out(slug: str, handle: str) -> Answer:
    found, who = _room_or_404(slug), one_or_404(select(Member).where(Member.handle == handle))
    furnishing.take_out(found, who, by=me())
    flash(f"{who.name} is no longer named in this room.", "success")
    return redirect(f"/desk/rooms/{slug}#people", 303)


@bp.get(_THREAD)
@admits(Audience.MODERATORS)
def place(thread_id: int) -> Answer:
    """Where a thread belongs: another room, or behind another thread."""
    return _place_page(reading_or_404(thread_id).thread)


@bp.post(_THREAD + "/room")
@admits(Audience.MODERATORS)
def move(thread_id: int) -> Answer:
    thread = reading_or_404(thread_id).thread
    to = one_or_404(queries.rooms(me()).where(Room.slug == plain_name(request.form.get("room", ""))))
    moving.move(thread, to=to, by=me())
    flash(f"It stands in “{to.title}” now. Its address and what is unread in it stayed the same.", "success")
    return redirect(f"/threads/{thread_id}", 303)


@bp.post(_THREAD + "/join")
@admits(Audience.MODERATORS)
def join(thread_id: int) -> Answer:
    """Its posts go behind those of another thread, and its address leads there."""
    thread, form = reading_or_404(thread_id).thread, JoinForm()
    if not form.validate_on_submit():
        return _place_page(thread, form), 422
    number = re.search(r"(\d{1,9})\D*\Z", (form.into.data or "").split("?")[0].split("#")[0])
    into = db.session.scalar(
        select(Thread).join(Thread.room).where(Thread.id == int(number[1] if number else 0), queries.visible_to(me()))
    )
    try:
        if into is None:
            raise moving.NotTogether("There is no such thread. Paste its address here.")
        moving.merge(thread, into=into, by=me())
        discussing.follow_merge(thread, into)
        flagging.follow_merge(thread)
    except Refusal as no:
        back_to_form(form, no, "into")
        return _place_page(reading_or_404(thread_id).thread, form), no.status
    flash("Joined. The old address leads here.", "success")
    return redirect(f"/threads/{thread_id}", 303)


def _room_or_404(slug: str) -> Room:
    return one_or_404(queries.rooms(me()).where(Room.slug == slug))


def _room_page(found: Room, form: RoomForm | None = None, naming: NameForm | None = None) -> str:
    said = {"title": found.title, "purpose": found.purpose, "kind": found.kind, "rules": found.notes}
    return render_template(
        "desk/room.html",
        room=found,
        form=form or RoomForm(formdata=None, data=said),
        naming=naming or NameForm(formdata=None),
        named=furnishing.named_in(found),
        is_circle=found.kind is RoomKind.CIRCLE,
    )


def _place_page(thread: Thread, form: JoinForm | None = None) -> str:
    rooms = db.session.scalars(queries.rooms(me())).all()
    return render_template(
        "desk/thread.html",
        thread=thread,
        form=form or JoinForm(formdata=None),
        rooms=[room for room in rooms if moving.may_go(thread, room)],
    )
