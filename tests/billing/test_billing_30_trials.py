"""Trials: a card first, one letter before the first charge, and never a second one."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from portal.accounts.models import Member
from portal.billing import reconciling, revenue
from portal.billing.entitlements import Level, Why
from portal.billing.models import AttemptState, BillingCustomer, CheckoutAttempt
from portal.billing.wording import day_for
from portal.core.clock import now
from portal.core.db import db, transaction

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture(autouse=True)
def fourteen_days(app, monkeypatch):
    monkeypatch.setitem(app.config, "TRIAL_DAYS", 14)


@pytest.fixture
def on(app):
    """A day in the words that a member reads."""

    def on(member: Member, moment: datetime) -> str:
        with app.app_context():
            return day_for(member, moment)

    return on


def stripes_page(stripe, session: str) -> str:
    return " ".join(stripe.site.test_client().get(f"/c/pay/{session}").text.split())


def test_billing_30_the_page_says_what_is_charged_when_and_stripe_asks_for_a_card(
    stripe, browse, nina, begin, outbox, work_off, on
):
    page = browse(nina).get("/join/monthly").text
    charged_on = on(nina, now() + 14 * DAY)
    assert f"14 days are free, until {charged_on}. Stripe asks for your card now and charges it then." in page
    assert f"Cancel in your account before {charged_on}, and nothing is ever charged." in page
    assert "Go on to try it free" in page

    browser, session = begin(nina, "monthly")
    assert "14 days free" in stripes_page(stripe, session)
    theirs = stripe.client().v1.checkout.sessions.retrieve(session)
    assert (theirs.payment_method_collection, theirs.amount_total) == ("always", 0)
    without_card = {"do": "pay", "country": "US", "postal_code": "60601"}
    assert stripe.site.test_client().post(f"/c/pay/{session}", data=without_card).status_code == 422
    assert stripe.sandbox.pay(session).status == "done"
    welcome = browser.get(f"/billing/return?session_id={session}").text
    assert "You are in, Nina" in welcome
    assert f"Free until {charged_on}; $99 is charged then" in welcome
    assert "went through" not in welcome, "nothing was paid"
    stripe.deliver()

    theirs = stripe.everything("subscription")[0]
    assert theirs["trial_settings"]["end_behavior"]["missing_payment_method"] == "cancel"
    assert stripe.entitlement(nina).why is Why.TRIAL
    assert stripe.entitlement(nina).until == stripe.subscription.trial_end + DAY
    assert stripe.everything("charge") == []
    assert [(i["total"], i["status"]) for i in stripe.everything("invoice")] == [(0, "paid")]
    work_off()
    assert [letter.subject for letter in outbox] == ["You are a member of Practice Freedom"]
    assert f"Your trial runs until {charged_on}; $99 is charged then" in outbox[0].body


@pytest.mark.parametrize("heard", ["by the event", "by the calendar"])
def test_billing_30_one_letter_three_days_before_with_date_and_amount(
    app, stripe, nina, join, clock, travel, outbox, work_off, on, heard
):
    join(nina, "annual")
    end = stripe.subscription.trial_end
    travel(end - 3 * DAY - HOUR)
    assert stripe.letters("trial-ending") == []

    clock.move_to(end - 3 * DAY + timedelta(minutes=1))
    if heard == "by the event":
        stripe.sandbox.advance(0)
        assert stripe.sandbox.events("customer.subscription.trial_will_end")
        stripe.deliver()
    else:
        stripe.sandbox.hold()
        with app.app_context():
            reconciling.hourly()
    assert len(stripe.letters("trial-ending")) == 1
    stripe.sandbox.hold(False)
    for hours in (1, 24, 48, 71):
        travel(end - 3 * DAY + hours * HOUR)
    work_off()
    [letter] = [each for each in outbox if "trial" in each.subject]
    assert letter.subject == f"Your trial of Practice Freedom ends on {on(nina, end)}"
    assert "On that day $990 is charged to your Visa ending in 4242, and the same each year" in letter.body
    assert "Central Time" in letter.body


def test_billing_30_who_cancelled_gets_no_letter_about_a_charge(stripe, browse, nina, join, travel):
    join(nina, "monthly")
    end = stripe.subscription.trial_end
    stripe.client().v1.subscriptions.update(stripe.subscription.sub_id, {"cancel_at": int(end.timestamp())})
    stripe.deliver()
    assert "nothing more is charged" in browse(nina).get("/account/billing").text
    travel(end - 2 * DAY)
    assert stripe.entitlement(nina).is_open
    travel(end + HOUR)
    assert not stripe.entitlement(nina).is_open
    assert stripe.letters("trial-ending") == []
    assert stripe.everything("charge") == []


def test_billing_30_a_trial_of_two_days_has_its_date_in_the_welcome_and_no_second_letter(
    app, stripe, nina, join, travel, monkeypatch
):
    monkeypatch.setitem(app.config, "TRIAL_DAYS", 2)
    join(nina, "monthly")
    travel(now() + DAY)
    assert [key.split(":")[1] for key in stripe.letters()] == ["welcome"]


def test_billing_30_the_first_charge_makes_the_trial_a_membership(stripe, browse, nina, join, travel, on):
    join(nina, "monthly")
    end = stripe.subscription.trial_end
    for minutes in (-1, 1, 59, 61, 120):
        travel(end + timedelta(minutes=minutes))
        assert stripe.entitlement(nina).level is Level.FULL, minutes
    assert (stripe.subscription.status, stripe.entitlement(nina).why) == ("active", Why.PAID)
    assert [charge["amount"] for charge in stripe.everything("charge")] == [9900]
    assert stripe.subscription.renews_at > end + 27 * DAY
    assert f"renews on {on(nina, stripe.subscription.period_end)}" in browse(nina).get("/account/billing").text
    assert len(stripe.letters("trial-ending")) == 1


def test_billing_30_a_declined_first_charge_is_grace_and_not_paid(stripe, browse, nina, join, travel, told):
    join(nina, "monthly")
    stripe.use_card("pm_card_chargeCustomerFail")
    end = stripe.subscription.trial_end
    travel(end + 3 * HOUR)
    since = stripe.subscription.past_due_since
    answer = stripe.entitlement(nina)
    assert (answer.level, answer.why, answer.until) == (Level.GRACE, Why.PAST_DUE, since + 7 * DAY)
    assert abs(since - end) < 2 * HOUR
    assert len(stripe.letters("payment-failed")) == 1
    assert len(told("Nina Newcomer: a payment failed", "$99")) == 2
    assert "Your last payment did not go through" in browse(nina).get("/rooms").text
    travel(since + 7 * DAY)
    assert stripe.entitlement(nina).why is Why.UNPAID
    assert not [charge for charge in stripe.everything("charge") if charge["paid"]]


@pytest.mark.parametrize("how", ["after a cancel", "on another plan", "after a change of address", "after paying"])
def test_billing_30_nobody_has_a_second_trial(app, stripe, browse, nina, begin, join, monkeypatch, how):
    if how == "after paying":
        monkeypatch.setitem(app.config, "TRIAL_DAYS", 0)
    join(nina, "monthly")
    monkeypatch.setitem(app.config, "TRIAL_DAYS", 14)
    stripe.client().v1.subscriptions.cancel(stripe.subscription.sub_id)
    stripe.deliver()
    if how == "after a change of address":
        with app.app_context(), transaction():
            db.session.get_one(Member, nina.id).email = "nina.elsewhere@example.com"

    plan = "annual" if how == "on another plan" else "monthly"
    page = browse(nina).get(f"/join/{plan}").text
    assert "free" not in page.split("<main")[1]
    assert "Go on to pay" in page
    browser, session = begin(nina, plan)
    assert "free" not in stripes_page(stripe, session)
    stripe.sandbox.pay(session)
    browser.get(f"/billing/return?session_id={session}")
    assert (stripe.subscription.status, stripe.entitlement(nina).why) == ("active", Why.PAID)


def test_billing_30_a_first_payment_that_was_declined_costs_nobody_their_trial(
    app, stripe, browse, nina, begin, monkeypatch
):
    monkeypatch.setitem(app.config, "TRIAL_DAYS", 0)
    _browser, session = begin(nina, "monthly")
    assert stripe.sandbox.pay(session, card="4000000000000002").status == "failed"
    stripe.deliver()
    assert stripe.subscription.status == "incomplete"
    monkeypatch.setitem(app.config, "TRIAL_DAYS", 14)
    assert "14 days are free" in browse(nina).get("/join/monthly").text
    _browser, session = begin(nina, "monthly")
    assert "14 days free" in stripes_page(stripe, session)


def test_billing_30_a_session_with_a_trial_is_not_used_for_one_without(app, stripe, nina, begin, monkeypatch):
    browser, first = begin(nina, "monthly")
    assert begin(nina, "monthly", browser)[1] == first
    monkeypatch.setitem(app.config, "TRIAL_DAYS", 0)
    _browser, second = begin(nina, "monthly", browser)
    assert second != first
    assert [a.state for a in stripe.rows(CheckoutAttempt)] == [AttemptState.EXPIRED, AttemptState.OPEN]
    assert stripe.client().v1.checkout.sessions.retrieve(first).status == "expired"


def test_billing_30_terms_that_changed_while_she_read_are_shown_again_before_anything_opens(
    app, stripe, browse, nina, monkeypatch
):
    browser = browse(nina)
    agreed = browser.get("/join/monthly").text.split('name="agreed" value="')[1].split('"')[0]
    monkeypatch.setitem(app.config, "TRIAL_DAYS", 0)
    answer = browser.post("/join/monthly", data={"agreed": agreed})
    assert answer.status_code == 409
    assert "What this costs has changed since you opened the page" in answer.text
    assert "Go on to pay $99" in answer.text
    assert stripe.rows(CheckoutAttempt) == []
    agreed = answer.text.split('name="agreed" value="')[1].split('"')[0]
    assert browser.post("/join/monthly", data={"agreed": agreed}).status_code == 303


def test_billing_30_a_trials_invoice_over_nothing_is_no_revenue(app, stripe, nina, join, travel):
    def a_month() -> dict[str, int]:
        with app.app_context():
            return revenue.a_month(revenue.by_plan())

    join(nina, "monthly")
    assert [(i["billing_reason"], i["total"]) for i in stripe.everything("invoice")] == [("subscription_create", 0)]
    assert a_month() == {}
    travel(stripe.subscription.trial_end + 3 * HOUR)
    assert a_month() == {"usd": 9_900}


def test_billing_30_the_trial_is_remembered_with_the_customer(stripe, nina, join):
    join(nina, "monthly")
    assert stripe.rows(BillingCustomer)[0].trial_used_at == stripe.subscription.started_at
