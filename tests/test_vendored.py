"""What was made elsewhere is exactly what VENDORED.md says, and nothing vendored goes unlisted."""

import hashlib
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ROW = re.compile(r"^\| `(?P<file>[^`]+)` \|.*\| `(?P<sha256>[0-9a-f]{64})` \|$", re.MULTILINE)
NOTES = {".md", ".txt"}


def listed() -> dict[str, str]:
    return dict(ROW.findall((ROOT / "static/vendor/VENDORED.md").read_text(encoding="utf-8")))


def test_every_listed_file_is_unchanged() -> None:
    found = {name: hashlib.sha256((ROOT / name).read_bytes()).hexdigest() for name in listed()}
    assert found == listed()


def test_nothing_vendored_is_missing_from_the_list() -> None:
    folders = [ROOT / "static/vendor", ROOT / "static/fonts", ROOT / "tests/browser/vendor"]
    there = {str(path.relative_to(ROOT)) for folder in folders for path in folder.iterdir() if path.suffix not in NOTES}
    assert there <= set(listed())


def test_the_sprite_holds_no_icon_that_nothing_shows() -> None:
    """Every visitor fetches all of it. The page of all components shows whatever there is, so it does not count."""
    pages = [page for page in (ROOT / "templates").rglob("*.html") if page.name != "components.html"]
    sources = [*pages, *(ROOT / "static/js").rglob("*.js"), *(ROOT / "portal").rglob("*.py")]
    quoted = set(
        re.findall(r"[\"'#]([a-z0-9-]+)[\"']", "\n".join(path.read_text(encoding="utf-8") for path in sources))
    )
    drawn = set(re.findall(r'<symbol id="([^"]+)"', (ROOT / "static/img/icons.svg").read_text(encoding="utf-8")))
    assert drawn - quoted == set()


def test_the_sprite_holds_each_icon_the_templates_name() -> None:
    drawn = set(re.findall(r'<symbol id="([^"]+)"', (ROOT / "static/img/icons.svg").read_text(encoding="utf-8")))
    named = set()
    for page in (ROOT / "templates").rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        named |= set(re.findall(r'icon\("([a-z0-9-]+)"', text)) | set(re.findall(r'icon_name="([a-z0-9-]+)"', text))
        named |= set(re.findall(r"icons\.svg'\) }}#([a-z0-9-]+)", text))
    assert named
    assert named <= drawn
