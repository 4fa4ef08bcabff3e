"""Access without payment: who has it, who gave it and why; giving it, and taking it back."""

from __future__ import annotations

from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from portal.accounts.models import Member
from portal.accounts.signed_in import me
from portal.billing import granting
from portal.billing.models import Grant, GrantSource
from portal.billing.queries import latest_subscription
from portal.core.admission import Audience, admits
from portal.core.db import db, one_or_404
from portal.core.errors import Refusal, back_to_form
from portal.core.web import day, plain_name
from portal.desk import queries
from portal.desk.forms import SOURCES, GrantForm, ReasonForm

bp = Blueprint("desk_grants", __name__)
Page = str | Response | tuple[str, int]


@bp.get("/desk/billing/grants")
@admits(Audience.OWNERS)
def grants() -> str:
    everything = request.args.get("show") == "all"
    page = queries.grants(request.args.get("after"), ended_too=everything)
    return render_template("desk/grants.html", page=page, everything=everything, sources=SOURCES)


@bp.get("/desk/billing/grants/new")
@admits(Audience.OWNERS)
def choose() -> str:
    """Find whom to give it to; the form itself is on that member's page of the desk."""
    typed = plain_name(request.args.get("q", ""))[:80]
    found = queries.search(typed, most=20) if typed else []
    return render_template("desk/grant_whom.html", q=typed, found=found)


@bp.route("/desk/members/<handle>/grants/new", methods=["GET", "POST"])
@admits(Audience.OWNERS)
def give(handle: str) -> Page:
    member, form = _member_or_404(handle), GrantForm()
    if not form.validate_on_submit():
        return _give_page(member, form), 422 if form.is_submitted() else 200
    until = _end_of(form.until.data)
    try:
        granting.give(
            member, because=form.because.data or "", until=until, by=me(), source=GrantSource(form.source.data)
        )
    except Refusal as no:
        back_to_form(form, no, "until" if isinstance(no, granting.EndsInThePast) else "because")
        return _give_page(_member_or_404(handle), form), no.status
    flash(f"{member.name} has access {f'until {day(until)}' if until else 'without end'}.", "success")
    return redirect(url_for("desk_members.member", handle=member.handle), 303)


@bp.route("/desk/billing/grants/<int(max=2147483647):grant_id>/end", methods=["GET", "POST"])
@admits(Audience.OWNERS)
def take(grant_id: int) -> Page:
    grant, form = _grant_or_404(grant_id), ReasonForm()
    member = db.session.get_one(Member, grant.member_id)
    if not form.validate_on_submit():
        page = render_template("desk/grant_end.html", form=form, grant=grant, member=member)
        return page, 422 if form.is_submitted() else 200
    granting.take(grant, because=form.because.data or "", by=me())
    flash(f"{member.name}’s access without payment has ended.", "success")
    return redirect(url_for("desk_members.member", handle=member.handle), 303)


def _give_page(member: Member, form: GrantForm) -> str:
    return render_template(
        "desk/grant_new.html",
        form=form,
        member=member,
        subscription=latest_subscription(member.id),
        zone=current_app.config["SITE_TIME_ZONE"],
    )


def _end_of(last_day: date | None) -> datetime | None:
    """The last second of a day, in the site's zone."""
    if last_day is None:
        return None
    return datetime.combine(last_day, time(23, 59, 59), ZoneInfo(current_app.config["SITE_TIME_ZONE"]))


def _member_or_404(handle: str) -> Member:
    return one_or_404(queries.member(handle))


def _grant_or_404(grant_id: int) -> Grant:
    return one_or_404(queries.grant(grant_id))
