"""Passwords: which are good enough, how they are kept (Argon2id), and how many are hashed at once."""

from __future__ import annotations

import re
import secrets
import threading
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from portal.core.db import release
from portal.core.errors import Refusal, TooMuch

SHORTEST = 10
LONGEST = 200
_SLOTS = 2  # hashes at once in a process: each takes 19 MiB and a core
_PATIENCE = 3.0  # seconds to wait for a slot before asking the person to come back

_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)  # OWASP's first choice of 2025
_slots = threading.BoundedSemaphore(_SLOTS)


class WeakPassword(Refusal):
    status = 422


def require_strong(password: str, *, personal: Iterable[str] = ()) -> None:
    """Raises WeakPassword with the reason. `personal`: the person's name and address, the site's name."""
    if len(password) < SHORTEST:
        raise WeakPassword(f"Use at least {SHORTEST} characters. A short sentence works well.")
    if len(password) > LONGEST:
        raise WeakPassword(f"Use at most {LONGEST} characters.")
    if any(unicodedata.category(c) in {"Cc", "Cs"} for c in password):
        raise WeakPassword("This holds a character that cannot be typed again. Choose another password.")
    if _is_pattern(password) or _core(password) in _common() or _is_one_word_repeated(password):
        raise WeakPassword("This is one of the first passwords a stranger would try. Choose another.")
    if _is_personal(password, personal):
        raise WeakPassword("This is mostly your own name or address, or ours. Choose something else.")


def hashed(password: str) -> str:
    """The Argon2id hash to keep. Slow on purpose: ends the read so far, and raises TooMuch when too many wait."""
    with _slot():
        return _hasher.hash(_bytes(password))


def fits(password: str, kept: str | None) -> bool:
    """Whether this is the password behind `kept`. Takes as long when there is none, so time tells nothing."""
    with _slot():
        try:
            _hasher.verify(kept or _nobodys(), _bytes(password))
            return kept is not None
        except (VerificationError, InvalidHashError):
            return False


def is_outdated(kept: str) -> bool:
    """Whether the hash was made with other parameters than today's, and should be made anew at sign-in."""
    return _hasher.check_needs_rehash(kept)


@contextmanager
def _slot() -> Iterator[None]:
    release()  # nobody waits for our transaction while we hash
    if not _slots.acquire(timeout=_PATIENCE):
        raise TooMuch("Many people are signing in at this moment. Please try again in a few seconds.", retry_after=5)
    try:
        yield
    finally:
        _slots.release()


def _bytes(password: str) -> bytes:
    return unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")


@lru_cache(maxsize=1)
def _nobodys() -> str:
    return _hasher.hash(secrets.token_bytes(16))


@lru_cache(maxsize=1)
def _common() -> frozenset[str]:
    lines = Path(__file__).with_name("common_passwords.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(word for line in lines if not line.startswith("#") for word in line.split())


_LETTERS_FOR = str.maketrans("@431!0$57", "aaeiiosst")
_ROWS = (
    *("1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm", "qwertzuiop", "azertyuiop", "abcdefghijklmnopqrstuvwxyz"),
    *("1q2w3e4r5t6y7u8i9o0p", "q1w2e3r4t5y6u7i8o9p0", "1qaz2wsx3edc4rfv5tgb6yhn7ujm", "qazwsxedcrfvtgbyhnujm"),
)


def _core(password: str) -> str:
    """What is left of a password when the usual decoration is taken off: P@ssw0rd2026! becomes password."""
    plain = unicodedata.normalize("NFKC", password).casefold()
    inner = re.sub(r"^[\W\d_]+|[\W\d_]+$", "", plain)
    return re.sub(r"[\W\d_]", "", inner.translate(_LETTERS_FOR))


def _is_pattern(password: str) -> bool:
    """Few different characters, or a run along the keyboard or the alphabet."""
    plain = re.sub(r"\W", "", password.casefold()) or password.casefold()
    if len(set(plain)) < 5:
        return True
    runs = [row * 3 for row in _ROWS] + [row[::-1] * 3 for row in _ROWS]
    return any(plain in run for run in runs) or _is_short_piece_repeated(plain)


def _is_short_piece_repeated(plain: str) -> bool:
    return any(plain == (plain[:size] * len(plain))[: len(plain)] for size in range(1, 6))


def _is_one_word_repeated(password: str) -> bool:
    core = _core(password)
    return any(core == word * (len(core) // len(word)) for word in _common() if len(word) >= 4)


def _is_personal(password: str, personal: Iterable[str]) -> bool:
    left = plain = re.sub(r"[\W\d_]", "", password.casefold())
    words = {w for text in personal for w in re.split(r"[\W\d_]+", text.casefold()) if len(w) >= 3}
    for word in sorted(words, key=len, reverse=True):
        left = left.replace(word, "")
    return left != plain and len(left) < 5
