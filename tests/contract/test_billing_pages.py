"""The hosted portal and the hosted invoice: what members can do to their own plan."""

from __future__ import annotations

import re

import pytest
import requests
import stripe

FEATURES = {
    "invoice_history": {"enabled": True},
    "payment_method_update": {"enabled": True},
    "subscription_cancel": {
        "enabled": True,
        "mode": "at_period_end",
        "cancellation_reason": {"enabled": True, "options": ["too_expensive", "unused", "other"]},
    },
}


@pytest.fixture
def portal(client, shop):
    """Opens the portal for a customer; returns its address."""
    made: list[str] = []

    def open_(customer: str, **more: object) -> str:
        if not made:
            update = {
                "enabled": True,
                "default_allowed_updates": ["price"],
                "proration_behavior": "always_invoice",
                "products": [{"product": shop.product, "prices": [shop.monthly, shop.annual]}],
                "schedule_at_period_end": {"conditions": [{"type": "shortening_interval"}]},
            }
            made.append(
                client.v1.billing_portal.configurations.create(
                    {"features": {**FEATURES, "subscription_update": update}}
                ).id
            )
        session = client.v1.billing_portal.sessions.create(
            {"customer": customer, "return_url": "http://portal.test/billing", **more}
        )
        return session.url

    return open_


def test_cancelling_sets_cancel_at_and_not_the_flag(sandbox, client, shop, portal):
    alice = shop.customer()
    subscription = shop.join(alice)
    home = portal(alice)
    page = requests.get(home, timeout=10).text
    assert "Practice Freedom" in page
    assert "Renews on" in page
    ask = sandbox.url + re.search(r'href="(/p/session/[^"]+/cancel/[^"]+)"', page)[1]
    assert "You keep it until" in requests.get(ask, timeout=10).text
    after = requests.post(ask, data={"reason": "too_expensive", "comment": "Busy year"}, timeout=10)
    assert "Ends on" in after.text

    ended = client.v1.subscriptions.retrieve(subscription.id)
    assert ended.status == "active"
    assert ended.cancel_at == ended["items"].data[0].current_period_end
    assert ended.cancel_at_period_end is False
    assert ended.cancellation_details.feedback == "too_expensive"
    previous = sandbox.events("customer.subscription.updated")[-1]["data"]["previous_attributes"]
    assert previous["cancel_at"] is None

    sandbox.advance(days=32)
    assert client.v1.subscriptions.retrieve(subscription.id).status == "canceled"
    assert len(client.v1.invoices.list({"customer": alice}).data) == 1, "no renewal was billed"


def test_taking_a_cancellation_back(sandbox, client, shop, portal):
    alice = shop.customer()
    subscription = shop.join(alice)
    home = portal(alice)
    base = home.replace("?home=1", "")
    requests.post(f"{base}/cancel/{subscription.id}", timeout=10)
    page = requests.post(f"{base}/resume/{subscription.id}", timeout=10).text
    assert "Renews on" in page
    back = client.v1.subscriptions.retrieve(subscription.id)
    assert (back.cancel_at, back.canceled_at, back.cancel_at_period_end) == (None, None, False)
    sandbox.advance(days=32)
    assert client.v1.subscriptions.retrieve(subscription.id).status == "active"


def test_the_apis_own_cancellation_is_taken_back_by_clearing_what_was_set(client, shop):
    subscription = shop.join(shop.customer())
    v1 = client.v1.subscriptions
    ending = v1.update(subscription.id, {"cancel_at_period_end": True})
    assert ending.cancel_at_period_end
    assert ending.cancel_at == ending["items"].data[0].current_period_end
    assert v1.update(subscription.id, {"cancel_at_period_end": False}).cancel_at is None
    ending = v1.update(subscription.id, {"cancel_at": "max_period_end"})
    assert v1.update(subscription.id, {"cancel_at_period_end": False}).cancel_at == ending.cancel_at
    assert v1.update(subscription.id, {"cancel_at": ""}).cancel_at is None


def test_one_members_link_does_not_reach_anothers_plan(shop, portal):
    alice, bob = shop.customer("alice"), shop.customer("bob")
    theirs = shop.join(bob)
    shop.join(alice)
    refused = requests.post(f"{portal(alice)}/cancel/{theirs.id}", timeout=10)
    assert refused.status_code == 410
    assert shop.subscription(bob).cancel_at is None


def test_a_portal_link_dies(sandbox, shop, portal):
    home = portal(shop.customer())
    assert requests.get(home, timeout=10).status_code == 200
    sandbox.advance(hours=2)
    assert requests.get(home, timeout=10).status_code == 410


