"""The comparison with the real Stripe: run by a person, remembered in a note, asked for before real money moves."""

from __future__ import annotations

from importlib.metadata import version

import pytest

from portal.billing import checking, verifying
from portal.billing.asking import API_VERSION
from tests.sandbox import running_sandbox


@pytest.fixture
def note(tmp_path, monkeypatch):
    """The note of the last run; none until something is written."""
    file = tmp_path / "verified-at-stripe.md"
    monkeypatch.setattr(verifying, "NOTE", file)
    return file


def finding(app) -> checking.Finding:
    with app.app_context():
        return next(f for f in checking.local_findings() if f.name == "Held against the real Stripe")


def of(sdk: str, api: str = API_VERSION) -> str:
    return f"# Compared with the real Stripe\n\nSDK {sdk}, API {api}, 2026-12-24: 30 checks the same, 2 differ.\n"


def test_without_a_note_the_demo_is_content_and_a_live_key_is_not(app, note, monkeypatch):
    assert finding(app).is_well
    assert "never yet run" in finding(app).finding
    monkeypatch.setitem(app.config, "STRIPE_SECRET_KEY", "sk_live_something")
    assert not finding(app).is_well
    assert finding(app).mend.startswith("flask billing verify-real")


@pytest.mark.parametrize(
    ("words", "is_well", "told"),
    [
        (of(version("stripe")), True, "run on 2026-12-24, 2 checks differed"),
        (of("15.6.0"), False, "last run on 2026-12-24 with SDK 15.6.0"),
        (of(version("stripe"), "2026-03-25.dahlia"), False, "no longer the ones installed"),
        ("Somebody wrote something else here.\n", False, "never yet run"),
    ],
)
def test_a_note_counts_for_the_versions_it_was_made_with(app, note, monkeypatch, words, is_well, told):
    monkeypatch.setitem(app.config, "STRIPE_SECRET_KEY", "sk_live_something")
    note.write_text(words)
    assert (finding(app).is_well, told in finding(app).finding) == (is_well, True)


def test_the_note_that_the_comparison_writes_is_the_note_that_is_read(app, note):
    from datetime import UTC, datetime

    from stripe_sandbox import comparing

    lines = ["same    a trial: What a trial does.", "DIFFERS a renewal: What a renewal does.", "   status: x, y"]
    note.write_text(comparing.note(lines, 1, account="acct_1", today=datetime(2026, 12, 24, tzinfo=UTC)))
    last = verifying.last_compared()
    assert last == verifying.Compared(version("stripe"), API_VERSION, "2026-12-24", 1)
    assert last.is_of_today


def test_the_command_runs_the_comparison_with_a_test_key(app, tmp_path, note, monkeypatch, capfd):
    """Over real HTTP and as a real program, with a second sandbox in the part of Stripe."""
    monkeypatch.setenv("STRIPE_VERIFY_KEY", "sk_test_somebodys_own")
    with running_sandbox(tmp_path) as stripes:
        words = ["unsetting", "--against", stripes.url, "--state", str(tmp_path / "state.json")]
        answer = app.test_cli_runner().invoke(args=["billing", "verify-real", *words])
    told = capfd.readouterr().out
    assert answer.exit_code == 0, told
    assert told.startswith("Never yet run against the real Stripe")
    assert "same    unsetting and merging" in told
    assert "1 checks" in told


def test_the_command_refuses_a_live_key_and_the_sandboxs(app, note, monkeypatch, capfd):
    for key, words in (("sk_live_x", "This is a live key"), ("", "must be the test key")):
        monkeypatch.setenv("STRIPE_VERIFY_KEY", key)
        assert app.test_cli_runner().invoke(args=["billing", "verify-real"]).exit_code == 2
        assert words in capfd.readouterr().out


def test_without_the_sandbox_the_command_says_where_to_run_it(app, monkeypatch, capsys):
    monkeypatch.setattr(verifying, "find_spec", lambda name: None)
    with app.app_context():
        assert verifying.compare() == 2
    assert "in a checkout of the whole program" in capsys.readouterr().err


def test_the_image_takes_the_note_along_that_the_check_reads():
    folder = verifying.NOTE.parent
    assert "COPY deploy/gunicorn.conf.py deploy/*.md deploy/" in (folder / "Dockerfile").read_text()
    assert "!deploy/*.md" in (folder / "Dockerfile.dockerignore").read_text().split()
