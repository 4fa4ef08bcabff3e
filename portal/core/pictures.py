"""A picture that somebody sends: decoded within limits, turned upright, and written anew as WebP.

What arrives is never kept. It must be a picture by its bytes, its name and what was said about it, and what comes out
has nothing of what the camera wrote beside it. All of that is slow and happens before a transaction writes.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import PurePosixPath
from threading import Lock
from typing import Any

from portal.core.errors import Refusal, Unavailable

LARGEST = 8 * 1024 * 1024  # bytes, as a phone sends them
MOST_PIXELS = 25_000_000
MOST_SCANS = 64  # of a JPEG; a progressive one that a person made has ten
_KINDS = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}
_BY_NAME = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG", ".webp": "WEBP"}
_ALSO_CALLED = {"image/jpg": "image/jpeg", "image/pjpeg": "image/jpeg"}


class NotAPicture(Refusal):
    message = "This is not a picture that we can read. Choose a JPEG, PNG or WebP file."
    status = 422


class PictureTooLarge(Refusal):
    message = "This picture is too large. Choose one of at most 8 MB and 25 million pixels."
    status = 422


def is_named_so(name: str) -> bool:
    """Whether its name says that it is a picture."""
    return PurePosixPath(name.casefold()).suffix in _BY_NAME


@contextmanager
def upright(content: bytes, *, name: str, declared: str | None, side: int) -> Iterator[Any]:
    """The picture as people hold it, in a mode that can be resized; it is needed no larger than `side` pixels.

    Only the decoder of its kind is let near it, one picture at a time. Raises NotAPicture, PictureTooLarge.
    """
    from PIL import Image, ImageOps

    if len(content) > LARGEST:
        raise PictureTooLarge()
    kind = _kind(content, name=name, declared=declared)
    if not _one_at_a_time.acquire(timeout=_PATIENCE):
        raise Unavailable("Many pictures are being read at the moment. Please try again in a minute.")
    try:
        with Image.open(BytesIO(content), formats=[kind]) as image:
            if image.width * image.height > MOST_PIXELS:
                raise PictureTooLarge()
            image.draft("RGB", (side * 2, side * 2))  # a JPEG need not be decoded in full
            turned = ImageOps.exif_transpose(image)
            yield turned if turned.mode in {"RGB", "RGBA", "L"} else turned.convert("RGBA")
    except Refusal:
        raise
    except (*_STUMBLES, Image.DecompressionBombError) as error:
        raise NotAPicture() from error
    finally:
        _one_at_a_time.release()


def on_white(image: Any) -> Any:
    """What shines through is white, in light and dark alike."""
    from PIL import Image

    layers = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", layers.size, "white"), layers).convert("RGB")


def as_webp(image: Any) -> bytes:
    out = BytesIO()
    image.save(out, "WEBP", quality=82, method=4)
    return out.getvalue()


def _kind(content: bytes, *, name: str, declared: str | None) -> str:
    """What it is, by its bytes, its name and what was said about it, which must agree. Raises NotAPicture."""
    kind = _BY_NAME.get(PurePosixPath(name.casefold()).suffix)
    said = _ALSO_CALLED.get(declared or "", declared or "")
    if (
        kind is None
        or said not in {"", "application/octet-stream", _KINDS[kind]}
        or _KINDS[kind] not in _sniffed(content)
        or (kind == "JPEG" and _scans(content) > MOST_SCANS)
    ):
        raise NotAPicture()
    return kind


def _sniffed(content: bytes) -> set[str]:
    import puremagic

    try:
        found = puremagic.magic_string(content)
    except (*_STUMBLES, puremagic.PureError):
        return set()
    return {_ALSO_CALLED.get(match.mime_type, match.mime_type) for match in found}


def _scans(content: bytes) -> int:
    """How often a JPEG goes over its picture. Each scan costs time by the size of the picture, and may be forty bytes
    long: eight megabytes of them would keep a decoder busy for hours."""
    at, scans = 2, 0
    while scans <= MOST_SCANS and (found := _MARKER.search(content, at)):
        at, marker = found.end(), content[found.end() - 1]
        if marker == _END_OF_IMAGE:
            break
        if marker not in _WITHOUT_LENGTH:
            at += max(2, int.from_bytes(content[at : at + 2]))
        scans += marker == _START_OF_SCAN
    return scans


_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")  # neither a byte of the picture nor a place to begin anew in it
_START_OF_SCAN, _END_OF_IMAGE = 0xDA, 0xD9
_WITHOUT_LENGTH = {0x01, 0xD8}
_one_at_a_time = Lock()  # a large picture takes a hundred megabytes while it is read
_PATIENCE = 20  # seconds
# What decoders raise when they stumble over hostile bytes.
_STUMBLES = (
    OSError,
    ValueError,
    SyntaxError,
    ArithmeticError,
    LookupError,
    EOFError,
    TypeError,
    MemoryError,
    struct.error,
    zlib.error,
)
