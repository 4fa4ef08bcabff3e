"""Pages of accounts: signing in and out, passwords, the confirmation of an address, devices."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.blueprints import BlueprintSetupState
from werkzeug.wrappers import Response

from portal.accounts import (
    browsers,
    changing_password,
    confirming,
    finishing,
    links,
    passkeys,
    signing_in,
    stepping_up,
    two_step,
)
from portal.accounts.finishing import AFTER_SIGN_IN, First
from portal.accounts.forms import ForgotForm, PasswordForm, ResetForm, SignInForm
from portal.accounts.models import Device, Member, Purpose
from portal.accounts.signed_in import end_session, me, me_or_none, renew_session, this_device
from portal.core.admission import Audience, admits
from portal.core.db import db, one_or_404
from portal.core.errors import Refusal, TooMuch, back_to_form
from portal.core.headers import keep_no_copy
from portal.core.limits import limiter
from portal.core.typed import PlainForm
from portal.core.web import Banner, local_path, on_every_page

bp = Blueprint("accounts", __name__)
Page = str | Response | tuple[str, int] | tuple[str, int, dict[str, str]]

_HOLD_A_SECRET = {"accounts.sign_in", "accounts.reset_password", "accounts.confirm"}
_ABOUT_CONFIRMING = {"accounts.confirm", "accounts.confirmation"}  # which say so themselves


@bp.after_request
def _guard_secrets(response: Response) -> Response:
    """A token stands in the address of these pages, or a password was typed into them."""
    return keep_no_copy(response) if request.endpoint in _HOLD_A_SECRET else response


@bp.route("/sign-in", methods=["GET", "POST"])
@admits(Audience.ANYONE)
def sign_in() -> Page:
    wanted = local_path(request.values.get("next"), AFTER_SIGN_IN)
    if request.method == "GET" and me_or_none() is not None:
        return redirect(wanted, 303)
    form = SignInForm(data={"next": request.args.get("next")})
    if not form.validate_on_submit():
        return _sign_in_page(form), 422 if form.is_submitted() else 200
    try:
        member = signing_in.by_password(form.email.data or "", form.password.data or "", network=request.remote_addr)
    except Refusal as no:
        back_to_form(form, no)
        return _sign_in_page(form), no.status, no.headers
    return finishing.after_first_step(member, First.PASSWORD, wanted=wanted)


@bp.post("/sign-out")
@admits(Audience.ACCOUNT)
def sign_out() -> Response:
    """The browser also forgets what it cached of the pages just left."""
    signing_in.end_device(this_device())
    end_session()
    flash("You are signed out.", "success")
    return _forgetting(redirect("/", 303))


@bp.route("/password/forgot", methods=["GET", "POST"])
@admits(Audience.ANYONE)
@limiter.limit("10/hour", methods=["POST"])
def forgot_password() -> Page:
    form = ForgotForm()
    if not form.validate_on_submit():
        return render_template("accounts/forgot.html", form=form), 422 if form.is_submitted() else 200
    changing_password.ask_for_link(form.email.data or "")
    return redirect(url_for("accounts.reset_link_sent"), 303)


@bp.get("/password/forgot/sent")
@admits(Audience.ANYONE)
def reset_link_sent() -> str:
    """The same words whether or not the address is somebody's."""
    return render_template("accounts/forgot_sent.html")


@bp.route("/password/reset/<token>", methods=["GET", "POST"])
@admits(Audience.ANYONE)
@limiter.limit("30/hour", methods=["POST"])
def reset_password(token: str) -> Page:
    """Opening the page spends nothing; sending the form does, signs out everywhere, and signs in here."""
    form = ResetForm()
    try:
        owner = links.owner_of(token, Purpose.RESET)
    except links.LinkSpent as spent:
        return _spent(spent, "Ask for a new link", url_for("accounts.forgot_password"))
    try:
        if not form.validate_on_submit():
            return _reset_page(form, token, owner), 422 if form.is_submitted() else 200
        member = changing_password.reset(token, form.password.data or "")
    except links.LinkSpent as spent:
        return _spent(spent, "Ask for a new link", url_for("accounts.forgot_password"))
    except Refusal as no:
        back_to_form(form, no, "password")
        return _reset_page(form, token, owner), no.status, no.headers
    answer = finishing.after_first_step(member, First.RESET, wanted=url_for("accounts.security"))
    flash("Your new password is set, and every other browser is signed out.", "success")
    return answer


