"""The files of an item: uploading them, putting them in order under their names, and putting out the next edition."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, flash, jsonify, redirect, render_template, request, url_for
from sqlalchemy import select
from werkzeug.wrappers import Response

from portal.accounts.signed_in import me
from portal.core import media
from portal.core.admission import Audience, admits
from portal.core.db import one_or_404, release
from portal.core.errors import Refusal, back_to_form
from portal.core.limits import limiter
from portal.core.taking_in import Kept, file_name
from portal.core.web import filesize, whole_number
from portal.desk import item_queries
from portal.desk.item_forms import EditionForm, largest_upload
from portal.desk.writing import ITEM
from portal.library import editions
from portal.library.models import File, Item, Upload

bp = Blueprint("desk_files", __name__)
Page = str | Response | tuple[str, int]
_AROUND_FILES = 1_000_000  # bytes of the form around them


class TooLarge(Refusal):
    status = 413

    def __init__(self, size: int) -> None:
        super().__init__(
            f"This is {filesize(size)}, and at most {filesize(largest_upload())} can be sent at once. Send the files "
            "one by one, or make them smaller."
        )


class NoneChosen(Refusal):
    message = "Choose a file first."
    status = 422


@dataclass(frozen=True)
class Row:
    """A file that can stand in the next edition: one of the last edition, or one that waits."""

    key: str  # "file-3", "upload-7"
    name: str
    facts: str
    is_new: bool
    replaces: bool  # a file of the last edition with the same name


@bp.url_value_preprocessor
def _let_files_be_large(endpoint: str | None, _values: dict[str, Any] | None) -> None:
    """Set before anything reads the body, which the check of the form's token does."""
    if endpoint != "desk_files.upload":
        return
    request.max_content_length = most = largest_upload() + _AROUND_FILES
    if (request.content_length or 0) > most:
        raise TooLarge(request.content_length or 0)


@bp.get(f"{ITEM}/files")
@admits(Audience.COACHES)
def files(item_id: int) -> str:
    return _page(one_or_404(item_queries.item(item_id)))


@bp.post(f"{ITEM}/files")
@admits(Audience.COACHES)
@limiter.limit("600/hour")
def upload(item_id: int) -> Page:
    """Take in what was sent, all of it or none; the script sends one file at a time and reads the answer as JSON."""
    item, sent = one_or_404(item_queries.item(item_id)), [f for f in request.files.getlist("files") if f.filename]
    release()  # taking files in waits for the disk, and nobody should wait for that
    taken: list[Kept] = []
    try:
        if not sent:
            raise NoneChosen()
        for file in sent:  # one by one: those before a refused one are thrown away
            kept = editions.take_in(file.stream, name=file.filename or "", declared=file.mimetype)
            taken.append(kept)
    except Refusal as no:
        for kept in taken:
            editions.throw_away(kept.stored.key)
        if _wants_json():
            return jsonify(message=no.message), no.status  # type: ignore[return-value]
        return _page(item, problems=[no.message]), no.status
    arrived = [editions.add(item, kept, by=me()) for kept in taken]
    if _wants_json():
        return jsonify(name=arrived[0].name, facts=media.facts(arrived[0].media_type, arrived[0].size))
    return _back(item)


@bp.post(f"{ITEM}/uploads/<int(max=2147483647):upload_id>/removal")
@admits(Audience.COACHES)
def discard(item_id: int, upload_id: int) -> Response:
    found = one_or_404(select(Upload).where(Upload.id == upload_id, Upload.item_id == item_id))
    editions.discard(found)
    flash(f"“{found.name}” is removed.", "success")
    return redirect(url_for("desk_files.files", item_id=item_id), 303)


@bp.post(f"{ITEM}/editions")
@admits(Audience.COACHES)
def put_out(item_id: int) -> Page:
    """The next edition from the rows that are ticked; or, where nothing new is among them, other names and places."""
    item, form = one_or_404(item_queries.item(item_id)), EditionForm()
    if not form.validate():
        return _page(item, form=form), 422
    by_key = _by_key(item)
    ticked = sorted((key for key in by_key if f"in-{key}" in request.form), key=_place)
    newest = item.versions[0] if item.versions else None
    old = [by_key[key] for key in ticked if isinstance(by_key[key], File)]
    if newest is not None and len(old) == len(ticked) == len(newest.files):
        editions.rename(newest, [(by_key[key].id, _named(key, by_key[key])) for key in ticked])
        flash("Names and order are saved.", "success")
        return _back(item)
    release()  # copying files waits for the disk
    taken: list[Kept] = []
    used = []
    for key in ticked:
        row = by_key[key]
        if isinstance(row, Upload):
            taken.append(editions.as_kept(row, name=_named(key, row)))
            used.append(row.id)
        else:
            kept = editions.copied(row)
            taken.append(Kept(_named(key, row), kept.media_type, kept.stored))
    try:
        version = editions.put_out(item, taken, used=used, note=form.note.data or "", by=me())
    except Refusal as no:
        back_to_form(form, no)
        return _page(one_or_404(item_queries.item(item_id)), form=form), no.status
    told = "Whoever has the last one is told on its page that it changed." if version.number > 1 else ""
    flash(f"Edition {version.number} is there. {told}".strip(), "success")
    return _back(item)


def _by_key(item: Item) -> dict[str, File | Upload]:
    newest = item.versions[0].files if item.versions else []
    found: dict[str, File | Upload] = {f"file-{file.id}": file for file in newest}
    return found | {f"upload-{upload.id}": upload for upload in editions.waiting(item)}


def _place(key: str) -> int:
    return whole_number(request.form.get(f"place-{key}"), otherwise=99)


def _named(key: str, row: File | Upload) -> str:
    """The name that was typed, with the ending that the file has: the ending is what opens it."""
    typed, ending = request.form.get(f"name-{key}", ""), row.name.rpartition(".")[2]
    name = file_name(typed) if typed.strip() else row.name
    return name if name.lower().endswith(f".{ending.lower()}") else f"{name}.{ending}"


def _wants_json() -> bool:
    return request.accept_mimetypes.best_match(["text/html", "application/json"]) == "application/json"


def _page(item: Item, *, form: EditionForm | None = None, problems: list[str] | None = None) -> str:
    rows = [
        Row(key, row.name, media.facts(row.media_type, row.size), isinstance(row, Upload), replaces=False)
        for key, row in _by_key(item).items()
    ]
    new = {row.name for row in rows if row.is_new}
    return render_template(
        "desk/library/files.html",
        item=item,
        state=item_queries.state_of(item),
        rows=[Row(r.key, r.name, r.facts, r.is_new, replaces=not r.is_new and r.name in new) for r in rows],
        waits=any(row.is_new for row in rows),
        newest=item.versions[0] if item.versions else None,
        form=form or EditionForm(formdata=None),
        problems=problems or (),
        largest=largest_upload(),
        offered=editions.OFFERED,
    )


def _back(item: Item) -> Response:
    return redirect(url_for("desk_files.files", item_id=item.id), 303)
