"""Pages of what one signs in with beside the password: passkeys and the second step."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from sqlalchemy import select
from werkzeug.wrappers import Response

from portal.accounts import passkeys, two_step
from portal.accounts.forms import PasskeyForm, PasskeyNameForm, TwoStepForm
from portal.accounts.models import Passkey
from portal.accounts.signed_in import me, this_device
from portal.accounts.signing_in import label_of
from portal.accounts.stepping_up import needs_fresh_sign_in
from portal.core.admission import Audience, admits
from portal.core.db import give_up, one_or_404
from portal.core.errors import Refusal, back_to_form
from portal.core.limits import limiter
from portal.core.web import local_path

bp = Blueprint("security", __name__)
Page = str | Response | tuple[str, int] | tuple[str, int, dict[str, str]]


@bp.get("/account/two-step", endpoint="two_step")
@admits(Audience.SIGNED_IN)
@needs_fresh_sign_in
def two_step_page() -> str:
    return _page(TwoStepForm(data={"next": request.args.get("next")}))


@bp.post("/account/two-step/begin")
@admits(Audience.SIGNED_IN)
@needs_fresh_sign_in
def begin_two_step() -> Response:
    """A new secret to scan; whatever was scanned before without a code counts no more."""
    two_step.begin(me())
    return redirect(url_for("security.two_step", next=_wanted()), 303)


@bp.post("/account/two-step")
@admits(Audience.SIGNED_IN)
@needs_fresh_sign_in
def confirm_two_step() -> Page:
    """Switch it on. The recovery codes stand in this answer and nowhere else, so it is no redirect."""
    form = TwoStepForm()
    if not form.validate():
        return _page(form), 422
    try:
        codes = two_step.confirm(this_device(), form.code.data or "")
    except two_step.NotBegun:
        return redirect(url_for("security.two_step", next=_wanted()), 303)
    except Refusal as no:
        back_to_form(form, no, "code" if isinstance(no, two_step.WrongCode) else None)
        return _page(form), no.status, no.headers
    return _codes_page(codes)


@bp.post("/account/two-step/codes")
@admits(Audience.SIGNED_IN)
@needs_fresh_sign_in
@limiter.limit("20/hour")
def renew_codes() -> Page:
    if not two_step.has_app(me()):
        return redirect(url_for("security.two_step"), 303)
    return _codes_page(two_step.new_codes(me()))


@bp.post("/account/two-step/off")
@admits(Audience.SIGNED_IN)
@needs_fresh_sign_in
@limiter.limit("20/hour")
def turn_off_two_step() -> Response:
    two_step.turn_off(me(), by=me())
    flash("Two-step sign-in is off.", "success")
    return redirect(url_for("accounts.security"), 303)


@bp.post("/account/passkeys/options")
@admits(Audience.SIGNED_IN)
@needs_fresh_sign_in
def passkey_options() -> Response:
    return Response(passkeys.to_add(me()), mimetype="application/json")


@bp.post("/account/passkeys")
@admits(Audience.SIGNED_IN)
@needs_fresh_sign_in
def add_passkey() -> Page:
    form = PasskeyForm()
    try:
        passkey = passkeys.add(this_device(), form.credential.data or "", name=label_of(request.user_agent.string))
    except Refusal as no:
        give_up()
        flash(no.message, "error")
        return redirect(url_for("accounts.security"), 303)
    flash(f"The passkey “{passkey.name}” is added. Next time, sign in with it.", "success")
    return redirect(local_path(form.next.data, url_for("accounts.security")), 303)


@bp.route("/account/passkeys/<int(max=2147483647):passkey_id>/name", methods=["GET", "POST"])
@admits(Audience.SIGNED_IN)
def name_passkey(passkey_id: int) -> Page:
    passkey = _passkey_or_404(passkey_id)
    form = PasskeyNameForm(obj=passkey)
    if not form.validate_on_submit():
        page = render_template("accounts/passkey_name.html", form=form, passkey=passkey)
        return page, 422 if form.is_submitted() else 200
    try:
        passkeys.rename(passkey, form.name.data or "")
    except Refusal as no:
        back_to_form(form, no, "name")
        return render_template("accounts/passkey_name.html", form=form, passkey=passkey), no.status
    flash("The name is saved.", "success")
    return redirect(url_for("accounts.security"), 303)


@bp.post("/account/passkeys/<int(max=2147483647):passkey_id>/end")
@admits(Audience.SIGNED_IN)
@needs_fresh_sign_in
def remove_passkey(passkey_id: int) -> Response:
    passkey = _passkey_or_404(passkey_id)
    passkeys.remove(passkey)
    flash(f"The passkey “{passkey.name}” opens nothing any more. Delete it on the device as well.", "success")
    return redirect(url_for("accounts.security"), 303)


def _passkey_or_404(passkey_id: int) -> Passkey:
    return one_or_404(select(Passkey).where(Passkey.id == passkey_id, Passkey.member_id == me().id))


def _page(form: TwoStepForm) -> str:
    member = me()
    begun = two_step.authenticator_of(member, confirmed=False)
    return render_template(
        "accounts/two_step.html",
        form=form,
        is_on=two_step.has_app(member),
        is_required=two_step.is_required(member),
        codes_left=two_step.codes_left(member),
        for_the_app=two_step.for_the_app(begun, member) if begun else None,
    )


def _codes_page(codes: list[str]) -> str:
    return render_template("accounts/recovery_codes.html", codes=codes, onward=_wanted())


def _wanted() -> str:
    return local_path(request.form.get("next"), url_for("accounts.security"))
