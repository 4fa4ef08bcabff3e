"""Stripe's deliveries as they fared: those in trouble with a way to try again, those that were not ours, counted."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from portal.accounts.signed_in import me
from portal.billing import reconciling, webhooks
from portal.billing.watching import noted
from portal.core.admission import Audience, admits
from portal.core.clock import now
from portal.core.db import one_or_404
from portal.core.jobs import enqueue
from portal.core.limits import limiter
from portal.desk import queries, wording

bp = Blueprint("desk_events", __name__)


@bp.get("/desk/billing/events")
@admits(Audience.OWNERS)
def events() -> str:
    wanted = request.args.get("show", "")
    wanted = wanted if wanted in queries.EVENTS else "trouble"
    counts = queries.events_by_state()
    return render_template(
        "desk/events.html",
        page=queries.events(wanted, request.args.get("after")),
        wanted=wanted,
        counts=counts,
        ignored=wording.IGNORED,
        states=wording.EVENT_STATES,
    )


@bp.post("/desk/billing/events/<int(max=2147483647):event_id>/retry")
@admits(Audience.OWNERS)
@limiter.limit("60/minute")
def retry(event_id: int) -> Response:
    event = one_or_404(queries.event(event_id))
    webhooks.try_again(event, by=me())
    flash("It is back in the queue and is worked on within seconds.", "success")
    return redirect(url_for("desk_events.events"), 303)


@bp.post("/desk/billing/events/retry")
@admits(Audience.OWNERS)
@limiter.limit("6/minute")
def retry_all() -> Response:
    found = webhooks.try_all_again(by=me())
    if found:
        flash(f"{found} back in the queue; reload in a moment to see how they fare.", "success")
    else:
        flash("There was nothing to try again.", "info")
    return redirect(url_for("desk_events.events"), 303)


@bp.get("/desk/billing/comparison")
@admits(Audience.OWNERS)
def comparison() -> str:
    """What the last comparison with Stripe found: checked, repaired, and what needs a person."""
    last = noted("reconciled")
    report, at = last if last is not None else ({}, None)
    needs = report.get("needs_a_person", [])
    members = queries.members_by_customer([each["customer_id"] for each in needs if each.get("customer_id")])
    repaired = queries.members_by_row(report.get("repaired", []))
    return render_template(
        "desk/comparison.html",
        report=report,
        at=at,
        needs=needs,
        members=members,
        repaired=repaired,
        to_do=wording.ODDITIES,
    )


@bp.post("/desk/billing/comparison")
@admits(Audience.OWNERS)
@limiter.limit("6/hour")
def compare() -> Response:
    """The work of the night, now; in the background, because it asks Stripe for everything."""
    enqueue(reconciling.daily, key=f"billing.daily:asked:{now():%Y%m%d%H%M}")
    flash("The comparison has begun. Reload in a minute to read what it found.", "success")
    return redirect(url_for("desk_events.comparison"), 303)
