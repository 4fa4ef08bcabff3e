"""Paths at the desk: begin one, say what stands on it in which order, put it out, take it back."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request
from sqlalchemy import func, select
from werkzeug.wrappers import Response

from portal.accounts.signed_in import me
from portal.core.admission import Audience, admits
from portal.core.db import db, one_or_404
from portal.core.web import whole_number
from portal.desk.forms import PathForm, ReasonForm
from portal.library import paths as library_paths
from portal.library.models import Item, Path, PathStep

bp = Blueprint("desk_paths", __name__)
_PATHS = "/desk/library/paths"
_PATH = _PATHS + "/<int(max=2147483647):path_id>"


@bp.route(_PATHS, methods=["GET", "POST"])
@admits(Audience.COACHES)
def paths() -> Any:
    """All of them, however they stand; and the form that begins another."""
    form = PathForm()
    if form.validate_on_submit():
        path = library_paths.create(title=form.title.data or "", summary=form.summary.data or "")
        flash("The path is begun. Now put something on it.", "success")
        return _back_to(path)
    steps = select(func.count()).where(PathStep.path_id == Path.id).scalar_subquery()
    rows = db.session.execute(select(Path, steps.label("steps")).order_by(Path.id)).all()
    return render_template("desk/paths.html", rows=rows, form=form), 422 if form.is_submitted() else 200


@bp.route(_PATH, methods=["GET", "POST"])
@admits(Audience.COACHES)
def path(path_id: int) -> Any:
    """One path: its words, its order, and whether it is out."""
    found, form = _path_or_404(path_id), PathForm()
    if form.validate_on_submit():
        library_paths.describe(found, title=form.title.data or "", summary=form.summary.data or "")
        flash("The words are kept.", "success")
        return _back_to(found)
    if not form.is_submitted():
        form.title.data, form.summary.data = found.title, found.summary
    return _path_page(found, form), 422 if form.is_submitted() else 200


@bp.post(_PATH + "/steps")
@admits(Audience.COACHES)
def put_in_order(path_id: int) -> Response:
    """By the numbers beside the items; whatever has none goes, whatever was chosen below is added at the end."""
    found = _path_or_404(path_id)
    chosen = whole_number(request.form.get("add"), otherwise=0)
    placed = [(whole_number(request.form.get(f"place-{item.id}"), otherwise=0), item) for item in _items_on(found)]
    kept = [item for place, item in sorted(placed, key=lambda pair: pair[0]) if place]
    more = db.session.scalars(select(Item).where(Item.id == chosen)).all()
    library_paths.put_in_order(found, [*kept, *(item for item in more if item not in kept)])
    flash("This is the order now.", "success")
    return _back_to(found)


@bp.post(_PATH + "/publication")
@admits(Audience.COACHES)
def publish(path_id: int) -> Response:
    found = _path_or_404(path_id)
    library_paths.publish(found, by=me())
    flash(f"“{found.title}” is open to members.", "success")
    return _back_to(found)


@bp.post(_PATH + "/withdrawal")
@admits(Audience.COACHES)
def withdraw(path_id: int) -> Any:
    found, form = _path_or_404(path_id), ReasonForm()
    if not form.validate_on_submit():
        return _path_page(found, PathForm(formdata=None, obj=found), withdrawal=form), 422
    library_paths.withdraw(found, because=form.because.data or "", by=me())
    flash(f"“{found.title}” is withdrawn. What stood on it stays in the library.", "success")
    return _back_to(found)


def _path_page(found: Path, form: PathForm, *, withdrawal: ReasonForm | None = None) -> str:
    items = _items_on(found)
    others = select(Item).where(Item.withdrawn_at.is_(None), Item.id.not_in([item.id for item in items]))
    return render_template(
        "desk/path.html",
        path=found,
        form=form,
        items=items,
        others=db.session.scalars(others.order_by(Item.kind, Item.title)).all(),
        withdrawal=withdrawal or ReasonForm(formdata=None),
    )


def _items_on(found: Path) -> list[Item]:
    """In order, drafts and withdrawn ones too."""
    on_it = select(Item).join(PathStep, PathStep.item_id == Item.id).where(PathStep.path_id == found.id)
    return list(db.session.scalars(on_it.order_by(PathStep.position)))


def _path_or_404(path_id: int) -> Path:
    return one_or_404(select(Path).where(Path.id == path_id))


def _back_to(found: Path) -> Response:
    return redirect(f"{_PATHS}/{found.id}", 303)
