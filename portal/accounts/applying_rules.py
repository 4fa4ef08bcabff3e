"""Pointing to one rule of the house rules, in the version that was in force when it was applied.

The rules are the owner's words, so a rule is known by the bold words that it begins with: it is found again wherever it
stands in another version. Where an owner calls it otherwise, the version as a whole is what one can point to.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from portal.accounts import house_rules
from portal.core import markdown

_TAG = re.compile(r"<(/?)(ol|ul|li)\b[^>]*>")
_BOLD = re.compile(r"<li>\s*(?:<p>)?<strong>(.*?)</strong>", re.DOTALL)


@dataclass(frozen=True)
class Rule:
    """`number` is its place among the rules of that version; None: the whole of them."""

    version: int
    number: int | None
    title: str

    @property
    def path(self) -> str:
        return f"/rules/{self.version}{self.fragment}"

    @property
    def fragment(self) -> str:
        return f"#rule-{self.number}" if self.number else ""


def rule(place: int, *, at: datetime) -> Rule:
    """What the rule at this place of the rules that came with the portal says in the version in force at a moment."""
    version, title = house_rules.in_force(at), titles(house_rules.shipped().body_html)[place - 1]
    found = [n for n, called in enumerate(titles(version.body_html), 1) if _folded(called) == _folded(title)]
    return Rule(version.version, found[0] if found else None, title)


def titles(html: str) -> list[str]:
    """The bold words with which each rule begins, as text; empty for one that has none."""
    found = [_BOLD.match(html, start) for start in _starts(html)]
    return [markdown.plain(bold.group(1)).strip(" .") if bold else "" for bold in found]


def with_anchors(html: str) -> str:
    """Each rule can be pointed to: `#rule-1`."""
    for number, start in reversed([*enumerate(_starts(html), 1)]):
        html = f'{html[:start]}<li id="rule-{number}"{html[start + len("<li") :]}'
    return html


def _starts(html: str) -> list[int]:
    """Where the rules begin: the points of numbered lists, without the points within a point."""
    starts: list[int] = []
    around: list[str] = []
    for tag in _TAG.finditer(html):
        closes, name = tag.groups()
        if name == "li":
            if tag.group() == "<li>" and around == ["ol"]:  # a footnote has more in its tag
                starts.append(tag.start())
        elif closes:
            around.pop()
        else:
            around.append(name)
    return starts


def _folded(title: str) -> str:
    return " ".join(title.casefold().split())
