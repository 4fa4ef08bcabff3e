"""No question left behind: what waits for an answer, how long it may, and which coach sees to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import Blueprint, current_app, flash, redirect, render_template, request
from sqlalchemy import ColumnElement, func, literal, select, true, tuple_
from sqlalchemy.orm import aliased

from portal.accounts.models import Member, Role
from portal.accounts.signed_in import me
from portal.conversations import asking, queries
from portal.conversations.for_reader import reading_or_404
from portal.conversations.models import QuestionOwner, Thread
from portal.core.admission import Audience, admits
from portal.core.clock import now
from portal.core.db import db, one_or_404
from portal.core.web import cursor, read_cursor
from portal.desk.paging import AT_A_TIME

bp = Blueprint("desk_unanswered", __name__)
Answer = Any  # what Flask takes: text, text with a status, or a response

_OWNER = "/desk/unanswered/<int(max=2147483647):thread_id>/owner"
_FILTERS = {"": "All", "late": "Past their time", "nobody": "Nobody’s", "mine": "Yours"}


@dataclass(frozen=True)
class Question:
    """One line of the list."""

    thread_id: int
    title: str
    room: str
    asker: str
    is_safe: bool  # asked under no name
    asked_at: datetime
    due_at: datetime
    owner: str | None
    is_mine: bool

    @property
    def is_late(self) -> bool:
        return self.due_at < now()


@bp.get("/desk/unanswered")
@admits(Audience.COACHES)
def unanswered() -> Answer:
    """The oldest first, so that nobody waits because others ask later."""
    chosen = _chosen(request.args.get("which"))
    counts = db.session.execute(
        select(*[func.count().filter(_which(name)) for name in _FILTERS])
        .select_from(Thread)
        .join(Thread.room)
        .outerjoin(QuestionOwner, QuestionOwner.thread_id == Thread.id)
        .where(asking.unanswered(), queries.visible_to(me()))
    ).one()
    questions, later = _questions(chosen, request.args.get("after"))
    return render_template(
        "desk/unanswered.html",
        questions=questions,
        later=later,
        chosen=chosen,
        tabs=[
            (words, "/desk/unanswered" + (f"?which={name}" if name else ""), name == chosen, count)
            for (name, words), count in zip(_FILTERS.items(), counts, strict=True)
        ],
        coaches=_coaches(),
        within=_within_words(),
    )


@bp.post(_OWNER)
@admits(Audience.COACHES)
def see_to(thread_id: int) -> Answer:
    """Whoever presses takes it; with `coach`, that one is asked to see to it."""
    thread, handle = reading_or_404(thread_id).thread, request.form.get("coach", "")
    if handle:
        coach = one_or_404(select(Member).where(Member.handle == handle))
        asking.assign(thread, coach, by=me())
        flash(f"{coach.name} sees to “{thread.title}”.", "success")
    else:
        asking.take(thread, by=me())
        flash(f"You see to “{thread.title}”.", "success")
    return _back()


@bp.post(_OWNER + "/undo")
@admits(Audience.COACHES)
def give_back(thread_id: int) -> Answer:
    thread = reading_or_404(thread_id).thread
    asking.give_back(thread, by=me())
    flash(f"Nobody sees to “{thread.title}” now.", "success")
    return _back()


def _questions(chosen: str, after: str | None) -> tuple[Sequence[Question], str | None]:
    """One page of them, and the cursor of the next."""
    owner, place = aliased(Member), read_cursor(after)
    query = (
        asking.questions(queries.visible_to(me()), QuestionOwner.member_id.label("owner_id"), owner.name.label("owner"))
        .outerjoin(QuestionOwner, QuestionOwner.thread_id == Thread.id)
        .outerjoin(owner, owner.id == QuestionOwner.member_id)
        .where(_which(chosen))
    )
    if place is not None:
        at = tuple_(literal(place[0], Thread.created_at.type), literal(place[1]))
        query = query.where(tuple_(Thread.created_at, Thread.id) > at)
    found = db.session.execute(query.order_by(Thread.created_at, Thread.id).limit(AT_A_TIME + 1)).all()
    rows = found[:AT_A_TIME]
    questions = [
        Question(
            row.id,
            row.title,
            row.room,
            asking.asker_of(row, me()),
            row.author_hidden_at is not None,
            row.created_at,
            row.created_at + _within(),
            row.owner,
            row.owner_id == me().id,
        )
        for row in rows
    ]
    return questions, cursor(rows[-1].created_at, rows[-1].id) if len(found) > AT_A_TIME else None


def _which(chosen: str) -> ColumnElement[bool]:
    if chosen == "late":
        return Thread.created_at < now() - _within()
    if chosen == "nobody":
        return QuestionOwner.id.is_(None)
    return QuestionOwner.member_id == me().id if chosen == "mine" else true()


def _chosen(asked: str | None) -> str:
    return asked if asked in _FILTERS else ""


def _coaches() -> Sequence[Member]:
    on_duty = Member.role.in_([Role.COACH, Role.OWNER]), Member.closed_at.is_(None)
    return db.session.scalars(select(Member).where(*on_duty).order_by(Member.name, Member.id)).all()


def _within() -> timedelta:
    return timedelta(hours=current_app.config["ANSWER_WITHIN_HOURS"])


def _within_words() -> str:
    hours = current_app.config["ANSWER_WITHIN_HOURS"]
    days, rest = divmod(hours, 24)
    if rest:
        return "1 hour" if hours == 1 else f"{hours} hours"
    return "1 day" if days == 1 else f"{days} days"


def _back() -> Answer:
    which = _chosen(request.form.get("which"))
    return redirect("/desk/unanswered" + (f"?which={which}" if which else ""), 303)
