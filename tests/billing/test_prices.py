"""Several things for sale: what the owner writes into one setting becomes plans, prices and words on the pages."""

from __future__ import annotations

import re

import pytest
import stripe as stripe_sdk

import config
from portal.billing import comparing, prices
from portal.billing.entitlements import Why
from portal.billing.models import Plan, PlanPrice, Subscription
from tests.test_config import COMPLETE

THREE = (
    "library | Library | 4900 | 49000 | Every tool, The full podcast;"
    "circle | Circle | 9900 | 99000 | Everything in Library, A monthly evening with the coaches;"
    "firm | Firm | 29900 | 299000 | Everything in Circle, Two hours with a coach each quarter"
)


@pytest.fixture
def sell(app, stripe, monkeypatch):
    """Write PLAN_TIERS and look the prices up, as a restart and `flask billing sync-prices` do."""

    def sell(text: str) -> list[prices.Finding]:
        monkeypatch.setitem(app.config, "PLAN_TIERS", config.chosen(COMPLETE | {"PLAN_TIERS": text}).PLAN_TIERS)
        with app.app_context():
            return prices.sync_prices()

    return sell


def sold(stripe) -> list[tuple[str, str, int]]:
    plans = sorted(stripe.rows(Plan), key=lambda plan: plan.position)
    return [(plan.key, plan.name, plan.price_minor) for plan in plans if plan.withdrawn_at is None]


def test_three_tiers_are_six_plans_with_a_lookup_key_each(stripe, sell):
    assert [found.problem for found in sell(THREE)] == [None] * 6
    assert sold(stripe) == [
        ("library-monthly", "Library, monthly", 4_900),
        ("library-annual", "Library, annual", 49_000),
        ("circle-monthly", "Circle, monthly", 9_900),
        ("circle-annual", "Circle, annual", 99_000),
        ("firm-monthly", "Firm, monthly", 29_900),
        ("firm-annual", "Firm, annual", 299_000),
    ]
    by_key = {plan.key: plan for plan in stripe.rows(Plan)}
    assert by_key["circle-annual"].lookup_key == "practice_freedom_circle_annual"
    assert by_key["circle-annual"].features == ["everything-in-library", "a-monthly-evening-with-the-coaches"]
    before = stripe.everything("price")
    assert [found.problem for found in sell(THREE)] == [None] * 6
    assert stripe.everything("price") == before, "a second run makes and changes nothing"


def test_without_tiers_the_two_lookup_keys_are_as_they_always_were(stripe):
    assert [(p.key, p.lookup_key) for p in stripe.rows(Plan)] == [
        ("monthly", "practice_freedom_monthly"),
        ("annual", "practice_freedom_annual"),
    ]


def test_stripe_is_asked_for_ten_lookup_keys_at_once_at_most(stripe, sell):
    """Twelve keys are two calls; the sandbox refuses an eleventh in one, as Stripe does."""
    six = ";".join(f"tier{number} | Tier {number} | 1000 | 10000" for number in range(6))
    assert [found.problem for found in sell(six)] == [None] * 12
    with pytest.raises(stripe_sdk.InvalidRequestError, match="up to 10 lookup keys"):
        stripe.client().v1.prices.list({"lookup_keys": [plan.lookup_key for plan in stripe.rows(Plan)][:11]})


def test_whoever_has_a_plan_that_is_no_longer_sold_keeps_it(app, stripe, browse, nina, make, join, sell):
    join(nina, "monthly")
    sell(THREE)
    assert browse(make.member("Mia")).get("/join/monthly").status_code == 404
    with app.app_context():
        report = comparing.compare_everything()
    assert (report.repaired, report.needs_a_person) == ([], [])
    assert stripe.entitlement(nina).why is Why.PAID
    assert "Monthly, $99 each month" in browse(nina).get("/account/billing").text
    assert {str(price.standing) for price in stripe.rows(PlanPrice)} == {"current"}
    sell("")
    assert [key for key, _name, _price in sold(stripe)] == ["monthly", "annual"]
    assert browse(make.member("Max")).get("/join/monthly").status_code == 200


