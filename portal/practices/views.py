"""Profiles: one's own to edit, everybody's to read, and the photos beside both."""

from __future__ import annotations

from enum import StrEnum
from io import BytesIO
from typing import TypeVar

from flask import Blueprint, flash, redirect, render_template, request, send_file, url_for
from sqlalchemy import select
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from portal.accounts.models import Member
from portal.accounts.signed_in import me
from portal.core import pictures, storage
from portal.core.admission import Audience, admits, audiences
from portal.core.db import one_or_404, release
from portal.core.errors import Refusal, back_to_form
from portal.core.limits import limiter
from portal.practices import photos
from portal.practices.describing import HeldBack, check_may_say_more, describe
from portal.practices.forms import PhotoForm, ProfileForm
from portal.practices.models import Field, Part, Region, Size, Specialty
from portal.practices.queries import Told, told_of

bp = Blueprint("practices", __name__)
Page = str | Response | tuple[str, int]
Choice = TypeVar("Choice", bound=StrEnum)


@bp.route("/account/profile", methods=["GET", "POST"])
@admits(Audience.SIGNED_IN)
def profile() -> Page:
    member = me()
    form = _own_form()
    if not form.validate_on_submit():
        return _profile_page(form), 422 if form.is_submitted() else 200
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
        back_to_form(form, no, None if isinstance(no, HeldBack) else "name")
        return _profile_page(form), no.status
    member.time_zone, member.locale = form.time_zone.data or None, form.locale.data or None
    flash("Your profile is saved.", "success")
    return redirect(url_for("practices.profile"), 303)


@bp.url_value_preprocessor
def _let_photos_be_large(endpoint: str | None, _values: dict[str, object] | None) -> None:
    """Set before anything reads the body, which the check of the form's token does."""
    if endpoint == "practices.add_photo":
        request.max_content_length = pictures.LARGEST + 64 * 1024  # and the form around it


@bp.post("/account/profile/photo")
@admits(Audience.SIGNED_IN)
@limiter.limit("30/hour")
def add_photo() -> Page:
    sent = request.files.get("photo")
    try:
        check_may_say_more(me())
        release()  # reading a picture is slow, and nobody should wait for it
        if sent is None or not sent.filename:
            raise photos.NoPhoto()
        drawn = photos.draw(sent.stream, name=sent.filename, declared=sent.mimetype)
    except Refusal as no:
        form = PhotoForm()
        back_to_form(form, no, "photo")
        return _profile_page(_own_form(formdata=None), form), no.status  # the photo's form has none of its fields
    photos.keep(me(), drawn)
    flash("Your photo is saved.", "success")
    return redirect(url_for("practices.profile"), 303)


@bp.post("/account/profile/photo/removal")
@admits(Audience.SIGNED_IN)
def remove_photo() -> Response:
    photos.remove(me())
    flash("Your photo is removed.", "success")
    return redirect(url_for("practices.profile"), 303)


@bp.get("/photos/<token>/<int(max=2000):width>.webp")
@admits(Audience.SIGNED_IN)
def photo(token: str, width: int) -> Response:
    """Another photo has another address, so a browser may keep this one; a cache that people share may not."""
    found = photos.photo_for(me(), token, entitled=Audience.ENTITLED in audiences())
    key = {photos.SMALL: found.small_key, photos.LARGE: found.large_key}.get(width) if found else None
    if key is None:
        raise NotFound()
    with storage.opened(key) as file:
        drawn = BytesIO(file.read())  # a few kilobytes, wherever they lie
    response: Response = send_file(drawn, mimetype="image/webp", etag=f"{token}-{width}", conditional=True)
    response.headers["Cache-Control"] = "private, max-age=86400"
    return response


@bp.get("/members/<handle>")
@admits(Audience.ENTITLED)
def member(handle: str) -> str:
    found = one_or_404(select(Member).where(Member.handle == handle, Member.closed_at.is_(None)))
    told = told_of(found, reader=me())
    return render_template("practices/member.html", member=found, told=told)


def _own_form(**sent: None) -> ProfileForm:
    return ProfileForm(data=_as_it_is(me(), told_of(me(), reader=me())), **sent)


def _profile_page(form: ProfileForm, photo_form: PhotoForm | None = None) -> str:
    token = told_of(me(), reader=me()).photo
    return render_template("practices/profile.html", form=form, photo_form=photo_form or PhotoForm(), photo=token)


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
