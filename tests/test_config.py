"""Production refuses to start without its secrets and says every reason at once."""

from __future__ import annotations

from pathlib import Path

import pytest

import config

COMPLETE = {
    "PORTAL_ENV": "production",
    "SECRET_KEY": "s" * 40,
    "DATABASE_URL": "postgresql://portal@db/portal",
    "PUBLIC_URL": "https://freedom.example",
    "STRIPE_SECRET_KEY": "sk_live_abc",
    "STRIPE_WEBHOOK_SECRET": "whsec_abc",
    "MAIL_SERVER": "smtp.example",
    "MAIL_FROM": "hello@freedom.example",
    "ALLOW_ROOT": "1",
}


def test_a_complete_environment_starts():
    made = config.chosen(COMPLETE)
    assert made.ENV == "production"
    assert made.SESSION_COOKIE_NAME == "__Host-session"
    assert made.SESSION_COOKIE_SECURE is True
    assert made.OUTBOX is False


@pytest.mark.parametrize(
    "missing",
    [
        "SECRET_KEY",
        "DATABASE_URL",
        "PUBLIC_URL",
        "STRIPE_SECRET_KEY",
        "STRIPE_WEBHOOK_SECRET",
        "MAIL_SERVER",
        "MAIL_FROM",
    ],
)
def test_what_is_missing_is_named(missing: str):
    with pytest.raises(config.Misconfigured) as refused:
        config.chosen({k: v for k, v in COMPLETE.items() if k != missing})
    assert f"{missing} is not set" in str(refused.value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"SECRET_KEY": "short"}, "shorter than 32"),
        ({"PUBLIC_URL": "http://freedom.example"}, "https"),
        ({"STRIPE_API_BASE": "http://127.0.0.1:8400"}, "sandbox"),
        ({"STRIPE_SECRET_KEY": "sk_test_sandbox"}, "sandbox key"),
        ({"FLASK_DEBUG": "1"}, "FLASK_DEBUG"),
        ({"STRIPE_LOG": "debug"}, "STRIPE_LOG"),
    ],
)
def test_what_is_unsafe_is_refused(change: dict[str, str], said: str):
    with pytest.raises(config.Misconfigured, match=said):
        config.chosen(COMPLETE | change)


@pytest.mark.parametrize(
    "name",
    ["PLAN_MONTHLY_MINOR", "PLAN_ANNUAL_MINOR", "TRIAL_DAYS", "GRACE_DAYS", "ANSWER_WITHIN_HOURS", "RULE_WITHIN_HOURS"],
)
@pytest.mark.parametrize("text", ["99.00", "-1", "two weeks", "9" * 20])
def test_a_number_that_is_none_is_named_instead_of_a_traceback(name: str, text: str):
    with pytest.raises(config.Misconfigured, match=f"{name} is '{text}'; it may be a whole number"):
        config.chosen(COMPLETE | {name: text})


def test_one_tier_a_semicolon_is_what_the_owner_writes():
    text = " library | Library | 4900 | 49000 | Every tool, The podcast ; circle|Circle|9900|99000 ; "
    read = config.chosen(COMPLETE | {"PLAN_TIERS": text}).PLAN_TIERS
    assert read == (
        config.Tier("library", "Library", 4900, 49000, ("Every tool", "The podcast")),
        config.Tier("circle", "Circle", 9900, 99000, ()),
    )
    assert config.chosen(COMPLETE).PLAN_TIERS == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("circle, Circle, 9900, 99000", "number 1 is 'circle, Circle, 9900, 99000'; write key | Name | monthly"),
        ("ok | Ok | 1 | 2; Circle | Circle | 9900 | 99000", "number 2: its key is 'Circle'"),
        ("circle |  | 9900 | 99000", "its name is ''"),
        ("circle | Circle | 99.00 | 99000", "its monthly amount is '99.00'"),
        ("circle | Circle | 9900 | 0", "its annual amount is '0'"),
        ("a | A | 1 | 2; a | B | 1 | 2", "number 2: its key 'a' is taken by an earlier one"),
        ("a | A | 1 | 2 | " + ",".join("wwwwwwwww"), "up to 8 things"),
        ("a | A | 1 | 2 | " + "w" * 61, "up to 60 characters"),
    ],
)
def test_each_thing_wrong_with_a_tier_is_named(text: str, said: str):
    with pytest.raises(config.Misconfigured) as refused:
        config.chosen(COMPLETE | {"PLAN_TIERS": text})
    assert said in str(refused.value)


def test_all_that_is_wrong_with_all_tiers_is_said_at_once():
    with pytest.raises(config.Misconfigured) as refused:
        config.chosen(COMPLETE | {"PLAN_TIERS": "A | | x | y; b"})
    assert len(refused.value.problems) == 5


def test_every_reason_is_said_at_once():
    with pytest.raises(config.Misconfigured) as refused:
        config.chosen({"PORTAL_ENV": "production", "ALLOW_ROOT": "1"})
    assert len(refused.value.problems) >= 7


def test_root_is_refused_unless_allowed(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("os.geteuid", lambda: 0)
    with pytest.raises(config.Misconfigured, match="root"):
        config.chosen({k: v for k, v in COMPLETE.items() if k != "ALLOW_ROOT"})


def test_a_live_key_never_meets_the_demo():
    with pytest.raises(config.Misconfigured, match="test key"):
        config.chosen({"STRIPE_SECRET_KEY": "sk_live_abc"})


def test_a_public_address_without_production_is_refused_unless_meant():
    with pytest.raises(config.Misconfigured, match="open to everyone"):
        config.chosen({"PUBLIC_URL": "https://freedom.example"})
    assert config.chosen({"PUBLIC_URL": "https://demo.example", "DEMO_IN_PUBLIC": "1"}).ENV == "development"


def test_an_unknown_environment_is_named():
    with pytest.raises(config.Misconfigured, match="stagging"):
        config.chosen({"PORTAL_ENV": "stagging"})


def test_hosters_database_addresses_work_unedited():
    made = config.chosen(COMPLETE | {"DATABASE_URL": "postgres://u:p@h/d"})
    assert made.SQLALCHEMY_DATABASE_URI == "postgresql://u:p@h/d"


def test_forms_may_lead_to_stripes_two_hosts_and_nowhere_else():
    assert config.stripe_hosts({"STRIPE_API_BASE": ""}) == ("https://checkout.stripe.com", "https://billing.stripe.com")


def test_wsgi_is_the_application_and_nothing_else():
    source = (config.ROOT / "wsgi.py").read_text(encoding="utf-8")
    assert source == "from portal import create_app\n\napp = create_app()\n"


def test_the_readme_command_line_names_no_path_of_one_machine():
    for page in ("README.md", "CONTRIBUTING.md", "DECISIONS.md"):
        text = (Path(config.ROOT) / page).read_text(encoding="utf-8")
        assert "/home/" not in text
        assert "/root/" not in text
