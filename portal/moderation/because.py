"""Why something is removed for good."""

from __future__ import annotations

from enum import StrEnum


class Because(StrEnum):
    """Why something is removed for good; one of a list, because the log keeps it for ever."""

    PATIENT = "patient"
    EMPLOYEE = "employee"
    CONFIDENCE = "confidence"
    ASKED = "asked"
    LAW = "law"

    @property
    def words(self) -> str:
        return _WORDS[self]


_WORDS = {
    Because.PATIENT: "A patient or client could be recognised",
    Because.EMPLOYEE: "An employee could be recognised",
    Because.CONFIDENCE: "It repeats what was said in confidence",
    Because.ASKED: "Whoever it is about asked for it",
    Because.LAW: "The law asks for it",
}
