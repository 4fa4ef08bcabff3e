"""What a file is: only when its bytes, its name and what was said about it agree. Otherwise it is just bytes."""

from __future__ import annotations

import zipfile
from pathlib import PurePosixPath
from typing import IO

from portal.core.web import filesize

UNKNOWN = "application/octet-stream"

# What the portal knows, by the end of the name; nothing in it is a page, a script or anything a browser would run.
_TYPES = {
    ".pdf": "application/pdf",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    ".mp3": "audio/mpeg",
    ".m4a": "audio/mp4",
    ".mp4": "video/mp4",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".zip": "application/zip",
}
# Every Office file is a zip and every zip looks like one; the list of its contents tells which it is.
_MUST_HOLD = {
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "word/document.xml",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xl/workbook.xml",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": "ppt/presentation.xml",
}
_ALSO_CALLED = {"audio/x-m4a": "audio/mp4", "audio/mp3": "audio/mpeg", "audio/x-mpeg": "audio/mpeg"}
_WORDS = {
    "application/pdf": "PDF",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "Word",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "Excel",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": "PowerPoint",
    "audio/mpeg": "MP3",
    "audio/mp4": "M4A",
    "video/mp4": "Video",
    "image/png": "Picture",
    "image/jpeg": "Picture",
    "image/webp": "Picture",
    "application/zip": "Zip",
}


def media_type(file: IO[bytes], *, name: str, declared: str | None = None) -> str:
    """The type of the bytes of a file, under the name they will carry; `declared` is what the sender claimed."""
    by_name = _TYPES.get(PurePosixPath(name).suffix.lower())
    if by_name is None or by_name not in _by_content(file):
        return UNKNOWN
    if by_name in _MUST_HOLD and not _holds(file, _MUST_HOLD[by_name]):
        return UNKNOWN
    said = _ALSO_CALLED.get(declared or "", declared or "")
    return by_name if said in {"", UNKNOWN, by_name} else UNKNOWN


def in_words(media_type: str) -> str:
    """ "PDF", "Word": what people call it."""
    return _WORDS.get(media_type, "File")


def facts(media_type: str, size: int) -> str:
    """ "PDF, 240 kB"."""
    return f"{in_words(media_type)}, {filesize(size)}"


def _by_content(file: IO[bytes]) -> set[str]:
    import puremagic

    try:
        file.seek(0)
        found = puremagic.magic_stream(file)
    except (puremagic.PureError, ValueError, OSError, LookupError, EOFError):
        return set()  # its parsers meet hostile bytes; whatever they stumble over is not a type we know
    return {_ALSO_CALLED.get(match.mime_type, match.mime_type) for match in found if match.confidence >= 0.4}


def _holds(file: IO[bytes], member: str) -> bool:
    try:
        with zipfile.ZipFile(file) as archive:
            return member in archive.namelist()
    except (zipfile.BadZipFile, ValueError, OSError, EOFError):
        return False
