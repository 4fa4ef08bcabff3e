"""Static files under one folder named by their content, so that a browser may keep them for a year.

The sources in static/ stay one file per part; the style sheet leaves as one bundle, in the order of its layers, and the
small elements that stand on most pages leave within the script that would ask for them one by one.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from pathlib import Path
from wsgiref.headers import Headers

from flask import Flask
from whitenoise import WhiteNoise
from whitenoise.compress import Compressor

ROOT = Path(__file__).resolve().parents[2] / "static"
BUNDLE = "css/site.css"
SCRIPT = "js/site.js"
# Elements without imports of their own, so that each can stand in a block of the script.
JOINED = (
    "close-outside",
    "confirm-step",
    "copy-button",
    "live-thread",
    "local-time",
    "quote-posts",
    "reading-mark",
    "theme-switch",
    "unread-count",
)
_FIRST = ("tokens", "reset", "base", "layout")
# Strings, addresses and licences (/*! … */) are passed by whole, so that nothing within them is taken for a comment.
_KEPT_OR_COMMENT = re.compile(
    r"""("(?:\\.|[^"\\])*" | '(?:\\.|[^'\\])*' | \burl\(\s*[^\s"')][^)]*\) | /\*!.*?\*/) | /\*.*?\*/""",
    re.DOTALL | re.VERBOSE | re.IGNORECASE,
)
_YEAR = 365 * 24 * 3600


def init_app(app: Flask) -> None:
    accent = app.config["SITE_ACCENT"]
    digest = content_hash(accent)
    folder = build(digest, Path(app.config["INSTANCE"]) / "static", accent)
    app.extensions["asset_prefix"] = f"/static/{digest}/"
    served = WhiteNoise(
        app.wsgi_app, max_age=_YEAR, charset="utf-8", allow_all_origins=False, add_headers_function=_add_headers
    )
    served.immutable_file_test = lambda _path, url: url.startswith(f"/static/{digest}/")
    served.add_files(str(folder), prefix=f"static/{digest}/")
    app.wsgi_app = served  # type: ignore[method-assign]  # as Flask says


def _add_headers(headers: Headers, _path: str, _url: str) -> None:
    """These answers pass the application by, so they bring themselves what core/headers.py says for all others."""
    headers["X-Content-Type-Options"] = "nosniff"


def content_hash(accent: str = "") -> str:
    """Twelve hex digits that change when any static file, or the owner's accent, does."""
    digest = hashlib.sha256(" ".join([accent, *JOINED]).encode())
    for path in _sources():
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]


def build(digest: str, parent: Path, accent: str = "") -> Path:
    """Copy the files and write the bundle, beside compressed forms (.br, .gz); nothing to do when that was done."""
    done = parent / digest
    if done.exists():
        return done
    aside = parent / f"{digest}.{id(parent)}.part"
    shutil.rmtree(aside, ignore_errors=True)
    for path in _sources():
        if path.parts[len(ROOT.parts)] == "css":
            continue
        target = aside / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    sheet = aside / BUNDLE
    sheet.parent.mkdir(parents=True, exist_ok=True)
    sheet.write_text(bundle(accent), encoding="utf-8")
    (aside / SCRIPT).write_text(script(), encoding="utf-8")
    compressor = Compressor(quiet=True)
    for path in aside.rglob("*"):
        if path.is_file() and compressor.should_compress(path.name):
            for _ in compressor.compress(str(path)):
                pass
    try:
        aside.rename(done)
    except OSError:  # another process was faster
        shutil.rmtree(aside, ignore_errors=True)
    return done


def bundle(accent: str = "") -> str:
    """The whole style sheet: tokens, reset, base, layout, then components and areas by name, utilities last.

    The owner's accent ("#1f5c4d") stands outside all layers, so it wins; every other green is computed from it.
    Comments are for whoever reads the sources.
    """
    css = ROOT / "css"
    files = [css / f"{name}.css" for name in _FIRST]
    files += (
        sorted((css / "components").glob("*.css")) + sorted((css / "areas").glob("*.css")) + [css / "utilities.css"]
    )
    own = [f":root {{ --accent: {accent}; }}"] if accent else []
    return without_comments("\n".join([file.read_text(encoding="utf-8") for file in files if file.exists()] + own))


def without_comments(css: str) -> str:
    """The same rules without comments; what a comment kept apart stays apart."""

    def shortened(found: re.Match[str]) -> str:
        around = css[found.start() - 1 : found.start()] + css[found.end() : found.end() + 1]
        if found[1] is not None:
            return found[1]
        return "/**/" if len(around) == 2 and not re.search(r"\s", around) else ""

    return _KEPT_OR_COMMENT.sub(shortened, css)


def script() -> str:
    """The script of every page, with the elements in it that most pages need: one request instead of one for each.

    They stand first: what is defined already is not asked for again.
    """
    elements = (ROOT / "js" / "elements" / f"{name}.js" for name in JOINED)
    blocks = ["{\n" + element.read_text(encoding="utf-8") + "}\n" for element in elements]
    return "\n".join([*blocks, (ROOT / SCRIPT).read_text(encoding="utf-8")])


def _sources() -> list[Path]:
    return sorted(p for p in ROOT.rglob("*") if p.is_file() and not p.name.startswith("."))
