"""Pages of the queue: what waits, one case by itself, who sees to it, several at once, and the saved replies."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request
from sqlalchemy import select

from portal.accounts.signed_in import me
from portal.conversations.models import Room
from portal.conversations.queries import open_to
from portal.core.admission import Audience, admits
from portal.core.db import db, one_or_404
from portal.core.errors import Refusal, back_to_form
from portal.core.web import local_path, whole_number
from portal.moderation import assigning, cases, deciding, replying
from portal.moderation.forms import RAISED, ReplyForm, RulingForm
from portal.moderation.models import Reason, SavedReply, about
from portal.moderation.narrowing_queue import KINDS, WHOSE, Narrowing, within
from portal.moderation.showing import case_page, thing_or_404

bp = Blueprint("queue", __name__)
CASES_A_PAGE = 20
Answer = Any  # what Flask takes: text, text with a status, or a response

_CASE = "/moderation/cases/<any(post, thread, member, item):kind>/<int(max=2147483647):thing_id>"
_REPLY = "/moderation/replies/<int(max=2147483647):reply_id>"
_DONE = {"keep": "{} kept. Their flags are settled.", "hide": "{} hidden. Their authors are told why."}


@bp.get("/moderation")
@admits(Audience.MODERATORS)
def queue() -> str:
    return _queue_page(RulingForm())


@bp.post("/moderation/rulings")
@admits(Audience.MODERATORS)
def rule_on_several() -> Answer:
    """Those that were checked, each by a ruling of its own."""
    form, chosen = RulingForm(), [*filter(None, map(_read_choice, request.form.getlist("case")))]
    replying.fill_in(form)
    outcome, is_valid = form.outcome.data or "", form.validate_on_submit()
    if not chosen or outcome not in _DONE:
        form.form_errors.append("Check the cases to decide about, and choose what to decide.")
        return _queue_page(form), 422
    if not is_valid:
        return _queue_page(form), 422
    decided = deciding.decide(chosen, outcome, because=form.because.data or "", by=me())
    if decided.done:
        flash(_DONE[outcome].format("One case" if decided.done == 1 else f"{decided.done} cases"), "success")
    for title, why in decided.refused:
        flash(f"Not decided: “{title}”. {why}", "warning")
    return redirect(local_path(form.next.data, "/moderation"), 303)


@bp.get(_CASE)
@admits(Audience.MODERATORS)
def case(kind: str, thing_id: int) -> str:
    return case_page(thing_or_404(kind, thing_id), RulingForm(formdata=None))


@bp.post(_CASE + "/owner")
@admits(Audience.MODERATORS)
def take(kind: str, thing_id: int) -> Answer:
    thing = thing_or_404(kind, thing_id)
    assigning.take(about(thing), by=me())
    flash(f"You see to “{deciding.title_of(thing)}”.", "success")
    return _back()


@bp.post(_CASE + "/owner/undo")
@admits(Audience.MODERATORS)
def give_back(kind: str, thing_id: int) -> Answer:
    thing = thing_or_404(kind, thing_id)
    assigning.give_back(about(thing), by=me())
    flash(f"Nobody sees to “{deciding.title_of(thing)}” now.", "success")
    return _back()


@bp.post(_CASE + "/look")
@admits(Audience.MODERATORS)
def look(kind: str, thing_id: int) -> Answer:
    """Sent by a script while somebody has the case open, so that the others see it."""
    assigning.look(about(thing_or_404(kind, thing_id)), by=me())
    return "", 204


@bp.route("/moderation/replies", methods=["GET", "POST"])
@admits(Audience.COACHES)
def replies() -> Answer:
    form = ReplyForm()
    if form.validate_on_submit():
        try:
            replying.save(None, title=form.title.data or "", words=form.words.data or "", by=me())
            flash("Saved. Moderators find it in the queue.", "success")
            return redirect("/moderation/replies", 303)
        except Refusal as no:
            back_to_form(form, no)
            return _replies_page(form), no.status
    page = _replies_page(form)
    return (page, 422) if form.is_submitted() else page


@bp.route(_REPLY, methods=["GET", "POST"])
@admits(Audience.COACHES)
def reply(reply_id: int) -> Answer:
    found = one_or_404(select(SavedReply).where(SavedReply.id == reply_id))
    form = ReplyForm(obj=found)
    if form.validate_on_submit():
        replying.save(found, title=form.title.data or "", words=form.words.data or "", by=me())
        flash("Saved.", "success")
        return redirect("/moderation/replies", 303)
    page = render_template("moderation/reply.html", form=form, reply=found)
    return (page, 422) if form.is_submitted() else page


@bp.post(_REPLY + "/removal")
@admits(Audience.COACHES)
def take_reply_out(reply_id: int) -> Answer:
    replying.take_out(one_or_404(select(SavedReply).where(SavedReply.id == reply_id)), by=me())
    flash("Taken out. Rulings that were made with it keep their words.", "success")
    return redirect("/moderation/replies", 303)


def _queue_page(form: RulingForm) -> str:
    narrowed, rooms = _narrowing(), _rooms()
    found = cases.queue(request.args.get("after"), reader=me(), most=CASES_A_PAGE, narrowed=narrowed)
    tabs = [(words, narrowed.but(whose=name).path(), name == narrowed.whose) for name, words in WHOSE.items()]
    return render_template(
        "moderation/queue.html",
        cases=found,
        form=form,
        chosen=set(request.form.getlist("case")),
        narrowed=narrowed,
        tabs=tabs,
        kinds=KINDS,
        reasons=RAISED,
        rooms=rooms,
        replies=replying.all_replies(),
        hours=int(within().total_seconds() // 3600),
        started="after" in request.args,
    )


def _replies_page(form: ReplyForm) -> str:
    return render_template("moderation/replies.html", form=form, replies=replying.all_replies())


def _rooms() -> list[tuple[int, str]]:
    found = db.session.execute(select(Room.id, Room.title).where(open_to(me())).order_by(Room.title, Room.id))
    return [(row.id, row.title) for row in found]


def _narrowing() -> Narrowing:
    """What the address asks for; what it does not know narrows nothing."""
    asked = request.args
    reason = asked.get("reason", "")
    return Narrowing(
        reason=Reason(reason) if reason in set(Reason) else None,
        kind=asked.get("kind", "") if asked.get("kind") in KINDS else "",
        room=whole_number(asked.get("room"), otherwise=0),
        whose=asked.get("whose", "") if asked.get("whose") in WHOSE else "",
        is_late=asked.get("late") == "1",
    )


def _read_choice(text: str) -> tuple[str, int, int] | None:
    """A checked case, "post:7:12": what it is about, and the flag by which it was seen."""
    kind, _, rest = text.partition(":")
    thing_id, _, flag_id = rest.partition(":")
    ids = whole_number(thing_id, otherwise=0), whole_number(flag_id, otherwise=0)
    return (kind, *ids) if kind in KINDS and all(ids) else None


def _back() -> Answer:
    return redirect(local_path(request.form.get("next"), "/moderation"), 303)
