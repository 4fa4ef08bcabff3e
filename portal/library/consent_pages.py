"""The pages of a client who is asked about their story. No account: the link in the letter is the key."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, flash, redirect, render_template, url_for
from werkzeug.wrappers import Response

from portal.core.admission import Audience, admits
from portal.core.errors import Refusal, back_to_form
from portal.core.headers import keep_no_copy
from portal.core.limits import limiter
from portal.library import answering, showing, stories
from portal.library.consent_forms import ConsentForm, WishForm
from portal.library.consent_models import Consent, Naming

bp = Blueprint("consent", __name__)
Page = str | Response | tuple[str, int]

_OFTEN = "120/hour"  # a link is 256 random bits; this is about load, not about guessing


@bp.after_request
def _keep_to_themselves(response: Response) -> Response:
    """The address is a key: nobody keeps a copy, no search engine lists it, no other site is told of it."""
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["X-Robots-Tag"] = "noindex, nofollow, noarchive"
    return keep_no_copy(response)


@bp.get("/consent/<token>")
@admits(Audience.ANYONE)
@limiter.limit(_OFTEN)
def asked(token: str) -> Page:
    """The story as it would stand on the page, and the ways to answer; afterwards, what was answered."""
    try:
        consent = answering.asked(token)
    except answering.LinkIsOver as over:
        return _over(over)
    return _asked_page(consent, token)


@bp.post("/consent/<token>/agreement")
@admits(Audience.ANYONE)
@limiter.limit(_OFTEN)
def agree(token: str) -> Page:
    form = ConsentForm()
    words = form.sha256.data or ""
    return _answer(
        token,
        lambda: answering.agree(token, naming=form.naming_chosen, places=form.places_chosen, sha256=words),
        form=form,
    )


@bp.post("/consent/<token>/wish")
@admits(Audience.ANYONE)
@limiter.limit(_OFTEN)
def wish(token: str) -> Page:
    form = WishForm()
    return _answer(token, lambda: answering.wish_for(token, form.wish.data or ""), wish=form)


@bp.post("/consent/<token>/refusal")
@admits(Audience.ANYONE)
@limiter.limit(_OFTEN)
def decline(token: str) -> Page:
    return _answer(token, lambda: answering.decline(token))


@bp.get("/consent/yours/<token>")
@admits(Audience.ANYONE)
@limiter.limit(_OFTEN)
def own(token: str) -> Page:
    """What they agreed to, and the ways to change it; it never runs out."""
    try:
        consent = answering.own(token)
    except answering.LinkIsOver as over:
        return _over(over)
    return _own_page(consent, token)


@bp.post("/consent/yours/<token>/choice")
@admits(Audience.ANYONE)
@limiter.limit(_OFTEN)
def choose_anew(token: str) -> Page:
    form = ConsentForm()
    try:
        if form.validate_on_submit():
            answering.choose_anew(token, naming=form.naming_chosen, places=form.places_chosen)
            flash("Saved. It holds from now on, and a letter to you says so.", "success")
            return redirect(url_for("consent.own", token=token), 303)
        return _own_page(answering.own(token), token, form), 422
    except answering.LinkIsOver as over:
        return _over(over)
    except Refusal as no:
        back_to_form(form, no)
        return _own_page(answering.own(token), token, form), no.status


@bp.post("/consent/yours/<token>/withdrawal")
@admits(Audience.ANYONE)
@limiter.limit(_OFTEN)
def withdraw(token: str) -> Page:
    try:
        answering.withdraw(token)
    except answering.LinkIsOver as over:
        return _over(over)
    return redirect(url_for("consent.own", token=token), 303)


def _answer(
    token: str, answer: Callable[[], Consent], *, form: ConsentForm | None = None, wish: WishForm | None = None
) -> Page:
    """Give the answer and show how it stands; a refusal comes back beside what was chosen."""
    typed = form or wish
    try:
        if typed is not None and not typed.validate_on_submit():
            return _asked_page(answering.asked(token), token, form, wish), 422
        answer()
    except answering.LinkIsOver as over:
        return _over(over)
    except Refusal as no:
        if typed is None:
            raise
        back_to_form(typed, no)
        return _asked_page(answering.asked(token), token, form, wish), no.status
    return redirect(url_for("consent.asked", token=token), 303)


def _asked_page(consent: Consent, token: str, form: ConsentForm | None = None, wish: WishForm | None = None) -> str:
    return render_template(
        "library/consent.html",
        consent=consent,
        token=token,
        story=_as_shown(consent),
        form=_offering(form or ConsentForm(formdata=None), consent),
        wish=wish or WishForm(formdata=None, wish=consent.wish),
        **_spoken(consent),
    )


def _own_page(consent: Consent, token: str, form: ConsentForm | None = None) -> str:
    chosen = {"naming": consent.naming, "places": consent.places}
    return render_template(
        "library/own_consent.html",
        consent=consent,
        token=token,
        story=_as_shown(consent),
        form=_offering(form or ConsentForm(formdata=None, data=chosen), consent),
        **_spoken(consent),
    )


def _as_shown(consent: Consent) -> stories.Telling | None:
    """The words rendered as the item's page renders them; None once they are no longer kept."""
    return stories.telling(stories.story(consent.story)) if consent.story else None


def _offering(form: ConsentForm, consent: Consent) -> ConsentForm:
    """With the namings that these words allow, each with the sentence as it would stand below the story."""
    form.offer({Naming(naming): line for naming, line in (consent.lines or {}).items()})
    form.sha256.data = consent.words_sha256
    return form


def _spoken(consent: Consent) -> dict[str, str]:
    return {
        "line": showing.line_of(consent) or "",
        "places": showing.in_words(showing.places_of(consent)),
        "by": consent.asked_by.name if consent.asked_by else "",
    }


def _over(over: answering.LinkIsOver) -> Page:
    return render_template("library/consent_over.html", words=over.message), over.status