def test_nina_joins_circle_and_reads_everywhere_what_it_is(stripe, browse, nina, join, sell):
    sell(THREE)
    page = browse(nina).get("/join/circle-monthly").text
    assert "Join Circle, paid each month" in page
    for words in ("Everything in Library", "A monthly evening with the coaches", "Pay $990 each year instead"):
        assert words in page
    assert "Two hours with a coach" not in page
    assert 'href="/join"' in page.split("<main")[1], "the way back to the others"
    browser = join(nina, "circle-monthly")
    assert stripe.entitlement(nina).why is Why.PAID
    assert stripe.rows(Subscription)[0].amount_minor == 9_900
    assert browser.get("/rooms").status_code == 200, "every tier opens the portal"
    assert "Circle, monthly, $99 each month" in browser.get("/account/billing").text


def test_the_join_pages_show_each_tier_with_its_words_and_two_ways_to_pay(browse, nina, sell):
    sell(THREE)
    page = browse().get("/join?plan=circle-monthly").text
    groups = re.findall(r'role="group" aria-labelledby="tier-\d">(.*?)</div>\s*</div>', page, re.S)
    assert [re.findall(r'value="([\w-]+)"', group) for group in groups] == [
        [f"{tier}-monthly", f"{tier}-annual"] for tier in ("library", "circle", "firm")
    ]
    assert "Two hours with a coach each quarter" in groups[2]
    assert 'value="circle-monthly" checked' in page
    assert page.count(" checked") == 1
    signed_in = browse(nina).get("/join").text
    for tier in ("Library", "Circle", "Firm"):
        for word in ("monthly", "annual"):
            assert f"Choose {tier}, {word}" in signed_in
            assert f'href="/join/{tier.lower()}-{word}"' in signed_in
            assert f"Join {tier}, {word}" in browse().get("/").text


def test_a_teaser_names_the_least_that_a_month_costs(app, sell):
    from portal.library.wording import monthly_price

    with app.app_context():
        assert monthly_price() == "$99 a month"
    sell(THREE)
    with app.app_context():
        assert monthly_price() == "from $49 a month"


@pytest.mark.parametrize(
    ("tax", "included", "note", "closed"),
    [
        (False, False, None, None),
        (True, False, "Tax, where it applies, is added and shown on Stripe’s page before you pay.", None),
        (True, True, "Tax is included.", "does not say that tax is included"),
    ],
)
def test_the_tax_note_before_the_button_is_what_the_price_at_stripe_says(
    app, stripe, browse, nina, monkeypatch, tax, included, note, closed
):
    monkeypatch.setitem(app.config, "STRIPE_TAX", tax)
    monkeypatch.setitem(app.config, "PRICES_INCLUDE_TAX", included)
    with app.app_context():
        problems = [found.problem for found in prices.sync_prices()]
    assert all((closed in problem) if closed else problem is None for problem in problems)
    for path in ("/join/monthly", "/join"):
        page = browse(nina).get(path).text.split("<main")[1]
        assert ("Tax" in page) is (note is not None), path
        assert note is None or note in page, path
    assert note is None or note in browse().get("/").text


def test_a_price_with_tax_in_it_is_not_sold_as_one_without(app, stripe, monkeypatch):
    monkeypatch.setitem(app.config, "STRIPE_TAX", True)
    price = stripe.client().v1.prices.retrieve(stripe.rows(PlanPrice)[0].price_id)
    assert price.tax_behavior == "exclusive"
    stripe.client().v1.prices.create(
        {
            "product": price.product,
            "unit_amount": 9900,
            "currency": "usd",
            "recurring": {"interval": "month"},
            "lookup_key": price.lookup_key,
            "transfer_lookup_key": True,
            "tax_behavior": "inclusive",
        }
    )
    with app.app_context():
        assert "includes tax" in prices.sync_prices()[0].problem
        monkeypatch.setitem(app.config, "PRICES_INCLUDE_TAX", True)
        assert prices.sync_prices()[0].problem is None
