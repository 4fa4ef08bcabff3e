"""The page about threats tells the truth: each line names a test that exists, or a reason."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "deploy" / "threat-model.md").read_text(encoding="utf-8")
LINES = [
    [cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if re.match(r"\| \d", line)
]


def test_every_line_names_a_test_or_a_reason():
    assert len(LINES) > 70
    for line in LINES:
        assert "`test_" in line[-1] or "by rule:" in line[-1], line[0]


def test_every_test_it_names_exists():
    names = set(re.findall(r"`(test_\w+)`", PAGE))
    written = {
        name
        for file in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", file.read_text(encoding="utf-8"), re.M)
    }
    assert sorted(names - written) == []
    assert len(names) > 90


def test_none_of_the_records_is_left_out():
    assert [line[0] for line in LINES if line[0].isdigit()] == [str(number) for number in range(1, 38)]
