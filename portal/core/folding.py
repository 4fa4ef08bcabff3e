"""Words as search compares them, and the stretch of a text in which they stand.

Accents and case are folded here, on both sides, because databases differ in it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from itertools import islice

from markupsafe import Markup, escape

_WORD = re.compile(r"[^\W_]+")
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")
_MAX_WORDS = 8
_LONGEST = 64  # letters; PostgreSQL refuses words of more than 2,046 bytes
_SNIPPET = 220  # characters
_WEIGHED = 40  # places of words, among which the stretch with most of them is chosen


def fold(words: str) -> str:
    """Lower case without accents: "Müller" and "muller" meet."""
    if words.isascii():
        return words.lower()
    plain = unicodedata.normalize("NFKD", words).casefold()
    return plain if plain.isascii() else "".join(c for c in plain if not unicodedata.combining(c))


def words_of(text: str) -> list[str]:
    """Every word of a text, folded, in its order."""
    return [word[:_LONGEST] for word in _WORD.findall(fold(text))]


def terms_of(typed: str) -> list[str]:
    """What somebody looks for: the first words of what they typed, folded. Only letters and digits are in them."""
    return words_of(typed)[:_MAX_WORDS]


def holds_all(text: str, terms: list[str]) -> bool:
    """Whether each of the terms begins a word of the text."""
    folded = _fold_letters(text)
    return all(_beginning_with([term]).search(folded) for term in terms)


def marked(text: str, terms: list[str]) -> Markup:
    """The whole text, with the words found marked."""
    return _marked(text, _beginning_with(terms).finditer(_fold_letters(text)), 0, len(text))


def snippet(text: str, terms: list[str]) -> Markup:
    """The stretch of a text that holds most of the words, with the words found marked."""
    plain = " ".join(text.split())
    folded = _fold_letters(plain)
    words = _beginning_with(terms)
    start = _best_start(words, folded)
    if start:
        start = plain.find(" ", start) + 1
    end = min(len(plain), start + _SNIPPET)
    if end < len(plain):
        end = max(plain.rfind(" ", start, end), start + _SNIPPET // 2)  # between words, unless one is endless
    found = _marked(plain, words.finditer(folded, start, end), start, end)
    return escape("… " if start else "") + found + escape(" …" if end < len(plain) else "")


def _beginning_with(terms: list[str]) -> re.Pattern[str]:
    return re.compile(r"(?<![^\W_])(" + "|".join(map(re.escape, terms)) + r")[^\W_]*")  # every term is only letters


def _marked(plain: str, found: Iterator[re.Match[str]], start: int, end: int) -> Markup:
    out, at = Markup(""), start
    for match in found:
        out += escape(plain[at : match.start()]) + Markup("<mark>{}</mark>").format(plain[match.start() : match.end()])
        at = match.end()
    return out + escape(plain[at:end])


def _best_start(words: re.Pattern[str], folded: str) -> int:
    """A little before the first of the places from which most of the words are near."""
    found = [(match.start(), match.group(1)) for match in islice(words.finditer(folded), _WEIGHED)]
    if not found:
        return 0
    best, most, wanted = found[0][0], 1, len({word for _, word in found})
    for number, (first, _) in enumerate(found):
        if most == wanted:
            break
        near = {word for at, word in found[number:] if at < first + _SNIPPET - 60}
        if len(near) > most:
            best, most = first, len(near)
    return max(0, best - 60)


def _fold_letters(plain: str) -> str:
    """Folded letter by letter, with its length kept: a place in the folded text is the place in the text."""
    return _NOT_ASCII.sub(lambda letter: _fold_letter(letter[0]), plain).lower()


_folded_letters: dict[str, str] = {}


def _fold_letter(letter: str) -> str:
    if letter not in _folded_letters:
        folded = fold(letter)
        _folded_letters[letter] = folded if len(folded) == 1 else letter
    return _folded_letters[letter]
