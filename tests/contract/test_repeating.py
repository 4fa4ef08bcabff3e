"""Idempotency keys, lists, expansion, metadata, and calls that go wrong on the way."""

from __future__ import annotations

import threading

import pytest
import requests
import stripe


def test_the_same_key_gives_the_same_customer(client):
    first = client.v1.customers.create({"email": "a@example.com"}, {"idempotency_key": "k1"})
    second = client.v1.customers.create({"email": "a@example.com"}, {"idempotency_key": "k1"})
    assert first.id == second.id
    assert second.last_response.headers["Idempotent-Replayed"] == "true"
    assert len(client.v1.customers.list().data) == 1


def test_the_same_key_with_other_words_is_an_error(client):
    client.v1.customers.create({"email": "a@example.com"}, {"idempotency_key": "k1"})
    with pytest.raises(stripe.IdempotencyError):
        client.v1.customers.create({"email": "b@example.com"}, {"idempotency_key": "k1"})


def test_a_refusal_before_anything_ran_leaves_the_key_free(client):
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.customers.create({"e_mail": "x"}, {"idempotency_key": "k1"})
    assert client.v1.customers.create({"email": "a@example.com"}, {"idempotency_key": "k1"}).id


def test_a_key_is_forgotten_after_a_day(sandbox, client):
    first = client.v1.customers.create({"email": "a@example.com"}, {"idempotency_key": "k1"})
    sandbox.advance(hours=25)
    assert client.v1.customers.create({"email": "a@example.com"}, {"idempotency_key": "k1"}).id != first.id


def test_a_key_in_use_answers_409(sandbox):
    sandbox.fail("slow", match="POST /v1/customers", seconds=0)
    keys = sandbox.sandbox.keys
    with keys.hold("k1"), pytest.raises(stripe.APIError) as busy:
        sandbox.client().v1.customers.create({"email": "a@example.com"}, {"idempotency_key": "k1"})
    assert busy.value.http_status == 409


def test_a_stored_500_is_replayed_under_its_key_and_a_new_key_works(sandbox, client):
    sandbox.fail("500", match="POST /v1/customers")
    for _ in range(2):
        with pytest.raises(stripe.APIError) as broken:
            client.v1.customers.create({"email": "a@example.com"}, {"idempotency_key": "k1"})
        assert broken.value.http_status == 500
    assert client.v1.customers.create({"email": "a@example.com"}, {"idempotency_key": "k2"}).id
    assert len(client.v1.customers.list().data) == 1


def test_a_timeout_after_the_commit_and_a_retry_make_one_customer(sandbox):
    sandbox.fail("timeout", match="POST /v1/customers", seconds=1.5)
    made = sandbox.client(retries=8, timeout=0.5).v1.customers.create({"email": "a@example.com"})
    assert [c.id for c in sandbox.client().v1.customers.list()] == [made.id]


@pytest.mark.parametrize("kind", ["drop", "drop_after"])
def test_a_dropped_connection_and_a_retry_make_one_customer(sandbox, kind):
    sandbox.fail(kind, match="POST /v1/customers")
    made = sandbox.client(retries=2).v1.customers.create({"email": "a@example.com"})
    assert [c.id for c in sandbox.client().v1.customers.list()] == [made.id]


def test_rate_limit_bad_gateway_and_lock_look_as_they_do_at_stripe(sandbox, client):
    sandbox.fail("429")
    with pytest.raises(stripe.RateLimitError):
        client.v1.customers.list()
    sandbox.fail("502")
    with pytest.raises(stripe.APIError) as html:
        client.v1.customers.list()
    assert html.value.http_status == 502
    sandbox.fail("409")
    with pytest.raises(stripe.APIError) as locked:
        client.v1.customers.list()
    assert locked.value.http_status == 409
    client.v1.customers.list()


def test_a_fault_waits_for_the_call_it_is_meant_for(sandbox, client):
    sandbox.fail("500", match="GET /v1/subscriptions")
    client.v1.customers.list()
    with pytest.raises(stripe.APIError):
        client.v1.subscriptions.list()


def test_a_revoked_key_is_refused(sandbox):
    client = sandbox.client(key="sk_test_old")
    client.v1.customers.list()
    requests.post(f"{sandbox.url}/_sandbox/keys/revoke", json={"key": "sk_test_old"}, timeout=10)
    with pytest.raises(stripe.AuthenticationError):
        client.v1.customers.list()


