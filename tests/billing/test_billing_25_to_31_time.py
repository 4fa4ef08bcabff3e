"""What time brings: renewals, failed cards and their grace, cancelling and taking it back."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from portal.billing.entitlements import Level, Why
from portal.billing.models import Subscription
from portal.core.clock import now

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def test_billing_25_a_renewal_moves_the_period_without_a_letter_or_a_gap(stripe, nina, join, travel):
    join(nina, "monthly")
    end, letters = stripe.subscription.period_end, stripe.letters()
    for minutes in (-1, 0, 1, 59, 61, 90, 180):
        travel(end + timedelta(minutes=minutes))
        assert stripe.entitlement(nina).level is Level.FULL, minutes
    assert stripe.subscription.status == "active"
    assert stripe.subscription.period_end > end + 27 * DAY
    assert stripe.letters() == letters


def test_billing_25_at_no_minute_around_the_boundary_is_there_a_gap(stripe, browse, nina, join, clock, travel):
    """Stripe charges within the hour; our page is asked each minute, and nothing is read in between but what came."""
    join(nina, "monthly")
    end = stripe.subscription.period_end
    for minute in range(-30, 151):
        clock.move_to(end + timedelta(minutes=minute))
        assert stripe.entitlement(nina).level is Level.FULL, minute
        if minute % 30 == 0:
            travel(end + timedelta(minutes=minute))
            assert browse(nina).get("/rooms").status_code == 200, minute
    assert stripe.subscription.period_end > end + 27 * DAY


def test_billing_26_a_failed_renewal_keeps_the_door_open_for_exactly_seven_days(
    stripe, browse, nina, join, travel, failing, told
):
    join(nina, "monthly")
    failing()
    end = stripe.subscription.period_end
    travel(end + 3 * HOUR)
    since = stripe.subscription.past_due_since
    assert abs(since - end) < HOUR
    answer = stripe.entitlement(nina)
    assert (answer.level, answer.why, answer.until) == (Level.GRACE, Why.PAST_DUE, since + 7 * DAY)
    for address in ("/account", "/rooms", "/library"):
        page = browse(nina).get(address)
        assert page.status_code == 200
        assert "Your last payment did not go through. Everything stays open until" in page.text
    assert len(stripe.letters("payment-failed")) == 1
    alert = "Nina Newcomer: a payment failed"
    assert told("$99", stripe.subscription.past_due_invoice_id, "their card did not take it") == [
        ("Cory", alert),
        ("Olga", alert),
    ]
    assert "Pay the open invoice" in browse(nina).get("/account/billing").text

    for day in range(1, 5):
        travel(end + day * DAY)
        assert stripe.subscription.past_due_since == since, "trying again does not move it"
    assert stripe.letters("grace-ending") == []
    travel(since + 5 * DAY + HOUR)
    assert len(stripe.letters("grace-ending")) == 1

    travel(since + 7 * DAY - timedelta(seconds=2))
    assert stripe.entitlement(nina).is_open
    assert stripe.letters("ended") == []
    travel(since + 7 * DAY)
    assert stripe.entitlement(nina).why is Why.UNPAID
    assert browse(nina).get("/rooms").status_code == 403
    travel(since + 8 * DAY)
    for kind in ("payment-failed", "grace-ending", "ended"):
        assert len(stripe.letters(kind)) == 1, kind
    assert len(told()) == 2, "coach and owner heard of it once"


def test_billing_26_the_banner_stands_on_every_page_of_every_audience_before_any_other(
    app, stripe, make, browse, join, travel, failing
):
    uma = make.member("Uma Unconfirmed", confirmed_at=None)
    join(uma, "monthly")
    failing()
    travel(stripe.subscription.period_end + 3 * HOUR)
    browser = browse(uma)
    pages = ["/", "/about", "/rules", "/library", "/episodes", "/rooms", "/search", "/account", "/account/billing"]
    for address in [*pages, "/join", "/account/billing/plan", "/account/billing/cancellation", "/no-such-page"]:
        page = browser.get(address).text
        assert "Your last payment did not go through. Everything stays open until" in page, address
        assert page.count('aria-label="Notice"') == 1, address
        assert 'href="/account/billing">Mend the payment' in page, address
    assert "did not go through" not in browse().get("/").text


def test_billing_26_staff_read_of_ninas_payment_as_the_site_writes_also_when_her_own_request_found_it(
    stripe, nina, join, clock, failing, told, browse
):
    browse(nina).post("/account/profile", data={"name": nina.name, "time_zone": "", "locale": "de_DE"})
    join(nina, "monthly")
    failing()
    clock.move_to(stripe.subscription.period_end + 3 * HOUR)
    stripe.sandbox.advance(0)
    browse(nina).post("/account/billing/changes", data={"plan": "annual"})
    closes = stripe.entitlement(nina).until.astimezone(ZoneInfo("America/Chicago"))
    alerts = told("over $99 did not go through", f"until {closes:%-d %B %Y} (their time)")
    assert [name for name, _subject in alerts] == ["Cory", "Olga"]


@pytest.mark.parametrize("day", [3, 10])
def test_billing_27_a_mended_card_gives_everything_back_at_once(stripe, browse, nina, join, travel, failing, day):
    join(nina, "monthly")
    failing()
    since = stripe.subscription.period_end
    travel(since + 3 * HOUR)
    travel(since + day * DAY)
    assert stripe.entitlement(nina).level is (Level.GRACE if day == 3 else Level.NONE)
    stripe.use_card("pm_card_visa")
    stripe.client().v1.invoices.pay(stripe.subscription.latest_invoice_id)
    stripe.deliver()
    assert stripe.entitlement(nina).why is Why.PAID
    page = browse(nina).get("/rooms")
    assert page.status_code == 200
    assert "did not go through" not in page.text


@pytest.mark.parametrize("end", ["cancel", "unpaid", "paused"])
def test_billing_28_whatever_stripe_does_in_the_end_the_door_is_closed(stripe, nina, join, travel, failing, end):
    stripe.sandbox.set("dunning_end", end)
    join(nina, "monthly")
    failing()
    since = stripe.subscription.period_end
    for day in range(0, 24, 2):
        travel(since + day * DAY + 3 * HOUR)
    assert stripe.subscription.status in {"canceled", "unpaid", "paused"}
    assert not stripe.entitlement(nina).is_open
    assert len(stripe.letters("ended")) == 1


def test_billing_29_a_bank_that_asks_at_renewal_has_a_letter_of_its_own(stripe, browse, nina, join, travel, failing):
    join(nina, "monthly")
    failing("pm_card_authenticationRequired")
    travel(stripe.subscription.period_end + 3 * HOUR)
    assert stripe.entitlement(nina).level is Level.GRACE
    assert len(stripe.letters("action-required")) == 1
    assert stripe.letters("payment-failed") == []
    assert "Your bank wants you to confirm this payment" in browse(nina).get("/account/billing").text


@pytest.mark.parametrize("end", ["unpaid", "paused"])
def test_billing_28_paying_what_is_open_restores_even_after_stripe_gave_up(
    stripe, browse, nina, join, travel, failing, end
):
    stripe.sandbox.set("dunning_end", end)
    join(nina, "monthly")
    failing()
    since = stripe.subscription.period_end
    for day in range(0, 24, 4):
        travel(since + day * DAY + 3 * HOUR)
    assert stripe.subscription.status == end
    assert not stripe.entitlement(nina).is_open
    stripe.use_card("pm_card_visa")
    client = stripe.client()
    for invoice in client.v1.invoices.list({"subscription": stripe.subscription.sub_id, "status": "open"}).data:
        client.v1.invoices.pay(invoice.id)
    if end == "paused":
        client.v1.subscriptions.resume(stripe.subscription.sub_id)
    stripe.deliver()
    assert stripe.entitlement(nina).why is Why.PAID
    assert browse(nina).get("/rooms").status_code == 200
    assert len(stripe.letters("ended")) == 1


@pytest.mark.parametrize("confirms", [True, False])
def test_billing_29_confirming_at_the_bank_restores_and_ignoring_it_ends_with_the_grace(
    stripe, browse, nina, join, travel, failing, outbox, confirms
):
    join(nina, "monthly")
    failing("pm_card_authenticationRequired")
    travel(stripe.subscription.period_end + 3 * HOUR)
    since = stripe.subscription.past_due_since
    assert [m.recipients for m in outbox if stripe.subscription.latest_invoice_url in m.body] == [[nina.email]]
    if confirms:
        travel(since + 2 * DAY)
        page = stripe.site.test_client().post(
            f"/i/{stripe.subscription.latest_invoice_id}", data={"answer": "complete"}
        )
        assert page.status_code < 400
        stripe.deliver()
        assert stripe.entitlement(nina).why is Why.PAID
        assert "wants you to confirm" not in browse(nina).get("/account/billing").text
    else:
        travel(since + 5 * DAY + HOUR)
        travel(since + 7 * DAY)
        assert stripe.entitlement(nina).why is Why.UNPAID
        assert len(stripe.letters("ended")) == 1


@pytest.mark.parametrize("how", ["cancel_at", "cancel_at_period_end"])
def test_billing_31_cancelling_keeps_the_door_open_to_the_day_and_can_be_taken_back(
    stripe, browse, nina, join, travel, how
):
    join(nina, "monthly")
    client, end = stripe.client(), stripe.subscription.period_end
    params = {"cancel_at": int(end.timestamp())} if how == "cancel_at" else {"cancel_at_period_end": True}
    client.v1.subscriptions.update(stripe.subscription.sub_id, params)
    stripe.deliver()
    answer = stripe.entitlement(nina)
    assert (answer.why, answer.until) == (Why.ENDING, end)
    page = browse(nina).get("/account/billing").text
    assert "It will not renew, and nothing more is charged" in page
    assert "Nothing will be charged" in page
    assert len(stripe.letters("ending")) == 1

    undo = {"cancel_at": ""} if how == "cancel_at" else {"cancel_at_period_end": False}
    client.v1.subscriptions.update(stripe.subscription.sub_id, undo)
    stripe.deliver()
    assert stripe.entitlement(nina).why is Why.PAID
    assert stripe.subscription.ends_at is None

    client.v1.subscriptions.update(stripe.subscription.sub_id, params)
    stripe.deliver()
    travel(end - timedelta(seconds=2))
    assert stripe.entitlement(nina).is_open
    travel(end + timedelta(minutes=1))
    assert not stripe.entitlement(nina).is_open
    assert len(stripe.letters("ended")) == 1
    assert "Join again" in browse(nina).get("/account/billing").text


def test_billing_31_the_old_ones_deletion_does_not_touch_the_new_one(stripe, nina, join, begin, travel):
    join(nina, "monthly")
    old = stripe.subscription
    stripe.client().v1.subscriptions.cancel(old.sub_id)
    parcels: list = []
    stripe.sandbox.deliver(lambda url, body, headers: parcels.append((url, body, headers)) or 200)
    _browser, session = begin(nina, "annual")
    assert stripe.sandbox.pay(session).status == "done"
    stripe.deliver()
    for parcel in parcels:
        stripe.post(*parcel)
    assert stripe.entitlement(nina).why is Why.PAID
    assert {row.status for row in stripe.rows(Subscription)} == {"canceled", "active"}
    assert len(stripe.letters("welcome")) == 2
    assert now() < stripe.rows(Subscription)[1].period_end
