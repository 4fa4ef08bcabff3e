"""How a membership stands is said in plain words, for every answer billing may give."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from portal.billing.entitlements import Entitlement, Level, Why
from portal.billing.models import Subscription
from portal.billing.standing import standing_of
from portal.billing.wording import day_for

MAY = datetime(2027, 5, 3, 12, tzinfo=UTC)


@pytest.mark.parametrize("why", list(Why))
@pytest.mark.parametrize("level", list(Level))
@pytest.mark.parametrize("until", [None, MAY])
def test_there_are_words_for_every_answer(app, make, level, why, until):
    nina = make.member("Nina Newcomer")
    with app.test_request_context():
        found = standing_of(nina, Entitlement(level, why, until, ends_on=until if why is Why.ENDING else None), None)
    assert found.label
    assert found.sentence.endswith(".")
    assert "None" not in found.sentence
    if level is not Level.NONE:
        assert not found.may_join


def test_a_cancelled_membership_names_its_last_day(app, make):
    nina = make.member("Nina Newcomer")
    with app.test_request_context():
        found = standing_of(nina, Entitlement(Level.FULL, Why.ENDING, MAY, ends_on=MAY), None)
    assert "until 3 May 2027" in found.sentence


def test_the_account_the_join_page_and_the_billing_page_say_the_same(app, stripe, nina, join):
    browser = join(nina, "monthly")
    with app.app_context():
        renews = day_for(nina, stripe.rows(Subscription)[0].period_end)
    for address in ("/account", "/join", "/account/billing"):
        assert f"You are a member. Your plan renews on {renews}." in browser.get(address).text, address


def test_lena_who_lapsed_is_shown_the_way_back(people, browse):
    page = browse(people.lena).get("/account").text
    assert "Lapsed" in page
    assert 'href="/join"' in page
    assert "Choose a plan" in page
