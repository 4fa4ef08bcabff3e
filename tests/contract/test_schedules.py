"""Schedules by API: made from a running subscription, given one plan to come, let go, refused as Stripe refuses."""

from __future__ import annotations

import pytest
import stripe


def later(client, shop, sub: stripe.Subscription) -> stripe.SubscriptionSchedule:
    """The monthly plan from the next period on."""
    schedule = client.v1.subscription_schedules.create({"from_subscription": sub.id})
    running = schedule.phases[0]
    phases = [
        {
            "items": [{"price": shop.annual, "quantity": 1}],
            "start_date": running.start_date,
            "end_date": running.end_date,
            "proration_behavior": "none",
        },
        {"items": [{"price": shop.monthly}], "duration": {"interval": "month"}, "proration_behavior": "none"},
    ]
    return client.v1.subscription_schedules.update(schedule.id, {"phases": phases, "end_behavior": "release"})


def test_what_comes_later_comes_when_the_period_is_over_and_one_period_later_the_schedule_lets_go(
    sandbox, client, shop
):
    sub = shop.join(shop.customer(), shop.annual)
    schedule = later(client, shop, sub)
    end = schedule.phases[0].end_date
    assert (schedule.status, schedule.phases[1].start_date) == ("active", end)
    sandbox.advance(end - sandbox.now() + 2 * 3600)
    now = client.v1.subscriptions.retrieve(sub.id, {"expand": ["schedule"]})
    assert now["items"].data[0].price.id == shop.monthly
    assert now.schedule.current_phase.start_date == end
    with pytest.raises(stripe.InvalidRequestError, match="managed by the subscription schedule"):
        client.v1.subscriptions.update(sub.id, {"cancel_at_period_end": True})
    sandbox.advance(days=32)
    assert client.v1.subscriptions.retrieve(sub.id).schedule is None
    assert client.v1.subscription_schedules.retrieve(schedule.id).status == "released"
    assert sandbox.events("subscription_schedule.updated")


def test_a_schedule_that_was_let_go_changes_nothing(sandbox, client, shop):
    sub = shop.join(shop.customer(), shop.annual)
    schedule = later(client, shop, sub)
    client.v1.subscription_schedules.release(schedule.id)
    for call in (client.v1.subscription_schedules.release, client.v1.subscription_schedules.update):
        with pytest.raises(stripe.InvalidRequestError, match="currently released"):
            call(schedule.id)
    sandbox.advance(days=367)
    assert client.v1.subscriptions.retrieve(sub.id)["items"].data[0].price.id == shop.annual


def test_stripe_refuses_a_second_schedule_gaps_and_a_moved_beginning(client, shop):
    sub = shop.join(shop.customer(), shop.annual)
    schedule = later(client, shop, sub)
    with pytest.raises(stripe.InvalidRequestError, match="already attached to a schedule"):
        client.v1.subscription_schedules.create({"from_subscription": sub.id})
    running = schedule.phases[0]
    first = {"items": [{"price": shop.annual}], "start_date": running.start_date, "end_date": running.end_date}
    coming = {"items": [{"price": shop.monthly}], "duration": {"interval": "month"}}
    for phases, words in (
        ([{**first, "start_date": running.start_date + 1}, coming], "start date of the current phase"),
        ([first, {**coming, "start_date": running.end_date + 60}], "without a gap"),
        ([first, {**coming, "end_date": running.end_date + 60}], "only specify one of these"),
        ([first, {**coming, "items": [{"price": "price_none"}]}], "No such price"),
    ):
        with pytest.raises(stripe.InvalidRequestError, match=words):
            client.v1.subscription_schedules.update(schedule.id, {"phases": phases})


def test_voiding_the_invoice_of_a_change_that_waits_drops_the_change(client, shop):
    alice = shop.customer()
    sub = shop.join(alice)
    card = client.v1.payment_methods.attach("pm_card_chargeCustomerFail", {"customer": alice})
    client.v1.subscriptions.update(sub.id, {"default_payment_method": card.id})
    item = {"id": sub["items"].data[0].id, "price": shop.annual}
    waiting = client.v1.subscriptions.update(
        sub.id,
        {
            "items": [item],
            "proration_behavior": "always_invoice",
            "payment_behavior": "pending_if_incomplete",
        },
    )
    assert waiting.pending_update is not None
    client.v1.invoices.void_invoice(waiting.latest_invoice)
    left = client.v1.subscriptions.retrieve(sub.id)
    assert (left.pending_update, left.status) == (None, "active")
    assert left["items"].data[0].price.id == shop.monthly
