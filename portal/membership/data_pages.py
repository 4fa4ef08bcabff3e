"""Pages about one's own data: what is kept, and deleting the account, with a week to take that back."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.blueprints import BlueprintSetupState
from sqlalchemy import select
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from portal.accounts import links
from portal.accounts.links import LinkSpent
from portal.accounts.models import LEAVES_AFTER, Purpose
from portal.accounts.signed_in import me, me_or_none
from portal.accounts.stepping_up import needs_fresh_sign_in
from portal.billing.models import LIVE
from portal.billing.queries import latest_subscription
from portal.conversations.forgetting import WITHOUT_WORDS
from portal.core.admission import Audience, admits
from portal.core.clock import now
from portal.core.db import one_or_404
from portal.core.errors import Refusal, back_to_form
from portal.core.headers import keep_no_copy
from portal.core.limits import limiter
from portal.core.sending import send
from portal.core.typed import PlainForm
from portal.core.web import Banner, day, on_every_page
from portal.membership import leaving, taking_along
from portal.membership.forms import LeaveForm
from portal.membership.models import Export

bp = Blueprint("data", __name__)
bp.after_request(keep_no_copy)  # a token stands in the address of one of them, and all are about one person
Page = str | Response | tuple[str, int]


@bp.get("/account/data")
@admits(Audience.ACCOUNT)
def data() -> str:
    """What is kept about oneself; while the account is being deleted, the way back."""
    page = "membership/leaving.html" if me().is_leaving else "membership/data.html"
    return render_template(page, member=me(), export=taking_along.latest(me()))


@bp.post("/account/data/exports")
@admits(Audience.ACCOUNT)
@needs_fresh_sign_in
@limiter.limit("20/hour")
def export() -> Response:
    """Have everything put together; the page shows how far it is."""
    taking_along.ask(me())
    flash("Your data is being put together. A letter tells you when it is ready.", "success")
    return redirect(url_for("data.data"), 303)


@bp.get("/account/data/exports/<int(max=2147483647):export_id>/file")
@admits(Audience.ACCOUNT)
@needs_fresh_sign_in
def export_file(export_id: int) -> Response:
    """The archive, for its member only and while it is kept."""
    found = one_or_404(select(Export).where(Export.id == export_id, Export.member_id == me().id))
    if not found.is_ready:
        raise NotFound()
    return send(found)


@bp.route("/account/data/deletion", methods=["GET", "POST"])
@admits(Audience.SIGNED_IN)
@needs_fresh_sign_in
@limiter.limit("20/hour", methods=["POST"])
def deletion() -> Page:
    """What ends, what stays without a name, what cannot be undone; and the button."""
    form = LeaveForm()
    if not form.validate_on_submit():
        return _deletion_page(form), 422 if form.is_submitted() else 200
    try:
        leaving.leave(me(), words_too=bool(form.words_too.data))
    except Refusal as no:
        back_to_form(form, no)
        return _deletion_page(form), no.status
    return redirect(url_for("data.data"), 303)


@bp.post("/account/data/deletion/undo")
@admits(Audience.ACCOUNT)
def undo() -> Response:
    leaving.stay(me())
    flash(f"Good to have you, {me().first_name}. Your account is as it was.{_about_the_plan()}", "success")
    return redirect(url_for("membership.account"), 303)


@bp.route("/account/stay/<token>", methods=["GET", "POST"])
@admits(Audience.ANYONE)
@limiter.limit("60/hour", methods=["POST"])
def stay_by_link(token: str) -> Page:
    """The letter's link: a page with a button, because office mail scanners open every link."""
    form = PlainForm()
    try:
        links.owner_of(token, Purpose.STAY)
        if not form.validate_on_submit():
            return render_template("membership/stay.html", form=form, token=token)
        leaving.stay_by_link(token)
    except LinkSpent as spent:
        page = render_template("accounts/link_spent.html", text=spent.message, label="Sign in", href="/sign-in")
        return page, spent.status
    flash("Your account stays, as it was.", "success")
    return redirect(url_for("membership.account") if me_or_none() else url_for("accounts.sign_in"), 303)


def _about_the_plan() -> str:
    """What keeping the account does not bring back: a plan whose end was told to Stripe."""
    sub = latest_subscription(me().id)
    if sub is None or sub.status not in LIVE or sub.ends_at is None:
        return ""
    return f" Your plan still ends on {day(sub.ends_at)}, unless you take that back under “Membership and billing”."


def _banner() -> Banner | None:
    member = me()
    if member.leaves_at is None or request.endpoint == "data.data":  # which says so itself
        return None
    return Banner(
        f"Your account will be deleted on {day(member.leaves_at)}.", url_for("data.data"), "Keep it", tone="warning"
    )


def _deletion_page(form: LeaveForm) -> str:
    sub = latest_subscription(me().id)
    return render_template(
        "membership/deletion.html",
        form=form,
        gone_on=now() + LEAVES_AFTER,
        subscription=sub if sub is not None and sub.status in LIVE else None,
        placeholder=WITHOUT_WORDS,
    )


def _on_every_page(state: BlueprintSetupState) -> None:
    on_every_page(state.app, _banner)  # type: ignore[arg-type]  # state.app is typed as Flask's base class


bp.record_once(_on_every_page)
