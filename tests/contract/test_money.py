"""Amounts: discounts, tax, changes of plan, refunds and disputes."""

from __future__ import annotations

import pytest
import requests
import stripe


def test_a_code_halves_the_first_invoice_only(sandbox, client, shop):
    client.v1.coupons.create({"id": "HALF", "percent_off": 50, "duration": "once", "name": "Half"})
    code = client.v1.promotion_codes.create({"promotion": {"type": "coupon", "coupon": "HALF"}, "code": "SPRING"})
    alice = shop.customer()
    session = shop.session(alice, allow_promotion_codes=True)
    page = requests.post(session.url, data={"do": "code", "code": "spring"}, timeout=10)
    assert "$24.50" in page.text
    shop.type_card(session)
    done = client.v1.checkout.sessions.retrieve(session.id)
    assert (done.amount_total, done.total_details.amount_discount) == (2450, 2450)
    assert done.discounts[0].promotion_code == code.id
    sandbox.advance(days=32)
    paid = [i.amount_paid for i in client.v1.invoices.list({"customer": alice})]
    assert paid == [4900, 2450]
    assert client.v1.promotion_codes.retrieve(code.id).times_redeemed == 1


def test_a_full_discount_costs_nothing_and_is_complete(client, shop):
    client.v1.coupons.create({"id": "FREE", "percent_off": 100, "duration": "forever"})
    alice = shop.customer()
    session = shop.session(alice, discounts=[{"coupon": "FREE"}])
    assert session.amount_total == 0
    shop.type_card(session)
    done = client.v1.checkout.sessions.retrieve(session.id, {"expand": ["subscription"]})
    assert (done.status, done.payment_status, done.subscription.status) == ("complete", "no_payment_required", "active")


@pytest.mark.parametrize(
    ("coupon", "code", "words"),
    [
        ({}, {"expires_at": 2}, "expired"),
        ({"max_redemptions": 1}, {}, "used up"),
        ({}, {"active": False}, "invalid"),
        ({"redeem_by": 2}, {}, "expired"),
    ],
)
def test_codes_that_no_longer_count_are_refused_on_the_page(client, shop, coupon, code, words):
    client.v1.coupons.create({"id": "C", "percent_off": 10, "duration": "once", **coupon})
    client.v1.promotion_codes.create({"promotion": {"type": "coupon", "coupon": "C"}, "code": "CODE", **code})
    if "max_redemptions" in coupon:
        shop.join(shop.customer("bob"), discounts=[{"coupon": "C"}])
    session = shop.session(shop.customer(), allow_promotion_codes=True)
    refused = requests.post(session.url, data={"do": "code", "code": "CODE"}, timeout=10)
    assert refused.status_code == 422
    assert words in refused.text
    assert client.v1.checkout.sessions.retrieve(session.id).amount_total == 4900


def test_tax_is_a_line_of_its_own_by_country(client, shop):
    alice = shop.customer()
    session = shop.session(alice, automatic_tax={"enabled": True}, customer_update={"address": "auto", "name": "auto"})
    assert session.automatic_tax.status == "requires_location_inputs"
    client.v1.customers.update(alice, {"address": {"country": "DE", "postal_code": "10115"}})
    session = shop.session(alice, automatic_tax={"enabled": True})
    assert (session.amount_subtotal, session.amount_total) == (4900, 5831)
    assert "Tax (simulated, 19 %)" in requests.get(session.url, timeout=10).text
    shop.type_card(session)
    invoice = client.v1.invoices.list({"customer": alice}).data[0]
    assert (invoice.total, invoice.total_excluding_tax) == (5831, 4900)
    assert invoice.total_taxes[0].amount == 931


def test_the_preview_of_a_change_is_what_the_change_charges(sandbox, client, shop):
    alice = shop.customer()
    joined = shop.join(alice)
    sandbox.advance(days=10)
    change = {
        "items": [{"id": joined["items"].data[0].id, "price": shop.annual}],
        "proration_behavior": "always_invoice",
        "proration_date": sandbox.now(),
    }
    preview = client.v1.invoices.create_preview({"subscription": joined.id, "subscription_details": change})
    assert preview.billing_reason == "upcoming"
    assert preview.amount_due == 49000 + preview.lines.data[0].amount
    assert -4900 < preview.lines.data[0].amount < 0
    changed = client.v1.subscriptions.update(
        joined.id, {**change, "payment_behavior": "pending_if_incomplete", "expand": ["latest_invoice"]}
    )
    assert changed.latest_invoice.amount_paid == preview.amount_due
    assert changed["items"].data[0].price.id == shop.annual
    item = changed["items"].data[0]
    assert item.current_period_end > sandbox.now() + 360 * 86400
    assert changed.billing_cycle_anchor == item.current_period_start
    sandbox.advance(days=366)
    renewed = client.v1.subscriptions.retrieve(joined.id)["items"].data[0]
    assert renewed.current_period_end - renewed.current_period_start >= 365 * 86400


