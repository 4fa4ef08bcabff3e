"""Who may come in: every route names its audience, and one gate asks before any view runs. Unlisted means closed."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any, TypeVar
from urllib.parse import urlsplit

from flask import Flask, abort, current_app, g, redirect, render_template, request, url_for
from flask_login import current_user

View = TypeVar("View", bound=Callable[..., Any])
AudiencesOf = Callable[[Any], "frozenset[Audience]"]
WayToProve = Callable[[], "str | None"]


class Audience(StrEnum):
    """For whom a route is. Staff roles do not depend on paying."""

    ANYONE = "anyone"
    ACCOUNT = "account"  # signed in, even while the account is being deleted
    SIGNED_IN = "signed in"
    ENTITLED = "entitled"  # a member in good standing: plan, seat or grant, and not suspended
    MODERATORS = "moderators"  # moderators, coaches and the owner
    COACHES = "coaches"  # coaches and the owner
    OWNERS = "owners"


_STAFF = {Audience.MODERATORS, Audience.COACHES, Audience.OWNERS}


def admits(audience: Audience) -> Callable[[View], View]:
    """Mark a view with its audience; `tests/routes.txt` lists them all."""

    def mark(view: View) -> View:
        view.__admits__ = audience  # type: ignore[attr-defined]  # a function carries its audience
        return view

    return mark


def audience_of(app: Flask, endpoint: str) -> Audience | None:
    """The audience a view was marked with, or None for a view nobody marked (which the gate refuses)."""
    return getattr(app.view_functions[endpoint], "__admits__", None)


def init_app(app: Flask, *, audiences_of: AudiencesOf, way_to_prove: WayToProve) -> None:
    """Put the gate before every view. Core knows no area, so it is handed their answers.

    `audiences_of(member)` is billing's; `way_to_prove()` is where staff go first whose sign-in is not strong enough.
    """
    app.extensions["audiences_of"], app.extensions["way_to_prove"] = audiences_of, way_to_prove
    app.before_request(_gate)


def audiences() -> frozenset[Audience]:
    """The audiences the person of this request belongs to; asked once a request."""
    if "audiences" not in g:
        signed_in = current_user.is_authenticated
        g.audiences = (
            current_app.extensions["audiences_of"](current_user.member) if signed_in else frozenset({Audience.ANYONE})
        )
    found: frozenset[Audience] = g.audiences
    return found


def _gate() -> Any:
    if request.endpoint is None:
        return None  # no such page: Flask answers 404 or 405
    if "\x00" in request.path:
        abort(404)  # in no name of ours, and PostgreSQL breaks on it
    audience = audience_of(current_app, request.endpoint)
    if audience is None:
        abort(404)
    if audience is Audience.ANYONE or audience in audiences():
        way = current_app.extensions["way_to_prove"]() if audience in _STAFF else None
        return redirect(way, 303) if way else None
    return way_out(audience)


def way_out(audience: Audience) -> Any:
    """What whoever is not of this audience gets instead: the sign-in page, or what there is to say. Raises Forbidden.

    The gate gives it; so does a view whose audience is anyone but whose things are not.
    """
    if not current_user.is_authenticated:
        if request.method == "GET":
            return redirect(url_for("accounts.sign_in", next=request.full_path.rstrip("?")), 303)
        return redirect(url_for("accounts.sign_in", next=_page_of_the_form()), 303)
    if Audience.SIGNED_IN not in audiences():  # their account is being deleted: the way back, and their data
        return redirect(url_for("data.data"), 303)
    if audience is Audience.ENTITLED:
        return render_template("errors/members_only.html"), 403
    return abort(403)


def _page_of_the_form() -> str | None:
    """Where a form was sent from, for whoever was signed out while they wrote in it: their browser kept the words."""
    came_from = urlsplit(request.referrer or "")
    if came_from.netloc != request.host or not came_from.path:
        return None
    return came_from.path + (f"?{came_from.query}" if came_from.query else "")
