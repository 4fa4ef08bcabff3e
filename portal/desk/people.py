"""The owner's page about who works here: roles, and invitations by letter."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, url_for
from sqlalchemy import select
from werkzeug.wrappers import Response

from portal.accounts import inviting, roles
from portal.accounts.addresses import NotAnAddress
from portal.accounts.models import Invitation, Role
from portal.accounts.signed_in import me, this_device
from portal.accounts.stepping_up import needs_fresh_sign_in
from portal.core.admission import Audience, admits
from portal.core.clock import now
from portal.core.db import db, one_or_404
from portal.core.errors import EndsInThePast, Refusal, back_to_form
from portal.core.limits import limiter
from portal.core.web import end_of_day
from portal.desk import queries
from portal.desk.forms import InviteForm, RoleForm

bp = Blueprint("people", __name__)
Page = str | Response | tuple[str, int]

_BESIDE = {NotAnAddress: "email", inviting.HasTheRole: "email", EndsInThePast: "until"}


@bp.get("/desk/people")
@admits(Audience.OWNERS)
def people() -> str:
    return _page(InviteForm(formdata=None))


@bp.post("/desk/people/invitations")
@admits(Audience.OWNERS)
@needs_fresh_sign_in
@limiter.limit("60/hour")
def invite() -> Page:
    form = InviteForm()
    if not form.validate():
        return _page(form), 422
    try:
        until = end_of_day(form.until.data) if form.until.data else None
        made = inviting.invite(form.email.data or "", Role(form.role.data), open_until=until, by=me())
    except Refusal as no:
        back_to_form(form, no, _BESIDE.get(type(no)))
        return _page(form), no.status
    flash(f"An invitation is on its way to {made.email}.", "success")
    return redirect(url_for("people.people"), 303)


@bp.post("/desk/people/invitations/<int(max=2147483647):invitation_id>/end")
@admits(Audience.OWNERS)
def withdraw(invitation_id: int) -> Response:
    invitation = one_or_404(select(Invitation).where(Invitation.id == invitation_id))
    inviting.withdraw(invitation, by=me())
    flash(f"The invitation to {invitation.email} is taken back.", "success")
    return redirect(url_for("people.people"), 303)


@bp.post("/desk/people/<handle>/role")
@admits(Audience.OWNERS)
@needs_fresh_sign_in
def change_role(handle: str) -> Page:
    member = one_or_404(queries.member(handle))
    form = RoleForm()
    if not form.validate():
        return _page(InviteForm(formdata=None), problem="Choose one of the roles."), 422
    try:
        roles.change(member, Role(form.role.data), by=me(), here=this_device() if member is me() else None)
    except Refusal as no:
        back_to_form(form, no)
        return _page(InviteForm(formdata=None), problem=no.message), no.status
    flash(f"{member.name} is {'an' if member.role is Role.OWNER else 'a'} {member.role} now.", "success")
    return redirect(url_for("people.people") if me().role is Role.OWNER else "/", 303)


def _page(form: InviteForm, problem: str | None = None) -> str:
    return render_template(
        "desk/people.html",
        form=form,
        problem=problem,
        staff=db.session.scalars(roles.staff()).all(),
        invitations=inviting.waiting(),
        all_roles=list(Role),
        may=roles.MAY,
        now=now(),
    )
