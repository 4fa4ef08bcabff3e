"""The log as a file that an owner takes along, narrowed as they see it; that they took it stands in the log itself."""

from __future__ import annotations

from datetime import datetime

from flask import Blueprint, request
from werkzeug.wrappers import Response

from portal.accounts.signed_in import me
from portal.core.admission import Audience, admits
from portal.core.limits import limiter
from portal.desk.cells import Column
from portal.desk.exporting import export
from portal.moderation import narrowing, queries

bp = Blueprint("log_file", __name__)
COLUMNS = (
    Column("Number", lambda line: line.id, int),
    Column("When", lambda line: line.at, datetime),
    Column("By", lambda line: line.by or "The portal"),
    Column("By, handle", lambda line: line.by_handle),
    Column("Action", lambda line: line.action),
    Column("Thing", lambda line: f"{line.ref_kind} {line.ref_id}"),
    Column("About", lambda line: line.about),
    Column("Why", lambda line: line.because),
)


@bp.post("/moderation/log/file")
@admits(Audience.OWNERS)
@limiter.limit("60/hour")
def file() -> Response:
    """Whatever the filter lets through, as CSV, the newest first."""
    wanted = narrowing.conditions(narrowing.asked(request.form), reader=me())
    return export("log", queries.log_ids(wanted), queries.log_lines, COLUMNS, by=me())