@bp.route("/confirm/<token>", methods=["GET", "POST"])
@admits(Audience.ANYONE)
def confirm(token: str) -> Page:
    """The letter's link: a page with a button, because office mail scanners open every link."""
    form = PlainForm()
    try:
        owner = links.owner_of(token, Purpose.CONFIRM)
        if not form.validate_on_submit():
            return render_template("accounts/confirm.html", form=form, token=token, email=owner.email)
        member = confirming.confirm(token)
    except links.LinkSpent as spent:
        return _spent(spent, "Send a new letter", url_for("accounts.confirmation"))
    flash(f"Thank you, {member.first_name}. Your address is confirmed.", "success")
    return redirect(AFTER_SIGN_IN if me_or_none() else url_for("accounts.sign_in"), 303)


@bp.route("/account/confirmation", methods=["GET", "POST"])
@admits(Audience.SIGNED_IN)
@limiter.limit("10/hour", methods=["POST"])
def confirmation() -> Page:
    """Where the confirmation letter is sent again."""
    form = PlainForm()
    if not form.validate_on_submit():
        return render_template("accounts/confirmation.html", form=form)
    try:
        confirming.send_link(me())
    except Refusal as no:
        back_to_form(form, no)
        return render_template("accounts/confirmation.html", form=form), no.status, no.headers
    flash(f"A new letter is on its way to {me().email}.", "success")
    return redirect(url_for("accounts.confirmation"), 303)


@bp.route("/account/security", methods=["GET", "POST"])
@admits(Audience.SIGNED_IN)
@limiter.limit("20/hour", methods=["POST"])
def security() -> Page:
    """Where one is signed in, and the password."""
    form = PasswordForm()
    if not form.validate_on_submit():
        return _security_page(form), 422 if form.is_submitted() else 200
    member, device = me(), this_device()
    try:
        changing_password.change(
            member,
            device,
            present=form.present.data or "",
            new=form.new.data or "",
            network=request.remote_addr,
        )
    except changing_password.NotYourPassword as no:
        back_to_form(form, no, "present")
        return _security_page(form), no.status
    except TooMuch as no:
        back_to_form(form, no)
        return _security_page(form), no.status, no.headers
    except Refusal as no:
        back_to_form(form, no, "new")
        return _security_page(form), no.status
    # Knowing the password makes the sign-in fresh only where nothing more is asked for.
    renew_session(stepping_up.renew(device, fresh=not two_step.is_on(member)))
    flash("Your new password is set. Every other browser is signed out.", "success")
    return redirect(url_for("accounts.security"), 303)


@bp.post("/account/devices/<int(max=2147483647):device_id>/end")
@admits(Audience.SIGNED_IN)
def end_device(device_id: int) -> Response:
    device = one_or_404(signing_in.devices_of(me()).where(Device.id == device_id))
    signing_in.end_device(device)
    browsers.forget(device)
    if device is this_device():
        end_session()
        return _forgetting(redirect(url_for("accounts.sign_in"), 303))
    flash(f"{device.label} is signed out.", "success")
    return redirect(url_for("accounts.security"), 303)


@bp.post("/account/devices/end-others")
@admits(Audience.SIGNED_IN)
def end_other_devices() -> Response:
    signing_in.end_all_devices(me(), but=this_device())
    browsers.trust_none(me(), but=this_device())
    flash("Every other browser is signed out.", "success")
    return redirect(url_for("accounts.security"), 303)


def _forgetting(response: Response) -> Response:
    """Have the browser throw away what it kept of somebody's pages; the back button finds nothing then."""
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
    return response


def _sign_in_page(form: SignInForm) -> str:
    wanted = form.next.data or ""
    plan = wanted.removeprefix("/join/") if wanted.startswith("/join/") else None
    return render_template("accounts/sign_in.html", form=form, join_href=url_for("membership.join", plan=plan))


def _reset_page(form: ResetForm, token: str, owner: Member) -> str:
    return render_template("accounts/reset.html", form=form, token=token, email=owner.email)


def _security_page(form: PasswordForm) -> str:
    devices = db.session.scalars(signing_in.devices_of(me()).limit(50)).all()
    return render_template(
        "accounts/security.html",
        form=form,
        devices=devices,
        this=this_device(),
        trusted=browsers.trusted_devices(me()),
        passkeys=passkeys.of(me()),
        has_app=two_step.has_app(me()),
        codes_left=two_step.codes_left(me()),
    )


def _spent(spent: links.LinkSpent, label: str, href: str) -> Page:
    return render_template("accounts/link_spent.html", text=spent.message, label=label, href=href), spent.status


def _unconfirmed() -> Banner | None:
    member = me()
    if member.is_confirmed or member.is_leaving or request.endpoint in _ABOUT_CONFIRMING:
        return None
    return Banner(
        f"Please confirm your address: we wrote to {member.email}. Until then you can read, but not post.",
        url_for("accounts.confirmation"),
        "No letter?",
    )


def _on_every_page(state: BlueprintSetupState) -> None:
    on_every_page(state.app, _unconfirmed)  # type: ignore[arg-type]  # state.app is typed as Flask's base class


bp.record_once(_on_every_page)
