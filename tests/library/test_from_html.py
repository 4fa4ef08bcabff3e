"""Notes of a feed as Markdown: what a reader saw there, a reader sees here."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from portal.core import markdown
from portal.library.from_html import as_markdown

pytestmark = pytest.mark.one_database


@pytest.mark.parametrize(
    ("html", "words"),
    [
        ("<p>One</p><p>Two</p>", "One\n\nTwo"),
        ("One<br/>Two", "One\nTwo"),
        ("<p>A <b>bold </b>word, <em>leaning</em></p>", "A **bold** word, *leaning*"),
        ("<h1>Top</h1><h4>Low</h4>", "## Top\n\n#### Low"),
        ("<ul><li>a</li><li>b<ul><li>c</li></ul></li></ul>", "- a\n- b\n   - c"),
        ("<ol><li><p>a</p></li><li>b</li></ol><p>c</p>", "1. a\n2. b\n\nc"),
        ("<blockquote><p>said</p></blockquote>after", "> said\n\nafter"),
        ('<a href="https://x.example/a(b)">here</a>', "[here](https://x.example/a%28b%29)"),
        ('<a href="javascript:x()">here</a>', "here"),
        ("<p>*not* _this_ [either] #no</p>", r"\*not\* \_this\_ \[either\] \#no"),
        ("<p>1. is no list</p><p>- nor this</p>", "1\\. is no list\n\n\\- nor this"),
        ("<style>p{}</style><script>x</script><p>Seen</p>", "Seen"),
        ("plain\nand plain", "plain\n\nand plain"),
        ("<b></b><i> </i>x", "x"),
        ("<b>open <p>next", "open\n\nnext"),
    ],
)
def test_html_becomes_the_markdown_that_a_person_would_write(html, words):
    assert as_markdown(html) == words


@given(st.text(alphabet="<>/abpuliohref=\"' &;*_[]()\\\n#-1.", max_size=120))
def test_whatever_is_in_it_nothing_breaks_and_nothing_runs(html):
    shown = markdown.render(as_markdown(html))
    assert "<script" not in shown
    assert "javascript:" not in shown


@given(st.text(alphabet="ab*_`[]()#~|<>&!-+=1. \n\\", min_size=1, max_size=60))
@example("1.")
def test_words_without_marks_are_read_as_the_same_words(text):
    from html import escape

    words = " ".join(text.split())
    seen = markdown.plain(markdown.render(as_markdown(f"<p>{escape(words)}</p>")))
    assert seen.split() == words.split()
