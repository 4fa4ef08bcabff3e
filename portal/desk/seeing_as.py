"""See the site as others do: a coach or owner reads it as a visitor, subscriber, member or somebody who has lapsed.

For as long as it lasts, the person of each request is a copy of the coach's own row with the role and the entitlement
of the kind chosen; the gate, the rules and the pages ask the copy and cannot tell. The copy is never saved, nothing
can be sent, and nothing is noted beside a reading.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from flask import Blueprint, Flask, flash, g, redirect, render_template, request, session, url_for
from flask_login import AnonymousUserMixin, current_user
from sqlalchemy import select
from werkzeug.wrappers import Response
from wtforms import RadioField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than the types
from wtforms.validators import AnyOf

from portal.accounts.models import Device, Member, Role
from portal.accounts.signed_in import me, this_device
from portal.billing.entitlements import Entitlement, Level, Why
from portal.core.admission import Audience, admits
from portal.core.db import db, keep_nothing
from portal.core.errors import Refusal
from portal.core.headers import keep_no_copy
from portal.core.typed import TextForm
from portal.core.web import Banner, lead_with
from portal.desk.writing import unpublished
from portal.library import previewing
from portal.library.models import Item

bp = Blueprint("seeing_as", __name__)
_KEY = "seeing_as"
_AS_ONESELF = {"seeing_as.choose", "seeing_as.begin", "seeing_as.end", "accounts.sign_out"}


class Kind(StrEnum):
    """Through whose eyes."""

    VISITOR = "visitor"
    SUBSCRIBER = "subscriber"
    MEMBER = "member"
    LAPSED = "lapsed"


WORDS = {
    Kind.VISITOR: "A visitor, who has no account",
    Kind.SUBSCRIBER: "A subscriber, who has an account and never paid",
    Kind.MEMBER: "A member in good standing",
    Kind.LAPSED: "Somebody whose membership has ended",
}
_ENTITLED = {
    Kind.SUBSCRIBER: Entitlement(Level.NONE, Why.NEVER),
    Kind.MEMBER: Entitlement(Level.FULL, Why.GRANT),
    Kind.LAPSED: Entitlement(Level.NONE, Why.LAPSED),
}


class OnlyLooking(Refusal):
    message = "You are looking at the site as somebody else, so nothing was changed. Look as yourself again first."
    status = 403


class LookForm(TextForm):
    kind = RadioField(
        "As",
        choices=[SelectChoice(kind.value, words) for kind, words in WORDS.items()],
        default=Kind.MEMBER.value,
        validate_choice=False,
        validators=[AnyOf([kind.value for kind in WORDS], message="Choose through whose eyes.")],
    )


@bp.get("/desk/seeing-as")
@admits(Audience.COACHES)
def choose() -> str:
    return render_template("desk/seeing_as.html", form=LookForm(formdata=None), looking=_chosen(), words=WORDS)


@bp.post("/desk/seeing-as")
@admits(Audience.COACHES)
def begin() -> Any:
    form = LookForm()
    if not form.validate():
        return render_template("desk/seeing_as.html", form=form, looking=_chosen(), words=WORDS), 422
    session[_KEY] = form.kind.data
    return redirect("/", 303)


@bp.post("/desk/seeing-as/end")
@admits(Audience.COACHES)
def end() -> Response:
    session.pop(_KEY, None)
    flash("You see the site as yourself again.", "success")
    return redirect(url_for("seeing_as.choose"), 303)


def init_app(app: Flask) -> None:
    """Before the gate: it must judge the copy."""
    app.before_request(_look)
    app.after_request(_leave_no_copy)


def _look() -> None:
    if request.endpoint == "library.item" and "as" in request.args and current_user.is_authenticated:
        _look_once()
        return
    kind = _chosen()
    if kind is None or request.endpoint in _AS_ONESELF or not current_user.is_authenticated:
        return
    if not me().is_at_least(Role.COACH):  # they were one when they chose
        session.pop(_KEY)
        return
    if request.method not in {"GET", "HEAD", "OPTIONS"}:
        raise OnlyLooking()
    lead_with(Banner(_told(kind), url_for("seeing_as.choose"), "Look as yourself again"))
    _look_through(kind)


def _look_once() -> None:
    """`/library/<slug>?as=lapsed`: a coach sees one item as others would, also before it is out, with the coach's own
    words that are not published yet."""
    kind, item = _kind(request.args.get("as")), _item_at(request.view_args)
    if kind is None or item is None or not me().is_at_least(Role.COACH):
        return
    g.looks_once = True
    previewing.begin(item.id, unpublished(item))
    lead_with(Banner(f"This is how it reads: {WORDS[kind].lower()}.", f"/desk/library/{item.id}", "Back to writing"))
    _look_through(kind)


def _item_at(view_args: dict[str, Any] | None) -> Item | None:
    slug = (view_args or {}).get("slug", "")
    return db.session.scalar(select(Item).where(Item.slug == slug))


def _look_through(kind: Kind) -> None:
    keep_nothing()
    if kind is Kind.VISITOR:
        g._login_user = AnonymousUserMixin()
        return
    copy = _copy_of(me())
    g._login_user = _StandIn(this_device(), copy)
    g.entitlements = {copy.id: _ENTITLED[kind]}


class _StandIn:
    """In the place of the device row: the same browser, and somebody else at it."""

    def __init__(self, device: Device, member: Member) -> None:
        self._device = device
        self.member = member

    def __getattr__(self, name: str) -> Any:
        return getattr(self._device, name)


def _copy_of(member: Member) -> Member:
    values = {column.key: getattr(member, column.key) for column in Member.__mapper__.column_attrs}
    return Member(**(values | {"role": Role.MEMBER}))


def _told(kind: Kind) -> str:
    return f"You see the site as {WORDS[kind][0].lower()}{WORDS[kind][1:].split(',')[0]}. Nothing you do here counts."


def _chosen() -> Kind | None:
    return _kind(session.get(_KEY))


def _kind(name: str | None) -> Kind | None:
    return Kind(name) if name in {kind.value for kind in Kind} else None


def _leave_no_copy(response: Any) -> Any:
    """A page drawn for somebody else's eyes must not come back from the browser's store."""
    if _KEY not in session and "looks_once" not in g:
        return response
    response.headers.pop("ETag", None)
    return keep_no_copy(response)