def test_the_next_regular_invoice_can_be_previewed(client, shop):
    joined = shop.join(shop.customer())
    preview = client.v1.invoices.create_preview({"subscription": joined.id})
    assert preview.amount_due == 4900
    assert preview.lines.data[0].period.start == joined["items"].data[0].current_period_end
    client.v1.subscriptions.update(joined.id, {"cancel_at_period_end": True})
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.invoices.create_preview({"subscription": joined.id})


def test_a_declined_change_leaves_the_old_plan(sandbox, client, shop):
    alice = shop.customer()
    joined = shop.join(alice)
    bad = client.v1.payment_methods.attach("pm_card_chargeCustomerFail", {"customer": alice})
    client.v1.subscriptions.update(joined.id, {"default_payment_method": bad.id})
    change = {
        "items": [{"id": joined["items"].data[0].id, "price": shop.annual}],
        "proration_behavior": "always_invoice",
    }
    pending = client.v1.subscriptions.update(joined.id, {**change, "payment_behavior": "pending_if_incomplete"})
    assert pending.status == "active"
    assert pending["items"].data[0].price.id == shop.monthly
    assert pending.pending_update.subscription_items[0].price.id == shop.annual
    sandbox.advance(hours=24)
    assert client.v1.subscriptions.retrieve(joined.id).pending_update is None
    with pytest.raises(stripe.CardError):
        client.v1.subscriptions.update(joined.id, {**change, "payment_behavior": "error_if_incomplete"})
    assert client.v1.subscriptions.retrieve(joined.id)["items"].data[0].price.id == shop.monthly


def test_prorations_may_wait_for_the_next_invoice(sandbox, client, shop):
    alice = shop.customer()
    joined = shop.join(alice)
    more = client.v1.prices.create(
        {"product": shop.product, "unit_amount": 9900, "currency": "usd", "recurring": {"interval": "month"}}
    )
    sandbox.advance(days=15)
    client.v1.subscriptions.update(joined.id, {"items": [{"id": joined["items"].data[0].id, "price": more.id}]})
    assert len(client.v1.invoices.list({"customer": alice}).data) == 1
    sandbox.advance(days=17)
    renewal = client.v1.invoices.list({"customer": alice}).data[0]
    assert len(renewal.lines.data) == 3
    assert 9900 + 2000 < renewal.total < 9900 + 3000


def test_what_a_cheaper_plan_gives_back_pays_the_next_invoices(sandbox, client, shop):
    alice = shop.customer()
    joined = shop.join(alice, shop.annual)
    client.v1.subscriptions.update(
        joined.id,
        {"items": [{"id": joined["items"].data[0].id, "price": shop.monthly}], "proration_behavior": "always_invoice"},
    )
    change = client.v1.invoices.list({"customer": alice}).data[0]
    assert (change.status, change.amount_due, change.total) == ("paid", 0, 4900 - 49000)
    assert client.v1.customers.retrieve(alice).balance == 4900 - 49000
    sandbox.advance(days=32)
    renewal = client.v1.invoices.list({"customer": alice}).data[0]
    assert (renewal.status, renewal.amount_due, renewal.total) == ("paid", 0, 4900)
    assert client.v1.customers.retrieve(alice).balance == 2 * 4900 - 49000


def test_a_refund_is_full_or_partial_and_never_too_much(sandbox, client, shop):
    alice = shop.customer()
    shop.join(alice)
    charge = client.v1.charges.list({"customer": alice}).data[0]
    part = client.v1.refunds.create({"charge": charge.id, "amount": 1000})
    assert (part.status, part.amount) == ("succeeded", 1000)
    assert not client.v1.charges.retrieve(charge.id).refunded
    client.v1.refunds.create({"payment_intent": charge.payment_intent})
    after = client.v1.charges.retrieve(charge.id, {"expand": ["refunds"]})
    assert after.refunded
    assert [r.amount for r in after.refunds] == [3900, 1000]
    with pytest.raises(stripe.InvalidRequestError) as twice:
        client.v1.refunds.create({"charge": charge.id})
    assert twice.value.code == "charge_already_refunded"
    assert len(sandbox.events("charge.refunded")) == 2
    payment = client.v1.invoice_payments.list(
        {"payment": {"type": "payment_intent", "payment_intent": charge.payment_intent}}
    ).data[0]
    assert client.v1.invoices.retrieve(payment.invoice).parent.subscription_details.subscription


