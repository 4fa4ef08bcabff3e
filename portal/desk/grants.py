"""Access without payment: who has it, who gave it and why; giving it, and taking it back."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from portal.accounts.models import Member
from portal.accounts.signed_in import me
from portal.billing import granting
from portal.billing.models import GrantSource
from portal.billing.queries import latest_subscription
from portal.core.admission import Audience, admits
from portal.core.db import db, one_or_404
from portal.core.errors import EndsInThePast, Refusal, back_to_form
from portal.core.web import day, end_of_day, plain_name
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
    member, form = one_or_404(queries.member(handle)), GrantForm()
    if not form.validate_on_submit():
        return _give_page(member, form), 422 if form.is_submitted() else 200
    until = end_of_day(form.until.data) if form.until.data else None
    try:
        granting.give(
            member, because=form.because.data or "", until=until, by=me(), source=GrantSource(form.source.data)
        )
    except Refusal as no:
        back_to_form(form, no, "until" if isinstance(no, EndsInThePast) else "because")
        return _give_page(one_or_404(queries.member(handle)), form), no.status
    flash(f"{member.name} has access {f'until {day(until)}' if until else 'without end'}.", "success")
    return redirect(url_for("desk_members.member", handle=member.handle), 303)


@bp.route("/desk/billing/grants/<int(max=2147483647):grant_id>/end", methods=["GET", "POST"])
@admits(Audience.OWNERS)
def take(grant_id: int) -> Page:
    grant, form = one_or_404(queries.grant(grant_id)), ReasonForm()
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
    )
