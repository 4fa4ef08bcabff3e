"""The lists of what a practice and a member may say of themselves, as a form offers them."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than the types

from portal.practices.models import in_words


def choices(options: Iterable[StrEnum], nothing: str) -> list[SelectChoice]:
    """The values of an enum in words, after one that says none of them."""
    return [SelectChoice("", nothing), *(SelectChoice(option.value, in_words(option)) for option in options)]
