"""A file arrives: it is put into storage under a key of ours, and looked at for what it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import IO

from portal.core import media, storage
from portal.core.web import plain_name


@dataclass(frozen=True)
class Kept:
    """A file that lies in storage already: what it will be called, and what its bytes are."""

    name: str
    media_type: str
    stored: storage.Stored


def keep(stream: IO[bytes], *, name: str, declared: str | None = None) -> Kept:
    """Put a file into storage. Slow (it waits for the disk): before the writing begins, outside of any transaction."""
    name = file_name(name)
    stored = storage.put(stream)
    with storage.opened(stored.key) as file:
        return Kept(name, media.media_type(file, name=name, declared=declared), stored)


def file_name(name: str) -> str:
    """A name that can stand in a header and on any disk: no path, no control or bidi characters, its ending kept."""
    name = plain_name(name.replace("\\", "/").rsplit("/", 1)[-1]).strip(" .") or "File"
    stem, dot, ending = name.rpartition(".")
    return f"{stem[: 120 - len(ending)]}.{ending}" if dot and len(ending) <= 10 else name[:120]
