"""Paths as members walk them: the list, one path, and its files in one zip."""

from __future__ import annotations

from flask import Blueprint, current_app, render_template, stream_with_context
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from portal.accounts.signed_in import me, me_or_none
from portal.core import sending
from portal.core.admission import Audience, admits, audiences
from portal.core.db import release
from portal.core.limits import limiter
from portal.core.web import reader_zone
from portal.library import downloads, packing, path_queries, policy, queries, wording

bp = Blueprint("paths", __name__)


@bp.get("/paths")
@admits(Audience.ANYONE)
def paths() -> str:
    return render_template("library/paths.html", paths=path_queries.paths_for(_reader_id()))


@bp.get("/paths/<slug>")
@admits(Audience.ANYONE)
def path(slug: str) -> str:
    """Step by step, with what its reader is done with; to others the honest list of what stands on it."""
    found = path_queries.path_by_slug(slug)
    if found is None:
        raise NotFound()
    steps = path_queries.steps_of(found.id, reader_id=_reader_id())
    packed = packing.entries(_files(found.id))
    return render_template(
        "library/path.html",
        path=found,
        steps=steps,
        done=sum(step.is_done for step in steps),
        next=path_queries.first_undone(steps),
        files=len(packed),
        size=sum(entry.file.size for entry in packed),
        price=wording.monthly_price(),
    )


@bp.get("/paths/<slug>/files")
@admits(Audience.ENTITLED)
@limiter.limit("10/minute")
def files(slug: str) -> Response:
    """The newest files of everything on the path, in one zip. Each counts as a download of its own."""
    found = path_queries.path_by_slug(slug)
    packed = packing.entries(_files(found.id)) if found else []
    if found is None or not packed:
        raise NotFound()
    member_id, zone = me().id, reader_zone()
    release()  # our read ends here; nobody waits for it while the bytes go out
    if downloads.is_begin():
        downloads.remember(*(entry.file.id for entry in packed), member_id=member_id)
    body = stream_with_context(packing.zipped(packed, zone=zone))
    response = current_app.response_class(body, mimetype="application/zip")
    response.cache_control.private = response.cache_control.no_store = True
    response.headers["Accept-Ranges"] = "none"  # it is put together anew each time
    sending.name_it(response, f"{found.title}.zip")
    return response


def _files(path_id: int) -> list[queries.AnyRow]:
    """As far as this reader may have them, asked of each item on its own."""
    return [file for file in path_queries.files_on(path_id) if policy.may_read(audiences(), file)]


def _reader_id() -> int | None:
    reader = me_or_none()
    return reader.id if reader else None
