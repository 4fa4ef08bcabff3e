"""Pages of signing in beyond the first: mailed codes and links, the second step, proving once more who one is."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, session, url_for
from werkzeug.wrappers import Response

from portal.accounts import finishing, links, mailed_codes, passkeys, stepping_up, steps, two_step
from portal.accounts.finishing import AFTER_SIGN_IN, First
from portal.accounts.forms import (
    AgainByCodeForm,
    AgainForm,
    AskForCodeForm,
    MailedCodeForm,
    PasskeyForm,
    SecondStepForm,
)
from portal.accounts.models import Member, Purpose, SignInStep, Step
from portal.accounts.signed_in import me, me_or_none, renew_session, this_device
from portal.core.admission import Audience, admits
from portal.core.db import db, give_up
from portal.core.errors import Refusal, back_to_form
from portal.core.headers import keep_no_copy
from portal.core.limits import limiter
from portal.core.typed import PlainForm, one_line
from portal.core.web import local_path

bp = Blueprint("sign_in", __name__)
bp.after_request(keep_no_copy)  # secrets are typed into these pages, or stand in their address
Page = str | Response | tuple[str, int] | tuple[str, int, dict[str, str]]

_CODE_FOR = "code for"  # in the session: the address that was typed, for the page that waits for its code


@bp.post("/sign-in/codes")
@admits(Audience.ANYONE)
@limiter.limit("20/hour")
def ask_for_code() -> Page:
    """Answers alike, whether or not the address is somebody's."""
    form = AskForCodeForm()
    wanted = local_path(form.next.data, AFTER_SIGN_IN)
    if not form.validate():
        return render_template("accounts/ask_for_code.html", form=form), 422
    mailed_codes.ask(form.email.data or "")
    session[_CODE_FOR] = one_line(form.email.data)
    return redirect(url_for("sign_in.code", next=wanted), 303)


@bp.route("/sign-in/code", methods=["GET", "POST"])
@admits(Audience.ANYONE)
def code() -> Page:
    """Where the code in the letter is typed in, in the browser that asked for it."""
    wanted = local_path(request.values.get("next"), AFTER_SIGN_IN)
    form = MailedCodeForm(data={"next": request.args.get("next")})
    try:
        step = steps.under_way(Step.CODE)
        if not form.validate_on_submit():
            return _code_page(form), 422 if form.is_submitted() else 200
        member = mailed_codes.take(step, form.code.data or "")
    except steps.StepOver as over:
        return _begin_again(over, wanted)
    except Refusal as no:
        back_to_form(form, no, "code")
        return _code_page(form), no.status
    return finishing.after_first_step(member, First.MAILBOX, wanted=wanted)


@bp.route("/sign-in/link/<token>", methods=["GET", "POST"])
@admits(Audience.ANYONE)
@limiter.limit("30/hour", methods=["POST"])
def link(token: str) -> Page:
    """The letter's link: a page with a button, because office mail scanners open every link."""
    form = PlainForm()
    try:
        owner = links.owner_of(token, Purpose.SIGN_IN)
        if not form.validate_on_submit():
            return render_template("accounts/sign_in_link.html", form=form, token=token, email=owner.email)
        member = mailed_codes.take_link(token)
    except links.LinkSpent as spent:
        page = render_template(
            "accounts/link_spent.html", text=spent.message, label="Sign in", href=url_for("accounts.sign_in")
        )
        return page, spent.status
    return finishing.after_first_step(member, First.MAILBOX, wanted=AFTER_SIGN_IN)


@bp.post("/sign-in/passkey/options")
@admits(Audience.ANYONE)
@limiter.limit("120/minute")
def passkey_options() -> Response:
    """What the browser asks its passkeys with: anybody's for a visitor, their own for somebody signed in."""
    member = me_or_none()
    return Response(passkeys.to_prove(member) if member else passkeys.to_sign_in(), mimetype="application/json")


@bp.post("/sign-in/passkey")
@admits(Audience.ANYONE)
def by_passkey() -> Page:
    form = PasskeyForm()
    wanted = local_path(form.next.data, AFTER_SIGN_IN)
    try:
        member = passkeys.sign_in(form.credential.data or "")
    except Refusal as no:
        back_to_form(form, no)
        return render_template("accounts/passkey_refused.html", form=form), 422
    return finishing.after_passkey(member, wanted=wanted)


