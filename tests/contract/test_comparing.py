"""The comparison with a real account: here both sides are the sandbox, so it must run clean and notice what differs."""

from __future__ import annotations

import pytest
import stripe

from stripe_sandbox import comparing


@pytest.fixture(scope="module")
def said() -> dict[str, comparing.Seen]:
    return comparing.ask_sandbox(comparing.QUESTIONS)


@pytest.mark.parametrize("name", [ask.__name__ for ask in comparing.QUESTIONS])
def test_every_question_gets_an_answer(said, name):
    assert "broke" not in said[name], said[name]


def test_two_equal_sides_do_not_differ_and_two_unequal_ones_are_named(said):
    assert comparing.differences(said, said) == []
    other = {**said, "planned_ends": {**said["planned_ends"], "date": (True, True)}}
    assert comparing.differences(said, other) == [
        "planned_ends: date: the sandbox says (True, False), Stripe says (True, True)"
    ]


def test_it_refuses_a_live_key_and_the_sandboxs_own(monkeypatch):
    for key in ("sk_live_real", "", "sk_test_sandbox"):
        words: list[str] = []
        assert comparing.main([], key, words.append) == 2
        assert "Nothing was compared" in words[0]


def test_it_says_what_differs(sandbox, monkeypatch):
    real = stripe.StripeClient
    monkeypatch.setattr(
        comparing.stripe,
        "StripeClient",
        lambda key, **more: real(
            key, **({"base_addresses": {"api": sandbox.url}} | {k: v for k, v in more.items() if k == "base_addresses"})
        ),
    )
    words: list[str] = []
    assert comparing.main(["unsetting"], "sk_test_real", words.append) == 0
    assert words[0].endswith("0 differences.\n")
