"""Files: put, open, remove.

A file has a random key and no public address; every byte goes out through a view that checks."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, BinaryIO

from flask import current_app

_CHUNK = 1024 * 1024


@dataclass(frozen=True)
class Stored:
    """What was put: its key, length in bytes, and SHA-256 in hex."""

    key: str
    size: int
    sha256: str


def put(stream: IO[bytes], *, key: str | None = None) -> Stored:
    """Keep a file, whole or not at all: written aside, synced, then moved into place.

    With a `key` that was written down before, work that begins anew replaces what it left when it died.
    """
    if key is not None:
        remove(key)
    key = key or secrets.token_hex(16)
    target = path_of(key)
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
def opened(key: str) -> Iterator[BinaryIO]:
    """The bytes of a key as a real file, for whoever has to look into them. Raises FileNotFoundError."""
    with path_of(key).open("rb") as file:
        yield file


def remove(key: str) -> None:
    """Throw a file away, and what a process that died left of it; one that is gone already is no mistake, for jobs may
    run twice."""
    target = path_of(key)
    target.unlink(missing_ok=True)
    target.with_suffix(".part").unlink(missing_ok=True)


def keys(before: datetime) -> Iterator[str]:
    """Whatever has lain here since before that moment."""
    for file in _files(before):
        if _is_key(file.name):
            yield file.name


def remove_parts(before: datetime) -> None:
    """Throw away what was begun before that moment and never finished: its process died."""
    for file in _files(before):
        if file.suffix == ".part" and _is_key(file.stem):
            file.unlink(missing_ok=True)


def path_of(key: str) -> Path:
    """Where a key lies on disk. Raises ValueError for anything that is not a key of ours."""
    if not _is_key(key):
        raise ValueError("not a storage key")
    return Path(current_app.config["STORAGE_DIR"]) / key[:2] / key


def _is_key(name: str) -> bool:
    return len(name) == 32 and all(c in "0123456789abcdef" for c in name)


def _files(before: datetime) -> Iterator[Path]:
    for folder in sorted(Path(current_app.config["STORAGE_DIR"]).glob("[0-9a-f][0-9a-f]")):
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