def test_lists_are_newest_first_and_page_in_both_directions(client):
    ids = [client.v1.customers.create({"email": f"{n}@example.com"}).id for n in range(5)]
    newest_first = ids[::-1]
    first = client.v1.customers.list({"limit": 2})
    assert [c.id for c in first] == newest_first[:2]
    assert first.has_more
    second = client.v1.customers.list({"limit": 2, "starting_after": first.data[-1].id})
    assert [c.id for c in second] == newest_first[2:4]
    back = client.v1.customers.list({"limit": 2, "ending_before": second.data[0].id})
    assert [c.id for c in back] == newest_first[:2]
    assert [c.id for c in client.v1.customers.list({"limit": 2}).auto_paging_iter()] == newest_first
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.customers.list({"limit": 101})


def test_metadata_merges_and_empty_unsets(client):
    alice = client.v1.customers.create({"email": "a@example.com", "phone": "1", "metadata": {"a": "1", "b": "2"}})
    alice = client.v1.customers.update(alice.id, {"phone": "", "metadata": {"b": "", "c": "3"}})
    assert alice.phone is None
    assert alice.metadata.to_dict() == {"a": "1", "c": "3"}
    assert client.v1.customers.update(alice.id, {"metadata": ""}).metadata.to_dict() == {}


def test_what_is_missing_and_what_was_deleted(sandbox, client):
    with pytest.raises(stripe.InvalidRequestError) as missing:
        client.v1.customers.retrieve("cus_nobody")
    assert (missing.value.code, missing.value.http_status, missing.value.param) == ("resource_missing", 404, "id")
    with pytest.raises(stripe.InvalidRequestError) as named:
        client.v1.subscriptions.list({"customer": "cus_nobody"})
    assert (named.value.code, named.value.http_status, named.value.param) == ("resource_missing", 400, "customer")
    alice = client.v1.customers.create({"email": "a@example.com"})
    assert client.v1.customers.delete(alice.id).deleted
    assert client.v1.customers.retrieve(alice.id).deleted
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.customers.update(alice.id, {"email": "b@example.com"})
    assert [e["type"] for e in sandbox.events()] == ["customer.created", "customer.deleted"]


def test_what_cannot_be_expanded_is_refused(client, shop):
    subscription = shop.join(shop.customer())
    got = client.v1.subscriptions.retrieve(subscription.id, {"expand": ["customer", "latest_invoice.payments"]})
    assert got.customer.email == "alice@example.com"
    with pytest.raises(stripe.InvalidRequestError, match="cannot be expanded"):
        client.v1.subscriptions.retrieve(subscription.id, {"expand": ["favourite"]})


def test_twenty_threads_with_one_key_make_one_customer(sandbox):
    made: list[str] = []
    busy: list[int] = []

    def create() -> None:
        try:
            made.append(sandbox.client().v1.customers.create({"email": "a@example.com"}, {"idempotency_key": "k"}).id)
        except stripe.APIError as refused:
            busy.append(refused.http_status or 0)

    threads = [threading.Thread(target=create) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(made)) == 1
    assert set(busy) <= {409}
    assert len(sandbox.client().v1.customers.list().data) == 1


def test_events_list_filters_by_type_and_keeps_thirty_days(sandbox, client, shop):
    shop.join(shop.customer())
    kinds = [e.type for e in client.v1.events.list({"types": ["invoice.paid", "checkout.session.completed"]})]
    assert kinds == ["checkout.session.completed", "invoice.paid"]
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.events.list({"types": ["a.b"] * 21})
    sandbox.advance(days=30.5)
    assert client.v1.events.list({"type": "checkout.session.completed"}).data == []


def test_a_slow_call_answers_late_and_rightly(sandbox):
    sandbox.fail("slow", match="POST /v1/customers", seconds=1.5)
    with pytest.raises(stripe.APIConnectionError):
        sandbox.client(timeout=0.3).v1.customers.create({"email": "a@example.com"})
    sandbox.heal()
    sandbox.fail("slow", match="GET /v1/customers", seconds=0.05)
    sandbox.client().v1.customers.list()


def test_an_expansion_goes_four_levels_deep_at_most(client, shop):
    subscription = shop.join(shop.customer())
    deep = "latest_invoice.payments.data.payment.payment_intent.latest_charge"
    with pytest.raises(stripe.InvalidRequestError, match="more than 4 levels"):
        client.v1.subscriptions.retrieve(subscription.id, {"expand": [deep]})


def test_events_are_read_in_the_order_they_happened_from_the_last_one_known(client, shop):
    first = shop.customer("alice")
    known = client.v1.events.list({"limit": 1}).data[0].id
    later = [shop.customer(name) for name in ("bob", "cleo", "dan")]
    paged = client.v1.events.list({"ending_before": known, "limit": 2}).auto_paging_iter()
    assert [event.data.object["id"] for event in paged] == later
    assert first not in later
