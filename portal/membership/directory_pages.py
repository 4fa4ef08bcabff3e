"""The page of the directory, and the shape of what is asked of it."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import TypeVar

from flask import Blueprint, render_template, request
from wtforms import Form, SearchField, SelectField

from portal.accounts.signed_in import me
from portal.core.admission import Audience, admits
from portal.core.web import plain_name
from portal.membership import directory
from portal.membership.directory import Wanted
from portal.practices.choosing import choices
from portal.practices.models import Part, Region, Size, Specialty
from portal.practices.queries import told_of

bp = Blueprint("directory", __name__)
Choice = TypeVar("Choice", bound=StrEnum)
LONGEST = 100  # letters that are looked at


def _any_of(label: str, options: Iterable[StrEnum], nothing: str) -> SelectField:
    offered = choices(options, nothing)
    return SelectField(label, choices=offered, validate_choice=False)  # unknown values fall back, they do not fail


class FindForm(Form):
    """Whom one looks for. It changes nothing, so it needs no token and stands in the address."""

    q = SearchField("Name or practice")
    role = _any_of("Role", Part, "Any role")
    specialty = _any_of("Specialty", Specialty, "Any specialty")
    size = _any_of("Size", Size, "Any size")
    region = _any_of("Region", Region, "Anywhere")


@bp.get("/members")
@admits(Audience.ENTITLED)
def members() -> str:
    form = FindForm(request.args)
    wanted = Wanted(
        words=plain_name(form.q.data or "")[:LONGEST],
        specialty=_one_of(Specialty, form.specialty.data),
        part=_one_of(Part, form.role.data),
        size=_one_of(Size, form.size.data),
        region=_one_of(Region, form.region.data),
    )
    return render_template(
        "membership/members.html",
        form=form,
        wanted=wanted,
        page=directory.listed(wanted, after=_handle("after"), before=_handle("before")),
        asked={name: value for name, value in form.data.items() if value},
        is_listed=told_of(me(), reader=me()).is_listed,
    )


def _one_of(kind: type[Choice], value: str | None) -> Choice | None:
    return next((option for option in kind if option == value), None)


def _handle(name: str) -> str | None:
    return request.args.get(name, "")[:LONGEST].replace("\x00", "") or None
