"""The list of words that are looked at before others read them, kept by coaches.

An entry is words as people write them; `*` stands for the rest of a word. They are compared folded (no case, no
accents) and never become a pattern that somebody else wrote, so no entry can make a post slow. Signs that nobody sees
and letters of another alphabet that look the same hide no word.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from sqlalchemy import ScalarSelect, func, select
from sqlalchemy.exc import IntegrityError

from portal.accounts.models import Member
from portal.core import audit
from portal.core.db import db, strung
from portal.core.errors import Refusal
from portal.core.folding import words_of
from portal.moderation.looking_alike import in_one_alphabet, mixed_in_one_alphabet
from portal.moderation.models import WatchedWords

MOST = 200  # entries; every post is compared with each
_WORD = re.compile(r"[^\W_]+\*?|\*")
# Marks and letters that stand for nothing, beside those of category Cf: variation selectors, fillers.
_UNSEEN = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")


class NothingToWatch(Refusal):
    message = "Write at least one word of three letters or more."


class WatchedAlready(Refusal):
    message = "These words are on the list."


class TooMany(Refusal):
    message = f"There are {MOST} entries. Take one out that is no longer needed."


def all_watched() -> Sequence[WatchedWords]:
    return db.session.scalars(select(WatchedWords).order_by(WatchedWords.words)).all()


def add(words: str, *, by: Member) -> WatchedWords:
    """Look at posts with these words from now on. Raises NothingToWatch, WatchedAlready, TooMany."""
    wanted = _as_kept(mixed_in_one_alphabet(_as_seen(words)))
    if not any(len(word.rstrip("*")) >= 3 for word in wanted.split()):  # "a*" would be half of all
        raise NothingToWatch()
    if (db.session.scalar(select(func.count()).select_from(WatchedWords)) or 0) >= MOST:
        raise TooMany()
    entry = WatchedWords(words=wanted)
    try:
        with db.session.begin_nested():
            db.session.add(entry)
            db.session.flush()
    except IntegrityError:
        raise WatchedAlready() from None
    audit.record(by, "watched_words.added", entry)
    return entry


def take_out(entry: WatchedWords, *, by: Member) -> None:
    audit.record(by, "watched_words.taken_out", entry)
    db.session.delete(entry)


def all_words() -> ScalarSelect[str | None]:
    """The list as one value, an entry on a line, within a statement that asks more; nothing if it is empty."""
    return select(strung(WatchedWords.words, "\n")).scalar_subquery()


def is_said(words: str, text: str) -> bool:
    """Whether any entry of `all_words` is in a text."""
    seen = _as_seen(text)
    readings = {f" {' '.join(words_of(reading))} " for reading in (seen, in_one_alphabet(seen))}
    return any(_is_in(entry, said) for said in readings for entry in words.splitlines())


def _as_seen(text: str) -> str:
    """Without signs that nobody sees: one in the middle of a word would make two of it."""
    if text.isascii():
        return text
    return _UNSEEN.sub("", "".join(sign for sign in text if unicodedata.category(sign) != "Cf"))


def _is_in(entry: str, said: str) -> bool:
    """Word by word, each whole or, with a star, as a beginning; bounded by the length of the text."""
    return re.search(" " + " ".join(_part(word) for word in entry.split()) + " ", said) is not None


def _part(word: str) -> str:
    return re.escape(word.rstrip("*")) + (r"[^ ]*" if word.endswith("*") else "")


def _as_kept(words: str) -> str:
    return " ".join(filter(None, map(_part_as_kept, _WORD.findall(words))))


def _part_as_kept(part: str) -> str:
    return "".join(words_of(part.rstrip("*"))) + ("*" if part.endswith("*") else "")
