"""One style sheet in the order of its layers, in a folder named by what is in it."""

from __future__ import annotations

import re

import pytest

import config
from portal.core import assets


def test_the_sheet_begins_with_the_order_of_layers_and_ends_with_utilities():
    sheet = assets.bundle()
    assert sheet.startswith("@layer reset, base, layout, components, areas, utilities;")
    assert sheet.index(".btn") < sheet.rindex("@layer utilities")


def test_the_owners_accent_wins_and_changes_the_folders_name():
    assert assets.bundle("#7a1f1f").endswith(":root { --accent: #7a1f1f; }")
    assert assets.content_hash("#7a1f1f") != assets.content_hash()


@pytest.mark.parametrize(
    ("written", "served"),
    [
        (".a { top: 0; } /* why */\n.b { left: 0; }", ".a { top: 0; } \n.b { left: 0; }"),
        ("/* first */.a {} /* last */", ".a {} "),
        (".a/* one thing */.b {}", ".a/**/.b {}"),  # neither ".a .b" nor, for words, one word
        ('.a { content: "/* said */"; }', '.a { content: "/* said */"; }'),
        (r".a { content: '\'/* said */'; }", r".a { content: '\'/* said */'; }"),
        (".a { background: url(/a/*.svg); } .b {} /* end */", ".a { background: url(/a/*.svg); } .b {} "),
        ("/*! Licence */ .a {} /* it's */ .b { content: 'x'; }", "/*! Licence */ .a {}  .b { content: 'x'; }"),
        ("/* \n * several\n * lines */\n.a {}", "\n.a {}"),
    ],
)
def test_comments_are_not_served_and_nothing_else_goes_with_them(written: str, served: str):
    assert assets.without_comments(written) == served


def test_the_whole_sheet_has_no_comment_left():
    assert "/*" not in assets.bundle()


@pytest.mark.parametrize("accent", ["red", "#12345", "#123456; } body { display: none", "url(//evil.example)"])
def test_an_accent_that_is_no_colour_is_refused(accent: str):
    with pytest.raises(config.Misconfigured, match="SITE_ACCENT"):
        config.chosen({"SITE_ACCENT": accent})


def test_a_second_build_finds_the_first(tmp_path):
    digest = assets.content_hash()
    folder = assets.build(digest, tmp_path)
    made = (folder / assets.BUNDLE).stat().st_mtime_ns
    assert assets.build(digest, tmp_path) == folder
    assert (folder / assets.BUNDLE).stat().st_mtime_ns == made
    assert (folder / "css" / "site.css.br").exists()


def test_elements_that_leave_within_the_script_lean_on_nothing_else():
    for name in assets.JOINED:
        element = (assets.ROOT / "js" / "elements" / f"{name}.js").read_text(encoding="utf-8")
        assert not re.search(r"^(import|export)\b", element, re.M), name
        assert f'customElements.define("{name}"' in assets.script()
