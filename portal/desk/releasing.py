"""Letting an item appear: now, at a time on the coach's clock, or not any more; and telling those who follow."""

from __future__ import annotations

from datetime import datetime, time

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from portal.accounts.signed_in import me
from portal.core import locales
from portal.core.admission import Audience, admits
from portal.core.clock import now
from portal.core.db import one_or_404
from portal.core.errors import Refusal, back_to_form
from portal.core.wall_clock import NoSuchTime, moment_of
from portal.core.web import reader_manner, reader_zone
from portal.desk import item_queries
from portal.desk.forms import ReasonForm
from portal.desk.item_forms import ReleaseForm
from portal.desk.item_queries import State
from portal.desk.writing import ITEM
from portal.library import announcing, publishing
from portal.library.models import Item, Kind

bp = Blueprint("desk_releasing", __name__)
Page = str | Response | tuple[str, int]


class NotATime(Refusal):
    message = "Choose a day and a time."
    status = 422


class InThePast(Refusal):
    message = "That moment is over. Choose one that lies ahead, or publish now."
    status = 422


class NoFileYet(Refusal):
    message = "A tool or episode needs a file before it appears. Upload it first."


@bp.get(f"{ITEM}/release")
@admits(Audience.COACHES)
def release(item_id: int) -> str:
    return _page(one_or_404(item_queries.item(item_id)))


@bp.post(f"{ITEM}/release")
@admits(Audience.COACHES)
def publish(item_id: int) -> Page:
    """Now, or at the time that was chosen; the button pressed says which."""
    item, form = one_or_404(item_queries.item(item_id)), ReleaseForm()
    if not form.validate():
        return _page(item, form), 422
    twice = False
    try:
        _check_has_what_it_needs(item)
        if request.form.get("do") == "later":
            at, twice = _moment(form)
        else:
            at = now()
        publishing.release(item, by=me(), at=at, announce=form.announce.data and announcing.may_be_announced(item))
    except publishing.NotWaiting:
        raise  # the form is not on the page of what is out
    except Refusal as no:
        back_to_form(form, no, "clock" if isinstance(no, NotATime | InThePast) else None)
        return _page(one_or_404(item_queries.item(item_id)), form), no.status
    flash(_told(item, twice=twice), "success")
    return _back(item)


@bp.post(f"{ITEM}/release/unscheduling")
@admits(Audience.COACHES)
def unschedule(item_id: int) -> Response:
    item = one_or_404(item_queries.item(item_id))
    publishing.unschedule(item, by=me())
    flash(f"“{item.title}” is a draft again and will not appear by itself.", "success")
    return _back(item)


@bp.post(f"{ITEM}/withdrawal")
@admits(Audience.COACHES)
def withdraw(item_id: int) -> Page:
    item, form = one_or_404(item_queries.item(item_id)), ReasonForm()
    if not form.validate():
        return _page(item, reason=form), 422
    publishing.withdraw(item, because=form.because.data or "", by=me())
    flash(f"“{item.title}” is withdrawn: its page, its files and its place in search are gone for readers.", "success")
    return _back(item)


@bp.post(f"{ITEM}/return")
@admits(Audience.COACHES)
def bring_back(item_id: int) -> Response:
    item = one_or_404(item_queries.item(item_id))
    publishing.bring_back(item, by=me())
    flash(f"“{item.title}” is back where it stood.", "success")
    return _back(item)


@bp.post(f"{ITEM}/announcement")
@admits(Audience.COACHES)
def announce(item_id: int) -> Response:
    """Tell followers of something that is out already; once, whoever presses."""
    item = one_or_404(item_queries.item(item_id))
    publishing.announce_now(item, by=me())
    flash("The letters are on their way.", "success")
    return _back(item)


def _moment(form: ReleaseForm) -> tuple[datetime, bool]:
    """What was chosen, as a moment, and whether that time comes twice. Raises NotATime, InThePast."""
    day, clock = form.day.data, form.clock.data
    if day is None or clock is None:
        raise NotATime()
    try:
        at, twice = moment_of(day, clock, reader_zone())
    except NoSuchTime as none:
        raise NotATime(
            f"On that day clocks in {_zone()} are moved forward, and {_clock(clock)} is skipped. Choose "
            f"{_clock(none.after.time())} or later, or an earlier time."
        ) from None
    if at <= now():
        raise InThePast()
    return at, twice


def _told(item: Item, *, twice: bool) -> str:
    if item.is_published:
        return f"“{item.title}” is published."
    at = item.published_at.astimezone(reader_zone()) if item.published_at else now()
    more = " That time comes twice on this day; the first is meant." if twice else ""
    return f"“{item.title}” appears on {locales.exact(at, reader_manner())}.{more}"


def _check_has_what_it_needs(item: Item) -> None:
    if item.kind in {Kind.TOOL, Kind.EPISODE} and not item.versions:
        raise NoFileYet()


def _zone() -> str:
    return reader_zone().key.replace("_", " ")


def _clock(clock: time) -> str:
    return locales.clock(clock.hour, clock.minute, reader_manner())


def _page(item: Item, form: ReleaseForm | None = None, reason: ReasonForm | None = None) -> str:
    state = item_queries.state_of(item)
    if form is None:
        form = ReleaseForm(formdata=None, announce=item.announces)
        if state is State.SCHEDULED and item.published_at:
            there = item.published_at.astimezone(reader_zone())
            form.day.data, form.clock.data = there.date(), there.time().replace(second=0, microsecond=0)
    return render_template(
        "desk/library/release.html",
        item=item,
        state=state,
        form=form,
        reason=reason or ReasonForm(formdata=None),
        zone=_zone(),
        followers=announcing.followers(item),
        may_be_announced=announcing.may_be_announced(item),
        lacks_file=item.kind in {Kind.TOOL, Kind.EPISODE} and not item.versions,
    )


def _back(item: Item) -> Response:
    return redirect(url_for("desk_releasing.release", item_id=item.id), 303)
