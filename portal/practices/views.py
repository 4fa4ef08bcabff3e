"""Profiles: one's own to edit, and everybody's to read."""

from __future__ import annotations

from enum import StrEnum
from typing import TypeVar

from flask import Blueprint, flash, redirect, render_template, url_for
from sqlalchemy import select
from werkzeug.wrappers import Response

from portal.accounts.models import Member
from portal.accounts.signed_in import me
from portal.core.admission import Audience, admits
from portal.core.db import one_or_404
from portal.core.errors import Refusal, back_to_form
from portal.practices.describing import describe
from portal.practices.forms import ProfileForm
from portal.practices.models import Field, Part, Region, Size, Specialty
from portal.practices.queries import Told, told_of

bp = Blueprint("practices", __name__)
Page = str | Response | tuple[str, int]
Choice = TypeVar("Choice", bound=StrEnum)


@bp.route("/account/profile", methods=["GET", "POST"])
@admits(Audience.SIGNED_IN)
def profile() -> Page:
    member = me()
    form = ProfileForm(data=_as_it_is(member, told_of(member, reader=member)))
    if not form.validate_on_submit():
        return render_template("practices/profile.html", form=form), 422 if form.is_submitted() else 200
    try:
        describe(
            member,
            name=form.name.data or "",
            practice=form.practice.data or "",
            specialty=_chosen(Specialty, form.specialty.data),
            part=_chosen(Part, form.part.data),
            title=form.title.data or "",
            size=_chosen(Size, form.size.data),
            region=_chosen(Region, form.region.data),
            bio=form.bio.data or "",
            shown=[Field(field) for field in form.shown.data or ()],
            listed=form.listed.data,
        )
    except Refusal as no:
        back_to_form(form, no, "name")
        return render_template("practices/profile.html", form=form), no.status
    member.time_zone, member.locale = form.time_zone.data or None, form.locale.data or None
    flash("Your profile is saved.", "success")
    return redirect(url_for("practices.profile"), 303)


@bp.get("/members/<handle>")
@admits(Audience.ENTITLED)
def member(handle: str) -> str:
    found = one_or_404(select(Member).where(Member.handle == handle, Member.closed_at.is_(None)))
    told = told_of(found, reader=me())
    return render_template("practices/member.html", member=found, told=told)


def _as_it_is(member: Member, told: Told) -> dict[str, object]:
    return {
        "name": member.name,
        "practice": told.practice,
        "specialty": told.specialty or "",
        "part": told.part or "",
        "title": told.title,
        "size": told.size or "",
        "region": told.region or "",
        "bio": told.bio,
        "shown": [field.value for field in Field if field not in told.hidden],
        "listed": told.is_listed,
        "time_zone": member.time_zone or "",
        "locale": member.locale or "",
    }


def _chosen(kind: type[Choice], value: str | None) -> Choice | None:
    return kind(value) if value else None
