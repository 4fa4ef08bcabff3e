"""All files of a path as one zip, put together while it is sent: memory stays flat, however large they are."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import PurePosixPath
from typing import NamedTuple, Protocol
from zoneinfo import ZoneInfo

from portal.core import storage

_CHUNK = 256 * 1024


class Packable(Protocol):
    """What packing needs to know of a file."""

    @property
    def id(self) -> int: ...
    @property
    def step(self) -> int: ...
    @property
    def name(self) -> str: ...
    @property
    def size(self) -> int: ...
    @property
    def sha256(self) -> str: ...
    @property
    def storage_key(self) -> str: ...
    @property
    def created_at(self) -> datetime: ...


class Entry(NamedTuple):
    """A file, and what it is called in the zip."""

    name: str
    file: Packable


def entries(files: Sequence[Packable]) -> list[Entry]:
    """What goes in: the same bytes once, each name led by its step, no two names that any disk takes for one."""
    width = len(str(max((file.step for file in files), default=1)))
    contents: set[str] = set()
    names: set[str] = set()
    found = []
    for file in files:
        if file.sha256 not in contents:
            name = _free_name(f"{file.step:0{width}} {file.name}", names)
            contents.add(file.sha256)
            names.add(name.casefold())
            found.append(Entry(name, file))
    return found


def zipped(packed: Iterable[Entry], *, zone: ZoneInfo) -> Iterator[bytes]:
    """The bytes of the zip, in pieces. Stored, not pressed: PDF, Office and audio files are pressed already."""
    out = _Pieces()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:  # type: ignore[call-overload]  # it writes, no more
        for name, file in packed:
            with (
                storage.opened(file.storage_key) as source,
                archive.open(_head(name, file, zone), "w") as to,
            ):
                while chunk := source.read(_CHUNK):
                    to.write(chunk)
                    yield out.take()
    yield out.take()


def _head(name: str, file: Packable, zone: ZoneInfo) -> zipfile.ZipInfo:
    head = zipfile.ZipInfo(name, date_time=file.created_at.astimezone(zone).timetuple()[:6])
    head.file_size = file.size  # tells zipfile beforehand whether it needs the large form
    head.external_attr = 0o644 << 16
    return head


def _free_name(name: str, taken: set[str]) -> str:
    path, number, free = PurePosixPath(name), 1, name
    while free.casefold() in taken:
        number += 1
        free = f"{path.stem} ({number}){path.suffix}"
    return free


class _Pieces:
    """Where the zip is written to and taken from; it cannot be sought in, and zipfile does without."""

    def __init__(self) -> None:
        self._written: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._written.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing waits."""

    def take(self) -> bytes:
        taken, self._written = b"".join(self._written), []
        return taken