def test_a_dispute_opens_by_itself_and_is_decided_by_the_test(sandbox, client, shop):
    alice = shop.customer()
    shop.join(alice, card="4000000000000259")
    assert not sandbox.events("charge.dispute.created")
    sandbox.advance(hours=2)
    dispute = sandbox.events("charge.dispute.created")[0]["data"]["object"]
    assert dispute["status"] == "needs_response"
    assert client.v1.charges.retrieve(dispute["charge"]).disputed
    requests.post(f"{sandbox.url}/_sandbox/disputes/close", json={"dispute": dispute["id"], "won": True}, timeout=10)
    assert client.v1.disputes.retrieve(dispute["id"]).status == "won"
    assert sandbox.events("charge.dispute.closed")


def test_a_code_that_ran_out_between_typing_and_paying_is_taken_off(client, shop):
    client.v1.coupons.create({"id": "ONE", "percent_off": 50, "duration": "once"})
    client.v1.promotion_codes.create(
        {"promotion": {"type": "coupon", "coupon": "ONE"}, "code": "FIRST", "max_redemptions": 1}
    )
    alice, bob = shop.customer("alice"), shop.customer("bob")
    sessions = [shop.session(who, allow_promotion_codes=True) for who in (alice, bob)]
    for session in sessions:
        assert "$24.50" in requests.post(session.url, data={"do": "code", "code": "FIRST"}, timeout=10).text
    assert shop.type_card(sessions[0]).status_code == 303
    late = shop.type_card(sessions[1])
    assert late.status_code == 422
    assert "used up" in late.text
    assert "$49.00" in late.text
    assert not client.v1.subscriptions.list({"customer": bob, "status": "all"}).data
    assert shop.type_card(sessions[1]).status_code == 303
    assert client.v1.invoices.list({"customer": bob}).data[0].amount_paid == 4900


def test_tax_follows_the_address_typed_at_the_till(client, shop):
    alice = shop.customer()
    session = shop.session(alice, automatic_tax={"enabled": True}, customer_update={"address": "auto", "name": "auto"})
    assert shop.type_card(session, country="DE", postal_code="10115").status_code == 303
    assert client.v1.customers.retrieve(alice).address.country == "DE"
    assert client.v1.invoices.list({"customer": alice}).data[0].total == 5831
    assert client.v1.checkout.sessions.retrieve(session.id).amount_total == 5831


def test_writing_an_overdue_invoice_off_restores_the_plan(sandbox, client, shop):
    alice = shop.customer()
    joined = shop.join(alice, card="4000000000000341", subscription_data={"trial_period_days": 1})
    sandbox.advance(days=1.2)
    client.v1.invoices.mark_uncollectible(client.v1.subscriptions.retrieve(joined.id).latest_invoice)
    assert client.v1.subscriptions.retrieve(joined.id).status == "active"


def test_a_lost_dispute_may_be_appealed_and_won(sandbox, client, shop):
    shop.join(shop.customer(), card="4000000000000259")
    sandbox.advance(hours=2)
    dispute = client.v1.disputes.list().data[0]

    def move(status):
        body = {"dispute": dispute.id, "status": status}
        return requests.post(f"{sandbox.url}/_sandbox/disputes/move", json=body, timeout=10)

    for status in ("under_review", "lost", "appeal_needs_response", "appeal_under_review", "won"):
        assert move(status).json() == {"status": status}
        assert client.v1.disputes.retrieve(dispute.id).status == status
    closed = [e["data"]["object"]["status"] for e in sandbox.events("charge.dispute.closed")]
    assert closed == ["lost", "won"]
    assert move("forgotten").status_code == 400


def test_a_credit_is_what_was_really_paid_and_not_the_list_price(client, shop):
    client.v1.coupons.create({"id": "HALF", "percent_off": 50, "duration": "once"})
    joined = shop.join(shop.customer(), discounts=[{"coupon": "HALF"}])
    change = {
        "items": [{"id": joined["items"].data[0].id, "price": shop.annual}],
        "proration_behavior": "always_invoice",
        "proration_date": joined["items"].data[0].current_period_start,
    }
    preview = client.v1.invoices.create_preview({"subscription": joined.id, "subscription_details": change})
    assert [line.amount for line in preview.lines.data] == [-2450, 49000]
