"""What members say about themselves."""

from __future__ import annotations

from portal.accounts.models import Member
from portal.core.errors import Refusal
from portal.core.web import plain_name


class NoName(Refusal):
    message = "Tell us your name, as the others will read it."
    status = 422


def clean_name(typed: str) -> str:
    """A name without control or bidi characters and with a letter or digit in it. Raises NoName."""
    name = plain_name(typed)
    if not any(c.isalnum() for c in name):
        raise NoName()
    return name


def write(member: Member, *, name: str, practice: str, title: str, bio: str, time_zone: str) -> None:
    """Replace the profile; what is left empty is said no more. Raises NoName."""
    member.name = clean_name(name)
    member.practice = plain_name(practice) or None
    member.title = plain_name(title) or None
    member.bio = _lines(bio) or None
    member.time_zone = time_zone or None


def _lines(text: str) -> str:
    """Paragraphs stay, control and bidi characters go."""
    return "\n".join(plain_name(line) for line in text.splitlines()).strip()
