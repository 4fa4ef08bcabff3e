"""Pages where members flag: a post, a thread, a profile, a nugget."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template
from sqlalchemy import select
from werkzeug.exceptions import NotFound

from portal.accounts.models import Member
from portal.accounts.signed_in import me
from portal.conversations.models import Thread
from portal.conversations.policy import may_read_words
from portal.conversations.post_queries import post_for
from portal.conversations.thread_queries import opening_of, thread_for
from portal.core import markdown
from portal.core.admission import Audience, admits
from portal.core.clock import now
from portal.core.db import one_or_404
from portal.core.errors import Refusal, back_to_form
from portal.core.limits import limiter
from portal.library.models import Item, Nugget, is_out
from portal.moderation import deciding, flagging
from portal.moderation.forms import FlagForm
from portal.moderation.models import Reason, Thing
from portal.practices.queries import told_of

bp = Blueprint("flagging", __name__)
Answer = Any  # what Flask takes: text, text with a status, or a response
_EXCERPT = 300
# Whatever somebody flags, it counts together.
_seldom = limiter.shared_limit("10/minute;30/hour", scope="flags", methods=["POST"])


@bp.route("/posts/<int(max=2147483647):post_id>/flag", methods=["GET", "POST"])
@admits(Audience.ENTITLED)
@_seldom
def post(post_id: int) -> Answer:
    return _flag(lambda: one_or_404(post_for(me(), post_id)))


@bp.route("/threads/<int(max=2147483647):thread_id>/flag", methods=["GET", "POST"])
@admits(Audience.ENTITLED)
@_seldom
def thread(thread_id: int) -> Answer:
    return _flag(lambda: _thread_or_404(thread_id))


@bp.route("/members/<handle>/flag", methods=["GET", "POST"])
@admits(Audience.ENTITLED)
@_seldom
def profile(handle: str) -> Answer:
    return _flag(lambda: one_or_404(select(Member).where(Member.handle == handle, Member.closed_at.is_(None))))


@bp.route("/library/<slug>/flag", methods=["GET", "POST"])
@admits(Audience.ENTITLED)
@_seldom
def nugget(slug: str) -> Answer:
    return _flag(lambda: one_or_404(select(Nugget).where(Nugget.slug == slug, is_out(Nugget, now()))))


def _flag(find: Any) -> Answer:
    """The form, and what becomes of it. After a refusal the thing is found once more: that began a new transaction."""
    thing = find()
    form = FlagForm(flagging.name_of(thing))
    flagging.check_may_flag(thing, by=me())
    if form.validate_on_submit():
        try:
            flagging.flag(thing, reason=Reason(form.reason.data), words=form.words.data or "", by=me())
            flash(_thanks(thing), "success")
            return redirect(_place_of(thing), 303)
        except Refusal as no:
            back_to_form(form, no)
            return _flag_page(find(), form), no.status
    page = _flag_page(thing, form)
    return (page, 422) if form.is_submitted() else page


def _thread_or_404(thread_id: int) -> Thread:
    found = thread_for(me(), thread_id)
    if found is None:
        raise NotFound()
    return found.thread


def _flag_page(thing: Thing, form: FlagForm) -> str:
    return render_template(
        "moderation/flag.html",
        form=form,
        name=flagging.name_of(thing),
        title=deciding.title_of(thing),
        excerpt=_excerpt(thing),
        back=_place_of(thing),
        trail=_trail(thing),
        is_program=isinstance(thing, Item),
    )


def _thanks(thing: Thing) -> str:
    untold = "" if isinstance(thing, Item) else "; its author is not told who asked"
    if isinstance(thing, Member):
        untold = "; they are not told who asked"
    return f"Thank you. A moderator will look at it{untold}."


def _place_of(thing: Thing) -> str:
    """Where they came from."""
    if isinstance(thing, Member):
        return f"/members/{thing.handle}"
    return f"/threads/{thing.id}" if isinstance(thing, Thread) else thing.path


def _excerpt(thing: Thing) -> str:
    if isinstance(thing, Member):
        told = told_of(thing, reader=me())
        return " · ".join(filter(None, [told.line, told.bio]))[:_EXCERPT]
    if isinstance(thing, Item):
        return thing.summary
    said = opening_of(thing) if isinstance(thing, Thread) else thing
    return markdown.excerpt(said.body_html, _EXCERPT) if may_read_words(me(), said) else "What it began with is gone."


def _trail(thing: Thing) -> list[tuple[str, str]]:
    if isinstance(thing, Member):
        return [("Members", "/members"), (thing.name, _place_of(thing))]
    if isinstance(thing, Item):
        return [("Nuggets", "/nuggets"), (thing.title, thing.path)]
    about = thing if isinstance(thing, Thread) else thing.thread
    return [("Rooms", "/rooms"), (about.room.title, f"/rooms/{about.room.slug}"), (about.title, _place_of(thing))]
