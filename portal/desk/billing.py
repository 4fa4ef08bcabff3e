"""The owner's pages about money: failing payments first, figures with their definitions, the list behind each."""

from __future__ import annotations

from collections import Counter
from typing import Any

from flask import Blueprint, render_template, request
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from portal.accounts.signed_in import me
from portal.billing import queries, revenue
from portal.core.admission import Audience, admits
from portal.core.clock import now
from portal.core.limits import limiter
from portal.core.web import Place
from portal.desk import lists, wording
from portal.desk.exporting import export
from portal.desk.lists import ENDING, FAILING, LEFT, LEFT_WITHIN, PAYING, UNPAID, Listing
from portal.desk.paging import screenful
from portal.desk.queries import by_state

bp = Blueprint("desk_billing", __name__)
AT_A_GLANCE = 5  # rows of a list on the page of all figures


@bp.get("/desk/billing")
@admits(Audience.OWNERS)
def billing() -> str:
    plans = revenue.by_plan()
    places = {each.name: each.places() for each in (FAILING, UNPAID, ENDING, LEFT)}
    return render_template(
        "desk/billing.html",
        plans=plans,
        a_month=revenue.a_month(plans),
        definition=revenue.DEFINITION,
        counts={name: len(found) for name, found in places.items()},
        glances=[_glance(each, places[each.name]) for each in (FAILING, ENDING, LEFT)],
        reasons=_reasons(),
        states=by_state(),
        words=wording.STATES,
    )


@bp.get("/desk/billing/<name>")
@admits(Audience.OWNERS)
def listing(name: str) -> str:
    """One list, a page at a time."""
    found, plan = _listing_or_404(name), _plan()
    address = "/desk/billing/paying?plan="
    page = screenful(_places(found, plan), request.args.get("after"), newest_first=found.newest_first)
    return render_template(
        "desk/listing.html",
        listing=found,
        rows=lists.lines(page.ids),
        page=page,
        plan=plan,
        plan_tabs=[(each.name, address + each.key, each.key == plan) for each in queries.every_plan()],
        total_a_month=revenue.a_month([each for each in revenue.by_plan() if plan in {"", each.key}])
        if found is PAYING
        else {},
    )


@bp.post("/desk/billing/<name>/file")
@admits(Audience.OWNERS)
@limiter.limit("60/hour")
def file(name: str) -> Response:
    """The whole list as CSV. A POST, because taking people's data along is noted."""
    found = _listing_or_404(name)
    ids = [row_id for _, row_id in _places(found, _plan())]
    return export(found.name, ids, lists.lines, found.columns, by=me())


def _listing_or_404(name: str) -> Listing:
    found = lists.LISTINGS.get(name)
    if found is None:
        raise NotFound()
    return found


def _places(found: Listing, plan: str) -> list[Place]:
    return queries.paying(plan) if found is PAYING and plan else found.places()


def _plan() -> str:
    """The plan whose subscriptions are asked for; an unknown one means all."""
    wanted = request.values.get("plan", "")
    return wanted if wanted in {plan.key for plan in queries.every_plan()} else ""


def _glance(found: Listing, places: list[Place]) -> dict[str, Any]:
    return {"listing": found, "rows": lists.lines([row_id for _, row_id in places[:AT_A_GLANCE]]), "total": len(places)}


def _reasons() -> list[tuple[str, int]]:
    """Reasons in words; several of Stripe's words may mean the same to us."""
    counted: Counter[str] = Counter()
    for word, count in queries.reasons_since(now() - LEFT_WITHIN):
        counted[wording.reason(word)] += count
    return counted.most_common()
