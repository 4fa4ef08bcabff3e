"""A member's words to safe HTML: CommonMark with raw HTML off, then an allow-list sanitiser.

The only file that marks HTML safe.
"""

from __future__ import annotations

import re
from functools import cache
from hashlib import blake2b
from html import unescape
from importlib import import_module
from typing import Any
from unicodedata import category

from markupsafe import Markup

MAX_LENGTH = 20_000  # characters; 20,000 opening brackets take 0.7 s, which is as long as anyone may keep us busy
_QUICK = 1_000

_LARGEST_HTML = 400_000  # characters; an honest text of the longest size comes to a quarter of it
_UNTYPED_CELLS = 2_000  # that a table may add to its short rows, in all

_TAGS = {
    "a", "blockquote", "br", "code", "del", "em", "h2", "h3", "h4", "hr", "input", "li", "ol", "p", "pre", "s",
    "section", "strong", "sup", "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip
_ATTRIBUTES = {
    "a": {"href", "title", "id", "class"},
    "code": {"class"},
    "input": {"type", "checked", "disabled", "class"},
    "li": {"id", "class"},
    "ol": {"start", "class"},
    "section": {"class"},
    "sup": {"class"},
    "ul": {"class"},
}
_CLASSES = {"footnotes", "footnotes-list", "footnote-item", "footnote-ref", "footnote-backref", "task-list-item"} | {
    "contains-task-list",
    "task-list-item-checkbox",
}
_LEADS_SOMEWHERE = re.compile(r"https?://|mailto:|#fn|/(?![/\\])")  # elsewhere by full address, here by path
_FOOTNOTE_SIGNS = re.compile(
    r'<sup class="footnote-ref">.*?</sup>|\s*<a [^>]*class="footnote-backref"[^>]*>[^<]*</a>', re.DOTALL
)
_BOX = re.compile(r"\[([ xX])\]\s")
_BLANK_LETTERS = frozenset("\u115f\u1160\u2800\u3164\uffa0")  # Korean fillers and the empty Braille sign
# Embeddings, overrides and isolates turn the words around them; letters of right-to-left scripts need none of them.
_TURNING = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A)])


def is_quick(source: str) -> bool:
    """Whether it renders within some 50 ms at worst, whatever it says; most posts are."""
    return len(source) <= _QUICK


def render(source: str) -> str:
    """HTML to store beside its source. Raises ValueError when the text is longer than MAX_LENGTH."""
    import nh3

    if len(source) > MAX_LENGTH:
        raise ValueError("text too long")
    mark = blake2b(
        source.encode(), digest_size=4
    ).hexdigest()  # so that footnotes of two posts on a page are told apart
    source = source.translate(_TURNING)
    html: str = _parser().render(source, {"docId": mark})
    if len(html) > _LARGEST_HTML:  # one definition of 9,000 characters, called 3,600 times, came to 16 MB
        html = _parser_without_echoes().render(source)
    cleaned = nh3.clean(
        html,
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        attribute_filter=_keep,
        url_schemes={"http", "https", "mailto"},
        link_rel="nofollow ugc noopener noreferrer",
    )
    return cleaned.translate(_TURNING)  # once more: an entity may stand for one of them


def plain(html: str) -> str:
    """The words of rendered text alone, on one line: for search and excerpts. Empty when nothing would be read."""
    import nh3

    html = _FOOTNOTE_SIGNS.sub("", html)  # they lead somewhere on the page, and say nothing beside it
    return " ".join(unescape(nh3.clean(html, tags=set())).split())


def says_something(words: str) -> bool:
    """Whether a person would see anything of it: a letter, digit, sign or picture, not only blanks and marks."""
    return any(category(c)[0] in "LNPS" and c not in _BLANK_LETTERS for c in words)


def excerpt(html: str, most: int) -> str:
    """The beginning of rendered text as plain words, cut between words, with an ellipsis when something is left out."""
    words = plain(html)
    if len(words) <= most:
        return words
    cut = words[: most - 1]
    return (cut[: cut.rindex(" ")] if " " in cut[most // 2 :] else cut).rstrip(",;:–- ") + "…"


def safe(html: str) -> Markup:
    """Stored output of `render`, marked as safe for a template (`{{ post.body_html | rendered }}`)."""
    return Markup(html)  # noqa: S704  # what comes in was sanitised by render()


@cache
def _parser() -> Any:
    from markdown_it import MarkdownIt
    from mdit_py_plugins.footnote import footnote_plugin

    # Its own limit lets 20,000 characters keep us busy for a second. The name `table` is taken by the function in it.
    import_module("markdown_it.rules_block.table").MAX_AUTOCOMPLETED_CELLS = _UNTYPED_CELLS  # type: ignore[attr-defined]
    parser = MarkdownIt("gfm-like", {"html": False, "linkify": True, "breaks": True})
    parser.disable("image")  # pictures come as attachments of ours, never from elsewhere
    parser.use(footnote_plugin)
    parser.core.ruler.after("inline", "boxes", _tick_boxes)
    parser.core.ruler.push("lower_headings", _lower_headings)
    return parser


@cache
def _parser_without_echoes() -> Any:
    """For a text that says little and means much: what stands once in it comes out once."""
    from markdown_it import MarkdownIt

    parser = MarkdownIt("gfm-like", {"html": False, "linkify": True, "breaks": True})
    parser.disable(["image", "reference", "table"])
    parser.core.ruler.push("lower_headings", _lower_headings)
    return parser


def _tick_boxes(state: Any) -> None:
    """`- [x] asked her` begins with a ticked box. The plugin for it walks back from each box to its list, and 20,000
    characters kept that busy for more than a second; here each list waits on a pile until it ends."""
    from markdown_it.token import Token

    tokens, lists = state.tokens, []
    for at, token in enumerate(tokens):
        if token.type in {"bullet_list_open", "ordered_list_open"}:
            lists.append(token)
        elif token.type in {"bullet_list_close", "ordered_list_close"}:
            lists.pop()
        elif at > 1 and [each.type for each in tokens[at - 2 : at]] == ["list_item_open", "paragraph_open"]:
            words = token.children[0] if token.children else None
            if words is None or words.type != "text" or not (box := _BOX.match(words.content)):
                continue
            words.content = words.content[3:]
            ticked = 'checked="checked" ' if box[1] != " " else ""
            html = f'<input class="task-list-item-checkbox" {ticked}disabled="disabled" type="checkbox">'
            token.children.insert(0, Token("html_inline", "", 0, content=html))
            tokens[at - 2].attrSet("class", "task-list-item")
            lists[-1].attrSet("class", "contains-task-list")


def _lower_headings(state: Any) -> None:
    """A page has one h1, and it is not the member's: # becomes h2, and nothing goes deeper than h4."""
    for token in state.tokens:
        if token.type in {"heading_open", "heading_close"}:
            token.tag = f"h{min(4, int(token.tag[1]) + 1)}"


def _keep(_tag: str, attribute: str, value: str) -> str | None:
    if attribute == "class":
        return " ".join(c for c in value.split() if c in _CLASSES) or None
    if attribute == "href" and not _LEADS_SOMEWHERE.match(value):
        return None
    return value
