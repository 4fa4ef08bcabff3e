"""The desk: the owner's and coaches' figures, and the page of all components."""

from __future__ import annotations

from flask import Blueprint, render_template

from portal.accounts.signed_in import me
from portal.billing.queries import failing
from portal.core.admission import Audience, admits, audiences
from portal.desk.beginning import first_steps
from portal.desk.figures import figures
from portal.desk.health import checks
from portal.desk.sample import sample_form
from portal.moderation import appeals

bp = Blueprint("desk", __name__)


@bp.get("/desk")
@admits(Audience.COACHES)
def desk() -> str:
    """Figures; before them the appeals that wait, what an empty portal still lacks, and for the owner whatever is not
    well and whose payment fails."""
    owns = Audience.OWNERS in audiences()
    return render_template(
        "desk/desk.html",
        figures=figures(me()),
        unwell=[each for each in checks() if not each.is_well] if owns else [],
        failing=len(failing()) if owns else 0,
        steps=first_steps(me(), owns=owns),
        appealed=appeals.count_waiting(me()),
    )


@bp.get("/desk/components")
@admits(Audience.COACHES)
def components() -> str:
    """Every component in every state, for whoever builds a page."""
    return render_template("desk/components.html", **sample_form())
