"""Transcripts: WebVTT in, paragraphs with their second out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from html import unescape
from typing import NamedTuple

_TIMES = re.compile(r"^((?:\d+:)?\d{1,2}:\d{2}\.\d{3})\s+-->\s+((?:\d+:)?\d{1,2}:\d{2}\.\d{3})")
# Neither runs over the next "<": a transcript of nothing but openings would be read once for each of them.
_VOICE = re.compile(r"<v(?:\.[^\s<>]*)?\s+([^\s<>][^<>]*)>")
_TAG = re.compile(r"<[^<>]*>")
_LONGEST = 45  # seconds that one paragraph may run before it gets a stamp of its own


class Line(NamedTuple):
    """A few words, and the second in which they begin; what follows the voice is this fine."""

    second: int
    words: str


@dataclass(frozen=True)
class Passage:
    """What one person says without a break."""

    speaker: str | None
    lines: tuple[Line, ...]

    @property
    def second(self) -> int:
        return self.lines[0].second

    @property
    def words(self) -> str:
        return " ".join(line.words for line in self.lines)

    @property
    def stamp(self) -> str:
        return stamp(self.second)


@dataclass(frozen=True)
class Chapter:
    """A titled stretch of an episode."""

    second: int
    title: str

    @property
    def stamp(self) -> str:
        return stamp(self.second)


@lru_cache(maxsize=32)
def passages(vtt: str) -> tuple[Passage, ...]:
    """The transcript as one reads it: a new paragraph for each turn. Lines that are not WebVTT are left out."""
    found: list[Passage] = []
    for second, speaker, words in _cues(vtt):
        last = found[-1] if found else None
        if last is not None and last.speaker == speaker and second - last.second < _LONGEST:
            found[-1] = Passage(speaker, (*last.lines, Line(second, words)))
        else:
            found.append(Passage(speaker, (Line(second, words),)))
    return tuple(found)


def at(found: Sequence[Passage], second: int) -> Passage | None:
    """The passage that one hears at this second."""
    return next((passage for passage in reversed(found) if passage.second <= second), None)


def chapters(lines: list[str]) -> list[Chapter]:
    """ "1:30 The third column" as a chapter; a line without a time is left out."""
    found = []
    for line in lines:
        at, _, title = line.partition(" ")
        second = seconds(at)
        if second is not None and title.strip():
            found.append(Chapter(second, title.strip()))
    return found


def seconds(text: str) -> int | None:
    """ "1:02:03" or "2:03" in whole seconds, None for anything else."""
    parts = text.split(".", maxsplit=1)[0].split(":")
    if not 2 <= len(parts) <= 3 or not all(p.isascii() and p.isdigit() and len(p) <= 4 for p in parts):
        return None
    total = 0
    for part in parts:
        total = total * 60 + int(part)
    return total


def stamp(second: int) -> str:
    """Seconds as h:mm:ss."""
    return f"{second // 3600}:{second // 60 % 60:02}:{second % 60:02}"


def _cues(vtt: str) -> list[tuple[int, str | None, str]]:
    """(second, speaker, words) of each cue, as the W3C's WebVTT lays them out: blocks between blank lines."""
    found = []
    for block in re.split(r"\n[ \t]*\n", vtt.replace("\r\n", "\n").replace("\r", "\n")):
        lines = block.strip().split("\n")
        at = next((i for i, line in enumerate(lines[:2]) if "-->" in line), None)
        times = _TIMES.match(lines[at]) if at is not None else None
        if at is None or times is None:
            continue  # the header, a note, a style
        text = " ".join(lines[at + 1 :])
        voice = _VOICE.search(text)
        words = " ".join(unescape(_TAG.sub("", text)).split())
        if words:
            found.append((seconds(times.group(1)) or 0, unescape(voice.group(1)).strip() if voice else None, words))
    return found