def test_a_new_card_pays_what_is_overdue(sandbox, client, shop, portal):
    alice = shop.customer()
    subscription = shop.join(alice)
    portal_url = portal(alice)
    requests.post(
        f"{portal_url}/card", data={"number": "4000000000000341", "expiry": "12/40", "cvc": "123"}, timeout=10
    )
    sandbox.advance(days=32)
    overdue = client.v1.subscriptions.retrieve(subscription.id, {"expand": ["latest_invoice"]})
    assert (overdue.status, overdue.latest_invoice.status) == ("past_due", "open")
    assert overdue.latest_invoice.next_payment_attempt > sandbox.now()

    wrong = requests.post(
        f"{portal(alice)}/card", timeout=10, data={"number": "4000000000000002", "expiry": "12/40", "cvc": "123"}
    )
    assert "Your card was declined." in wrong.text
    requests.post(
        f"{portal(alice)}/card", data={"number": "4242424242424242", "expiry": "12/40", "cvc": "123"}, timeout=10
    )
    paid = client.v1.subscriptions.retrieve(subscription.id, {"expand": ["latest_invoice"]})
    assert (paid.status, paid.latest_invoice.status) == ("active", "paid")


def test_a_session_may_lead_straight_to_one_task(shop, portal):
    alice = shop.customer()
    subscription = shop.join(alice)
    item = {"id": subscription["items"].data[0].id, "price": shop.annual}
    confirm = {"subscription": subscription.id, "items": [item]}
    plan = portal(alice, flow_data={"type": "subscription_update_confirm", "subscription_update_confirm": confirm})
    assert "Pay and change now" in requests.get(plan, timeout=10).text
    flow = {
        "type": "subscription_cancel",
        "subscription_cancel": {"subscription": subscription.id},
        "after_completion": {"type": "redirect", "redirect": {"return_url": "http://portal.test/left"}},
    }
    home = portal(alice, flow_data=flow)
    asked = requests.get(home, timeout=10)
    assert "Cancel your subscription" in asked.text
    gone = requests.post(asked.url, allow_redirects=False, timeout=10)
    assert gone.headers["Location"] == "http://portal.test/left"
    card = requests.get(portal(alice, flow_data={"type": "payment_method_update"}), timeout=10)
    assert "Use another card" in card.text


def test_a_wrong_email_address_is_refused_where_it_may_be_changed(client, shop, details):
    alice = shop.customer()
    page = details(alice, allowed_updates=["email"])
    refused = requests.post(page, data={"email": "alice"}, timeout=10)
    assert refused.status_code == 422
    assert "incomplete" in refused.text
    requests.post(page, data={"email": "new@example.com"}, timeout=10)
    assert client.v1.customers.retrieve(alice).email == "new@example.com"
    flow = client.v1.billing_portal.sessions.create({"customer": alice, "flow_data": {"type": "customer_update"}})
    assert "Billing details" in requests.get(flow.url, timeout=10).text


def test_without_a_configuration_there_is_no_portal(client, shop):
    with pytest.raises(stripe.InvalidRequestError, match="configuration"):
        client.v1.billing_portal.sessions.create({"customer": shop.customer()})


def test_changing_the_plan_shows_the_price_first_and_charges_exactly_that(sandbox, client, shop, portal):
    alice = shop.customer()
    subscription = shop.join(alice)
    sandbox.advance(days=10)
    home = portal(alice)
    page = requests.get(f"{home}/plan/{subscription.id}", timeout=10).text
    assert "$490.00" in page
    shown = requests.get(f"{home}/plan/{subscription.id}", params={"price": shop.annual}, timeout=10).text
    due = re.search(r"Due today</dt><dd>\$([\d.,]+)", shown)[1]
    requests.post(f"{home}/plan/{subscription.id}", data={"price": shop.annual}, timeout=10)
    switched = client.v1.subscriptions.retrieve(subscription.id, {"expand": ["latest_invoice"]})
    assert switched["items"].data[0].price.id == shop.annual
    assert f"{switched.latest_invoice.amount_paid / 100:,.2f}" == due


def test_a_shorter_plan_waits_for_the_end_of_the_longer(sandbox, client, shop, portal):
    alice = shop.customer()
    subscription = shop.join(alice, shop.annual)
    home = portal(alice)
    shown = requests.get(f"{home}/plan/{subscription.id}", params={"price": shop.monthly}, timeout=10).text
    assert "Nothing is due today" in shown
    requests.post(f"{home}/plan/{subscription.id}", data={"price": shop.monthly}, timeout=10)
    assert client.v1.subscriptions.retrieve(subscription.id)["items"].data[0].price.id == shop.annual
    sandbox.advance(days=366)
    later = client.v1.subscriptions.retrieve(subscription.id, {"expand": ["latest_invoice"]})
    assert later["items"].data[0].price.id == shop.monthly
    assert later.latest_invoice.total == 4900


