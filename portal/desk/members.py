"""Everyone with an account, for the owner: a list with filters, and one page about each."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import urlencode

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from portal.accounts.signed_in import me
from portal.billing.entitlements import paid_or_given
from portal.billing.queries import every_plan, latest_subscription
from portal.billing.resyncing import Resynced, resync
from portal.billing.states import State
from portal.core.admission import Audience, admits
from portal.core.db import one_or_404, release
from portal.core.limits import limiter
from portal.core.web import plain_name
from portal.desk import queries, wording
from portal.desk.cells import Badge, Column, Person, person
from portal.desk.exporting import export
from portal.desk.paging import screenful
from portal.desk.queries import OPEN, SUSPENDED

bp = Blueprint("desk_members", __name__)
Filter = dict[str, str]

COLUMNS = (
    Column("Who", lambda row: person(row.member), Person),
    Column("State", lambda row: wording.state_badge(row.state), Badge),
    Column("Plan", lambda row: row.plan),
    Column("Joined", lambda row: row.member.created_at, datetime),
    Column("Last seen", lambda row: row.seen_at, datetime),
)


@bp.get("/desk/members")
@admits(Audience.OWNERS)
def members() -> str:
    wanted = _filter()
    places = queries.matching(**wanted)
    page = screenful(places, request.args.get("after"), newest_first=True)
    return render_template(
        "desk/members.html",
        page=page,
        rows=queries.somebodies(page.ids),
        columns=COLUMNS,
        wanted=wanted,
        states=[
            (OPEN, "May come in"),
            *((state.value, wording.STATES[state][0]) for state in State),
            (SUSPENDED, "Suspended"),
        ],
        plans=every_plan(),
        here_again="/desk/members?" + urlencode({key: value for key, value in _named(wanted).items() if value}),
    )


@bp.post("/desk/members/file")
@admits(Audience.OWNERS)
@limiter.limit("60/hour")
def file() -> Response:
    """Whoever the filter lets through, as CSV."""
    ids = [row_id for _, row_id in queries.matching(**_filter())]
    return export("members", ids, queries.somebodies, COLUMNS, by=me())


@bp.get("/desk/members/<handle>")
@admits(Audience.OWNERS)
def member(handle: str) -> str:
    """What is known about somebody's money and access."""
    who = one_or_404(queries.member(handle))
    badge, sentence = wording.standing(who, paid_or_given(who.id), latest_subscription(who.id))
    return render_template(
        "desk/member.html",
        member=who,
        badge=badge,
        sentence=sentence,
        about=queries.about(who),
        words=wording,
    )


@bp.post("/desk/members/<handle>/resync")
@admits(Audience.OWNERS)
@limiter.limit("10/minute")
def read_anew(handle: str) -> Response:
    """Ask Stripe for everything about them now, and say what that changed."""
    member_id, by_id = one_or_404(queries.member(handle)).id, me().id
    release()
    found = resync(member_id, by_id=by_id)
    flash(_told(found), "info" if found.is_as_before else "success")
    return redirect(url_for("desk_members.member", handle=handle), 303)


def _told(found: Resynced) -> str:
    if found.is_as_before:
        return "Read anew from Stripe. Everything was as we had it."
    parts = [f"{sub_id} was not known here" for sub_id in found.new]
    parts += [f"{sub_id} was different" for sub_id in found.changed]
    before, after = (wording.CHANGES[each.level] for each in (found.before, found.after))
    if before != after:
        parts.append(f"access was {before} and is {after} now")
    return f"Read anew from Stripe: {'; '.join(parts)}."


def _filter() -> Filter:
    """What was asked for; an unknown value means all."""
    state, plan = request.values.get("state", ""), request.values.get("plan", "")
    return {
        "state": state if state in {*State, OPEN, SUSPENDED} else "",
        "plan": plan if plan in {each.key for each in every_plan()} else "",
        "typed": plain_name(request.values.get("q", ""))[:80],
    }


def _named(wanted: Filter) -> Filter:
    return {"state": wanted["state"], "plan": wanted["plan"], "q": wanted["typed"]}
