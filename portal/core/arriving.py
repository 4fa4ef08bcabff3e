"""Where files lie while they arrive: nameless beside the store, where there is room for them.

A system's own temporary folder is often memory. A file without a name is gone with its process, however that ended.
"""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from flask import Request, current_app

_IN_MEMORY = 500 * 1024


class ArrivingRequest(Request):
    """A request whose larger files are written to the disk of the store as they come in."""

    def _get_file_stream(
        self,
        total_content_length: int | None,
        content_type: str | None,
        filename: str | None = None,
        content_length: int | None = None,
    ) -> IO[bytes]:
        if total_content_length is not None and total_content_length <= _IN_MEMORY:
            return BytesIO()
        folder = Path(current_app.config["STORAGE_DIR"])
        folder.mkdir(parents=True, exist_ok=True)
        return TemporaryFile(dir=folder)
