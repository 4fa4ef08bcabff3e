"""What a member is called."""

from __future__ import annotations

import pytest

from portal.accounts.models import Member


@pytest.mark.parametrize(
    ("name", "first", "initials"),
    [
        ("Nora Feld", "Nora", "NF"),
        ("Dr. Nora Feld", "Nora", "NF"),
        ("Prof. Dr. Amin Saleh", "Amin", "AS"),
        ("Dr.", "Dr.", "D"),
        ("Cher", "Cher", "C"),
        ("李 小龍", "李", "李小"),
        ("…", "…", "·"),
        ("", "", "·"),
    ],
)
def test_nora_is_greeted_by_her_first_name_and_not_by_her_title(name: str, first: str, initials: str):
    member = Member(name=name)
    assert (member.first_name, member.initials) == (first, initials)