def test_an_open_invoice_is_paid_on_its_page(sandbox, client, shop):
    alice = shop.customer()
    shop.join(alice, card="4000002760003184")
    sandbox.advance(days=32)
    invoice = client.v1.invoices.list({"customer": alice}).data[0]
    assert invoice.status == "open"
    assert sandbox.events("invoice.payment_action_required")
    page = requests.get(invoice.hosted_invoice_url, timeout=10).text
    assert "Your bank asks" in page
    assert "Receipt" in requests.post(invoice.hosted_invoice_url, data={"answer": "complete"}, timeout=10).text
    assert shop.subscription(alice).status == "active"


def test_a_bank_that_asks_before_a_card_is_kept(client, shop, portal):
    alice = shop.customer()
    subscription = shop.join(alice)
    home = portal(alice)
    card = {"number": "4000002500003155", "expiry": "12/40", "cvc": "123"}
    for answer, words in (("fail", "unable to authenticate"), ("close", "Use another card")):
        assert "Your bank asks" in requests.post(f"{home}/card", data=card, timeout=10).text
        assert words in requests.post(f"{home}/card", data=card | {"answer": answer}, timeout=10).text
        assert shop.subscription(alice).default_payment_method == subscription.default_payment_method
    done = requests.post(f"{home}/card", data=card | {"answer": "complete"}, timeout=10)
    assert "Visa ending 3155" in done.text
    kept = client.v1.customers.retrieve(alice).invoice_settings.default_payment_method
    assert shop.subscription(alice).default_payment_method == kept != subscription.default_payment_method


def test_a_declined_change_of_plan_keeps_the_old_one_and_says_why(client, shop, portal):
    alice = shop.customer()
    subscription = shop.join(alice)
    home = portal(alice)
    requests.post(f"{home}/card", data={"number": "4000000000000341", "expiry": "12/40", "cvc": "123"}, timeout=10)
    refused = requests.post(f"{home}/plan/{subscription.id}", data={"price": shop.annual}, timeout=10)
    assert refused.status_code == 422
    assert "Your card was declined." in refused.text
    after = client.v1.subscriptions.retrieve(subscription.id, {"expand": ["latest_invoice"]})
    assert (after.status, after["items"].data[0].price.id, after.pending_update) == ("active", shop.monthly, None)
    assert after.latest_invoice.status == "void"


def test_a_change_kept_for_later_can_be_taken_back(sandbox, client, shop, portal):
    alice = shop.customer()
    subscription = shop.join(alice, shop.annual)
    home = portal(alice)
    later = requests.post(f"{home}/plan/{subscription.id}", data={"price": shop.monthly}, timeout=10)
    assert "$49.00 per month" in later.text
    assert client.v1.subscriptions.retrieve(subscription.id).schedule
    assert "$49.00 per month" not in requests.post(f"{home}/keep/{subscription.id}", timeout=10).text
    assert client.v1.subscriptions.retrieve(subscription.id).schedule is None
    sandbox.advance(days=366)
    assert client.v1.subscriptions.retrieve(subscription.id)["items"].data[0].price.id == shop.annual


def test_a_configuration_may_end_plans_at_once_or_not_at_all(client, shop):
    def home(customer, **feature):
        made = client.v1.billing_portal.configurations.create({"features": {"subscription_cancel": feature}})
        return client.v1.billing_portal.sessions.create({"customer": customer, "configuration": made.id}).url

    alice, bob = shop.customer("alice"), shop.customer("bob")
    hers, his = shop.join(alice), shop.join(bob)
    way = home(alice, enabled=True, mode="immediately")
    assert "It ends at once." in requests.get(f"{way}/cancel/{hers.id}", timeout=10).text
    requests.post(f"{way}/cancel/{hers.id}", timeout=10)
    assert client.v1.subscriptions.retrieve(hers.id).status == "canceled"
    requests.post(f"{home(bob, enabled=False)}/cancel/{his.id}", timeout=10)
    assert (shop.subscription(bob).status, shop.subscription(bob).cancel_at) == ("active", None)


