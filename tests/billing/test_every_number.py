"""The forty acceptance tests of billing are all here, each by its number."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).parent
OVER_HTTP = HERE / "test_billing_13_to_24_real_processes.py"
KILLED = HERE / "test_billing_20_killed.py"


def numbers_in(*files: Path) -> set[int]:
    """The numbers NN of `def test_billing_NN_…`."""
    return {
        int(number)
        for file in files
        for number in re.findall(r"^def test_billing_(\d\d)_", file.read_text(encoding="utf-8"), re.M)
    }


def test_each_of_the_forty_numbers_has_a_test():
    assert numbers_in(*HERE.glob("test_*.py")) == set(range(1, 41))


def test_each_fault_is_also_tried_with_real_processes():
    assert numbers_in(OVER_HTTP, KILLED) == set(range(13, 25))
