"""Files: put, open, remove; on the disk, or in an S3-compatible store if STORAGE_URL names one.

A file has a random key and no public address; every byte goes out through a view that checks. A store beyond the
network may give out a link of its own for a few minutes, after that check.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, BinaryIO, Protocol

from flask import Flask, current_app


@dataclass(frozen=True)
class Stored:
    """What was put: its key, length in bytes, and SHA-256 in hex."""

    key: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Wish:
    """How a file is to leave by a link: as what, under which name, and whether only its head is asked for."""

    media_type: str
    disposition: str
    seconds: int  # that the link opens
    only_head: bool = False


class Store(Protocol):
    """Where bytes lie. A key has been looked at before it comes here."""

    def put(self, key: str, stream: IO[bytes]) -> Stored:
        """Keep it whole or not at all."""

    def opened(self, key: str) -> AbstractContextManager[BinaryIO]:
        """A real file that can be sought in. Raises FileNotFoundError."""

    def remove(self, key: str) -> None:
        """One that is gone already is no mistake."""

    def names(self, before: datetime) -> Iterator[str]:
        """What has lain there since before that moment."""

    def remove_parts(self, before: datetime) -> None:
        """What was begun before that moment and never finished."""

    def link(self, key: str, wish: Wish) -> str | None:
        """An address that opens for a while; None where the bytes go out through us."""


def init_app(app: Flask) -> None:
    """One setting chooses; what it takes to speak to S3 is only loaded where it is needed."""
    if app.config["STORAGE_URL"]:
        from portal.core.s3_store import S3Store

        app.extensions["store"] = S3Store(app.config["STORAGE_URL"], spool=Path(app.config["STORAGE_DIR"]))
    else:
        from portal.core.disk_store import DiskStore

        app.extensions["store"] = DiskStore(Path(app.config["STORAGE_DIR"]))


def put(stream: IO[bytes], *, key: str | None = None) -> Stored:
    """Keep a file, whole or not at all.

    With a `key` that was written down before, work that begins anew replaces what it left when it died.
    """
    if key is not None:
        remove(key)
    return _store().put(_checked(key or secrets.token_hex(16)), stream)


def opened(key: str) -> AbstractContextManager[BinaryIO]:
    """The bytes of a key as a real file, for whoever has to look into them. Raises FileNotFoundError."""
    return _store().opened(_checked(key))


def remove(key: str) -> None:
    """Throw a file away, and what a process that died left of it; one that is gone already is no mistake, for jobs may
    run twice."""
    _store().remove(_checked(key))


def link(key: str, wish: Wish) -> str | None:
    """A link of the store's own, for whoever was just let in; None where there is none and the bytes go through us."""
    return _store().link(_checked(key), wish)


def keys(before: datetime) -> Iterator[str]:
    """Whatever of ours has lain there since before that moment."""
    return (name for name in _store().names(before) if _is_key(name))


def remove_parts(before: datetime) -> None:
    """Throw away what was begun before that moment and never finished: its process died."""
    _store().remove_parts(before)


def path_of(key: str) -> Path:
    """Where a key lies on the disk. Raises ValueError for anything that is not a key of ours."""
    return lies_at(Path(current_app.config["STORAGE_DIR"]), _checked(key))


def lies_at(folder: Path, key: str) -> Path:
    """In folders of some hundred files each."""
    return folder / key[:2] / key


def _store() -> Store:
    found: Store = current_app.extensions["store"]
    return found


def _checked(key: str) -> str:
    if not _is_key(key):
        raise ValueError("not a storage key")
    return key


def _is_key(name: str) -> bool:
    return len(name) == 32 and all(c in "0123456789abcdef" for c in name)
