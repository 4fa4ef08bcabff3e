"""Cancelling in two clicks, the letter with its day, taking it back until then, wherever it was cancelled."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from portal.billing.entitlements import Why
from portal.billing.models import ChangeState, SubscriptionChange
from portal.billing.wording import day_for

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def last_day(app, stripe, nina) -> object:
    """The last day of Nina's period as her pages write it."""

    def last_day() -> str:
        with app.app_context():
            return day_for(nina, stripe.subscription.period_end)

    return last_day


def test_billing_31_nina_cancels_in_two_clicks_reads_the_day_and_takes_it_back(stripe, nina, join, last_day):
    browser = join(nina, "monthly")
    end = stripe.subscription.period_end
    assert 'href="/account/billing/cancellation"' in browser.get("/account/billing").text
    page = browser.get("/account/billing/cancellation").text
    assert f"It ends on {last_day()}. Nothing more is charged." in page
    assert f"Cancel, and keep access until {last_day()}" in page
    assert "What you keep" in page
    assert stripe.subscription.ends_at is None, "looking changes nothing"

    answer = browser.post("/account/billing/cancellation", data={"reason": "unused", "comment": "No <time>, sorry"})
    assert (answer.status_code, answer.location) == (303, "/account/billing")
    page = browser.get("/account/billing").text
    assert f"Your membership ends on {last_day()}. Until then you can take this back here." in page
    assert f"You are a member until {last_day()}. It will not renew" in page
    assert "Nothing will be charged" in page
    assert "Cancel the membership" not in page
    row = stripe.subscription
    assert (row.ends_at, row.cancel_at_period_end, row.cancel_reason, row.cancel_comment) == (
        end,
        True,
        "unused",
        "No <time>, sorry",
    )
    answer = stripe.entitlement(nina)
    assert (answer.why, answer.until) == (Why.ENDING, end)
    assert len(stripe.letters("ending")) == 1

    browser.post("/account/billing/cancellation/withdrawal")
    assert "Your membership goes on." in browser.get("/account/billing").text
    (sub,) = stripe.everything("subscription")
    assert (sub["cancel_at"], sub["cancel_at_period_end"]) == (None, False)
    stripe.deliver()
    assert stripe.entitlement(nina).why is Why.PAID
    assert [r.by_id for r in stripe.records("membership.cancelled") + stripe.records("membership.resumed")] == [
        nina.id,
        nina.id,
    ]


@pytest.mark.parametrize("how", ["cancel_at", "cancel_at_period_end"])
def test_billing_31_wherever_it_was_cancelled_our_page_takes_it_back(stripe, nina, join, last_day, how):
    browser = join(nina, "monthly")
    end = stripe.subscription.period_end
    values = {"cancel_at": int(end.timestamp())} if how == "cancel_at" else {"cancel_at_period_end": True}
    stripe.client().v1.subscriptions.update(stripe.subscription.sub_id, values)
    stripe.deliver()
    page = browser.get("/account/billing").text
    assert f"You are a member until {last_day()}." in page
    assert "Take the cancellation back" in page
    assert browser.get("/account/billing/cancellation").location == "/account/billing"
    browser.post("/account/billing/cancellation/withdrawal")
    (sub,) = stripe.everything("subscription")
    assert (sub["cancel_at"], sub["cancel_at_period_end"]) == (None, False)
    assert stripe.subscription.ends_at is None


def test_billing_31_access_lasts_to_the_minute_and_then_there_is_nothing_to_take_back(
    stripe, browse, nina, join, travel
):
    browser = join(nina, "monthly")
    end = stripe.subscription.period_end
    browser.post("/account/billing/cancellation")
    travel(end - timedelta(seconds=2))
    browser = browse(nina)
    assert browser.get("/rooms").status_code == 200
    travel(end + timedelta(minutes=1))
    assert browser.get("/rooms").status_code == 403
    assert len(stripe.letters("ended")) == 1
    browser.post("/account/billing/cancellation/withdrawal")
    page = browser.get("/account/billing").text
    assert "had ended already" in page
    assert "Join again" in page
    assert len(stripe.everything("subscription")) == 1


def test_billing_31_cancelling_what_was_not_paid_ends_it_at_once_and_nothing_is_tried_again(
    stripe, browse, nina, join, travel, failing
):
    join(nina, "monthly")
    failing()
    end = stripe.subscription.period_end
    travel(end + 3 * HOUR)
    browser = browse(nina)
    page = browser.get("/account/billing/cancellation").text
    assert "It ends at once" in page
    assert "$99 is not tried again" in page
    browser.post("/account/billing/cancellation", data={"reason": "too_expensive"})
    assert stripe.subscription.status == "canceled"
    assert not stripe.entitlement(nina).is_open
    stripe.use_card("pm_card_visa")
    travel(end + 20 * DAY)
    assert [each["amount_paid"] for each in stripe.everything("invoice")] == [9900, 0]
    assert "Join again" in browse(nina).get("/account/billing").text


def test_billing_31_twenty_equal_posts_cancel_once(stripe, browse, nina, join):
    join(nina, "monthly")
    browsers, answers = [browse(nina) for _ in range(20)], []

    def press(browser) -> None:
        answers.append(browser.post("/account/billing/cancellation").location)

    threads = [threading.Thread(target=press, args=(browser,)) for browser in browsers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == ["/account/billing"] * 20
    assert stripe.subscription.ends_at is not None
    assert len(stripe.records("membership.cancelled")) == 1
    assert [row.state for row in stripe.rows(SubscriptionChange)].count(ChangeState.DONE) == 1
    assert len(stripe.letters("ending")) == 1


def test_billing_31_stripe_away_cancels_nothing_and_says_so(stripe, nina, join):
    browser = join(nina, "monthly")
    stripe.sandbox.fail("drop", times=50)
    assert browser.get("/account/billing/cancellation").status_code == 200
    answer = browser.post("/account/billing/cancellation")
    assert answer.status_code == 503
    assert "Stripe is not answering just now" in answer.text
    stripe.sandbox.heal()
    assert stripe.subscription.ends_at is None
    assert stripe.letters("ending") == []


def test_billing_31_what_is_typed_into_the_reason_cannot_break_it(stripe, nina, join):
    browser = join(nina, "monthly")
    answer = browser.post("/account/billing/cancellation", data={"reason": "other", "comment": "x" * 1001})
    assert answer.status_code == 422
    assert "Please keep it within 1,000 characters." in answer.text
    assert stripe.subscription.ends_at is None
    browser.post("/account/billing/cancellation", data={"reason": "no such reason", "comment": "\x00 \n"})
    assert stripe.subscription.cancel_reason == "cancellation_requested"
    assert stripe.subscription.ends_at is not None


def test_billing_31_who_pays_nothing_has_nothing_to_cancel(browse, people):
    for person in (people.sam, people.alice, people.lena, people.olga):
        browser = browse(person)
        assert browser.get("/account/billing/cancellation").location == "/account/billing"
        assert browser.post("/account/billing/cancellation").location == "/account/billing"
        assert browser.post("/account/billing/cancellation/withdrawal").location == "/account/billing"
        assert "Cancel the membership" not in browser.get("/account/billing").text