def test_the_portal_lists_invoices_that_lead_to_a_receipt(sandbox, shop, portal):
    alice = shop.customer()
    shop.join(alice)
    page = requests.get(portal(alice), timeout=10).text
    receipt = sandbox.url + re.search(r'href="(/i/in_[^"]+)"', page)[1]
    shown = requests.get(receipt, timeout=10).text
    for words in ("Receipt", "Paid on", "$49.00", "alice@example.com", "From Practice Freedom"):
        assert words in shown


DETAILS = {"enabled": True, "allowed_updates": ["name", "address", "tax_id"]}


@pytest.fixture
def details(client):
    """The page for billing details of a customer, under a configuration that allows these."""

    def details(customer: str, **rule: object) -> str:
        made = client.v1.billing_portal.configurations.create({"features": {"customer_update": {**DETAILS, **rule}}})
        values = {"customer": customer, "configuration": made.id}
        return client.v1.billing_portal.sessions.create(values).url + "/details"

    return details


def test_billing_details_reach_the_customer_and_the_next_invoice(sandbox, client, shop, details):
    alice = shop.customer()
    shop.join(alice)
    page = details(alice)
    assert 'value="Alice"' in requests.get(page, timeout=10).text
    typed = {"name": "Adams Dental", "line1": "Kirchweg 3", "postal_code": "10115", "city": "Berlin", "country": "DE"}
    home = requests.post(page, data=typed | {"tax_id": "de123456789", "email": "evil@example.com"}, timeout=10).text
    for words in ("Adams Dental", "Kirchweg 3, 10115, Berlin, DE", "Tax ID DE123456789"):
        assert words in home
    kept = client.v1.customers.retrieve(alice, {"expand": ["tax_ids"]})
    assert (kept.name, kept.address.city, kept.email) == ("Adams Dental", "Berlin", "alice@example.com")
    assert [(t.type, t.value) for t in kept.tax_ids] == [("eu_vat", "DE123456789")]
    previous = sandbox.events("customer.updated")[-1]["data"]["previous_attributes"]
    assert previous["name"] == "Alice"
    sandbox.advance(days=32)
    invoice = client.v1.invoices.list({"customer": alice}).data[0]
    assert (invoice.customer_name, invoice.customer_address.city) == ("Adams Dental", "Berlin")
    assert [t.value for t in invoice.customer_tax_ids] == ["DE123456789"]
    requests.post(details(alice), data=typed | {"remove": kept.tax_ids.data[0].id}, timeout=10)
    assert not client.v1.customers.tax_ids.list(alice).data


def test_a_wrong_tax_number_keeps_what_was_typed_and_changes_nothing(client, shop, details):
    alice = shop.customer()
    mine = client.v1.customers.tax_ids.create(alice, {"type": "eu_vat", "value": "DE123456789"}).id
    typed = {"name": "<i>Adams</i>", "country": "DE", "tax_id": "12", "remove": mine}
    refused = requests.post(details(alice), data=typed, timeout=10)
    assert refused.status_code == 422
    assert "Your tax ID is not valid." in refused.text
    assert "&lt;i&gt;Adams&lt;/i&gt;" in refused.text
    assert client.v1.customers.retrieve(alice).name == "Alice"
    assert [t.id for t in client.v1.customers.tax_ids.list(alice)] == [mine]


def test_only_what_the_configuration_allows_is_changed(client, shop, details):
    alice = shop.customer()
    page = details(alice, allowed_updates=["address"])
    assert 'name="tax_id"' not in requests.get(page, timeout=10).text
    requests.post(page, data={"name": "Mallory", "tax_id": "DE123456789", "city": "Bonn", "country": "DE"}, timeout=10)
    kept = client.v1.customers.retrieve(alice)
    assert (kept.name, kept.address.city) == ("Alice", "Bonn")
    assert not client.v1.customers.tax_ids.list(alice).data
    closed = details(alice, enabled=False, allowed_updates=[])
    assert requests.post(closed, data={"city": "Rome"}, allow_redirects=False, timeout=10).status_code == 303
    assert client.v1.customers.retrieve(alice).address.city == "Bonn"


def test_a_tax_id_of_somebody_else_is_neither_read_nor_removed(client, shop, details):
    alice, bob = shop.customer("alice"), shop.customer("bob")
    his = client.v1.customers.tax_ids.create(bob, {"type": "us_ein", "value": "12-3456789"}).id
    for call in (client.v1.customers.tax_ids.retrieve, client.v1.customers.tax_ids.delete):
        with pytest.raises(stripe.InvalidRequestError) as missing:
            call(alice, his)
        assert missing.value.http_status == 404
    requests.post(details(alice), data={"name": "Alice", "country": "US", "remove": his}, timeout=10)
    assert [t.id for t in client.v1.customers.tax_ids.list(bob)] == [his]