@bp.post("/sign-in/again/passkey")
@admits(Audience.ACCOUNT)
def again_by_passkey() -> Page:
    form = PasskeyForm()
    wanted = local_path(form.next.data, url_for("accounts.security"))
    try:
        token = stepping_up.prove_by_passkey(this_device(), form.credential.data or "")
    except Refusal as no:
        back_to_form(form, no)
        return render_template("accounts/passkey_refused.html", form=form), 422
    renew_session(token)
    return redirect(wanted, 303)


@bp.route("/sign-in/second-step", methods=["GET", "POST"])
@admits(Audience.ANYONE)
def second_step() -> Page:
    """The code from the app, or a recovery code, after a first step that was right."""
    wanted = local_path(request.values.get("next"), AFTER_SIGN_IN)
    form = SecondStepForm(data={"next": request.args.get("next")})
    try:
        step = steps.under_way(Step.SECOND)
    except steps.StepOver as over:
        return _begin_again(over, wanted)
    if not form.validate_on_submit():
        return _second_step_page(form, step), 422 if form.is_submitted() else 200
    try:
        steps.count_try(step)
        member = db.session.get_one(Member, step.member_id)
        two_step.prove(member, form.code.data or "")
        steps.finish(step)
    except steps.StepOver as over:
        return _begin_again(over, wanted)
    except Refusal as no:
        back_to_form(form, no, "code" if isinstance(no, two_step.WrongCode) else None)
        return _second_step_page(form, step), no.status, no.headers
    return finishing.after_second_step(member, First(step.first_proof or ""), trust=form.trust.data, wanted=wanted)


@bp.route("/sign-in/again", methods=["GET", "POST"])
@admits(Audience.ACCOUNT)
def again() -> Page:
    """A fresh sign-in for what matters most, then back to it; see stepping_up.needs_fresh_sign_in."""
    wanted = local_path(request.values.get("next"), url_for("accounts.security"))
    if wanted.startswith(url_for("sign_in.again")):
        wanted = url_for("accounts.security")  # or the two would send each other round in circles
    if stepping_up.is_proved(this_device()) and two_step.way_to_prove() is None:
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
        return _again_page(form), no.status, no.headers
    renew_session(token)
    return redirect(wanted, 303)


@bp.post("/sign-in/again/codes")
@admits(Audience.ACCOUNT)
@limiter.limit("20/hour")
def ask_again_for_code() -> Response:
    """For whoever does not know their password, and has no second factor to prove instead."""
    wanted = request.form.get("next")
    if two_step.is_on(me()):
        return redirect(url_for("sign_in.again", next=wanted), 303)
    mailed_codes.ask_again(me())
    return redirect(url_for("sign_in.again_by_code", next=wanted), 303)


@bp.route("/sign-in/again/code", methods=["GET", "POST"])
@admits(Audience.ACCOUNT)
def again_by_code() -> Page:
    wanted = local_path(request.values.get("next"), url_for("accounts.security"))
    form = MailedCodeForm(data={"next": request.args.get("next")})
    try:
        step = steps.under_way(Step.CODE_AGAIN)
        if not form.validate_on_submit():
            return _again_page(form), 422 if form.is_submitted() else 200
        token = stepping_up.prove_by_mail(this_device(), step, form.code.data or "")
    except steps.StepOver:
        give_up()
        return redirect(url_for("sign_in.again", next=wanted), 303)
    except Refusal as no:
        back_to_form(form, no, "code" if isinstance(no, mailed_codes.WrongCode) else None)
        return _again_page(form), no.status, no.headers
    renew_session(token)
    return redirect(wanted, 303)


def _begin_again(over: steps.StepOver, wanted: str) -> Response:
    give_up()
    flash(over.message, "warning")
    return redirect(url_for("accounts.sign_in", next=wanted), 303)


def _code_page(form: MailedCodeForm) -> str:
    return render_template("accounts/code.html", form=form, email=session.get(_CODE_FOR, ""))


def _second_step_page(form: SecondStepForm, step: SignInStep) -> str:
    member = db.session.get_one(Member, step.member_id)
    return render_template(
        "accounts/second_step.html",
        form=form,
        has_app=two_step.has_app(member),
        has_passkey=two_step.has_passkey(member),
    )


def _again_page(form: AgainForm | AgainByCodeForm | MailedCodeForm) -> str:
    return render_template(
        "accounts/again.html",
        form=form,
        is_on=two_step.is_on(me()),
        has_app=two_step.has_app(me()),
        has_passkey=two_step.has_passkey(me()),
    )
