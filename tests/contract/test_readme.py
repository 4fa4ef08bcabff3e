"""The sandbox's README lists every call, lever, fault, setting and card there is, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import stripe_sandbox
from stripe_sandbox import calls, cards, comparing, control_page, faults, objects
from stripe_sandbox.sandbox import SETTINGS

assert objects  # fills the table of calls
README = (Path(stripe_sandbox.__file__).parent / "README.md").read_text()


def section(title: str) -> str:
    return re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", README, re.S | re.M)[1]


def test_every_call_is_listed_and_every_listed_one_exists():
    listed = {
        (verb.lower(), path)
        for path, verbs in re.findall(
            r"^    (/v1/\S+) +((?:GET|POST|DELETE)(?: (?:GET|POST|DELETE))*)$", section("Calls"), re.M
        )
        for verb in verbs.split()
    }
    assert listed == {(answer.verb, answer.path) for answer in calls.ANSWERS}
    assert len(listed) > 35


def test_every_door_is_listed_and_every_listed_one_opens(tmp_path):
    app = stripe_sandbox.create_app(tmp_path / "s.sqlite", delivery="manual")
    doors = {
        (verb, rule.rule)
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith("control.") and rule.rule != "/health"
        for verb in rule.methods - {"HEAD", "OPTIONS"}
    }
    listed = set(re.findall(r"`(GET|POST|DELETE) (/_sandbox/[a-z/]+)", section("Control door, for tests")))
    assert listed == doors


def test_every_lever_of_the_page_is_listed():
    told = section("Control page, for people")
    assert set(re.findall(r"`([a-z ]+)`", told)) == set(control_page.LEVERS)


@pytest.mark.parametrize("name", [*faults.KINDS, *SETTINGS])
def test_every_fault_and_setting_is_listed(name):
    assert re.search(rf"\b{name}\b", section("Control door, for tests"))


def test_every_card_is_listed():
    told = re.sub(r"[^0-9·]", "", section("Pages"))
    for number in cards.CARDS:
        assert number in told or number[-4:] in told, number


def test_it_says_that_nothing_was_compared_yet_for_as_long_as_there_is_no_note():
    note = Path(stripe_sandbox.__file__).parents[1] / "deploy" / "verified-at-stripe.md"
    told = section("Known from documentation only")
    assert (comparing.NEVER in told) == (not note.exists())
