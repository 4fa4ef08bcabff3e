"""What staff decide and note about a person: silence, suspension, their history, and notes, on one page."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template
from sqlalchemy import select

from portal.accounts.models import Member
from portal.accounts.signed_in import me
from portal.core.admission import Audience, admits
from portal.core.db import one_or_404
from portal.core.errors import Refusal, back_to_form
from portal.core.limits import limiter
from portal.moderation import noting, ruling_and_sanctioning, sanctioning
from portal.moderation.asking_along import seldom
from portal.moderation.person_forms import LiftForm, NoteForm, SanctionForm
from portal.moderation.person_models import Sanction, SanctionKind, StaffNote
from portal.moderation.policy import may_judge

bp = Blueprint("persons", __name__)
Answer = Any  # what Flask takes: text, text with a status, or a response

_PERSON = "/moderation/members/<handle>"
_SANCTION = "/moderation/sanctions/<int(max=2147483647):sanction_id>"  # larger is no id of ours
_NOTE = "/moderation/notes/<int(max=2147483647):note_id>"
_DO = {SanctionKind.SILENCE: sanctioning.silence, SanctionKind.SUSPENSION: sanctioning.suspend}


@bp.get(_PERSON)
@admits(Audience.MODERATORS)
def person(handle: str) -> str:
    return _page(_judged(handle))


@bp.post(_PERSON + "/sanctions")
@admits(Audience.MODERATORS)
@seldom
def sanction(handle: str) -> Answer:
    member, form = _judged(handle), SanctionForm()
    if not form.validate_on_submit():
        return _page(member, sanction_form=form), 422
    try:
        _DO[SanctionKind(form.kind.data)](member, days=form.days.data, because=form.because.data or "", by=me())
    except Refusal as no:
        back_to_form(form, no)
        return _page(_judged(handle), sanction_form=form), no.status
    flash("Decided. They are told what, why and for how long.", "success")
    return redirect(f"/moderation/members/{handle}", 303)


@bp.post(_SANCTION + "/end")
@admits(Audience.MODERATORS)
def lift(sanction_id: int) -> Answer:
    ended, form = one_or_404(select(Sanction).where(Sanction.id == sanction_id)), LiftForm()
    handle = ended.member.handle
    member = _judged(handle)
    if not form.validate_on_submit():
        return _page(member, lift_form=form), 422
    try:
        sanctioning.lift(ended, because=form.because.data or "", by=me())
    except Refusal as no:
        back_to_form(form, no)
        return _page(_judged(handle), lift_form=form), no.status
    flash("It has ended. They are told, with your reason.", "success")
    return redirect(f"/moderation/members/{handle}", 303)


@bp.post(_PERSON + "/notes")
@admits(Audience.MODERATORS)
@limiter.limit("60/hour")
def note(handle: str) -> Answer:
    member, form = _judged(handle), NoteForm()
    if not form.validate_on_submit():
        return _page(member, note_form=form), 422
    noting.note(member, words=form.words.data or "", by=me())
    flash("Noted.", "success")
    return redirect(f"/moderation/members/{handle}#notes", 303)


@bp.post(_NOTE + "/removal")
@admits(Audience.MODERATORS)
def take_note_away(note_id: int) -> Answer:
    found = one_or_404(select(StaffNote).where(StaffNote.id == note_id))
    handle = found.about.handle
    noting.take_away(found, by=me())
    flash("The note is taken away.", "success")
    return redirect(f"/moderation/members/{handle}#notes", 303)


def _judged(handle: str) -> Member:
    """Raises NotFound, and NotYoursToJudge: nobody reads what is noted about themselves or somebody above them."""
    found = one_or_404(select(Member).where(Member.handle == handle, Member.closed_at.is_(None)))
    if not may_judge(me(), found):
        raise sanctioning.NotYoursToJudge()
    return found


def _page(
    member: Member,
    sanction_form: SanctionForm | None = None,
    lift_form: LiftForm | None = None,
    note_form: NoteForm | None = None,
) -> str:
    notes, sanctions = noting.notes_on(member), sanctioning.sanctions_of(member)
    return render_template(
        "moderation/person.html",
        member=member,
        sanctions=sanctions,
        cases={each.id: ruling_and_sanctioning.case_of(each, reader=me()) for each in sanctions},
        notes=notes,
        removable={each.id for each in notes if noting.may_take_away(me(), each)},
        form=sanction_form or SanctionForm(formdata=None),
        lift_form=lift_form,
        note_form=note_form or NoteForm(formdata=None),
    )
