"""What a list of first steps is made of; the macro `to_do` of `components/steps.html` draws one."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Step:
    """One thing to do, the way to it, and whether it was done."""

    title: str
    text: str
    href: str
    label: str
    is_done: bool
