"""Who may read what. Asked by the view and by the template alike; nothing here writes or knows HTTP."""

from __future__ import annotations

from collections.abc import Set
from typing import Protocol

from portal.core.admission import Audience


class Readable(Protocol):
    """An item, or a row of a list that says whether it is free."""

    @property
    def is_free(self) -> bool: ...


class Noted(Readable, Protocol):
    """An item of whichever kind; only episodes can have public notes."""

    @property
    def public_notes(self) -> bool | None: ...


def may_read(audiences: Set[Audience], item: Readable) -> bool:
    """Its body, files, transcript and audio: members; anyone with an account if it is free, everyone if public."""
    if getattr(item, "is_public", False):  # only stories can be, where their client agreed to it
        return True
    return Audience.ENTITLED in audiences or (item.is_free and Audience.SIGNED_IN in audiences)


def may_read_notes(audiences: Set[Audience], item: Noted) -> bool:
    """Its text. The notes of an episode may be public while its audio and transcript are not."""
    return may_read(audiences, item) or bool(item.public_notes)
