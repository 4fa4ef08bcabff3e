"""Whoever deletes their account is never charged again, whatever Stripe is doing at the moment."""

from __future__ import annotations

from datetime import timedelta

import pytest

from portal.accounts.models import Member
from portal.billing.entitlements import Why
from portal.billing.models import (
    AttemptState,
    BillingCustomer,
    ChangeState,
    CheckoutAttempt,
    Subscription,
    SubscriptionChange,
)
from portal.core.clock import now
from portal.membership import leaving

WEEK = timedelta(days=7, minutes=1)


@pytest.fixture
def leave(browse):
    """Press the button on the page that says what would be deleted."""

    def leave(member: Member, browser=None):
        browser = browser or browse(member)
        answer = browser.post("/account/data/deletion", data={})
        assert answer.location == "/account/data", answer.text
        return browser

    return leave


@pytest.fixture
def later(app, stripe, work_off, clock):
    """Time goes by at Stripe and here, with the hourly work done; deliveries arrive."""

    def later(by: timedelta) -> None:
        end = now() + by
        while now() < end:
            step = min(end - now(), timedelta(days=1))
            clock.shift(step)
            stripe.sandbox.advance(0)
            app.extensions["stripe_gateway"]._breaker._open_until = 0.0
            stripe.deliver()
            with app.app_context():
                leaving.sweep()
            work_off()

    return later


def row_of(stripe, who: Member) -> Member:
    return next(row for row in stripe.rows(Member) if row.id == who.id)


def charged(stripe) -> int:
    """What was ever taken, in minor units."""
    return sum(each["amount"] for each in stripe.everything("charge") if each["paid"])


def at_stripe(stripe) -> list[tuple[str, bool]]:
    return [(each["status"], each["cancel_at_period_end"]) for each in stripe.everything("subscription")]


def test_billing_35_nina_deletes_her_account_while_stripe_is_down_for_two_hours_and_is_never_charged_again(
    stripe, browse, nina, join, leave, later, work_off
):
    nina_at_home = join(nina, "monthly")
    work_off()
    paid = charged(stripe)
    stripe.sandbox.fail("500", times=10_000)
    leave(nina, nina_at_home)
    work_off()
    assert row_of(stripe, nina).leaving_since is not None
    assert row_of(stripe, nina).charges_ended_at is None
    for path in ("/rooms", "/account", "/account/profile"):
        assert nina_at_home.get(path).location == "/account/data", "access is off at once, with nobody to ask"
    assert "waiting for Stripe to confirm" in nina_at_home.get("/account/data").text
    later(timedelta(hours=2))
    assert row_of(stripe, nina).charges_ended_at is None
    assert at_stripe(stripe) == [("active", False)], "Stripe has heard nothing yet"

    stripe.sandbox.heal()
    later(timedelta(hours=2))
    assert at_stripe(stripe) == [("active", True)]
    assert row_of(stripe, nina).charges_ended_at is not None
    assert "Stripe has confirmed" in browse(nina).get("/account/data").text

    later(WEEK - timedelta(hours=4))
    assert [status for status, _ in at_stripe(stripe)] == ["canceled"]
    closed = row_of(stripe, nina)
    assert (closed.name, closed.closed_at is not None, closed.leaving_since) == ("Former member", True, None)
    later(timedelta(days=70))
    assert charged(stripe) == paid, "two months later as well"


def test_billing_35_the_row_is_closed_only_after_stripe_has_confirmed(stripe, nina, join, leave, later, work_off):
    join(nina)
    leave(nina)
    work_off()
    stripe.sandbox.fail("500", times=10_000)
    later(WEEK + timedelta(days=2))
    waiting = row_of(stripe, nina)
    assert (waiting.closed_at, waiting.name) == (None, "Nina Newcomer"), "Stripe could not be asked"
    stripe.sandbox.heal()
    later(timedelta(days=1))
    assert row_of(stripe, nina).closed_at is not None
    assert [each["status"] for each in stripe.everything("subscription")] == ["canceled"]


def test_billing_35_an_open_checkout_link_is_dead(stripe, nina, begin, leave, later, work_off):
    browser, session = begin(nina, "monthly")
    leave(nina, browser)
    work_off()
    assert stripe.client().v1.checkout.sessions.retrieve(session).status == "expired"
    assert stripe.rows(CheckoutAttempt)[0].state is AttemptState.EXPIRED
    assert stripe.sandbox.pay(session).status != "done"
    assert charged(stripe) == 0
    assert browser.post("/join/monthly").location == "/account/data", "and no new one is made"
    later(WEEK)
    assert row_of(stripe, nina).closed_at is not None


