"""The order of areas, and who may import what: read from the imports themselves."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PORTAL = ROOT / "portal"
ORDER = [
    "core",
    "accounts",
    "practices",
    "notifications",
    "topics",
    "billing",
    "conversations",
    "library",
    "workbook",
    "moderation",
    "coaching",
    "membership",
    "insights",
    "desk",
    "home",
    "seeds",
]
AREAS = sorted(p.name for p in PORTAL.iterdir() if (p / "__init__.py").exists())
PRIVATE_TO_THEIR_AREA = {"views", "forms"}


def _imports(path: Path) -> Iterator[str]:
    """Every module a file imports, also those imported inside functions."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _files(area: str) -> list[Path]:
    return [p for p in sorted((PORTAL / area).rglob("*.py")) if "making" not in p.parts]


def test_every_area_has_its_place_in_the_order():
    assert set(AREAS) <= set(ORDER)


@pytest.mark.parametrize("area", AREAS)
def test_an_area_imports_only_to_its_left(area: str):
    allowed = set(ORDER[: ORDER.index(area) + 1])
    for path in _files(area):
        for module in _imports(path):
            if module.startswith("portal."):
                other = module.split(".")[1]
                assert other in allowed, f"{path.relative_to(ROOT)} reaches right, to {module}"


@pytest.mark.parametrize("area", AREAS)
def test_views_and_forms_stay_inside_their_area(area: str):
    for path in _files(area):
        for module in _imports(path):
            parts = module.split(".")
            if parts[0] == "portal" and len(parts) > 2 and parts[1] != area:
                assert parts[2] not in PRIVATE_TO_THEIR_AREA, f"{path.relative_to(ROOT)} takes {module}"


def test_only_one_file_imports_stripe():
    importers = {
        str(p.relative_to(ROOT)) for p in PORTAL.rglob("*.py") if any(m.split(".")[0] == "stripe" for m in _imports(p))
    }
    assert importers == {"portal/billing/asking.py"}


def test_the_portal_never_imports_its_sandbox_nor_its_tests():
    for path in PORTAL.rglob("*.py"):
        assert not {m.split(".")[0] for m in _imports(path)} & {"stripe_sandbox", "tests"}, path


def test_the_map_of_billing_names_every_file_of_it():
    told = ast.get_docstring(ast.parse((PORTAL / "billing" / "__init__.py").read_text(encoding="utf-8"))) or ""
    words = set(re.findall(r"\w+", told.partition("Where to look:")[2]))
    assert {path.stem for path in _files("billing")} - words == {"__init__"}


def test_migrations_do_not_import_the_portal():
    for path in (ROOT / "migrations" / "versions").glob("*.py"):
        assert "portal" not in {m.split(".")[0] for m in _imports(path)}, path


def test_domain_code_does_not_commit():
    """One request is one transaction; core commits it."""
    for area in AREAS:
        for path in _files(area) if area != "core" else []:
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Attribute) and node.attr == "commit":
                    raise AssertionError(f"{path.relative_to(ROOT)}:{node.lineno} commits")


def test_only_one_file_marks_html_as_safe():
    """`Markup(...)` of anything but a literal, and the `safe` filter, stand in core only."""
    for area in AREAS:
        for path in _files(area) if area != "core" else []:
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Markup":
                    assert all(isinstance(a, ast.Constant) for a in node.args), (
                        f"{path.relative_to(ROOT)}:{node.lineno}"
                    )


def test_mapped_dataclasses_are_not_used():
    """Flask-SQLAlchemy 3.1 breaks with them (flask-sqlalchemy#1420)."""
    assert not [p for p in PORTAL.rglob("*.py") if "MappedAsDataclass" in p.read_text(encoding="utf-8")]
