"""The files of an item: they arrive one by one and wait, then become an edition together, in order and under names."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from typing import IO

from sqlalchemy import delete, select

from portal.accounts.models import Member
from portal.core import media, storage, taking_in
from portal.core.clock import now
from portal.core.db import db, transaction
from portal.core.errors import Refusal
from portal.core.jobs import enqueue, job, periodic
from portal.core.taking_in import Kept
from portal.library import publishing
from portal.library.models import Episode, File, Item, Upload, Version

OFFERED = "PDF, Word, Excel, PowerPoint, MP3, M4A, MP4, PNG, JPEG and Zip"
FORGOTTEN_AFTER = timedelta(days=14)


class NotOffered(Refusal):
    """Its bytes, its name and what was said about it must agree on a kind that the library knows."""

    status = 422

    def __init__(self, name: str) -> None:
        super().__init__(
            f"“{name}” is not a kind of file that the library offers, or holds something else than its name says. "
            f"What works: {OFFERED}."
        )


class UsedMeanwhile(Refusal):
    message = "Some of these files were put out or removed meanwhile. Look at the list again."


class EmptyFile(Refusal):
    status = 422

    def __init__(self, name: str) -> None:
        super().__init__(f"“{name}” is empty. Choose the file once more.")


def take_in(stream: IO[bytes], *, name: str, declared: str | None) -> Kept:
    """Put a file into storage. Slow: before the writing begins. Raises NotOffered, EmptyFile; then nothing is kept."""
    kept = taking_in.keep(stream, name=name, declared=declared)
    if kept.stored.size == 0 or kept.media_type == media.UNKNOWN:
        storage.remove(kept.stored.key)
        raise EmptyFile(kept.name) if kept.stored.size == 0 else NotOffered(kept.name)
    return kept


def add(item: Item, kept: Kept, *, by: Member) -> Upload:
    """A file has arrived and waits for the next edition."""
    upload = Upload(
        item_id=item.id,
        by_id=by.id,
        name=kept.name,
        media_type=kept.media_type,
        size=kept.stored.size,
        sha256=kept.stored.sha256,
        storage_key=kept.stored.key,
    )
    db.session.add(upload)
    db.session.flush()
    return upload


def waiting(item: Item) -> Sequence[Upload]:
    """Files for the next edition, in the order in which they came."""
    return db.session.scalars(select(Upload).where(Upload.item_id == item.id).order_by(Upload.id)).all()


def discard(upload: Upload) -> None:
    """It is not wanted after all; its bytes go after the commit. Raises UsedMeanwhile where they are in an edition."""
    gone = delete(Upload).where(Upload.id == upload.id, Upload.storage_key == upload.storage_key).returning(Upload.id)
    if db.session.scalar(gone.execution_options(synchronize_session=False)) is None:
        raise UsedMeanwhile()
    enqueue(throw_away, key=f"upload.gone:{upload.storage_key}", storage_key=upload.storage_key)


def copied(file: File) -> Kept:
    """A file of the last edition, to stand in the next one too. Slow, as take_in."""
    with storage.opened(file.storage_key) as stream:
        return Kept(file.name, file.media_type, storage.put(stream))


def as_kept(upload: Upload, *, name: str) -> Kept:
    return Kept(name, upload.media_type, storage.Stored(upload.storage_key, upload.size, upload.sha256))


def put_out(item: Item, files: Sequence[Kept], *, used: Sequence[int], note: str, by: Member) -> Version:
    """The next edition: these files in this order. `used` are the waiting ones among them.

    Raises NothingInside, and UsedMeanwhile where another coach was quicker with one of them.
    """
    gone = delete(Upload).where(Upload.id.in_(used)).returning(Upload.id)
    if len(db.session.scalars(gone).all()) < len(used):
        raise UsedMeanwhile()
    version = publishing.add_version(item, files=files, note=note, by=by)
    if isinstance(item, Episode):
        item.seconds = publishing.seconds_of(files[0])
    return version


def rename(version: Version, names: Sequence[tuple[int, str]]) -> None:
    """Other names and another order for files that are out: (id, name), the main file first."""
    files = {file.id: file for file in version.files}
    for place, (file_id, _) in enumerate(names, start=1):
        files[file_id].position = -place  # out of the way: two files never have one place, not even for a moment
    db.session.flush()
    for place, (file_id, name) in enumerate(names, start=1):
        files[file_id].position, files[file_id].name = place, name


@job("library.throw_away")
def throw_away(storage_key: str) -> None:
    storage.remove(storage_key)


@periodic("library.forget_uploads", every=timedelta(days=1))
def forget_old() -> None:
    """What waits for two weeks is waited for by nobody."""
    with transaction():
        for upload in db.session.scalars(select(Upload).where(Upload.created_at < now() - FORGOTTEN_AFTER)).all():
            with suppress(UsedMeanwhile):
                discard(upload)
