"""The first page for visitors and for members, the standing pages, and search over every area."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template, request

from portal.accounts.signed_in import me_or_none
from portal.core import search as index
from portal.core.admission import Audience, admits, audiences
from portal.home.queries import latest_items, lively_threads
from portal.library.queries import topics_in_order

bp = Blueprint("home", __name__)

SHOWN = 6
_MOST_HITS = 40
# What `in=` may say, and the kinds of document it means.
PLACES: dict[str, tuple[str, ...]] = {
    "library": ("tool", "resource", "nugget", "episode"),
    "rooms": ("thread", "post"),
}


@bp.get("/")
@admits(Audience.ANYONE)
def landing() -> str:
    """The promise to a visitor; what is new to whoever is signed in."""
    if me_or_none() is None:
        from portal.billing.trying import trial_days_for
        from portal.billing.wording import tax_note
        from portal.membership.offering import tiers

        return render_template(
            "home/landing.html",
            tiers=tiers(),
            trial_days=trial_days_for(None),
            tax_note=tax_note(),
            items=latest_items(4),
            topic_pairs=[(t.title, f"/topics/{t.slug}") for t in topics_in_order()],
        )
    may_read = Audience.ENTITLED in audiences()
    return render_template(
        "home/first_page.html",
        items=latest_items(SHOWN),
        threads=lively_threads(SHOWN) if may_read else [],
    )


@bp.get("/about")
@admits(Audience.ANYONE)
def about() -> str:
    return render_template("home/about.html")


@bp.get("/rules")
@admits(Audience.ANYONE)
def rules() -> str:
    return render_template("home/rules.html")


@bp.get("/privacy")
@admits(Audience.ANYONE)
def privacy() -> str:
    return render_template("home/privacy.html")


@bp.get("/terms")
@admits(Audience.ANYONE)
def terms() -> str:
    return render_template("home/terms.html")


@bp.get("/search")
@admits(Audience.ANYONE)
def search() -> Any:
    """Everything this reader may see that holds all the words; `in` narrows to the library or the rooms."""
    words = request.args.get("q", "")[:200].strip()
    place = request.args.get("in", "")
    place = place if place in PLACES else ""
    hits = index.search(words, audiences=audiences(), kinds=PLACES.get(place), most=_MOST_HITS) if words else []
    return render_template("home/search.html", words=words, place=place, hits=hits)
