"""What changed between two writings of an item: by field, then by line, then by word."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum

_WORD = re.compile(r"\s+|\w+|[^\w\s]")
_AROUND = 2  # unchanged lines shown on either side of a change
_WORDS_COMPARED = 600  # in one line; a longer one is shown as taken out and put in


class How(StrEnum):
    SAME = "same"
    GONE = "gone"
    NEW = "new"


@dataclass(frozen=True)
class Piece:
    """A stretch of words that stayed, went or came."""

    how: How
    words: str


@dataclass(frozen=True)
class Line:
    """A line with its pieces; `skipped` says that so many unchanged lines stand in its place."""

    pieces: Sequence[Piece] = ()
    skipped: int = 0


@dataclass(frozen=True)
class Change:
    """One field that differs."""

    label: str
    lines: Sequence[Line]


def compare(before: Mapping[str, str], after: Mapping[str, str], labels: Mapping[str, str]) -> list[Change]:
    """The fields that differ, in the order of their form."""
    return [
        Change(label, _with_gaps(list(_lines(before.get(name, ""), after.get(name, "")))))
        for name, label in labels.items()
        if before.get(name, "") != after.get(name, "")
    ]


def _lines(before: str, after: str) -> Iterator[Line]:
    old, new = before.split("\n"), after.split("\n")
    for what, a, b, c, d in SequenceMatcher(None, old, new).get_opcodes():
        if what == "equal":
            yield from (Line([Piece(How.SAME, line)]) for line in old[a:b])
        elif what == "replace" and b - a == d - c:
            yield from (Line(_pieces(x, y)) for x, y in zip(old[a:b], new[c:d], strict=True))
        else:
            yield from (Line([Piece(How.GONE, line)]) for line in old[a:b] if line or what == "delete")
            yield from (Line([Piece(How.NEW, line)]) for line in new[c:d] if line or what == "insert")


def _pieces(before: str, after: str) -> list[Piece]:
    """Word by word, where enough stayed that a reader would see one line and not two."""
    old, new = _WORD.findall(before), _WORD.findall(after)
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    if max(len(old), len(new)) > _WORDS_COMPARED or matcher.ratio() < 0.4:
        return [Piece(how, words) for how, words in ((How.GONE, before), (How.NEW, after)) if words]
    found: list[Piece] = []
    for is_same, gone, came in _stretches(matcher, old, new):
        if is_same:
            found.append(Piece(How.SAME, gone))
        else:
            found += [Piece(how, words) for how, words in ((How.GONE, gone), (How.NEW, came)) if words]
    return found


def _stretches(matcher: SequenceMatcher[str], old: list[str], new: list[str]) -> list[tuple[bool, str, str]]:
    """(same, before, after) of each stretch; a blank alone between two changes does not part them."""
    found: list[tuple[bool, str, str]] = []
    for what, a, b, c, d in matcher.get_opcodes():
        gone, came = "".join(old[a:b]), "".join(new[c:d])
        is_blank = len(found) > 1 and found[-1][0] and found[-1][1].isspace()
        if what != "equal" and is_blank:
            _, blank, _ = found.pop()
            _, gone_before, came_before = found.pop()
            gone, came = gone_before + blank + gone, came_before + blank + came
        found.append((what == "equal", gone, came))
    return found


def _with_gaps(lines: list[Line]) -> list[Line]:
    """Long unchanged stretches are only counted."""
    changed = [at for at, line in enumerate(lines) if any(piece.how is not How.SAME for piece in line.pieces)]
    shown = {near for at in changed for near in range(at - _AROUND, at + _AROUND + 1)}
    out: list[Line] = []
    for at, line in enumerate(lines):
        if at in shown:
            out.append(line)
        elif out and out[-1].skipped:
            out[-1] = Line(skipped=out[-1].skipped + 1)
        else:
            out.append(Line(skipped=1))
    return out
