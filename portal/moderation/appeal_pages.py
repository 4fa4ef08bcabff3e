"""Pages of appeals: for whoever a ruling was about, and for staff who look at it a second time."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request
from werkzeug.exceptions import NotFound

from portal.accounts.signed_in import me
from portal.core.admission import Audience, admits
from portal.core.db import db, one_or_404
from portal.core.errors import Refusal, back_to_form
from portal.core.limits import limiter
from portal.moderation import appealing, appeals
from portal.moderation.forms import RAISED, AppealForm, DecisionForm
from portal.moderation.models import Ruling, Verdict

bp = Blueprint("appeals", __name__)

APPEALS_A_PAGE = 20
Answer = Any  # what Flask takes: text, text with a status, or a response

_RULING = "/rulings/<int(max=2147483647):ruling_id>"  # larger is no id of ours, and no database's integer
_SANCTION = "/sanctions/<int(max=2147483647):sanction_id>"
_APPEAL = "/moderation/appeals/<int(max=2147483647):appeal_id>"
_SENT = "Sent. Somebody who did not take this decision looks at it again and writes to you."
_DONE = {
    Verdict.OVERTURNED: "The decision is taken back. Whoever appealed is told why.",
    Verdict.UPHELD: "The decision stands. Whoever appealed is told why.",
}


@bp.get(_RULING)
@admits(Audience.SIGNED_IN)
def own(ruling_id: int) -> Answer:
    """What was decided about one's own words, also for those who are not in at the moment."""
    return _own_page(appeals.told_of(one_or_404(appeals.ruling_about(me(), ruling_id)), me()), AppealForm())


@bp.post(_RULING + "/appeal")
@admits(Audience.SIGNED_IN)
@limiter.limit("10/hour")
def appeal(ruling_id: int) -> Answer:
    ruling, form = one_or_404(appeals.ruling_about(me(), ruling_id)), AppealForm()
    if not form.validate_on_submit():
        return _own_page(appeals.told_of(ruling, me()), form), 422
    try:
        appealing.appeal(ruling, words=form.words.data or "", by=me())
    except Refusal as no:
        back_to_form(form, no)
        ruling = one_or_404(appeals.ruling_about(me(), ruling_id))
        return _own_page(appeals.told_of(ruling, me()), form), no.status
    flash(_SENT, "success")
    return redirect(f"/rulings/{ruling_id}", 303)


@bp.get("/sanction")
@admits(Audience.SIGNED_IN)
def latest_sanction() -> Answer:
    """The latest of one's own: pages tell of it without knowing its number."""
    sanction_id = db.session.scalar(appeals.latest_sanction_of(me()))
    return redirect(f"/sanctions/{sanction_id}" if sanction_id else "/account", 303)


@bp.get(_SANCTION)
@admits(Audience.SIGNED_IN)
def own_sanction(sanction_id: int) -> Answer:
    sanction = one_or_404(appeals.sanction_of(me(), sanction_id))
    return _own_page(appeals.told_of_sanction(sanction, me()), AppealForm())


@bp.post(_SANCTION + "/appeal")
@admits(Audience.SIGNED_IN)
@limiter.limit("10/hour")
def appeal_sanction(sanction_id: int) -> Answer:
    sanction, form = one_or_404(appeals.sanction_of(me(), sanction_id)), AppealForm()
    if not form.validate_on_submit():
        return _own_page(appeals.told_of_sanction(sanction, me()), form), 422
    try:
        appealing.appeal_sanction(sanction, words=form.words.data or "", by=me())
    except Refusal as no:
        back_to_form(form, no)
        sanction = one_or_404(appeals.sanction_of(me(), sanction_id))
        return _own_page(appeals.told_of_sanction(sanction, me()), form), no.status
    flash(_SENT, "success")
    return redirect(f"/sanctions/{sanction_id}", 303)


@bp.get("/posts/<int(max=2147483647):post_id>/ruling")
@admits(Audience.SIGNED_IN)
def of_post(post_id: int) -> Answer:
    """The latest on one's own post: pages show posts without knowing its number."""
    return _to_latest(Ruling.post_id == post_id)


@bp.get("/threads/<int(max=2147483647):thread_id>/ruling")
@admits(Audience.SIGNED_IN)
def of_thread(thread_id: int) -> Answer:
    return _to_latest(Ruling.post_id.is_(None), Ruling.thread_id == thread_id)


@bp.get("/moderation/appeals")
@admits(Audience.MODERATORS)
def waiting() -> Answer:
    page = appeals.waiting(request.args.get("after"), reader=me(), most=APPEALS_A_PAGE)
    return render_template(
        "moderation/appeals.html", page=page, started="after" in request.args, form=DecisionForm(), reasons=RAISED
    )


@bp.post(_APPEAL + "/decision")
@admits(Audience.MODERATORS)
def decide(appeal_id: int) -> Answer:
    on, form = one_or_404(appeals.appeal_for(me(), appeal_id)), DecisionForm()
    is_valid, verdict = form.validate_on_submit(), form.chosen()
    if not is_valid or verdict is None:
        return _decision_page(appeal_id, form), 422
    try:
        because, with_sanction = form.because.data or "", form.with_sanction.data
        appealing.decide(on, verdict, because=because, by=me(), with_sanction=with_sanction)
    except Refusal as no:
        back_to_form(form, no)
        return _decision_page(appeal_id, form), no.status
    flash(_DONE[verdict], "success")
    return redirect("/moderation/appeals", 303)


def _to_latest(*about: Any) -> Answer:
    ruling_id = db.session.scalar(appeals.latest_about(me(), *about))
    if ruling_id is None:
        raise NotFound()
    return redirect(f"/rulings/{ruling_id}", 303)


def _own_page(told: appeals.Told, form: AppealForm) -> str:
    return render_template("moderation/own_ruling.html", told=told, form=form)


def _decision_page(appeal_id: int, form: DecisionForm) -> str:
    """The appeal by itself, with what was typed."""
    case = appeals.case_of(one_or_404(appeals.appeal_for(me(), appeal_id)), reader=me())
    return render_template("moderation/appeal.html", case=case, form=form, reasons=RAISED)
