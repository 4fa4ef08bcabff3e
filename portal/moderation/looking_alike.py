"""Letters of another alphabet that look like ours: whoever wants to get past a list of words mixes them into one.

An honest word stands in one alphabet. One in which two are mixed is read in the alphabet of which it has letters that
look like no other's; a word of look-alikes alone is read as Latin, unless the text really uses that other alphabet.

The pairs are those of Unicode's confusables (UTS 39) that most fonts draw alike, of the alphabets on many keyboards.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass

_WORD = re.compile(r"[^\W_]+")
_FOREIGN = re.compile("[\u0370-\u03ff\u0400-\u052fıɑɡ]")
_LATIN = str.maketrans("ıɑɡ", "iag")


@dataclass(frozen=True)
class _Alphabet:
    letters: re.Pattern[str]
    ours: str  # Latin letters, each at the place of its look-alike; capitals for themselves, they often look otherwise
    theirs: str

    def alone(self, word: str) -> bool:
        """Whether a word has letters that only this alphabet has."""
        return any(letter not in self.theirs for letter in self.letters.findall(word))

    def can_say(self, word: str) -> bool:
        """Whether each Latin letter of a word looks like one of these."""
        return all(letter in self.ours for letter in word if letter.isascii() and letter.isalpha())

    def as_ours(self, word: str) -> str:
        return word.translate(str.maketrans(self.theirs, self.ours))

    def as_theirs(self, word: str) -> str:
        return word.translate(str.maketrans(self.ours, self.theirs))


_CYRILLIC = _Alphabet(
    re.compile("[\u0400-\u052f]"), "aceopxyijsdhlqwvkABCEHIJKMOPSTXY", "асеорхуіјѕԁһӏԛԝѵкАВСЕНІЈКМОРЅТХУ"
)
_GREEK = _Alphabet(re.compile("[\u0370-\u03ff]"), "aivoupkxyABEHIKMNOPTXYZ", "αινουρκχγΑΒΕΗΙΚΜΝΟΡΤΧΥΖ")
_ALPHABETS = (_CYRILLIC, _GREEK)


def in_one_alphabet(text: str) -> str:
    """A text as it looks: each word in one alphabet."""
    if text.isascii() or not _FOREIGN.search(text):
        return text
    plain = _without_marks(text)
    in_use = [each for each in _ALPHABETS if any(_is_honest(word, each) for word in _WORD.findall(plain))]
    return _WORD.sub(lambda word: _read(word[0], in_use), plain)


def mixed_in_one_alphabet(words: str) -> str:
    """The same of words so few that nobody could tell which alphabet they use: one of look-alikes alone stays."""
    return words if words.isascii() else _WORD.sub(lambda word: _read(word[0], _ALPHABETS), _without_marks(words))


def _without_marks(text: str) -> str:
    """Without accents, and signs that stand for letters (full width) as those."""
    return "".join(sign for sign in unicodedata.normalize("NFKD", text) if not unicodedata.combining(sign))


def _is_honest(word: str, alphabet: _Alphabet) -> bool:
    return alphabet.alone(word) and not _has_latin(word)


def _has_latin(word: str) -> bool:
    return any(letter.isascii() and letter.isalpha() for letter in word)


def _read(word: str, in_use: Collection[_Alphabet]) -> str:
    word = word.translate(_LATIN)
    for alphabet in _ALPHABETS:
        if not alphabet.letters.search(word):
            continue
        if alphabet.alone(word) and alphabet.can_say(word):
            word = alphabet.as_theirs(word)
        elif _has_latin(word) or alphabet not in in_use:
            word = alphabet.as_ours(word)
    return word
