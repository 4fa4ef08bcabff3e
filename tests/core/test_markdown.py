"""A member's words become HTML in which nothing runs, nothing is fetched, and nothing breaks out of its place."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from portal.core import markdown

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    '<a href="javascript:alert(1)">go</a>',
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<style>body{display:none}</style>",
    "<form action=https://evil.example><button>Sign in</button></form>",
    "<!--><script>alert(1)</script>-->",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "[go](javascript:alert(1))",
    "[go](JaVaScRiPt:alert(1))",
    "[go](java\tscript:alert(1))",
    "[go](java&#10;script:alert(1))",
    "[go](&#106;avascript:alert(1))",
    "[go](\x01javascript:alert(1))",
    "[go](vbscript:msgbox(1))",
    "[go](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)",
    "[go](file:///etc/passwd)",
    "<javascript:alert(1)>",
    "<data:text/html,hi>",
    "[x]: javascript:alert(1)\n\n[go][x]",
    '[go](https://example.com "\\" onmouseover=alert(1) x=\\"")',
    '[go](https://example.com/" onmouseover="alert(1))',
    "![pixel](https://evil.example/pixel.gif)",
    "![pixel](javascript:alert(1))",
    "![x][y]\n\n[y]: https://evil.example/pixel.gif",
    "[![x](https://evil.example/a.gif)](javascript:alert(1))",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "`</code><script>alert(1)</script>`",
    "```html\n</code></pre><script>alert(1)</script>\n```",
    '```"><script>alert(1)</script>\nx\n```',
    "[^1]\n\n[^1]: <script>alert(1)</script>",
    '[^"><script>]\n\n[^"><script>]: x',
    "- [ ] <script>alert(1)</script>",
    "| a |\n|---|\n| <script>alert(1)</script> |",
    "# <script>alert(1)</script>",
    "~~<script>alert(1)</script>~~",
    "www.example.com/<script>alert(1)</script>",
    'http://example.com/"onmouseover="alert(1)',
    "\u202ejavascript:alert(1)",
    "a\u202eb\u2066c",
    "Z" + "\u0317\u0354\u0362" * 500,
    "\x00<script>alert(1)</script>",
    "<scr\x00ipt>alert(1)</scr\x00ipt>",
    "[" * 5000,
    "](" * 5000,
    "*_" * 5000,
    "> " * 9999 + "x",
    ">" * 19_999 + "x",
    "1. " * 6600 + "x",
    "> - " * 5000 + "x",
    "".join("  " * depth + "- a\n" for depth in range(135)),
    "^[" * 9000 + "]" * 1000,
    "[a](" + "(" * 9000 + ")" * 9000 + ")",
    "<http://a.b> " * 1500,
    "http://a.b/c a@b.co www.a.co " * 650,
    "a@" * 10_000,
    "&amp;&#x1F600;&CounterClockwiseContourIntegral;" * 400,
    "&#0;&#x202e;&#x2066;&Tab;&NewLine;",
    "\u202e\u2066" * 10_000,
    "~~a*b**c_" * 2200,
    "- [ ] a\n" * 2500,
    "<!--" * 5000,
    "<![CDATA[" * 2200,
    "\\[" * 10_000,
    "[x](data:image/svg+xml,<svg/onload=alert(1)>)",
    "<data:text/html;base64,PHNjcmlwdD4=>",
    "[x](//evil.example)",
    "[x](/\\evil.example)",
    "[x](\\javascript:alert(1))",
    "[x](java\u00adscript:alert(1))",
    "[x](&colon;javascript:alert(1))",
    "[x](javascript&colon;alert(1))",
    "- " * 3000 + "deep",
    "#" * 10000,
    "`" * 9999,
    "&" * 10000,
    "<" * 10000,
    "|a" * 5000 + "\n" + "|-" * 5000,
    "[^1]" * 3000 + "\n\n[^1]: x",
    "http://" + "a" * 10000,
]
ALLOWED = {
    "a", "blockquote", "br", "code", "del", "em", "h2", "h3", "h4", "hr", "input", "li", "ol", "p", "pre", "s",
    "section", "strong", "sup", "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip


class _Reader(HTMLParser):
    """Reads HTML as a browser would, and keeps what could do harm."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str]] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in {"br", "hr", "input"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes what a post did not open"
        assert self.open.pop() == tag


def _read(html: str) -> _Reader:
    reader = _Reader()
    reader.feed(html)
    reader.close()
    assert reader.open == []
    return reader


@pytest.mark.parametrize("source", HOSTILE, ids=[repr(s[:24]) for s in HOSTILE])
def test_nothing_in_it_runs_or_is_fetched_or_breaks_out(source: str):
    found = _read(markdown.render(source[: markdown.MAX_LENGTH]))
    assert found.tags <= ALLOWED
    for name, value in found.attributes:
        assert not name.startswith("on")
        assert name not in {"src", "style", "srcset", "srcdoc", "action", "formaction"}
        if name == "href":
            assert re.match(r"(https?://|mailto:|#fn|/[^/\\\\])", value), value


@pytest.mark.parametrize(
    "source", ["[" * 20_000, "![" * 10_000, "[a](" * 5_000, "*a " * 6_600, "a_" * 10_000, "- [ ] x\n" * 2_500]
)
def test_the_longest_hostile_text_is_still_rendered(source: str):
    assert markdown.render(source)


ECHOES = {
    "a definition called again and again": "[x]: http://e.example/" + "a" * 9000 + "\n\n" + "[x]" * 3600,
    "a title called again and again": "[x]: /a '" + "t" * 9000 + "'\n\n" + "[x]" * 3600,
    "a footnote called again and again": "[^1]" * 4000 + "\n\n[^1]: x",
    "a table that fills its rows itself": "|a" * 800 + "\n" + "|-" * 800 + "\n" + "|\n" * 8000,
    "a wide table of one word a row": "a|" * 3000 + "\n" + "-|" * 3000 + "\n" + "x\n" * 4000,
}


