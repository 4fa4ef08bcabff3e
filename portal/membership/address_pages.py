"""Pages of moving an account to another mailbox."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from portal.accounts import changing_address
from portal.accounts.links import LinkSpent
from portal.accounts.signed_in import me, me_or_none
from portal.accounts.stepping_up import needs_fresh_sign_in
from portal.core.admission import Audience, admits
from portal.core.errors import Refusal, TooMuch, back_to_form
from portal.core.headers import keep_no_copy
from portal.core.limits import limiter
from portal.core.typed import PlainForm
from portal.membership.changing_address import confirm
from portal.membership.forms import AddressForm

bp = Blueprint("address", __name__)
Page = str | Response | tuple[str, int] | tuple[str, int, dict[str, str]]

_HOLD_A_SECRET = {"address.confirm_address", "address.stop_address"}


@bp.after_request
def _guard_secrets(response: Response) -> Response:
    """A token stands in the address of these pages."""
    return keep_no_copy(response) if request.endpoint in _HOLD_A_SECRET else response


@bp.route("/account/email", methods=["GET", "POST"])
@admits(Audience.SIGNED_IN)
@needs_fresh_sign_in
@limiter.limit("20/hour", methods=["POST"])
def email() -> Page:
    """The present address, and the wish to have another."""
    form = AddressForm()
    if not form.validate_on_submit():
        return _email_page(form), 422 if form.is_submitted() else 200
    try:
        change = changing_address.ask(me(), form.email.data or "")
    except Refusal as no:
        back_to_form(form, no, None if isinstance(no, TooMuch) else "email")
        return _email_page(form), no.status, no.headers
    flash(f"We wrote to {change.new_email}. Your address changes when you open that letter.", "success")
    return redirect(url_for("address.email"), 303)


@bp.route("/account/email/confirm/<token>", methods=["GET", "POST"])
@admits(Audience.SIGNED_IN)
@limiter.limit("60/hour", methods=["POST"])
def confirm_address(token: str) -> Page:
    """From the new mailbox: a page with a button, because office mail scanners open every link."""
    form = PlainForm()
    try:
        change = changing_address.to_confirm(token, by=me())
        if not form.validate_on_submit():
            return render_template("membership/confirm_address.html", form=form, token=token, change=change)
        change = confirm(token, by=me())
    except LinkSpent as spent:
        return _spent(spent)
    flash(f"From now on you sign in as {change.new_email}, and our letters go there.", "success")
    return redirect(url_for("membership.account"), 303)


@bp.route("/account/email/stop/<token>", methods=["GET", "POST"])
@admits(Audience.ANYONE)
@limiter.limit("60/hour", methods=["POST"])
def stop_address(token: str) -> Page:
    """From the present mailbox, whoever asked: it needs no sign-in, because somebody else may have taken that."""
    form = PlainForm()
    try:
        changing_address.to_stop(token)
        if not form.validate_on_submit():
            return render_template("membership/stop_address.html", form=form, token=token)
        changing_address.stop(token)
    except LinkSpent as spent:
        return _spent(spent)
    return render_template("membership/address_stopped.html")


def _email_page(form: AddressForm) -> str:
    return render_template("membership/email.html", form=form, waiting=changing_address.open_change(me()))


def _spent(spent: LinkSpent) -> Page:
    label, href = ("Back to your account", "/account") if me_or_none() else ("Sign in", "/sign-in")
    return render_template("accounts/link_spent.html", text=spent.message, label=label, href=href), spent.status
