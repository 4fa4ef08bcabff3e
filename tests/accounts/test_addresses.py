"""One mailbox is one account, however its address is typed."""

from __future__ import annotations

import pytest

from portal.accounts.addresses import NotAnAddress, canonical


@pytest.mark.parametrize(
    "typed",
    [
        "alice@example.com",
        "  Alice@Example.COM ",
        "ＡＬＩＣＥ@example.com",
        "alice@EXAMPLE.com\n",
        "alice@ｅｘａｍｐｌｅ.com",
    ],
)
def test_alices_address_is_the_same_however_she_types_it(typed: str):
    assert canonical(typed) == "alice@example.com"


def test_a_german_sharp_s_folds_before_anything_is_compared():
    assert canonical("Straße@example.com") == canonical("STRASSE@example.com")


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "alice",
        "alice@",
        "@example.com",
        "alice@@example.com",
        "alice@example.com, bob@example.com",
        "alice@example.com\r\nBcc: bob@example.com",
        "alice@exa\x00mple.com",
        "<script>@example.com",
        "alice@[127.0.0.1]",
        "a" * 65 + "@example.com",
        "a@" + "b" * 300 + ".com",
        "\u202ealice@example.com",
    ],
)
def test_what_is_no_single_address_is_refused(typed: str):
    with pytest.raises(NotAnAddress):
        canonical(typed)
