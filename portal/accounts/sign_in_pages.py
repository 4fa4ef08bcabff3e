"""Pages of signing in beyond the first: the second step, and proving once more who one is."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from portal.accounts import finishing, stepping_up, steps, two_step
from portal.accounts.finishing import AFTER_SIGN_IN
from portal.accounts.forms import AgainByCodeForm, AgainForm, SecondStepForm
from portal.accounts.models import Member, Step
from portal.accounts.signed_in import me, renew_session, this_device
from portal.core.admission import Audience, admits
from portal.core.db import db, give_up
from portal.core.errors import Refusal, TooMuch, back_to_form
from portal.core.web import local_path

bp = Blueprint("sign_in", __name__)
Page = str | Response | tuple[str, int] | tuple[str, int, dict[str, str]]


@bp.after_request
def _keep_no_copy(response: Response) -> Response:
    """Secrets are typed into these pages, or stand in their address."""
    response.headers["Cache-Control"] = "private, no-store"
    return response


@bp.route("/sign-in/second-step", methods=["GET", "POST"])
@admits(Audience.ANYONE)
def second_step() -> Page:
    """The code from the app, or a recovery code, after a first step that was right."""
    wanted = local_path(request.values.get("next"), AFTER_SIGN_IN)
    form = SecondStepForm(data={"next": request.args.get("next")})
    try:
        step = steps.under_way(Step.SECOND)
        if not form.validate_on_submit():
            return _second_step_page(form), 422 if form.is_submitted() else 200
        steps.count_try(step)
        member = db.session.get_one(Member, step.member_id)
        two_step.prove(member, form.code.data or "")
        steps.finish(step)
    except steps.StepOver as over:
        give_up()
        flash(over.message, "warning")
        return redirect(url_for("accounts.sign_in", next=wanted), 303)
    except Refusal as no:
        back_to_form(form, no, "code" if isinstance(no, two_step.WrongCode) else None)
        return _second_step_page(form), no.status, _patience(no)
    return finishing.after_second_step(
        member, finishing.First(step.first_proof or ""), trust=form.trust.data, wanted=wanted
    )


@bp.route("/sign-in/again", methods=["GET", "POST"])
@admits(Audience.SIGNED_IN)
def again() -> Page:
    """A fresh sign-in for what matters most, then back to it; see stepping_up.needs_fresh_sign_in."""
    wanted = local_path(request.values.get("next"), url_for("accounts.security"))
    if wanted.startswith(url_for("sign_in.again")):
        wanted = url_for("accounts.security")  # or the two would send each other round in circles
    if this_device().is_fresh and two_step.way_to_prove() is None:
        return redirect(wanted, 303)
    by_code = two_step.is_on(me())
    form = (AgainByCodeForm if by_code else AgainForm)(data={"next": request.args.get("next")})
    if not form.validate_on_submit():
        return _again_page(form), 422 if form.is_submitted() else 200
    try:
        if by_code:
            token = stepping_up.prove_by_code(this_device(), form.code.data or "")
        else:
            token = stepping_up.prove_by_password(this_device(), form.password.data or "", network=request.remote_addr)
    except Refusal as no:
        back_to_form(form, no, {two_step.WrongCode: "code", stepping_up.NotProved: "password"}.get(type(no)))
        return _again_page(form), no.status, _patience(no)
    renew_session(token)
    return redirect(wanted, 303)


def _second_step_page(form: SecondStepForm) -> str:
    return render_template("accounts/second_step.html", form=form)


def _again_page(form: AgainForm | AgainByCodeForm) -> str:
    return render_template("accounts/again.html", form=form)


def _patience(no: Refusal) -> dict[str, str]:
    return {"Retry-After": str(no.retry_after)} if isinstance(no, TooMuch) else {}
