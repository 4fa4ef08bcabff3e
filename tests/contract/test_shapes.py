"""Answers, events and requests have the shapes the installed SDK knows; anything else is refused by name."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from stripe_sandbox import calls, objects, oracle
from stripe_sandbox.store import API_VERSION

assert objects  # fills the table of calls


def test_the_sandbox_speaks_the_version_the_sdk_pins():
    assert stripe.VERSION == "16.1.0"
    assert stripe.api_version == API_VERSION


def test_the_sdk_still_reads_as_the_oracle_expects():
    found = oracle.endpoints()
    assert len(found) > 500
    assert found["post", "/v1/checkout/sessions"].returns == ("stripe.checkout._session", "Session")
    assert found["get", "/v1/subscriptions"].returns_list
    assert all(endpoint.returns for endpoint in found.values())


@pytest.mark.parametrize("answer", calls.ANSWERS, ids=lambda a: f"{a.verb} {a.path}")
def test_every_call_answered_is_one_of_stripes(answer):
    assert oracle.endpoint(answer.verb, answer.path) is not None


@pytest.mark.parametrize(
    ("params", "param"),
    [
        ({"ui_mode": "hosted"}, "ui_mode"),  # its name until 2026-03-25.dahlia
        ({"billing_address_collection": "sometimes"}, "billing_address_collection"),  # an open enum, closed here
        ({"subscription_data": {"trial_days": 7}}, "subscription_data[trial_days]"),
        ({"coupon": "WELCOME"}, "coupon"),
        ({"expires_at": "tomorrow"}, "expires_at"),
        ({"allow_promotion_codes": "yes"}, "allow_promotion_codes"),
        ({"line_items": [{"price": "p", "amount": 3}]}, "line_items[0][amount]"),
        ({"payment_method_types": "card"}, "payment_method_types"),
    ],
)
def test_a_parameter_stripe_does_not_know_is_refused_by_name(client, shop, params, param):
    with pytest.raises(stripe.InvalidRequestError) as refused:
        shop.session(shop.customer(), **params)
    assert refused.value.param == param
    assert refused.value.http_status == 400


def test_an_unknown_parameter_has_its_own_code(client):
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.customers.create({"e_mail": "alice@example.com"})
    assert refused.value.code == "parameter_unknown"
    assert refused.value.request_id.startswith("req_")


def test_a_missing_parameter_and_an_old_shape_are_refused(client, shop):
    with pytest.raises(stripe.InvalidRequestError) as missing:
        client.v1.prices.create({"unit_amount": 100})
    assert missing.value.code == "parameter_missing"
    subscription = shop.join(shop.customer())
    with pytest.raises(stripe.InvalidRequestError) as old:
        client.v1.subscriptions.update(subscription.id, {"billing_cycle_anchor": "now"})
    assert old.value.param == "billing_cycle_anchor"


def test_what_stripe_has_and_the_sandbox_has_not_is_said_plainly(client):
    with pytest.raises(stripe.APIError) as beyond:
        client.v1.payment_links.create({"line_items": []})
    assert beyond.value.http_status == 501
    with pytest.raises(stripe.InvalidRequestError) as nothing:
        client.raw_request("get", "/v1/nothing_like_this")
    assert nothing.value.http_status == 404


def test_an_answer_with_a_wrong_field_fails_and_names_it(sandbox, client, monkeypatch):
    found, _ = calls.find("get", "/v1/account")

    def broken(call: Any) -> dict[str, Any]:
        return found.handler(call) | {"charges_enabled": "yes", "favourite_colour": "blue"}

    wrong = calls.Answer(found.verb, found.path, broken, found.pattern, writes=False)
    monkeypatch.setattr(calls, "ANSWERS", [wrong])
    with pytest.raises(
        stripe.APIError, match=r"favourite_colour: not a field of Account.*charges_enabled: expected bool"
    ):
        client.v1.accounts.retrieve_current()


def test_an_event_with_a_wrong_object_is_never_written(sandbox, shop):
    with pytest.raises(AssertionError, match="status"), sandbox.sandbox.transaction() as tx:
        tx.emit("customer.subscription.updated", {"id": "sub_1", "object": "subscription", "status": "happy"})
    assert not sandbox.events("customer.subscription.updated")


def test_everything_a_year_of_membership_produced_validates(sandbox, client, shop):
    customer = shop.customer()
    shop.join(customer)
    sandbox.advance(days=40)
    for event in sandbox.events():
        assert oracle.event_findings(event) == [], event["type"]
    every = client.v1.subscriptions.list(
        {
            "customer": customer,
            "status": "all",
            "expand": [
                "data.latest_invoice",
                "data.default_payment_method",
                "data.customer",
                "data.discounts",
                "data.items.data.price.product",
            ],
        }
    )
    assert every.data[0].latest_invoice.billing_reason == "subscription_cycle"
    assert every.data[0]["items"].data[0].price.product.name == "Practice Freedom"


def test_a_test_may_send_what_stripe_might_send_one_day(sandbox, client, shop):
    subscription = shop.join(shop.customer())
    sandbox.distort(subscription.id, status="hibernating", surprise={"new": True})
    assert client.v1.subscriptions.retrieve(subscription.id).status == "hibernating"


def test_only_test_keys_open_the_door(sandbox):
    for key in ("sk_live_abc", "pk_test_abc", "whatever"):
        with pytest.raises(stripe.AuthenticationError):
            sandbox.client(key=key).v1.customers.list()
    sandbox.client(key="rk_test_restricted").v1.customers.list()


def test_a_parameter_stripe_knows_and_the_sandbox_does_not_is_never_ignored_in_silence(client, shop):
    with pytest.raises(stripe.APIError, match="does not simulate tax_id_data"):
        client.v1.customers.create({"email": "a@example.com", "tax_id_data": [{"type": "eu_vat", "value": "DE1"}]})
    with pytest.raises(stripe.APIError, match="does not simulate phone_number_collection"):
        shop.session(shop.customer(), phone_number_collection={"enabled": True})
    assert [c.email for c in client.v1.customers.list()] == ["alice@example.com"]


def test_a_parameter_inside_another_is_not_ignored_either(client, shop):
    data = {"trial_period_days": 7, "invoice_settings": {"issuer": {"type": "self"}}}
    with pytest.raises(stripe.APIError, match=r"does not simulate subscription_data\[invoice_settings\]") as beyond:
        shop.session(shop.customer(), subscription_data=data)
    assert beyond.value.http_status == 501


def test_an_events_old_values_are_held_against_their_fields(sandbox, shop):
    subscription = shop.join(shop.customer())
    with sandbox.sandbox.transaction() as tx:
        body = tx.get("subscription", subscription.id)
    for previous, words in (
        ({"status": "happy"}, "previous_attributes.status"),
        ({"colour": "blue"}, "previous_attributes.colour is no field"),
        ({"items": {"data": [{"quantity": "two"}]}}, "previous_attributes.items"),
    ):
        with pytest.raises(AssertionError, match=words), sandbox.sandbox.transaction() as tx:
            tx.emit("customer.subscription.updated", body, previous)


def test_a_refusal_is_read_by_the_sdk_without_surprise(sandbox, client, shop):
    alice = shop.customer()
    bad = client.v1.payment_methods.attach("pm_card_chargeCustomerFail", {"customer": alice})
    order = {"customer": alice, "items": [{"price": shop.monthly}], "default_payment_method": bad.id}
    with pytest.raises(stripe.CardError) as declined:
        client.v1.subscriptions.create({**order, "payment_behavior": "error_if_incomplete"})
    told = declined.value
    assert (told.http_status, told.code, told.error.type) == (402, "card_declined", "card_error")
    assert (told.error.decline_code, told.error.doc_url.rsplit("/", 1)[-1]) == ("generic_decline", "card-declined")
    assert told.request_id == told.headers["Request-Id"]
    assert told.request_id in told.error.request_log_url
    assert oracle.error_findings(told.json_body) == []
    assert oracle.error_findings({"error": {"type": "card_error", "colour": "red"}}) == [
        "error.colour: not a field of ErrorObject"
    ]
    assert not client.v1.subscriptions.list({"customer": alice, "status": "all"}).data, "nothing was begun"


def test_what_basil_and_later_versions_took_away_is_gone(client, shop):
    alice = shop.customer()
    subscription = shop.join(alice)
    whole = client.v1.subscriptions.retrieve(subscription.id, {"expand": ["discounts"]})
    expand = ["payments.data.payment.payment_intent", "confirmation_secret"]
    invoice = client.v1.invoices.retrieve(whole.latest_invoice, {"expand": expand})
    intent, charge = invoice.payments.data[0].payment.payment_intent, client.v1.charges.list().data[0]
    for thing, names in (
        (whole, ("current_period_start", "current_period_end", "discount")),
        (invoice, ("subscription", "paid", "charge", "payment_intent", "discount")),
        (charge, ("invoice",)),
        (intent, ("invoice",)),
    ):
        for name in names:
            assert not hasattr(thing, name), f"{thing.object}.{name}"
    assert intent.latest_charge == charge.id
    assert invoice.confirmation_secret.client_secret == intent.client_secret
    decimal = whole["items"].data[0].price.unit_amount_decimal
    assert str(decimal) == "4900", "a decimal_string: the SDK reads it as a Decimal"


def test_the_billing_anchor_is_an_object_since_endive(sandbox, client, shop):
    joined = shop.join(shop.customer())
    sandbox.advance(days=10)
    now = {"billing_cycle_anchor": {"type": "now"}, "proration_behavior": "none"}
    preview = client.v1.invoices.create_preview({"subscription": joined.id, "subscription_details": now})
    assert preview.amount_due == 4900
    moved = client.v1.subscriptions.update(joined.id, now)
    assert moved.billing_cycle_anchor == moved["items"].data[0].current_period_start > joined.billing_cycle_anchor
    client.v1.subscriptions.pause(joined.id, {"type": "subscription"})
    with pytest.raises(stripe.APIError, match="now only"):
        client.v1.subscriptions.resume(joined.id, {"billing_cycle_anchor": {"type": "unchanged"}})
    assert client.v1.subscriptions.resume(joined.id, {"billing_cycle_anchor": {"type": "now"}}).status == "active"


def test_every_cause_of_a_pause_and_of_writing_off_has_its_word(sandbox, client, shop):
    sandbox.sandbox.set("dunning_end", "paused")
    sandbox.sandbox.set("retry_days", "1")
    joined = shop.join(shop.customer(), card="4000000000000341", subscription_data={"trial_period_days": 1})
    sandbox.advance(days=3)
    paused = client.v1.subscriptions.retrieve(joined.id)
    assert (paused.status, paused.status_details.paused.type) == ("paused", "subscription")
    assert paused.status_details.paused.subscription.type == "final_payment_failure"
    written = client.v1.invoices.mark_uncollectible(paused.latest_invoice)
    assert written.status_details.uncollectible.reason == "user_forgiven"


def test_a_bug_of_the_sandbox_answers_in_json_and_leaves_nothing(sandbox, client, monkeypatch):
    found, _ = calls.find("post", "/v1/customers")

    def clumsy(call: Any) -> dict[str, Any]:
        found.handler(call)
        raise KeyError("oops")

    monkeypatch.setattr(calls, "ANSWERS", [calls.Answer("post", found.path, clumsy, found.pattern, writes=True)])
    with pytest.raises(stripe.APIError, match="The sandbox itself failed: KeyError") as broken:
        client.v1.customers.create({"email": "alice@example.com"})
    assert broken.value.http_status == 500
    monkeypatch.undo()
    assert client.v1.customers.list().data == []
    assert sandbox.events() == []
