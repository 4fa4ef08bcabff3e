"""Templates: every one is used, compiles, and carries no script or style of its own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from flask import Flask
from jinja2 import StrictUndefined, meta, nodes

ROOT = Path(__file__).resolve().parents[1]
TEMPLATES = ROOT / "templates"
ALL = sorted(str(p.relative_to(TEMPLATES)) for p in TEMPLATES.rglob("*") if p.suffix in {".html", ".txt", ".xml"})
LETTER_ENDINGS = (".subject.txt", ".txt", ".html")


@pytest.mark.parametrize("name", ALL)
def test_it_compiles_under_strict_undefined(app: Flask, name: str):
    assert app.jinja_env.undefined is StrictUndefined
    app.jinja_env.get_template(name)


def test_every_template_is_used(app: Flask):
    used = set(_named_in_code()) | _letters_posted()
    for name in ALL:
        tree = app.jinja_env.parse((TEMPLATES / name).read_text(encoding="utf-8"))
        used |= {ref for ref in meta.find_referenced_templates(tree) if ref}
        used |= {c.value for c in tree.find_all(nodes.Const) if isinstance(c.value, str) and c.value.endswith(".html")}
    assert [n for n in ALL if n not in used] == []


@pytest.mark.parametrize("name", [n for n in ALL if n.endswith(".html") and n != "layouts/mail.html"])
def test_it_has_no_inline_script_or_style(name: str):
    """The policy forbids them, so they would silently do nothing."""
    source = (TEMPLATES / name).read_text(encoding="utf-8")
    assert not re.search(r"<script(?![^>]*\bsrc=)", source)
    if not name.startswith("mail/"):
        assert not re.search(r"<style\b|\sstyle\s*=", source)
    assert not re.search(r"<[^>]*\son[a-z]+\s*=", source)
    assert not re.search(r"https?://(?!localhost)[^\s\"'<]*\.(?:js|css|woff2?|png|jpe?g|svg)", source)


@pytest.mark.parametrize("name", [n for n in ALL if n.endswith((".html", ".xml"))])
def test_it_marks_nothing_safe(name: str):
    assert "|safe" not in (TEMPLATES / name).read_text(encoding="utf-8").replace(" ", "")


@pytest.mark.parametrize(
    "name",
    sorted({n.rsplit("/", 1)[0] + "/" + n.rsplit("/", 1)[1].split(".")[0] for n in ALL if n.startswith("mail/")}),
)
def test_each_letter_has_a_subject_a_text_and_a_page(name: str):
    assert [f"{name}{e}" in ALL for e in LETTER_ENDINGS] == [True, True, True]


def _named_in_code() -> list[str]:
    code = "\n".join(p.read_text(encoding="utf-8") for p in (ROOT / "portal").rglob("*.py"))
    return re.findall(r"\"([\w/-]+\.(?:html|xml|txt))\"", code)


def _letters_posted() -> set[str]:
    """Letters are named without their endings: `letters.post("billing/welcome", …)`, or `f"billing/{kind}"` where the
    kinds stand as words in the same file."""
    kinds: set[str] = set()
    for path in (ROOT / "portal").rglob("*.py"):
        code = path.read_text(encoding="utf-8")
        kinds |= set(re.findall(r"\"([\w-]+/[\w-]+)\"", code))
        for area in re.findall(r"f\"([\w-]+)/\{\w+\}\"", code):
            kinds |= {f"{area}/{word}" for word in re.findall(r"\"([\w-]+)\"", code)}
    return {f"mail/{kind}{end}" for kind in kinds for end in LETTER_ENDINGS}
