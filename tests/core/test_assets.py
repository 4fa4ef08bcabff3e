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
