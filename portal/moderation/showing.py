"""A case on a page of its own: what was flagged, what stands around it, and what may be decided."""

from __future__ import annotations

from flask import render_template
from werkzeug.exceptions import NotFound

from portal.accounts.signed_in import me
from portal.moderation import cases, deciding, replying
from portal.moderation.forms import RAISED, RulingForm
from portal.moderation.models import Thing


def thing_or_404(kind: str, thing_id: int) -> Thing:
    found = deciding.find(kind, thing_id, reader=me())
    if found is None:
        raise NotFound()
    return found


def case_page(thing: Thing, form: RulingForm) -> str:
    """Also where a decision could not be taken as it was sent, with what was typed."""
    return render_template(
        "moderation/ruling.html",
        form=form,
        case=cases.case_of(thing, reader=me()),
        reasons=RAISED,
        replies=replying.all_replies(),
    )
