"""A business at the till: its name and tax id, typed on the Checkout page, stand on its invoices."""

from __future__ import annotations

import pytest
import requests
import stripe

PAPERS = {
    "name_collection": {"business": {"enabled": True, "optional": True}},
    "tax_id_collection": {"enabled": True},
    "customer_update": {"name": "auto", "address": "auto"},
}
CARD = {"do": "pay", "number": "4242 4242 4242 4242", "expiry": "12 / 40", "cvc": "123", "name": "Alice Moreno"}


@pytest.fixture
def till(client, shop):
    """A session for a customer, and its page: `till(alice)` is (session id, address)."""

    def till(customer: str, **more: object) -> tuple[str, str]:
        session = client.v1.checkout.sessions.create(
            {
                "mode": "subscription",
                "customer": customer,
                "line_items": [{"price": shop.monthly, "quantity": 1}],
                "success_url": "http://portal.test/back",
                **PAPERS,
                **more,
            }
        )
        return session.id, session.url

    return till


def pay(url: str, **typed: str) -> requests.Response:
    return requests.post(
        url, data=CARD | {"country": "DE", "postal_code": "10115"} | typed, allow_redirects=False, timeout=10
    )


def test_name_and_tax_id_land_on_the_customer_and_on_every_invoice(sandbox, client, shop, till):
    alice = shop.customer()
    session, url = till(alice)
    page = requests.get(url, timeout=10).text
    assert "Business name (optional)" in page
    assert "Tax ID (optional)" in page
    assert pay(url, business_name="Dres. Moreno", tax_id=" de123456789 ").status_code == 303

    customer = client.v1.customers.retrieve(alice, {"expand": ["tax_ids"]})
    assert (customer.name, customer.business_name) == ("Dres. Moreno", "Dres. Moreno")
    assert [(t.type, t.value, t.country) for t in customer.tax_ids.data] == [("eu_vat", "DE123456789", "DE")]
    done = client.v1.checkout.sessions.retrieve(session)
    assert done.collected_information.business_name == "Dres. Moreno"
    assert [(t.type, t.value) for t in done.customer_details.tax_ids] == [("eu_vat", "DE123456789")]

    sandbox.advance(32 * 86400)
    invoices = client.v1.invoices.list({"customer": alice}).data
    assert len(invoices) == 2
    for invoice in invoices:
        assert invoice.customer_name == "Dres. Moreno"
        assert [(t.type, t.value) for t in invoice.customer_tax_ids] == [("eu_vat", "DE123456789")]
        receipt = requests.get(invoice.hosted_invoice_url, timeout=10).text
        assert "to Dres. Moreno" in receipt
        assert "Tax ID DE123456789" in receipt
    assert "customer.tax_id.created" in {event["type"] for event in sandbox.events()}


def test_somebody_who_types_neither_pays_as_herself(client, shop, till):
    alice = shop.customer()
    _session, url = till(alice)
    assert pay(url).status_code == 303
    assert client.v1.customers.retrieve(alice).name == "Alice Moreno"
    [invoice] = client.v1.invoices.list({"customer": alice}).data
    assert (invoice.customer_name, invoice.customer_tax_ids) == ("Alice Moreno", [])


@pytest.mark.parametrize(("country", "tax_id"), [("DE", "123"), ("US", "DE123456789"), ("GB", "GB12")])
def test_a_tax_id_that_is_none_is_said_so_and_charges_nothing(client, shop, till, country, tax_id):
    alice = shop.customer()
    _session, url = till(alice)
    answer = pay(url, business_name="Moreno", tax_id=tax_id, country=country)
    assert answer.status_code == 422
    assert "Your tax ID is not valid." in answer.text
    assert 'value="Moreno"' in answer.text
    assert client.v1.invoices.list({"customer": alice}).data == []
    assert client.v1.customers.retrieve(alice, {"expand": ["tax_ids"]}).tax_ids.data == []
    assert pay(url, business_name="Moreno", tax_id="12-3456789", country="US").status_code == 303


def test_a_name_that_is_required_is_asked_for(client, shop, till):
    _session, url = till(shop.customer(), name_collection={"business": {"enabled": True}})
    assert "Please enter the name of your business." in pay(url).text
    assert pay(url, business_name="Moreno").status_code == 303


def test_a_name_corrected_after_a_decline_is_the_one_on_the_invoice(client, shop, till):
    alice = shop.customer()
    _session, url = till(alice)
    assert pay(url, business_name="Morenno", number="4000 0000 0000 0002").status_code == 422
    assert pay(url, business_name="Moreno").status_code == 303
    paid = [i for i in client.v1.invoices.list({"customer": alice}).data if i.status == "paid"]
    assert [invoice.customer_name for invoice in paid] == ["Moreno"]


def test_tax_ids_are_also_given_listed_and_taken_by_the_api(client, shop):
    alice = shop.customer()
    made = client.v1.customers.tax_ids.create(alice, {"type": "gb_vat", "value": "GB123456789"})
    assert client.v1.customers.tax_ids.create(alice, {"type": "gb_vat", "value": "GB123456789"}).id == made.id
    assert client.v1.customers.tax_ids.retrieve(alice, made.id).owner.customer == alice
    with pytest.raises(stripe.InvalidRequestError, match="Invalid value for gb_vat"):
        client.v1.customers.tax_ids.create(alice, {"type": "gb_vat", "value": "1"})
    assert client.v1.customers.tax_ids.delete(alice, made.id).deleted
    assert client.v1.customers.tax_ids.list(alice).data == []


def test_only_the_business_name_is_simulated(shop, till):
    with pytest.raises(stripe.InvalidRequestError, match="business"):
        till(shop.customer(), name_collection={"individual": {"enabled": True}})
