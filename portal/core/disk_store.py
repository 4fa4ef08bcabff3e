"""Files on the disk of this machine: written aside, synced, then moved into place."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import IO, BinaryIO

from portal.core.storage import Stored, Wish, lies_at

_CHUNK = 1024 * 1024


class DiskStore:
    """A folder; what is being written ends in .part."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, key: str, stream: IO[bytes]) -> Stored:
        target = lies_at(self.folder, key)
        target.parent.mkdir(parents=True, exist_ok=True)
        aside = target.with_suffix(".part")
        digest, size = hashlib.sha256(), 0
        try:
            with aside.open("xb") as out:
                while chunk := stream.read(_CHUNK):
                    out.write(chunk)
                    digest.update(chunk)
                    size += len(chunk)
                out.flush()
                os.fsync(out.fileno())
            aside.replace(target)
            _sync_folder(target.parent)  # the new name, too, has to survive a power cut
        except BaseException:
            aside.unlink(missing_ok=True)
            raise
        return Stored(key, size, digest.hexdigest())

    @contextmanager
    def opened(self, key: str) -> Iterator[BinaryIO]:
        with lies_at(self.folder, key).open("rb") as file:
            yield file

    def remove(self, key: str) -> None:
        target = lies_at(self.folder, key)
        target.unlink(missing_ok=True)
        target.with_suffix(".part").unlink(missing_ok=True)

    def names(self, before: datetime) -> Iterator[str]:
        return (file.name for file in self._files(before))

    def remove_parts(self, before: datetime) -> None:
        for file in self._files(before):
            if file.suffix == ".part":
                file.unlink(missing_ok=True)

    def link(self, _key: str, _wish: Wish) -> str | None:
        return None

    def _files(self, before: datetime) -> Iterator[Path]:
        for folder in sorted(self.folder.glob("[0-9a-f][0-9a-f]")):
            for file in folder.iterdir():
                with suppress(FileNotFoundError):  # removed by somebody else meanwhile
                    if file.is_file() and file.stat().st_mtime < before.timestamp():
                        yield file


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
