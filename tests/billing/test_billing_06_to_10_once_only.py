"""Nothing happens twice: parallel deliveries, double clicks, second subscriptions."""

from __future__ import annotations

import pytest

from portal.billing import comparing, customers
from portal.billing.entitlements import Why
from portal.billing.models import AttemptState, BillingCustomer, CheckoutAttempt, EventState, StripeEvent, Subscription
from portal.billing.syncing import Busy, sync_customer
from portal.core.db import db, transaction
from portal.core.jobs import work_off
from tests.make import at_once


def test_billing_06_two_deliveries_of_one_event_at_once_are_one_row_and_one_effect(stripe, nina, begin):
    _browser, session = begin(nina)
    stripe.sandbox.pay(session)
    paid = next(p for p in stripe.parcels() if b'"invoice.paid"' in p[1])
    assert at_once(2, lambda _number: stripe.post(*paid)) == [200, 200]
    assert [(row.deliveries, row.state) for row in stripe.rows(StripeEvent)] == [(2, EventState.DONE)]
    assert len(stripe.letters()) == 1
    assert len(stripe.records()) == 1


def test_billing_06_twenty_copies_of_every_event_at_once(stripe, nina, begin):
    _browser, session = begin(nina)
    stripe.sandbox.pay(session)
    parcels = [p for p in stripe.parcels() if b"customer.subscription" in p[1] or b"invoice.paid" in p[1]]
    copies = [parcel for parcel in parcels for _ in range(20 // len(parcels))]
    assert set(at_once(len(copies), lambda number: stripe.post(*copies[number]))) == {200}
    with stripe.app.app_context():
        work_off()
    assert {row.state for row in stripe.rows(StripeEvent)} == {EventState.DONE}
    assert len(stripe.rows(Subscription)) == len(stripe.letters()) == len(stripe.records()) == 1


def test_billing_07_created_after_updated_leaves_the_member_active(stripe, nina, begin):
    """The body of "created" says `incomplete`; nobody believes it."""
    _browser, session = begin(nina)
    stripe.sandbox.pay(session)
    parcels = stripe.parcels()
    created = next(p for p in parcels if b'"customer.subscription.created"' in p[1])
    for parcel in parcels:
        if parcel is not created:
            stripe.post(*parcel)
    assert stripe.entitlement(nina).why is Why.PAID
    stripe.post(*created)
    assert stripe.entitlement(nina).why is Why.PAID
    assert [row.status for row in stripe.rows(Subscription)] == ["active"]


def test_billing_08_twenty_clicks_at_once_open_one_session_for_one_customer(browse, stripe, nina):
    browsers = [browse(nina) for _ in range(20)]
    answers = at_once(len(browsers), lambda number: browsers[number].post("/join/annual"))
    assert {answer.status_code for answer in answers} == {303}, [a.text for a in answers if a.status_code != 303]
    assert len({answer.location for answer in answers}) == 1
    assert len(stripe.everything("customer")) == len(stripe.rows(BillingCustomer)) == 1
    assert [s["status"] for s in stripe.everything("checkout.session")] == ["open"]
    assert [a.state for a in stripe.rows(CheckoutAttempt)] == [AttemptState.OPEN]


def test_billing_08_a_second_tab_with_another_plan_closes_the_first(browse, stripe, nina, begin):
    _one, first = begin(nina, "annual")
    two, second = begin(nina, "monthly")
    assert first != second
    assert stripe.sandbox.pay(first).status == "expired", "the older link has expired"
    assert stripe.sandbox.pay(second).status == "done"
    assert "You are in" in two.get(f"/billing/return?session_id={second}").text
    with stripe.app.app_context():
        work_off()
    assert [s["status"] for s in stripe.everything("subscription")] == ["active"]
    assert [a.state for a in stripe.rows(CheckoutAttempt)] == [AttemptState.EXPIRED, AttemptState.COMPLETED]


def test_billing_08_the_same_plan_in_two_tabs_is_the_same_session(stripe, nina, begin):
    _one, first = begin(nina)
    _two, second = begin(nina)
    assert first == second


def test_billing_08_an_expired_session_makes_room_for_the_next(stripe, nina, begin):
    _one, first = begin(nina)
    stripe.client().v1.checkout.sessions.expire(first)
    _two, second = begin(nina)
    assert first != second
    assert [a.state for a in stripe.rows(CheckoutAttempt)] == [AttemptState.EXPIRED, AttemptState.OPEN]


def test_billing_08_a_tab_that_died_while_opening_is_taken_over_with_the_same_call(app, stripe, nina, begin):
    _browser, session = begin(nina)
    with app.app_context(), transaction():
        attempt = db.session.query(CheckoutAttempt).one()
        attempt.state, attempt.session_id, attempt.url = AttemptState.OPENING, None, None
        attempt.tried_at = attempt.tried_at.replace(year=2020)
    _browser, again = begin(nina)
    assert again == session, "the same key finds the session that the dead tab had opened"
    assert len(stripe.rows(CheckoutAttempt)) == 1


def test_billing_09_a_member_who_opens_join_is_sent_to_manage(stripe, nina, join):
    browser = join(nina)
    sessions = len(stripe.everything("checkout.session"))
    assert "You have a membership already" in browser.get("/join/monthly").text
    answer = browser.post("/join/monthly")
    assert answer.status_code == 303
    assert answer.location.startswith("/account/billing")
    assert "nothing new was begun" in browser.get(answer.location).text
    assert len(stripe.everything("checkout.session")) == sessions


def test_billing_09_whoever_has_one_at_stripe_only_is_found_out_before_paying_twice(stripe, nina, begin, browse):
    """No delivery came and nobody returned: the button itself asks Stripe first."""
    stripe.sandbox.hold()
    _browser, session = begin(nina)
    stripe.sandbox.pay(session)
    assert not stripe.entitlement(nina).is_open
    answer = browse(nina).post("/join/annual")
    assert answer.location.startswith("/account/billing")
    assert stripe.entitlement(nina).is_open


def test_billing_10_two_live_subscriptions_open_once_and_coach_and_owner_read_both_names(app, stripe, nina, join, told):
    join(nina)
    client, row = stripe.client(), stripe.rows(BillingCustomer)[0]
    first = stripe.rows(Subscription)[0]
    method = client.v1.payment_methods.list({"customer": row.customer_id}).data[0].id
    second = client.v1.subscriptions.create(
        {"customer": row.customer_id, "items": [{"price": first.price_id}], "default_payment_method": method}
    )
    stripe.deliver()
    assert stripe.entitlement(nina).is_open
    alert = "Nina Newcomer pays more than once"
    assert told(first.sub_id, second.id, nina.email) == [("Cory", alert), ("Olga", alert)]
    with app.app_context():
        report = comparing.compare_everything()
    assert len(told()) == 2, "once, however often it is seen"
    assert len(report.needs_a_person) == 1
    assert first.sub_id in str(report.needs_a_person[0])
    assert second.id in str(report.needs_a_person[0])

    client.v1.subscriptions.cancel(second.id)
    stripe.deliver()
    assert stripe.entitlement(nina).why is Why.PAID
    assert not stripe.letters("ended"), "the one beside it goes on"


@pytest.mark.parametrize("heard", [True, False], ids=["after the news of it", "before"])
def test_billing_09_somebody_whose_customer_was_deleted_at_stripe_joins_again(stripe, join, nina, heard):
    join(nina, "monthly")
    (before,) = stripe.everything("customer")
    stripe.client().v1.customers.delete(before["id"])
    if heard:
        stripe.deliver()
        assert not stripe.entitlement(nina).is_open
    join(nina, "annual")
    assert stripe.entitlement(nina).is_open
    (row,) = stripe.rows(BillingCustomer)
    assert (row.customer_id == before["id"], row.gone_at) == (False, None)
    assert [(sub.status, sub.plan_id) for sub in stripe.rows(Subscription)] == [("canceled", 1), ("active", 2)]
    stripe.deliver()
    assert stripe.entitlement(nina).is_open, "what is still told of the old customer takes nothing from the new one"


def test_billing_09_what_is_read_of_a_deleted_customer_says_nothing_of_the_one_made_meanwhile(
    app, stripe, join, nina, monkeypatch
):
    join(nina, "monthly")
    (before,) = stripe.rows(BillingCustomer)
    stripe.client().v1.customers.delete(before.customer_id)
    gateway = app.extensions["stripe_gateway"]
    read = gateway.subscriptions_of

    def slowly(customer_id, **more):
        monkeypatch.setattr(gateway, "subscriptions_of", read)
        assert customers.note_if_gone(nina.id)
        customers.customer_of(nina.id)  # in another tab she joins again
        return read(customer_id, **more)

    monkeypatch.setattr(gateway, "subscriptions_of", slowly)
    with app.app_context(), pytest.raises(Busy):
        sync_customer(before.id, cause="test")
    (row,) = stripe.rows(BillingCustomer)
    assert row.customer_id not in {None, before.customer_id}
    assert (row.gone_at, row.lease_until) == (None, None)
