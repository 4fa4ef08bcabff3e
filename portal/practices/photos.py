"""A member's photo: taken in, drawn anew, and given out only to whom it may be shown.

What arrives is never kept. It must be a picture by its bytes, its name and what was said about it; it is decoded within
limits, turned upright, cut to a square and written anew as WebP in the two widths that pages use, without anything the
camera wrote beside it. All of that is slow and happens before a transaction writes.
"""

from __future__ import annotations

import re
import secrets
import struct
import zlib
from dataclasses import dataclass
from io import BytesIO
from pathlib import PurePosixPath
from threading import Lock
from typing import IO, Any

from sqlalchemy import select

from portal.accounts.models import Member
from portal.core import storage
from portal.core.db import db
from portal.core.errors import Refusal, Unavailable
from portal.core.jobs import enqueue, job
from portal.practices.describing import show_photo, wait_for_turn
from portal.practices.models import Photo
from portal.practices.policy import sees_all

LARGEST = 8 * 1024 * 1024  # bytes, as a phone sends them
MOST_PIXELS = 25_000_000
SMALLEST_SIDE = 96
MOST_SCANS = 64  # of a JPEG; a progressive one that a person made has ten
SMALL, LARGE = WIDTHS = 96, 320  # twice what is drawn beside a post, and on a profile
_KINDS = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}
_BY_NAME = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG", ".webp": "WEBP"}
_ALSO_CALLED = {"image/jpg": "image/jpeg", "image/pjpeg": "image/jpeg"}


class NoPhoto(Refusal):
    message = "Choose a picture first."
    status = 422


class NotAPhoto(Refusal):
    message = "This is not a picture that we can read. Choose a JPEG, PNG or WebP file."
    status = 422


class PhotoTooLarge(Refusal):
    message = "This picture is too large. Choose one of at most 8 MB and 25 million pixels."
    status = 422


class PhotoTooSmall(Refusal):
    message = f"This picture is too small to be seen. Choose one that is at least {SMALLEST_SIDE} pixels wide and high."
    status = 422


@dataclass(frozen=True)
class Drawn:
    """A photo drawn anew and kept in storage, by width; no row knows of it yet."""

    keys: dict[int, str]


def draw(stream: IO[bytes], *, name: str, declared: str | None) -> Drawn:
    """Take a picture in. Slow: call it before any change. Raises NotAPhoto, PhotoTooLarge, PhotoTooSmall."""
    content = stream.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise PhotoTooLarge()
    kind = _kind(content, name=name, declared=declared)
    squares = _squares(content, kind)
    return Drawn({width: storage.put(BytesIO(square)).key for width, square in squares.items()})


def keep(member: Member, drawn: Drawn) -> None:
    """Make what was drawn the member's photo; the files of the one before are thrown away after the commit."""
    wait_for_turn(member)
    _forget(_photo_of(member))
    small, large = (drawn.keys[width] for width in WIDTHS)
    db.session.add(Photo(member_id=member.id, token=secrets.token_hex(16), small_key=small, large_key=large))
    db.session.flush()
    show_photo(member)


def remove(member: Member) -> None:
    """Take the photo away, files and all."""
    wait_for_turn(member)
    _forget(_photo_of(member))
    show_photo(member)


def photo_for(reader: Member, token: str, *, entitled: bool) -> Photo | None:
    """The photo at an address, if this reader may see it: their own, one that members see, or as staff any."""
    found = db.session.execute(
        select(Photo, Member).join(Member, Member.id == Photo.member_id).where(Photo.token == token)
    ).one_or_none()
    if found is None:
        return None
    photo, member = found
    if sees_all(reader, member):
        return photo
    shown = entitled and member.closed_at is None and member.photo == token
    return photo if shown else None


@job("photos.throw_away")
def throw_away(keys: list[str]) -> None:
    """Delete the files of a photo that no row names any more."""
    for key in keys:
        storage.remove(key)


def _photo_of(member: Member) -> Photo | None:
    return db.session.scalar(select(Photo).where(Photo.member_id == member.id))


def _forget(photo: Photo | None) -> None:
    if photo is None:
        return
    enqueue(throw_away, keys=[photo.small_key, photo.large_key])
    db.session.delete(photo)
    db.session.flush()


def _kind(content: bytes, *, name: str, declared: str | None) -> str:
    """What it is, by its bytes, its name and what was said about it, which must agree. Raises NotAPhoto."""
    kind = _BY_NAME.get(PurePosixPath(name.casefold()).suffix)
    said = _ALSO_CALLED.get(declared or "", declared or "")
    if (
        kind is None
        or said not in {"", "application/octet-stream", _KINDS[kind]}
        or _KINDS[kind] not in _sniffed(content)
        or (kind == "JPEG" and _scans(content) > MOST_SCANS)
    ):
        raise NotAPhoto()
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


def _squares(content: bytes, kind: str) -> dict[int, bytes]:
    """The picture as WebP squares by width. Only the decoder of its kind is let near it."""
    from PIL import Image, ImageOps

    if not _one_at_a_time.acquire(timeout=_PATIENCE):
        raise Unavailable("Many photos are being read at the moment. Please try again in a minute.")
    try:
        with Image.open(BytesIO(content), formats=[kind]) as image:
            if image.width * image.height > MOST_PIXELS:
                raise PhotoTooLarge()
            if min(image.size) < SMALLEST_SIDE:
                raise PhotoTooSmall()
            image.draft("RGB", (max(WIDTHS) * 2, max(WIDTHS) * 2))  # a JPEG need not be decoded in full
            upright = ImageOps.exif_transpose(image)
            if upright.mode not in {"RGB", "RGBA", "L"}:
                upright = upright.convert("RGBA")
            square = ImageOps.fit(upright, (max(WIDTHS), max(WIDTHS))).convert("RGBA")
        on_white = Image.alpha_composite(Image.new("RGBA", square.size, "white"), square).convert("RGB")
        return {width: _as_webp(on_white.resize((width, width))) for width in WIDTHS}
    except Refusal:
        raise
    except (*_STUMBLES, Image.DecompressionBombError) as error:
        raise NotAPhoto() from error
    finally:
        _one_at_a_time.release()


def _as_webp(square: Any) -> bytes:
    out = BytesIO()
    square.save(out, "WEBP", quality=82, method=4)
    return out.getvalue()


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
