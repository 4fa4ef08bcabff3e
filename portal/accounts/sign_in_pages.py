"""Pages of signing in beyond the first: proving once more who one is."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from portal.accounts import stepping_up
from portal.accounts.forms import AgainForm
from portal.accounts.signed_in import renew_session, this_device
from portal.core.admission import Audience, admits
from portal.core.errors import Refusal, TooMuch, back_to_form
from portal.core.web import local_path

bp = Blueprint("sign_in", __name__)
Page = str | Response | tuple[str, int] | tuple[str, int, dict[str, str]]


@bp.after_request
def _keep_no_copy(response: Response) -> Response:
    """Secrets are typed into these pages, or stand in their address."""
    response.headers["Cache-Control"] = "private, no-store"
    return response


@bp.route("/sign-in/again", methods=["GET", "POST"])
@admits(Audience.SIGNED_IN)
def again() -> Page:
    """A fresh sign-in for what matters most, then back to it; see stepping_up.needs_fresh_sign_in."""
    wanted = local_path(request.values.get("next"), url_for("accounts.security"))
    if wanted.startswith(url_for("sign_in.again")):
        wanted = url_for("accounts.security")  # or the two would send each other round in circles
    if this_device().is_fresh:
        return redirect(wanted, 303)
    form = AgainForm(data={"next": request.args.get("next")})
    if not form.validate_on_submit():
        return render_template("accounts/again.html", form=form), 422 if form.is_submitted() else 200
    try:
        token = stepping_up.prove_by_password(this_device(), form.password.data or "", network=request.remote_addr)
    except Refusal as no:
        back_to_form(form, no, "password" if isinstance(no, stepping_up.NotProved) else None)
        return render_template("accounts/again.html", form=form), no.status, _patience(no)
    renew_session(token)
    return redirect(wanted, 303)


def _patience(no: Refusal) -> dict[str, str]:
    return {"Retry-After": str(no.retry_after)} if isinstance(no, TooMuch) else {}
