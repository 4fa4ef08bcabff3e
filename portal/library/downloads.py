"""The gated file: found by item, edition and place; remembered once per begun download.

Whether the reader may have it was asked by the view before anything here runs; core/sending.py sends it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog
from flask import request
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError, TimeoutError
from werkzeug.http import parse_range_header

from portal.core.clock import now
from portal.core.db import db, transaction
from portal.library.models import Download
from portal.library.queries import AnyRow

log = structlog.get_logger()

_ONE_DOWNLOAD = timedelta(hours=1)


def choose(files: Sequence[AnyRow], *, version: int, position: int) -> AnyRow | None:
    """The file that `?version=` and `&file=` mean; where they name nothing we have, the newest edition's main file."""
    numbers = {file.number for file in files if file.id is not None}
    if not numbers:
        return None
    number = version if version in numbers else max(numbers)
    edition = sorted((file for file in files if file.number == number), key=lambda file: file.position)
    return next((file for file in edition if file.position == position), edition[0])


def is_begin() -> bool:
    """Whether this request begins a download, rather than looks at its headers or goes on with it."""
    if request.method != "GET":
        return False
    wanted = parse_range_header(request.headers.get("Range"))
    return wanted is None or any(start == 0 for start, _ in wanted.ranges)


def remember(*file_ids: int, member_id: int) -> None:
    """Note that a member fetched files; each once an hour at most. Whatever goes wrong here must not cost them one."""
    recent = select(Download.file_id).where(
        Download.file_id.in_(file_ids), Download.member_id == member_id, Download.created_at > begun_after()
    )
    try:
        with transaction():
            known = set(db.session.scalars(recent))
            db.session.add_all(Download(member_id=member_id, file_id=each) for each in file_ids if each not in known)
    except (DBAPIError, TimeoutError) as error:
        log.warning("download.not_remembered", files=file_ids, kind=type(error).__name__)
    else:
        log.info("download.begun", files=file_ids, by=member_id)


def begun_after() -> datetime:
    """What was begun after this moment and is begun again is a retry."""
    return now() - _ONE_DOWNLOAD
