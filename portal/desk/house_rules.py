"""The owner's page for the house rules: other words, what is new in them, and whether everybody is asked again."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request

from portal.accounts import house_rules
from portal.accounts.signed_in import me
from portal.accounts.writing_pages import rendered
from portal.core.admission import Audience, admits
from portal.core.errors import Refusal, back_to_form
from portal.core.web import whole_number
from portal.desk.forms import HouseRulesForm

bp = Blueprint("desk_house_rules", __name__)


@bp.route("/desk/rules", methods=["GET", "POST"])
@admits(Audience.OWNERS)
def rules() -> Any:
    before = house_rules.current()
    opened_with = {"body": before.body, "written_over": before.version}
    form = HouseRulesForm(data=opened_with if request.method == "GET" else None)
    if "preview" in request.form:
        return _page(form, preview=rendered(form.body.data or ""))
    if not form.validate_on_submit():
        return _page(form), 422 if form.is_submitted() else 200
    try:
        made = house_rules.put_in_force(
            body=form.body.data or "",
            changed=form.changed.data or "",
            asks_again=form.asks_again.data,
            written_over=whole_number(form.written_over.data, otherwise=0),
            by=me(),
        )
    except Refusal as no:
        back_to_form(form, no)
        return _page(form), no.status
    asked = " Everybody is asked to accept them before they next post." if made.asks_again else ""
    flash(f"Version {made.version} is in force.{asked}", "success")
    return redirect("/rules", 303)


def _page(form: HouseRulesForm, preview: str | None = None) -> str:
    return render_template("desk/house_rules.html", form=form, versions=house_rules.versions(), preview=preview)