def test_billing_35_a_link_that_was_paid_at_the_last_moment_is_ended_too(
    app, stripe, nina, begin, leave, later, work_off
):
    """She pays on Stripe's page in another tab, between the button and the job."""
    browser, session = begin(nina, "monthly")
    leave(nina, browser)
    assert stripe.sandbox.pay(session).status == "done"
    stripe.deliver()
    work_off()
    paid = charged(stripe)
    assert at_stripe(stripe) == [("active", True)]
    assert stripe.entitlement(row_of(stripe, nina)).why is Why.LEAVING
    later(WEEK)
    assert [status for status, _ in at_stripe(stripe)] == ["canceled"]
    later(timedelta(days=40))
    assert charged(stripe) == paid


def test_billing_35_a_page_that_opens_while_she_leaves_is_dead_and_nobody_learns_its_address(
    app, stripe, browse, nina, leave, work_off, monkeypatch
):
    """Two tabs: in one she joins, and while Stripe is asked for its page she deletes her account in the other."""
    gateway, other = app.extensions["stripe_gateway"], browse(nina)
    open_session = gateway.open_session

    def slowly(params, *, key):
        leave(nina, other)
        work_off()  # everything that could be paid is closed; of this session nobody knows yet
        return open_session(params, key=key)

    monkeypatch.setattr(gateway, "open_session", slowly)
    answer = browse(nina).post("/join/monthly")
    assert answer.status_code == 409
    assert "closed in the meantime" in answer.text
    assert [session["status"] for session in stripe.everything("checkout.session")] == ["expired"]
    assert [attempt.state for attempt in stripe.rows(CheckoutAttempt)] == [AttemptState.EXPIRED]
    assert charged(stripe) == 0


def test_billing_35_a_change_that_stripe_never_answered_is_not_made_after_she_left(
    stripe, nina, join, leave, later, work_off
):
    browser = join(nina, "monthly")
    paid = charged(stripe)
    address = browser.post("/account/billing/changes", data={"plan": "annual"}).location
    stripe.sandbox.fail("drop", times=50, match="POST /v1/subscriptions")
    assert browser.post(f"{address}/confirmation").status_code == 503
    assert [change.state for change in stripe.rows(SubscriptionChange)] == [ChangeState.WORKING]
    leave(nina, browser)
    stripe.sandbox.heal()
    later(timedelta(hours=3))
    assert charged(stripe) == paid, "the dearer plan is not begun, nor paid, behind her back"
    assert [change.state for change in stripe.rows(SubscriptionChange)] == [ChangeState.FAILED]
    assert at_stripe(stripe) == [("active", True)]


def test_billing_35_a_failed_renewal_that_would_be_tried_again_ends_at_once(
    stripe, nina, join, leave, later, work_off, clock
):
    join(nina, "monthly")
    sub = stripe.rows(Subscription)[0]
    client = stripe.client()
    customer = stripe.rows(BillingCustomer)[0].customer_id
    client.v1.payment_methods.attach("pm_card_chargeCustomerFail", {"customer": customer})
    method = client.v1.payment_methods.list({"customer": customer}).data[0].id
    client.v1.subscriptions.update(sub.sub_id, {"default_payment_method": method})
    clock.move_to(sub.period_end + timedelta(hours=3))
    stripe.sandbox.advance(0)
    stripe.deliver()
    assert stripe.rows(Subscription)[0].status == "past_due"
    paid = charged(stripe)
    leave(nina)
    work_off()
    assert [status for status, _ in at_stripe(stripe)] == ["canceled"]
    later(timedelta(days=30))
    assert charged(stripe) == paid


def test_billing_35_who_stays_has_lost_nothing_and_is_charged_only_when_they_say_so(
    stripe, nina, join, leave, later, work_off
):
    browser = join(nina, "monthly")
    paid, end = charged(stripe), stripe.rows(Subscription)[0].period_end
    leave(nina, browser)
    work_off()
    assert browser.post("/account/data/deletion/undo").location == "/account"
    assert browser.get("/rooms").status_code == 200
    answer = stripe.entitlement(row_of(stripe, nina))
    assert (answer.why, answer.until) == (Why.ENDING, end)
    later(WEEK)
    assert row_of(stripe, nina).closed_at is None, "the job of the day finds nothing to do"
    later(timedelta(days=40))
    assert charged(stripe) == paid


def test_billing_35_the_customer_at_stripe_loses_name_address_and_card_and_the_books_stay(
    stripe, nina, join, leave, later
):
    join(nina, "monthly")
    customer = stripe.rows(BillingCustomer)[0].customer_id
    leave(nina)
    later(WEEK)
    assert stripe.client().v1.customers.retrieve(customer).to_dict(for_json=True).get("deleted") is True
    [row], [sub] = stripe.rows(BillingCustomer), stripe.rows(Subscription)
    assert (row.member_id, row.email_pushed, row.customer_id) == (None, None, customer)
    assert (sub.raw, sub.card, sub.latest_invoice_url) == ({}, None, None)
    assert (sub.status, sub.amount_minor, sub.customer_id) == ("canceled", 9900, row.id)
    stripe.deliver()
    said = str([event.payload for event in stripe.rows(_event())])
    assert "Nina" not in said
    assert nina.email not in said


def _event() -> type:
    from portal.billing.models import StripeEvent

    return StripeEvent
