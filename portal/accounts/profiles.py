"""What a member may call themselves, and what stands under the name: text that harms nobody who reads it."""

from __future__ import annotations

import re

from portal.core.errors import Refusal
from portal.core.markdown import says_something
from portal.core.web import plain_name

LONGEST_NAME = 80


class NoName(Refusal):
    message = "Tell us your name, as the others will read it."
    status = 422


class NameIsALink(NoName):
    message = "A name holds no web address. Tell us your name, as the others will read it."


def clean_name(typed: str) -> str:
    """A name without control or bidi characters and with a letter or digit in it. Raises NoName.

    Names stand in letters to strangers (whoever is typed in at joining), and mail programs make links of whatever
    looks like one (Flarum CVE-2026-30913): addresses are refused, and "evil.com" becomes "evil. com", like "Dr. Smith".
    """
    name = plain_name(typed)
    if not any(c.isalnum() and says_something(c) for c in name):
        raise NoName()
    if "//" in name or "@" in name or "www." in name.casefold():
        raise NameIsALink()
    return re.sub(r"(?<=\w)\.(?=\w{2,})", ". ", name)[:LONGEST_NAME]


def lines(text: str) -> str:
    """Paragraphs stay, control and bidi characters go."""
    return "\n".join(plain_name(line) for line in text.splitlines()).strip()
