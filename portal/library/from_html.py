"""The HTML of a podcast's notes as Markdown, so that a coach goes on writing where the feed left off.

What Markdown has no words for falls away and its text stays. Scripts and styles fall away whole. The result is shown
only after `markdown.render`, which lets nothing through that a member's own words could not do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser

_BLOCKS = {"p", "div", "section", "article", "header", "footer", "table", "tr", "dl", "dt", "dd", "figure", "pre"}
_SILENT = {"script", "style", "head", "title", "template", "iframe", "object", "svg", "noscript"}
_MARKS = {"b": "**", "strong": "**", "i": "*", "em": "*"}
_MEANS_SOMETHING = re.compile(r"([\\`*_\[\]<>#~|])")
_BEGINS_SOMETHING = re.compile(r"^(\d{1,9})([.)])(?=\s|$)|^([-+=])(?=\s|[-=]|$)")
_DEEPEST = 5  # lists within lists


def as_markdown(html: str) -> str:
    """Paragraphs, headings, lists, quotes, links and emphasis; plain text stays as it is, its line ends too."""
    if "<" not in html and "&" not in html:
        return "\n\n".join(_escaped(line.strip()) for line in re.split(r"\n\s*\n|\n", html) if line.strip())
    return _read(html).text()


def links_in(html: str) -> list[str]:
    """Every address that the HTML links to, in order."""
    return _read(html).links


def _read(html: str) -> _Reader:
    reader = _Reader()
    reader.feed("".join(_without_comments(html)))
    reader.close()
    return reader


def _without_comments(html: str) -> Iterator[str]:
    """Each looked at once; the library's parser reads to the end again for every comment that nobody closed."""
    at = 0
    while (begins := html.find("<!--", at)) >= 0:
        yield html[at:begins]
        ends = html.find("-->", begins + 4)
        if ends < 0:
            return
        at = ends + 3
    yield html[at:]


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.links: list[str] = []
        self._blocks: list[str] = []
        self._line = ""
        self._lists: list[int | None] = []  # the next number of each open list, None for one without numbers
        self._prefix = ""  # of the line that is being written: "## ", "- "
        self._quotes = 0
        self._silent = 0
        self._href: list[str | None] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _SILENT:
            self._silent += 1
        elif tag == "br":
            self._end_line()
        elif tag == "hr":
            self._end_block()
        elif re.fullmatch(r"h[1-6]", tag):
            self._end_block()
            self._prefix = "#" * max(2, int(tag[1])) + " "
        elif tag in {"ul", "ol"}:
            self._end_block() if not self._lists else self._end_line()
            self._lists.append(1 if tag == "ol" else None)
        elif tag == "li":
            self._begin_item()
        elif tag == "blockquote":
            self._end_block()
            self._quotes = min(self._quotes + 1, _DEEPEST)
        elif tag in _BLOCKS:
            self._end_block() if not self._lists else self._end_line()
        elif tag in _MARKS:
            self._line += "\0" + _MARKS[tag]  # settled when the line ends, where both ends are known
        elif tag == "a":
            href = _address(dict(attrs).get("href"))
            self._href.append(href)
            if href:
                self.links.append(href)
                self._line += "["

    def handle_endtag(self, tag: str) -> None:
        if tag in _SILENT:
            self._silent = max(0, self._silent - 1)
        elif tag in {"ul", "ol"}:
            self._end_line()
            if self._lists:
                self._lists.pop()
            if not self._lists:
                self._end_block()
        elif tag == "li":
            self._end_line()
        elif tag == "blockquote":
            self._end_block()
            self._quotes = max(0, self._quotes - 1)
        elif tag in _BLOCKS or re.fullmatch(r"h[1-6]", tag):
            self._end_block() if not self._lists else self._end_line()
        elif tag in _MARKS:
            self._line += _MARKS[tag] + "\0"
        elif tag == "a" and self._href:
            href = self._href.pop()
            if href:
                self._line += f"]({href})"

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self._line += _escaped(re.sub(r"\s+", " ", data))

    def text(self) -> str:
        self._end_block()
        return re.sub(r"\n{3,}", "\n\n", "\n".join(self._blocks)).strip()

    def _begin_item(self) -> None:
        self._end_line()
        depth = min(len(self._lists), _DEEPEST)
        if not self._lists:
            self._lists.append(None)
            depth = 1
        number = self._lists[-1]
        mark = "- " if number is None else f"{number}. "
        if number is not None:
            self._lists[-1] = number + 1
        self._prefix = "   " * (depth - 1) + mark

    def _end_line(self) -> None:
        line = _settled(self._line).strip()
        self._line = ""
        if not line:
            return
        if not self._prefix:
            line = _BEGINS_SOMETHING.sub(lambda found: rf"{found[1]}\{found[2]}" if found[1] else rf"\{found[3]}", line)
        self._blocks.append("> " * self._quotes + self._prefix + line)
        self._prefix = ""

    def _end_block(self) -> None:
        self._end_line()
        self._prefix = ""
        if self._blocks and self._blocks[-1]:
            self._blocks.append("")


def _settled(line: str) -> str:
    """Emphasis around nothing, or open at the end, is no emphasis; blanks stand outside of it, as Markdown wants."""
    pairs = re.compile(r"\0(\*{1,2})(\s*)([^\0]*?)(\s*)\1\0")
    while pairs.search(line):
        line = pairs.sub(lambda m: f"{m[2]}{m[1]}{m[3]}{m[1]}{m[4]}" if m[3] else m[2] + m[4], line)
    return re.sub(r"\0\*{1,2}|\*{1,2}\0", "", line)


def _escaped(text: str) -> str:
    return _MEANS_SOMETHING.sub(r"\\\1", text)


def _address(href: str | None) -> str | None:
    """A whole address that stands in Markdown's round brackets, None for whatever leads elsewhere."""
    href = (href or "").strip()
    if not re.match(r"https?://", href, re.IGNORECASE) or len(href) > 1000 or not href.isprintable():
        return None
    for sign, instead in ((" ", "%20"), ("(", "%28"), (")", "%29"), ("<", "%3C"), (">", "%3E"), ("\\", "%5C")):
        href = href.replace(sign, instead)
    return href
