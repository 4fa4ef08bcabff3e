"""The comparison with a real account. Here a second sandbox plays Stripe: it must run clean and notice what differs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
import stripe

from stripe_sandbox import comparing
from tests.sandbox import running_sandbox

KEY = "sk_test_somebodys_own"


@pytest.fixture(scope="module")
def said() -> dict[str, comparing.Seen]:
    return comparing.ask_sandbox(comparing.CHECKS)


@pytest.mark.parametrize("name", [ask.__name__ for ask in comparing.CHECKS])
def test_every_check_gets_an_answer(said, name):
    assert "broke" not in said[name], said[name]
    assert None not in said[name].values() or name in (
        "planned_ends",
        "a_change_of_plan",
        "unsetting_and_merging",
        "lookup_keys",
    ), f"nothing was seen: {said[name]}"


def test_every_check_and_everything_by_hand_says_what_it_is_about():
    assert len(comparing.CHECKS) > 30
    assert all(ask.__doc__ and ask.__doc__.endswith(".") for ask in comparing.CHECKS)
    assert len(comparing.BY_HAND) > 9
    assert all(item.here and item.steps for item in comparing.BY_HAND)


def test_two_equal_sides_do_not_differ_and_two_unequal_ones_are_named(said):
    lines, differ = comparing.report(comparing.CHECKS, said, said)
    assert differ == 0
    assert all(line.startswith("same ") for line in lines)
    other = {**said, "planned_ends": {**said["planned_ends"], "date": [True, True]}}
    lines, differ = comparing.report(comparing.CHECKS, said, other)
    assert differ == 1
    at = next(number for number, line in enumerate(lines) if line.startswith("DIFFERS planned ends"))
    assert lines[at + 1].strip() == "date: the sandbox says [true, false], Stripe says [true, true]"
    note = comparing.note(lines, differ, account="acct_x", today=datetime(2026, 12, 24, tzinfo=UTC))
    assert (
        f"SDK {stripe.VERSION}, API {stripe.api_version}, 2026-12-24: {len(said) - 1} checks the same, 1 differ."
        in note
    )
    assert "- [ ] the portal's cancellation: sets cancel_at" in note
    assert "  - date: the sandbox says" in note


def run(tmp_path: Path, *words: str, key: str = KEY) -> tuple[int, str]:
    told: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STRIPE_VERIFY_KEY", key)
        files = ["--state", str(tmp_path / "state.json"), "--note", str(tmp_path / "note.md")]
        code = comparing.main([*words, *files], told.append)
    return code, "".join(told)


@pytest.mark.parametrize("key", ["sk_live_real", "rk_live_real", "", "pk_test_x", "sk_test_sandbox"])
def test_it_refuses_a_live_key_and_whatever_is_no_key_of_a_test_account(tmp_path, key):
    code, told = run(tmp_path, key=key)
    assert code == 2
    assert "Nothing was compared" in told
    assert told.startswith(comparing.NEVER)
    assert ("live key" in told) == ("_live_" in key)


def test_the_first_line_says_when_it_was_last_compared(tmp_path):
    (tmp_path / "note.md").write_text("# Compared\n\nSDK 16.1.0, API x, 2026-12-24: 3 checks the same, 0 differ.\n")
    code, told = run(tmp_path, "--list")
    assert code == 0
    assert told.splitlines()[0] == (
        "Last run against the real Stripe: SDK 16.1.0, API x, 2026-12-24: 3 checks the same, 0 differ."
    )
    assert "1. the portal's cancellation. The sandbox: sets cancel_at" in told
    assert "- a renewal: `active` before the charge" in told


def test_it_compares_cleans_up_after_itself_and_never_says_that_a_sandbox_is_stripe(sandbox, client, tmp_path):
    code, told = run(tmp_path, "unsetting", "lookup", "portal", "endpoint", "promotion", "--against", sandbox.url)
    assert code == 0, told
    assert told.startswith(comparing.NEVER)
    assert "5 checks" in told
    assert ": 0 differ." in told
    assert "there is no note to commit" in told
    assert "Commit this" not in told
    assert json.loads((tmp_path / "state.json").read_text())["made"] == []
    v1 = client.v1
    assert [c for c in v1.customers.list() if not getattr(c, "deleted", False)] == []
    assert not v1.test_helpers.test_clocks.list().data
    assert not v1.coupons.list().data
    assert not v1.webhook_endpoints.list().data
    assert not v1.prices.list({"active": True}).data
    assert not v1.products.list({"active": True}).data
    assert not v1.billing_portal.configurations.list({"active": True}).data


def test_a_difference_is_shown_with_both_answers(sandbox, tmp_path, monkeypatch):
    real = comparing.ask_sandbox

    def otherwise(chosen, say=lambda _: None):
        return {name: seen | {"deleted": "maybe"} for name, seen in real(chosen, say).items()}

    monkeypatch.setattr(comparing, "ask_sandbox", otherwise)
    code, told = run(tmp_path, "unsetting", "--against", sandbox.url)
    assert code == 1
    assert 'deleted: the sandbox says "maybe", Stripe says true' in told


def test_a_run_that_was_interrupted_goes_on_and_removes_what_it_left(tmp_path, monkeypatch):
    asked: list[str] = []

    class Interrupted(BaseException):
        """Somebody pressed Ctrl-C, or the machine went away."""

    def first(on: comparing.Asker) -> comparing.Seen:
        """First."""
        asked.append("first")
        return {"customer": on.customer(None) != ""}

    def second(on: comparing.Asker) -> comparing.Seen:
        """Second."""
        asked.append("second")
        on.customer(None)
        if asked.count("second") == 1:
            raise Interrupted
        return {"well": True}

    monkeypatch.setattr(comparing, "CHECKS", [first, second])
    with running_sandbox(tmp_path) as stripes:
        monkeypatch.setattr(comparing.Asker, "close", lambda self: [])  # as after a kill -9
        with pytest.raises(Interrupted):
            run(tmp_path, "--against", stripes.url)
        clocks = stripes.client().v1.test_helpers.test_clocks
        left = {clock.id for clock in clocks.list().data}
        assert len(left) == 2
        assert {id for kind, id in json.loads((tmp_path / "state.json").read_text())["made"] if kind == "clock"} == left
        monkeypatch.undo()
        monkeypatch.setattr(comparing, "CHECKS", [first, second])
        monkeypatch.setattr(
            comparing, "ask_sandbox", lambda chosen, say=None: {"first": {"customer": True}, "second": {"well": True}}
        )
        code, told = run(tmp_path, "--against", stripes.url)
        assert code == 0, told
        assert asked == ["first", "second", "second"], "what was answered is not asked again"
        assert not clocks.list().data
        assert run(tmp_path, "--against", stripes.url)[0] == 0
        assert len(asked) == 3
        run(tmp_path, "--again", "--against", stripes.url)
        assert asked[3:] == ["first", "second"]


def test_a_key_that_opens_nothing_is_told_apart(sandbox, tmp_path):
    sandbox.sandbox.revoke(KEY)
    code, told = run(tmp_path, "unsetting", "--against", sandbox.url)
    assert code == 2
    assert "did not open the account" in told


def test_it_runs_as_a_program(tmp_path):
    answer = subprocess.run(  # noqa: PLW1510 - its exit code is what this is about
        [sys.executable, "-m", "stripe_sandbox.comparing", "--note", str(tmp_path / "none.md")],
        capture_output=True,
        text=True,
        timeout=60,
        env={name: value for name, value in os.environ.items() if name != "STRIPE_VERIFY_KEY"},
    )
    assert answer.returncode == 2
    assert answer.stdout.startswith(f"{comparing.NEVER}: what the sandbox does is known from documentation only.\n")