@pytest.mark.parametrize("source", ECHOES.values(), ids=ECHOES.keys())
def test_a_text_that_calls_itself_again_and_again_stays_small(source: str):
    """20,000 characters came to 16 MB of links, and to 65,000 cells."""
    html = markdown.render(source[: markdown.MAX_LENGTH])
    assert len(html) < 400_000
    assert html.count("<td>") < 3000
    assert _read(html).tags <= ALLOWED


def test_an_honest_text_of_the_longest_size_keeps_its_links_tables_and_footnotes():
    part = "See [the card][c], | and **this**[^1] one.\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n"
    html = markdown.render(part * 240 + "[c]: https://example.com/card\n\n[^1]: The note.")
    assert (html.count("<table>"), html.count('href="https://example.com/card"')) == (240, 240)
    assert 'class="footnotes"' in html


def test_marks_that_turn_the_reading_direction_do_not_come_back_as_entities():
    assert not re.search("[\u202a-\u202e\u2066-\u2069]", markdown.render("a&#x202e;b&#8294;c [x](/y '&#x202e;z')"))


def test_a_text_over_the_limit_is_not_even_parsed():
    with pytest.raises(ValueError):
        markdown.render("x" * (markdown.MAX_LENGTH + 1))


def test_marks_that_turn_the_reading_direction_are_left_out_of_what_is_shown():
    html = markdown.render("pay \u202e00001\u202c \u2067now\u2069 \u200fשלום")
    assert not re.search("[\u202a-\u202e\u2066-\u2069]", html)
    assert "שלום" in html


def test_what_people_use_comes_out_as_they_mean_it():
    html = markdown.render(
        "# Title\n\nHello **you** and *me*,\nnext line.\n\n- [x] done\n- [ ] open\n\n> quoted\n\n"
        "| a | b |\n|---|---|\n| 1 | 2 |\n\n~~gone~~ `code` note[^1]\n\n[^1]: The note."
    )
    for part in (
        "<h2>Title</h2>",
        "<strong>you</strong>",
        "<em>me</em>",
        "<br>",
        'type="checkbox"',
        "<blockquote>",
        "<td>1</td>",
        "<s>gone</s>",
        "<code>code</code>",
        'class="footnotes"',
    ):
        assert part in html


@pytest.mark.parametrize(
    ("source", "ticked"),
    [
        ("- [ ] open\n- [x] done\n- [X] Done\n- plain", [False, True, True]),
        ("1. [ ] first\n   - [x] within it\n2. second", [False, True]),
        ("> - [ ] quoted, **boldly**\n>\n>   and more of it", [False]),
        ("[ ] no list\n\n- [ ]\n- [ ]a\n- [] b\n- *[ ] c*\n- `[ ] d`\n- # [ ] e", []),
        ("- [x] a link of that name\n\n[x]: /rooms", []),
    ],
)
def test_a_line_of_a_list_that_begins_with_a_box_has_one(source: str, ticked: list[bool]):
    html = markdown.render(source)
    boxes = re.findall(r"<li class=\"task-list-item\">\s*(?:<p>)?<input ([^>]*)>", html)
    assert ["checked" in box for box in boxes] == ticked
    assert all('disabled="disabled"' in box and 'type="checkbox"' in box for box in boxes)
    assert html.count("<input") == len(ticked)
    assert ("contains-task-list" in html) is bool(ticked)


def test_headings_of_members_stay_below_the_title_of_the_page():
    html = markdown.render("# one\n\n###### six")
    assert "<h2>one</h2>" in html
    assert "<h4>six</h4>" in html
    assert "<h1" not in html


def test_links_out_carry_no_recommendation_and_no_way_back():
    html = markdown.render("See https://example.com/a and [b](https://example.com/b).")
    assert html.count('rel="nofollow ugc noopener noreferrer"') == 2


def test_footnotes_of_two_posts_on_one_page_lead_each_to_their_own():
    first, second = markdown.render("One[^1].\n\n[^1]: A."), markdown.render("Two[^1].\n\n[^1]: B.")
    ids = [re.findall(r'id="([^"]+)"', html) for html in (first, second)]
    assert ids[0]
    assert not set(ids[0]) & set(ids[1])
    for html in (first, second):
        assert all(f'id="{target}"' in html for target in re.findall(r'href="#([^"]+)"', html))


@pytest.mark.parametrize("address", ["library/role-card", "//evil.example", "#main", "?page=2", ""])
def test_a_link_that_leads_nowhere_in_particular_is_only_words(address: str):
    assert "href" not in markdown.render(f"[go]({address})")


def test_a_path_of_ours_may_be_linked():
    assert 'href="/library/role-card"' in markdown.render("[the card](/library/role-card)")


def test_plain_words_are_for_search_and_excerpts():
    html = markdown.render("Hello **you** &amp; <b>me</b>\n\n- one\n- two")
    assert markdown.plain(html) == "Hello you & <b>me</b> one two"
    assert markdown.plain(markdown.render("[x]: https://example.com")) == ""
    noted = markdown.render("She agreed[^1].\n\n[^1]: In writing.")
    assert markdown.plain(noted) == "She agreed. In writing.", "signs that lead about the page were read as words"


def test_an_excerpt_ends_between_words():
    html = markdown.render("A sentence that is somewhat longer than what we have room for.")
    assert markdown.excerpt(html, 30) == "A sentence that is somewhat…"
    assert markdown.excerpt(html, 300) == "A sentence that is somewhat longer than what we have room for."
