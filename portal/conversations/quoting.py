"""Quoting a post in a reply: its author's own words as a Markdown quotation, under a line that leads back to it."""

from __future__ import annotations

import re

from portal.conversations import veiling
from portal.conversations.models import Post

_MOST = 1_000  # characters quoted; whoever wants the rest follows the link
_SIGNS = re.compile(r"([\\`*_\[\]<>&!~|#])")


def quote(post: Post) -> str:
    """The quotation, ready to be written under. What the post quotes itself is left out, and whoever asked safely is
    not named, also when a coach quotes them: everybody reads it.

    Asked for a post that whoever quotes it may read, and that is not hidden.
    """
    words = re.sub(r"\n{3,}", "\n\n", _own_words(post.body) or post.body.strip())
    if len(words) > _MOST:
        words = words[:_MOST].rstrip() + " […]"
    name = _SIGNS.sub(r"\\\1", veiling.name_of(post, None))
    lines = [f"[{name} wrote](/posts/{post.id}):", "", *words.splitlines()]
    return "\n".join(f"> {line}".rstrip() for line in lines) + "\n\n"


def _own_words(body: str) -> str:
    """Without the lines that quote; in a block of code such a line is a prompt and stays."""
    kept, in_code = [], False
    for line in body.splitlines():
        in_code ^= line.lstrip().startswith(("```", "~~~"))
        if in_code or not line.lstrip().startswith(">"):
            kept.append(line)
    return "\n".join(kept).strip()
