"""What time brings: renewals, trials, dunning, endings; on the sandbox's clock and on Stripe's test clocks."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import stripe

DAY = 86400


def _on(client, subscription, expand=("latest_invoice",)):
    return client.v1.subscriptions.retrieve(subscription, {"expand": list(expand)})


def test_a_renewal_is_active_before_it_is_paid_and_paid_an_hour_later(sandbox, client, shop):
    alice = shop.customer()
    joined = shop.join(alice)
    end = joined["items"].data[0].current_period_end
    sandbox.advance(end - sandbox.now() + 60)
    between = _on(client, joined.id)
    assert between.status == "active"
    assert between["items"].data[0].current_period_start == end
    assert (between.latest_invoice.status, between.latest_invoice.billing_reason) == ("draft", "subscription_cycle")
    sandbox.advance(hours=1)
    after = _on(client, joined.id)
    assert (after.latest_invoice.status, after.latest_invoice.amount_paid) == ("paid", 4900)
    told = [e["type"] for e in sandbox.events()]
    told = told[told.index("invoice.paid") + 1 :]  # since the join
    steps = [
        "invoice.created",
        "customer.subscription.updated",
        "invoice.finalized",
        "charge.succeeded",
        "invoice.paid",
    ]
    assert [t for t in told if t in steps][-5:] == steps


def test_month_ends_return_to_their_day(client, shop):
    start = int(datetime(2027, 1, 31, 12, tzinfo=UTC).timestamp())
    clock = client.v1.test_helpers.test_clocks.create({"frozen_time": start})
    alice = shop.customer(test_clock=clock.id)
    client.v1.payment_methods.attach("pm_card_visa", {"customer": alice})
    method = client.v1.payment_methods.list({"customer": alice}).data[0].id
    subscription = client.v1.subscriptions.create(
        {"customer": alice, "items": [{"price": shop.monthly}], "default_payment_method": method}
    )
    ends = [subscription["items"].data[0].current_period_end]
    for month in (3, 4):
        client.v1.test_helpers.test_clocks.advance(
            clock.id, {"frozen_time": int(datetime(2027, month, 1, 13, tzinfo=UTC).timestamp())}
        )
        ends.append(_on(client, subscription.id)["items"].data[0].current_period_end)
    days = [datetime.fromtimestamp(e, UTC).strftime("%m-%d") for e in ends]
    assert days == ["02-28", "03-31", "04-30"]
    assert subscription.test_clock == clock.id


def test_a_test_clock_goes_two_intervals_at_most_and_only_forward(client, shop):
    start = int(datetime(2027, 1, 1, tzinfo=UTC).timestamp())
    clock = client.v1.test_helpers.test_clocks.create({"frozen_time": start})
    alice = shop.customer(test_clock=clock.id)
    shop.join(alice)
    for target in (start + 100 * DAY, start - 1):
        with pytest.raises(stripe.InvalidRequestError):
            client.v1.test_helpers.test_clocks.advance(clock.id, {"frozen_time": target})
    advanced = client.v1.test_helpers.test_clocks.advance(clock.id, {"frozen_time": start + 40 * DAY})
    assert (advanced.status, advanced.frozen_time) == ("ready", start + 40 * DAY)
    assert len(client.v1.invoices.list({"customer": alice}).data) == 2
    bob = shop.customer("bob")
    assert abs(shop.join(bob).created - start) > 10 * DAY, "others live in the sandbox's own time"


def test_a_trial_warns_three_days_before_and_charges_at_its_end(sandbox, client, shop):
    alice = shop.customer()
    session = shop.session(alice, subscription_data={"trial_period_days": 14})
    assert session.amount_total == 0
    shop.type_card(session)
    done = client.v1.checkout.sessions.retrieve(session.id)
    assert (done.status, done.payment_status) == ("complete", "no_payment_required")
    trial = _on(client, done.subscription)
    assert trial.status == "trialing"
    assert (trial.latest_invoice.status, trial.latest_invoice.total) == ("paid", 0)
    sandbox.advance(days=10.9)
    assert not sandbox.events("customer.subscription.trial_will_end")
    sandbox.advance(days=0.2)
    assert len(sandbox.events("customer.subscription.trial_will_end")) == 1
    sandbox.advance(days=3)
    after = _on(client, trial.id)
    assert (after.status, after.latest_invoice.status, after.latest_invoice.amount_paid) == ("active", "paid", 4900)


def test_a_trial_whose_card_fails_at_its_end_is_overdue(sandbox, client, shop):
    alice = shop.customer()
    trial = shop.join(alice, card="4000000000000341", subscription_data={"trial_period_days": 7})
    assert trial.status == "trialing"
    sandbox.advance(days=7.2)
    after = _on(client, trial.id)
    assert (after.status, after.latest_invoice.status) == ("past_due", "open")
    assert client.v1.customers.retrieve(alice).delinquent


def test_a_trial_without_a_card_ends_as_was_agreed(sandbox, client, shop):
    for behaviour, status in (("cancel", "canceled"), ("pause", "paused"), ("create_invoice", "past_due")):
        alice = shop.customer()
        trial = client.v1.subscriptions.create(
            {
                "customer": alice,
                "items": [{"price": shop.monthly}],
                "trial_period_days": 7,
                "trial_settings": {"end_behavior": {"missing_payment_method": behaviour}},
            }
        )
        sandbox.advance(days=7.2)
        after = client.v1.subscriptions.retrieve(trial.id)
        assert after.status == status, behaviour
        if status == "paused":
            assert after.status_details.paused.subscription.type == "trial_end_without_payment_method"


@pytest.mark.parametrize(
    ("ending", "status"), [("cancel", "canceled"), ("unpaid", "unpaid"), ("paused", "paused"), ("past_due", "past_due")]
)
def test_after_the_last_retry_the_accounts_setting_decides(sandbox, client, shop, ending, status):
    sandbox.sandbox.set("dunning_end", ending)
    sandbox.sandbox.set("retry_days", "1,3,5")
    alice = shop.customer()
    joined = shop.join(alice, subscription_data={"trial_period_days": 1}, card="4000000000000341")
    sandbox.advance(days=1.2)
    first = _on(client, joined.id).latest_invoice
    assert first.attempt_count == 1
    sandbox.advance(days=4)
    assert _on(client, joined.id).status == "past_due"
    assert _on(client, joined.id).latest_invoice.attempt_count == 3
    sandbox.advance(days=2)
    after = _on(client, joined.id)
    assert (after.status, after.latest_invoice.attempt_count) == (status, 4)
    assert after.latest_invoice.next_payment_attempt is None
    assert len(sandbox.events("invoice.payment_failed")) == 4


def test_an_unpaid_beginning_ends_after_23_hours(sandbox, client, shop):
    alice = shop.customer()
    shop.type_card(shop.session(alice), "4000000000000002")
    begun = shop.subscription(alice)
    sandbox.advance(hours=22.9)
    assert shop.subscription(alice).status == "incomplete"
    sandbox.advance(hours=0.2)
    over = _on(client, begun.id)
    assert (over.status, over.latest_invoice.status) == ("incomplete_expired", "void")


def test_cancelling_an_unpaid_beginning_lets_alice_start_again(client, shop):
    alice = shop.customer()
    shop.type_card(shop.session(alice), "4000000000000002")
    begun = shop.subscription(alice)
    assert client.v1.subscriptions.cancel(begun.id).status == "incomplete_expired"
    assert shop.join(alice).status == "active"
    live = client.v1.subscriptions.list({"customer": alice})
    assert [s.status for s in live] == ["active"]


def test_cancelling_now_ends_now_and_stops_collection(sandbox, client, shop):
    alice = shop.customer()
    joined = shop.join(alice)
    over = client.v1.subscriptions.cancel(joined.id, {"cancellation_details": {"feedback": "unused"}})
    assert (over.status, over.cancellation_details.feedback) == ("canceled", "unused")
    assert over.ended_at == over.canceled_at
    assert sandbox.events("customer.subscription.deleted")[0]["data"]["object"]["id"] == joined.id
    sandbox.advance(days=60)
    assert len(client.v1.invoices.list({"customer": alice}).data) == 1
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.subscriptions.cancel(joined.id)


def test_a_bank_that_asks_every_time_stops_the_renewal_until_it_is_answered(sandbox, client, shop):
    alice = shop.customer()
    shop.join(alice, card="4000002760003184")
    sandbox.advance(days=32)
    late = _on(client, shop.subscription(alice).id)
    assert late.status == "past_due"
    kinds = {e["type"] for e in sandbox.events()}
    assert {"invoice.payment_action_required", "invoice.payment_failed"} <= kinds


def test_a_bank_that_asked_once_stays_quiet(sandbox, client, shop):
    alice = shop.customer()
    shop.join(alice, card="4000002500003155")
    sandbox.advance(days=32)
    assert _on(client, shop.subscription(alice).id).latest_invoice.status == "paid"


def test_paying_an_overdue_invoice_by_the_api_brings_the_plan_back(sandbox, client, shop):
    alice = shop.customer()
    joined = shop.join(alice, card="4000000000000341", subscription_data={"trial_period_days": 1})
    sandbox.advance(days=1.2)
    overdue = _on(client, joined.id).latest_invoice
    with pytest.raises(stripe.CardError) as declined:
        client.v1.invoices.pay(overdue.id)
    assert declined.value.code == "card_declined"
    assert client.v1.invoices.retrieve(overdue.id).attempt_count == 2, "a failed attempt stays counted"
    good = client.v1.payment_methods.attach("pm_card_visa", {"customer": alice})
    assert client.v1.invoices.pay(overdue.id, {"payment_method": good.id}).status == "paid"
    assert _on(client, joined.id).status == "active"
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.invoices.pay(overdue.id)


def test_pausing_and_resuming(sandbox, client, shop):
    alice = shop.customer()
    joined = shop.join(alice)
    paused = client.v1.subscriptions.pause(joined.id)
    assert paused.status_details.paused.subscription.type == "pause_requested"
    sandbox.advance(days=60)
    assert len(client.v1.invoices.list({"customer": alice}).data) == 1
    back = client.v1.subscriptions.resume(joined.id)
    assert back.status == "active"
    assert back["items"].data[0].current_period_end > sandbox.now() + 27 * DAY
    assert {"customer.subscription.paused", "customer.subscription.resumed"} <= {e["type"] for e in sandbox.events()}


def test_collection_may_pause_while_the_plan_runs_on(sandbox, client, shop):
    alice = shop.customer()
    joined = shop.join(alice)
    client.v1.subscriptions.update(joined.id, {"pause_collection": {"behavior": "void"}})
    sandbox.advance(days=32)
    after = _on(client, joined.id)
    assert (after.status, after.latest_invoice.status) == ("active", "void")
    assert client.v1.subscriptions.update(joined.id, {"pause_collection": ""}).pause_collection is None


def test_ten_years_pass_and_the_books_still_agree(sandbox, client, shop):
    alice = shop.customer()
    joined = shop.join(alice, shop.annual)
    for _ in range(10):
        sandbox.advance(days=366)
    invoices = list(client.v1.invoices.list({"customer": alice, "limit": 100}).auto_paging_iter())
    assert {i.status for i in invoices} == {"paid"}
    assert len(invoices) == 11
    assert [i.number for i in invoices] == sorted({i.number for i in invoices}, reverse=True)
    assert joined.status == "active"


def test_a_thousand_copies_of_alice_live_lives_of_their_own(sandbox, client, shop):
    alice = shop.customer()
    shop.join(alice)
    copies = sandbox.multiply(alice, 1000, change=lambda n: {"metadata": {"user": str(n)}})
    assert len(set(copies)) == 1000
    every = list(client.v1.subscriptions.list({"limit": 100, "expand": ["data.latest_invoice"]}).auto_paging_iter())
    assert len({s.id for s in every}) == len({s["items"].data[0].id for s in every}) == 1001
    assert len({s.latest_invoice.id for s in every}) == 1001
    last = client.v1.customers.retrieve(copies[-1], {"expand": ["subscriptions"]})
    assert last.metadata.user == "999"
    client.v1.subscriptions.cancel(last.subscriptions.data[0].id)
    assert shop.subscription(alice).status == "active"
    assert len(client.v1.subscriptions.list({"status": "canceled"}).data) == 1


def test_by_default_eight_more_tries_come_within_fourteen_days(sandbox, client, shop):
    joined = shop.join(shop.customer(), card="4000000000000341", subscription_data={"trial_period_days": 1})
    sandbox.advance(days=1.2)
    first = _on(client, joined.id).latest_invoice
    sandbox.advance(days=15)
    after = _on(client, joined.id)
    assert (after.status, after.latest_invoice.attempt_count) == ("canceled", 9)
    tried = [e["created"] for e in sandbox.events("invoice.payment_failed")]
    begun = first.status_transitions.finalized_at
    assert [round((moment - begun) / DAY) for moment in tried] == [0, 1, 3, 5, 7, 9, 11, 13, 14]
    assert after.ended_at - begun <= 14 * DAY + 60


def test_a_test_clock_says_that_it_is_advancing_and_then_ready(sandbox, client):
    clock = client.v1.test_helpers.test_clocks.create(
        {"frozen_time": int(datetime(2027, 1, 1, tzinfo=UTC).timestamp())}
    )
    client.v1.test_helpers.test_clocks.advance(clock.id, {"frozen_time": clock.frozen_time + DAY})
    told = [(e["type"].rsplit(".", 1)[-1], e["data"]["object"]["status"]) for e in sandbox.events()]
    assert told == [("created", "ready"), ("advancing", "advancing"), ("ready", "ready")]
