"""How a membership stands is said in plain words, for every answer billing may give."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from portal.billing.entitlements import Entitlement, Level, Why
from portal.membership.standing import standing

MAY = datetime(2027, 5, 3, 12, tzinfo=UTC)


@pytest.mark.parametrize("why", list(Why))
@pytest.mark.parametrize("level", list(Level))
@pytest.mark.parametrize("until", [None, MAY])
def test_there_are_words_for_every_answer(app, level, why, until):
    with app.test_request_context():
        found = standing(Entitlement(level, why, until, ends_on=until if why is Why.ENDING else None))
    assert found.label
    assert found.sentence.endswith(".")
    assert "None" not in found.sentence
    if level is not Level.NONE:
        assert not found.may_join


def test_a_cancelled_membership_names_its_last_day(app):
    with app.test_request_context():
        assert "until 3 May 2027" in standing(Entitlement(Level.FULL, Why.ENDING, MAY, ends_on=MAY)).sentence


def test_lena_who_lapsed_is_shown_the_way_back(people, browse):
    page = browse(people.lena).get("/account").text
    assert "Lapsed" in page
    assert 'href="/join"' in page
    assert "Choose a plan" in page
