"""What stands in a file, for search: read by a job in a child process with limits, never while somebody waits.

A broken or hostile file costs that process and nothing else: it holds no settings, no secrets and no connection, and it
can neither grow, nor stay, nor write more than the few lines it was allowed.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

import structlog

from portal.core import storage
from portal.library.file_text_child import OUTPUT

log = structlog.get_logger()

READABLE = {
    "application/pdf",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation",
}
LONGEST = 45  # seconds; well within a worker's lease
_CHILD = Path(__file__).with_name("file_text_child.py")


def pages_of(key: str, media_type: str) -> list[str]:
    """The words of each page, sheet or slide, as far as they could be read; none of a file that nobody can read."""
    with storage.opened(key) as file, TemporaryFile() as lines:
        child = subprocess.Popen(
            [sys.executable, "-I", str(_CHILD), media_type],
            stdin=file,
            stdout=lines,
            stderr=subprocess.DEVNULL,  # its traceback may quote the file
            env={},
            cwd="/",
            start_new_session=True,
        )
        try:
            ended = child.wait(timeout=LONGEST)
        except subprocess.TimeoutExpired:
            ended = None
        finally:
            child.kill()
            child.wait()
        log.info("file.read", key=key, ended=ended)
        return _whole_lines(lines)


def _whole_lines(lines: IO[bytes]) -> list[str]:
    lines.seek(0)
    *whole, _cut = lines.read(OUTPUT).split(b"\n")
    pages: list[str] = []
    for line in whole:
        try:
            page = json.loads(line)
        except ValueError:
            return pages
        if not isinstance(page, str):
            return pages
        pages.append(page)
    return pages
