"""Promotion codes, and a practice's name and tax id: what is typed on Stripe's page, seen from ours."""

from __future__ import annotations

from datetime import timedelta

import pytest

from portal.billing import comparing, revenue
from portal.billing.entitlements import Why
from portal.billing.models import Subscription
from portal.core.clock import now

HOUR = timedelta(hours=1)


@pytest.fixture
def code(stripe):
    """Olga makes a code at Stripe: `code("HALF", percent_off=50, duration="once")`."""

    def code(word: str, *, max_redemptions: int | None = None, expires_in: timedelta | None = None, **coupon) -> None:
        client = stripe.client()
        made = client.v1.coupons.create(coupon)
        values = {"promotion": {"type": "coupon", "coupon": made.id}, "code": word}
        if max_redemptions:
            values["max_redemptions"] = max_redemptions
        if expires_in:
            values["expires_at"] = int((now() + expires_in).timestamp())
        client.v1.promotion_codes.create(values)

    return code


@pytest.fixture
def page(stripe):
    """What Stripe's page answers to a form: `page(session, do="code", code="HALF")` is (status, text)."""

    def page(session: str, **form: str) -> tuple[int, str]:
        answer = stripe.site.test_client().post(f"/c/pay/{session}", data=form)
        return answer.status_code, " ".join(answer.text.split())

    return page


def charged(stripe) -> list[int]:
    """What was taken from the card, oldest first."""
    return [charge["amount"] for charge in stripe.everything("charge")]


def billed(stripe) -> list[tuple[int, int]]:
    """Before and after discounts, oldest first."""
    return [(invoice["subtotal"], invoice["total"]) for invoice in stripe.everything("invoice")]


def test_billing_33_the_page_before_the_button_says_where_a_code_is_typed(stripe, browse, nina):
    text = browse(nina).get("/join/monthly").text
    assert "Promotion code" in text
    assert "enter it on Stripe’s page, which shows the new sum before you pay" in text


def test_billing_33_a_code_for_all_of_it_makes_a_member_without_a_charge(
    app, stripe, browse, nina, begin, code, page, travel, outbox, work_off
):
    code("GIFT", percent_off=100, duration="forever")
    browser, session = begin(nina, "monthly")
    status, text = page(session, do="code", code="gift")
    assert (status, "Total due today</dt><dd>$0.00" in text) == (200, True)
    assert stripe.sandbox.pay(session, code="GIFT").status == "done"
    welcome = browser.get(f"/billing/return?session_id={session}").text
    assert "You are in, Nina" in welcome
    assert "went through" not in welcome
    stripe.deliver()
    assert stripe.entitlement(nina).why is Why.PAID
    assert browser.get("/rooms").status_code == 200
    assert (billed(stripe), stripe.everything("charge")) == ([(9900, 0)], [])
    work_off()
    assert [letter.subject for letter in outbox] == ["You are a member of Practice Freedom"]

    travel(stripe.rows(Subscription)[0].period_end + 3 * HOUR)
    assert (billed(stripe), stripe.everything("charge")) == ([(9900, 0), (9900, 0)], [])
    assert stripe.entitlement(nina).why is Why.PAID
    with app.app_context():
        assert comparing.compare_everything().repaired == []
        assert revenue.a_month(revenue.by_plan()) == {}


def test_billing_33_half_of_the_first_payment_is_half_of_one_invoice_and_all_of_the_next(
    stripe, browse, nina, begin, code, travel
):
    code("HALF", percent_off=50, duration="once")
    browser, session = begin(nina, "monthly")
    assert stripe.sandbox.pay(session, code="HALF").status == "done"
    browser.get(f"/billing/return?session_id={session}")
    stripe.deliver()
    assert (billed(stripe), charged(stripe)) == ([(9900, 4950)], [4950])
    text = browse(nina).get("/account/billing").text
    assert "$99" in text
    assert "discounts" in text, "what is said of the next charge is said to be without them"
    travel(stripe.rows(Subscription)[0].period_end + 3 * HOUR)
    assert (billed(stripe), charged(stripe)) == ([(9900, 4950), (9900, 9900)], [4950, 9900])
    assert stripe.entitlement(nina).why is Why.PAID


