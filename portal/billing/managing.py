"""Pages on which a member changes a membership: another plan, cancelling, taking either back.

Each page shows what our rows say; Stripe is asked by posts alone, and after the reading transaction is over.
"""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from portal.accounts.signed_in import me
from portal.billing import changes, ending, switching
from portal.billing.entitlements import entitlement_of
from portal.billing.forms import CancelForm
from portal.billing.models import LIVE, ChangeKind, ChangeState, SubscriptionChange
from portal.billing.queries import latest_subscription
from portal.core.admission import Audience, admits
from portal.core.clock import now
from portal.core.db import release
from portal.core.errors import Refusal
from portal.core.limits import limiter
from portal.core.web import day, money

bp = Blueprint("managing", __name__, url_prefix="/account/billing")
Page = str | Response | tuple[str, int]
OFTEN = "60/hour"


@bp.get("/plan")
@admits(Audience.SIGNED_IN)
def plan() -> Page:
    """The plans one could change to, or why that is not possible now."""
    if latest_subscription(me().id) is None:
        return redirect(url_for("membership.join"), 303)
    return _plan_page()


@bp.post("/changes")
@admits(Audience.SIGNED_IN)
@limiter.limit(OFTEN)
def quote() -> Page:
    """Work out what changing to a plan means now; its page shows it before anything happens."""
    member_id, wanted = me().id, request.form.get("plan", "")
    release()
    try:
        key = switching.quote(member_id, wanted)
    except switching.NoSwitch as no:
        return _plan_page(problem=no.message), no.status
    return redirect(url_for("managing.change", key=key), 303)


@bp.get("/changes/<key>")
@admits(Audience.SIGNED_IN)
def change(key: str) -> str:
    """What a change costs, and afterwards what became of it."""
    return render_template("billing/change.html", change=_change_or_404(key), subscription=latest_subscription(me().id))


@bp.post("/changes/<key>/confirmation")
@admits(Audience.SIGNED_IN)
@limiter.limit(OFTEN)
def confirm(key: str) -> Page:
    """Do it, for what the page said; if that no longer holds, say what does."""
    member_id, wanted = me().id, _change_or_404(key)
    release()
    try:
        done = switching.confirm(member_id, key)
    except switching.Outdated as no:
        return _anew(member_id, wanted, no)
    if done.state is not ChangeState.DONE:
        return redirect(url_for("managing.change", key=key), 303)
    flash(_done(done), "success")
    return redirect(url_for("billing.billing"), 303)


@bp.post("/changes/<key>/withdrawal")
@admits(Audience.SIGNED_IN)
@limiter.limit(OFTEN)
def leave_it(key: str) -> Page:
    """Give up a change that waits for the bank."""
    member_id = me().id
    _change_or_404(key)
    release()
    switching.drop_waiting(member_id, key)
    return redirect(url_for("managing.change", key=key), 303)


@bp.post("/next-plan/withdrawal")
@admits(Audience.SIGNED_IN)
@limiter.limit(OFTEN)
def keep_plan() -> Page:
    """Take back the plan that was to begin with the next period."""
    member_id = me().id
    release()
    switching.keep_plan(member_id)
    flash("Your plan goes on as it is.", "success")
    return redirect(url_for("billing.billing"), 303)


@bp.route("/cancellation", methods=["GET", "POST"])
@admits(Audience.SIGNED_IN)
@limiter.limit(OFTEN, methods=["POST"])
def cancel() -> Page:
    """GET: when it would end, what stays and what closes. POST: let it end then."""
    sub, form = latest_subscription(me().id), CancelForm()
    if sub is None or sub.status not in LIVE or sub.ends_at is not None:
        return redirect(url_for("billing.billing"), 303)
    at_once = ending.ends_at_once(sub)
    if request.method == "GET":
        return render_template("billing/cancel.html", form=form, subscription=sub, at_once=at_once)
    if not form.validate():
        return render_template("billing/cancel.html", form=form, subscription=sub, at_once=at_once), 422
    member_id = me().id
    release()
    ending.cancel(member_id, reason=form.reason.data, comment=form.comment.data)
    flash(_cancelled(member_id), "success")
    return redirect(url_for("billing.billing"), 303)


@bp.post("/cancellation/withdrawal")
@admits(Audience.SIGNED_IN)
@limiter.limit(OFTEN)
def take_back() -> Page:
    """Let a membership that was to end go on."""
    member_id = me().id
    release()
    ending.take_back(member_id)
    sub = latest_subscription(member_id)
    if sub is not None and sub.status in LIVE and sub.ends_at is None:
        flash("Your membership goes on.", "success")
    else:
        flash("Your membership had ended already, so there was nothing to take back.", "warning")
    return redirect(url_for("billing.billing"), 303)


def _plan_page(problem: str | None = None) -> str:
    sub = latest_subscription(me().id)
    reason = switching.why_not(sub, entitlement_of(me()))
    waiting = changes.unfinished(sub.id) if sub is not None else None
    return render_template(
        "billing/plan.html",
        subscription=sub,
        reason=problem or reason,
        waiting=waiting,
        choices=switching.choices(sub) if sub is not None and reason is None and waiting is None else [],
    )


def _change_or_404(key: str) -> SubscriptionChange:
    found = changes.change_of(me().id, key.replace("\x00", ""))  # which PostgreSQL cannot look for
    if found is None or found.plan is None:
        raise NotFound()
    return found


def _anew(member_id: int, wanted: SubscriptionChange, no: Refusal) -> Response:
    """The same change, worked out once more, for another look at it."""
    try:
        key = switching.quote(member_id, wanted.plan.key if wanted.plan else "")
    except switching.NoSwitch as reason:
        flash(reason.message, "warning")
        return redirect(url_for("managing.plan"), 303)
    flash(no.message, "warning")
    return redirect(url_for("managing.change", key=key), 303)


def _done(done: SubscriptionChange) -> str:
    name = done.plan.name.lower() if done.plan else ""
    if done.kind is ChangeKind.SWITCH_LATER and done.begins_at is not None:
        return f"Your plan becomes {name} on {day(done.begins_at)}. Nothing was charged."
    elif done.due_minor:
        return f"Your plan is {name} now. {money(done.due_minor, done.currency or 'usd')} was charged."
    else:
        return f"Your plan is {name} now. Nothing was charged."


def _cancelled(member_id: int) -> str:
    sub = latest_subscription(member_id)
    if sub is not None and sub.ends_at is not None and sub.ends_at > now():
        return f"Your membership ends on {day(sub.ends_at)}. Until then you can take this back here."
    return "Your membership has ended. Your words and your account are still yours."
