"""The coach's pages about consents: which story may be shown with which words, and whom to ask."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, url_for
from sqlalchemy import select
from werkzeug.wrappers import Response

from portal.accounts.addresses import NotAnAddress
from portal.accounts.signed_in import me
from portal.core.admission import Audience, admits
from portal.core.db import one_or_404
from portal.core.errors import Refusal, back_to_form
from portal.core.limits import limiter
from portal.desk import exporting, ledger
from portal.desk.forms import AskForm, DeclareForm
from portal.library import consenting, showing, stories
from portal.library.consent_models import Consent, Place
from portal.library.models import Nugget

bp = Blueprint("consents", __name__)
Page = str | Response | tuple[str, int]

_BESIDE = {NotAnAddress: "email", consenting.NoName: "name", consenting.NoRole: "role"}


@bp.get("/desk/consents")
@admits(Audience.COACHES)
def stories_list() -> Page:
    """Every nugget with how its consent stands; what waits for the coach comes first."""
    return render_template("desk/consents.html", rows=ledger.rows(), states=ledger.STATES)


@bp.get("/desk/consents/ledger")
@admits(Audience.OWNERS)
def whole_ledger() -> Page:
    """Every consent there ever was, to be read, printed or taken along."""
    return render_template(
        "desk/ledger.html", consents=ledger.whole(), states=ledger.STATES, namings=ledger.NAMINGS, in_words=_places
    )


@bp.post("/desk/consents/ledger/file")
@admits(Audience.OWNERS)
@limiter.limit("20/hour")
def ledger_file() -> Page:
    return exporting.export(
        "consents", [consent.id for consent in ledger.whole()], ledger.some, ledger.COLUMNS, by=me()
    )


@bp.get("/desk/consents/<int(max=2147483647):nugget_id>")
@admits(Audience.COACHES)
def story(nugget_id: int) -> Page:
    return _story_page(_nugget_or_404(nugget_id))


@bp.post("/desk/consents/<int(max=2147483647):nugget_id>/askings")
@admits(Audience.COACHES)
@limiter.limit("20/hour")
def ask(nugget_id: int) -> Page:
    nugget, form = _nugget_or_404(nugget_id), AskForm()
    if not form.validate_on_submit():
        return _story_page(nugget, form=form), 422
    try:
        consent = consenting.ask(
            nugget, name=form.name.data or "", email=form.email.data or "", role=form.role.data or "", by=me()
        )
    except Refusal as no:
        back_to_form(form, no, _BESIDE.get(type(no)))
        return _story_page(_nugget_or_404(nugget_id), form=form), no.status
    flash(f"A letter with the story is on its way to {consent.client_name}.", "success")
    return redirect(url_for("consents.story", nugget_id=nugget_id), 303)


@bp.post("/desk/consents/askings/<int(max=2147483647):consent_id>/letter")
@admits(Audience.COACHES)
@limiter.limit("20/hour")
def resend(consent_id: int) -> Page:
    consent = one_or_404(select(Consent).where(Consent.id == consent_id))
    consenting.resend(consent, by=me())
    flash("Another letter is on its way, with a new link. The one before no longer works.", "success")
    return redirect(url_for("consents.story", nugget_id=consent.nugget_id), 303)


@bp.post("/desk/consents/askings/<int(max=2147483647):consent_id>/cancellation")
@admits(Audience.COACHES)
def cancel(consent_id: int) -> Page:
    consent = one_or_404(select(Consent).where(Consent.id == consent_id))
    consenting.cancel(consent, by=me())
    flash("Taken back. The link in the letter leads nowhere, and the client’s name and address are gone.", "success")
    return redirect(url_for("consents.story", nugget_id=consent.nugget_id), 303)


@bp.post("/desk/consents/<int(max=2147483647):nugget_id>/declaration")
@admits(Audience.COACHES)
def declare(nugget_id: int) -> Page:
    nugget, form = _nugget_or_404(nugget_id), DeclareForm()
    if not form.validate_on_submit():
        return _story_page(nugget, declaring=form), 422
    places = {Place.MEMBERS, Place.AIR, Place.MAIL} | ({Place.PUBLIC} if form.public.data else set())
    try:
        consenting.declare(nugget, places=places, by=me())
    except Refusal as no:
        back_to_form(form, no)
        return _story_page(_nugget_or_404(nugget_id), declaring=form), no.status
    flash("Declared a composite. Readers are told so below the story.", "success")
    return redirect(url_for("consents.story", nugget_id=nugget_id), 303)


def _story_page(nugget: Nugget, *, form: AskForm | None = None, declaring: DeclareForm | None = None) -> str:
    stands, waiting = showing.standing(nugget), consenting.open_of(nugget)
    known = waiting or stands
    asked = {what: getattr(known, f"client_{what}", None) or "" for what in ("name", "email", "role")}
    written = stories.written(nugget)
    return render_template(
        "desk/consent.html",
        nugget=nugget,
        stands=stands,
        waiting=waiting,
        is_current=stands is not None and stands.words_sha256 == written.sha256,
        is_asked=waiting is not None and waiting.words_sha256 == written.sha256,
        is_taken=ledger.is_taken(nugget),
        story=stories.telling(written),
        form=form or AskForm(formdata=None, data=asked),
        declaring=declaring or DeclareForm(formdata=None),
        line=showing.line_of(stands) if stands else None,
        places=showing.in_words(showing.places_of(stands)) if stands else "",
        history=ledger.history(nugget),
        states=ledger.STATES,
        happened=ledger.HAPPENED,
    )


def _places(consent: Consent) -> str:
    return showing.in_words(showing.places_of(consent)) if consent.places else ""


def _nugget_or_404(nugget_id: int) -> Nugget:
    return one_or_404(select(Nugget).where(Nugget.id == nugget_id))
