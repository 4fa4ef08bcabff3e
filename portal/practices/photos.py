"""A member's photo: taken in, drawn anew, and given out only to whom it may be shown.

What arrives is never kept (core/pictures.py): it is cut to a square and written anew in the two widths that pages use.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from io import BytesIO
from typing import IO

from sqlalchemy import select

from portal.accounts.models import Member
from portal.core import pictures, storage
from portal.core.db import db
from portal.core.errors import Refusal
from portal.core.jobs import enqueue, job
from portal.practices.describing import check_may_say_more, show_photo, wait_for_turn
from portal.practices.models import Photo
from portal.practices.policy import sees_all

SMALLEST_SIDE = 96
SMALL, LARGE = WIDTHS = 96, 320  # twice what is drawn beside a post, and on a profile


class NoPhoto(Refusal):
    message = "Choose a picture first."
    status = 422


class PhotoTooSmall(Refusal):
    message = f"This picture is too small to be seen. Choose one that is at least {SMALLEST_SIDE} pixels wide and high."
    status = 422


@dataclass(frozen=True)
class Drawn:
    """A photo drawn anew and kept in storage, by width; no row knows of it yet."""

    keys: dict[int, str]


def draw(stream: IO[bytes], *, name: str, declared: str | None) -> Drawn:
    """Take a picture in. Slow: call it before any change. Raises NotAPicture, PictureTooLarge, PhotoTooSmall."""
    squares = _squares(stream.read(pictures.LARGEST + 1), name=name, declared=declared)
    return Drawn({width: storage.put(BytesIO(square)).key for width, square in squares.items()})


def keep(member: Member, drawn: Drawn) -> None:
    """Make what was drawn the member's photo; the files of the one before are thrown away after the commit.
    Raises HeldBack."""
    check_may_say_more(member)
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


def _squares(content: bytes, *, name: str, declared: str | None) -> dict[int, bytes]:
    """The picture as WebP squares by width."""
    from PIL import ImageOps

    largest = max(WIDTHS)
    with pictures.upright(content, name=name, declared=declared, side=largest) as image:
        if min(image.size) < SMALLEST_SIDE:
            raise PhotoTooSmall()
        square = pictures.on_white(ImageOps.fit(image, (largest, largest)))
        return {width: pictures.as_webp(square.resize((width, width))) for width in WIDTHS}
