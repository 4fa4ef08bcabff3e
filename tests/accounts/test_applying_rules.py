"""Pointing to one rule: in the version that was in force, wherever it stands there, and only if it is the same one."""

from __future__ import annotations

from datetime import timedelta

import pytest

from portal.accounts import applying_rules, house_rules
from portal.core import markdown
from portal.core.clock import now
from portal.core.db import transaction
from tests.make import again

OTHERS = "Our rules:\n\n1. **Be on time.** Really.\n2. **Nobody sells.** Not even books.\n\n- **Bring tea.**\n"


@pytest.fixture
def put(app, people):
    def in_force(body):
        with app.app_context(), transaction():
            before = house_rules.current().version
            house_rules.put_in_force(
                body=body, changed="New.", asks_again=False, written_over=before, by=again(people.olga)
            )

    return in_force


def test_a_rule_is_pointed_to_in_the_version_that_was_in_force_then(app, put, clock):
    before = now()
    clock.shift(timedelta(days=1))
    put(OTHERS)
    with app.app_context():
        assert applying_rules.rule(3, at=before).path == "/rules/1#rule-3"
        assert applying_rules.rule(3, at=now()).path == "/rules/2#rule-2"
        assert applying_rules.rule(3, at=now()).title == "Nobody sells"


def test_where_the_owner_has_no_rule_of_that_name_the_version_as_a_whole_is_pointed_to(app, put, clock):
    clock.shift(timedelta(days=1))
    put(OTHERS)
    with app.app_context():
        assert applying_rules.rule(1, at=now()).path == "/rules/2"


def test_the_rules_page_has_a_place_for_each_rule_and_for_nothing_else(browse, people, put):
    page = browse(people.alice).get("/rules/1").text
    assert [f'<li id="rule-{n}">' in page for n in range(1, 9)] == [True] * 7 + [False]
    put(OTHERS)
    page = browse(people.alice).get("/rules").text
    assert '<li id="rule-2"><strong>Nobody sells.</strong>' in page
    assert 'id="rule-3"' not in page


@pytest.mark.parametrize(
    ("body", "titles"),
    [
        ("1. **One.** a\n   1. **Inner.**\n   - **Other.**\n2. Two", ["One", ""]),
        ("1. **One** said[^1].\n\n[^1]: **Note.**\n", ["One"]),
        ("1. One\n2. Two\n\n**The pledge.** I promise.", ["", ""]),
        ("1. **One.**\n\n   More.\n\n2. **A & B.** c\n", ["One", "A & B"]),
        ("- **No numbers.**\n", []),
        ("No list.", []),
    ],
)
def test_rules_are_the_points_of_numbered_lists(app, body, titles):
    html = markdown.render(body)
    assert applying_rules.titles(html) == titles
    assert applying_rules.with_anchors(html).count('id="rule-') == len(titles)