def test_billing_33_a_code_waits_for_the_first_charge_after_a_trial(
    app, stripe, nina, begin, code, travel, monkeypatch
):
    monkeypatch.setitem(app.config, "TRIAL_DAYS", 14)
    code("HALF", percent_off=50, duration="once")
    browser, session = begin(nina, "monthly")
    assert stripe.sandbox.pay(session, code="HALF").status == "done"
    browser.get(f"/billing/return?session_id={session}")
    assert stripe.everything("charge") == []
    travel(stripe.rows(Subscription)[0].trial_end + 3 * HOUR)
    assert charged(stripe) == [4950]


def test_billing_33_an_expired_code_is_refused_on_the_page(stripe, nina, begin, code, page, clock):
    code("SPRING", percent_off=50, duration="once", expires_in=HOUR)
    clock.shift(2 * HOUR)
    _browser, session = begin(nina, "monthly")
    status, text = page(session, do="code", code="SPRING")
    assert (status, "This code has expired." in text) == (422, True)
    assert "Total due today</dt><dd>$99.00" in text
    status, text = page(session, do="code", code="NEVER-WAS")
    assert (status, "This code is invalid." in text) == (422, True)


def test_billing_33_a_used_up_code_is_refused_on_the_page_also_when_it_runs_out_meanwhile(
    stripe, make, nina, begin, code, page
):
    """Mia and Nina both have the last code on their page; Mia pays first."""
    code("ONE", percent_off=100, duration="once", max_redemptions=1)
    mia = make.member("Mia")
    _browser, of_nina = begin(nina, "monthly")
    _browser, of_mia = begin(mia, "monthly")
    assert page(of_nina, do="code", code="ONE")[0] == 200
    assert stripe.sandbox.pay(of_mia, code="ONE").status == "done"

    card = {"number": "4242 4242 4242 4242", "expiry": "12 / 40", "cvc": "123", "country": "US"}
    status, text = page(of_nina, do="pay", **card)
    assert (status, "This code has been used up." in text) == (422, True)
    assert "Total due today</dt><dd>$99.00" in text, "and the sum is the one without it"
    assert not stripe.entitlement(nina).is_open
    _browser, of_max = begin(make.member("Max"), "monthly")
    status, text = page(of_max, do="code", code="ONE")
    assert (status, "This code has been used up." in text) == (422, True)


def test_billing_33_a_practices_name_and_tax_id_stand_on_each_of_its_invoices(
    stripe, browse, nina, begin, page, travel
):
    assert "your practice’s name and tax id" in browse(nina).get("/join/monthly").text
    browser, session = begin(nina, "monthly")
    card = {"number": "4242 4242 4242 4242", "expiry": "12 / 40", "cvc": "123", "country": "DE", "postal_code": "10115"}
    status, text = page(session, do="pay", business_name="Praxis Nina", tax_id="nonsense", **card)
    assert (status, "Your tax ID is not valid." in text) == (422, True)
    status, _text = page(session, do="pay", business_name="Praxis Nina", tax_id="DE123456789", **card)
    assert status == 303
    assert "You are in" in browser.get(f"/billing/return?session_id={session}").text
    travel(stripe.rows(Subscription)[0].period_end + 3 * HOUR)
    invoices = stripe.everything("invoice")
    assert len(invoices) == 2
    for invoice in invoices:
        assert invoice["customer_name"] == "Praxis Nina"
        assert invoice["customer_tax_ids"] == [{"type": "eu_vat", "value": "DE123456789"}]
        assert invoice["customer_address"]["country"] == "DE"


@pytest.mark.parametrize(("country", "total"), [("DE", 11_781), ("US", 9_900)])
def test_billing_33_tax_is_added_by_the_address_and_our_page_had_said_so(
    app, stripe, browse, nina, begin, page, monkeypatch, country, total
):
    monkeypatch.setitem(app.config, "STRIPE_TAX", True)
    assert "Tax, where it applies, is added" in browse(nina).get("/join/monthly").text
    _browser, session = begin(nina, "monthly")
    card = {"number": "4242 4242 4242 4242", "expiry": "12 / 40", "cvc": "123", "country": country}
    assert page(session, do="pay", postal_code="10115", **card)[0] == 303
    assert billed(stripe) == [(9_900, total)]
