"""Webhooks: signed, frozen, tried again, and under the tests' control."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from email.utils import parsedate_to_datetime

import pytest
import requests
import stripe

from stripe_sandbox import deliveries
from tests.live import free_port


def test_a_joins_events_arrive_signed_and_say_what_the_api_says(sandbox, client, shop, listener, until):
    listener.secret = sandbox.listen_at(listener.url)
    subscription = shop.join(shop.customer())
    until(lambda: sandbox.counts()["due"] + sandbox.counts()["sending"] == 0)
    types = listener.types()
    for expected in (
        "checkout.session.completed",
        "customer.subscription.created",
        "invoice.paid",
        "payment_intent.succeeded",
        "customer.subscription.updated",
    ):
        assert expected in types
    event = next(e for e in listener.events() if e.type == "customer.subscription.updated")
    assert event.data.object["id"] == subscription.id
    assert event.api_version == stripe.api_version
    assert event.id == client.v1.events.retrieve(event.id).id


def test_an_endpoint_made_by_the_api_shows_its_secret_once(sandbox, client, listener, until):
    made = client.v1.webhook_endpoints.create(
        {"url": listener.url, "enabled_events": ["customer.created"], "api_version": stripe.api_version}
    )
    assert made.secret.startswith("whsec_")
    assert not hasattr(client.v1.webhook_endpoints.retrieve(made.id), "secret")
    listener.secret = made.secret
    client.v1.customers.create({"email": "alice@example.com"})
    client.v1.products.create({"name": "Not asked for"})
    until(lambda: bool(listener.received))
    until(lambda: sandbox.counts()["done"] == 1)
    assert listener.types() == ["customer.created"]


def test_a_snapshot_is_frozen_when_it_happened(sandbox, client, listener, until):
    listener.secret = sandbox.listen_at(listener.url, events=["customer.created"])
    sandbox.hold()
    alice = client.v1.customers.create({"email": "before@example.com"})
    client.v1.customers.update(alice.id, {"email": "after@example.com"})
    sandbox.release()
    until(lambda: bool(listener.received))
    assert listener.events()[0].data.object["email"] == "before@example.com"


def test_the_event_names_the_request_and_its_key(sandbox, client, listener, until):
    listener.secret = sandbox.listen_at(listener.url)
    made = client.v1.customers.create({"email": "a@example.com"}, {"idempotency_key": "alice-join"})
    until(lambda: bool(listener.received))
    event = listener.events()[0]
    assert event.request.idempotency_key == "alice-join"
    assert event.request.id == made.last_response.request_id
    assert event.pending_webhooks == 1
    until(lambda: client.v1.events.retrieve(event.id).pending_webhooks == 0)


@pytest.mark.parametrize("refusal", [500, 302, 404])
def test_anything_but_2xx_is_tried_again(sandbox, client, listener, until, refusal):
    listener.secret = sandbox.listen_at(listener.url)
    listener.answers = [refusal, refusal]
    client.v1.customers.create({"email": "a@example.com"})
    until(lambda: len(listener.received) == 3)
    until(lambda: sandbox.counts()["done"] == 1)
    assert len({id for id, _, _ in listener.received}) == 1


def test_retries_follow_the_sandboxs_clock(sandbox, client, listener, until):
    sandbox.sandbox.deliverer.retry_seconds = (86400.0,)
    listener.secret = sandbox.listen_at(listener.url)
    listener.answers = [500]
    client.v1.customers.create({"email": "a@example.com"})
    until(lambda: len(listener.received) == 1)
    until(lambda: sandbox.counts()["due"] == 1)
    assert len(client.v1.events.list({"delivery_success": False}).data) == 1
    sandbox.advance(days=1.1)
    until(lambda: len(listener.received) == 2)


def test_held_events_wait_and_are_released_in_any_order_any_number_of_times(sandbox, client, shop, listener, until):
    listener.secret = sandbox.listen_at(listener.url)
    sandbox.hold()
    shop.join(shop.customer())
    time.sleep(0.1)
    assert listener.received == []
    waiting = sandbox.counts()["due"]
    assert sandbox.release(order="shuffled", seed=3, times=2) == 2 * waiting
    until(lambda: len(listener.received) == 2 * waiting)


def test_dropped_events_never_arrive_but_the_api_lists_them(sandbox, client, listener):
    listener.secret = sandbox.listen_at(listener.url)
    sandbox.hold()
    client.v1.customers.create({"email": "a@example.com"})
    assert sandbox.drop(types=["customer.created"]) == 1
    sandbox.release()
    time.sleep(0.1)
    assert listener.received == []
    assert [e.type for e in client.v1.events.list({"types": ["customer.created"]})] == ["customer.created"]


def test_during_a_rotation_both_secrets_verify(sandbox, client, listener, until):
    sandbox.listen_at(listener.url, secrets=["whsec_new", "whsec_old"])
    client.v1.customers.create({"email": "a@example.com"})
    until(lambda: bool(listener.received))
    for secret in ("whsec_new", "whsec_old"):
        listener.secret = secret
        assert listener.types() == ["customer.created"]
    listener.secret = "whsec_other"
    with pytest.raises(stripe.SignatureVerificationError):
        listener.events()


def test_a_skewed_clock_signs_another_time(sandbox, client, listener, until):
    listener.secret = sandbox.listen_at(listener.url)
    requests.post(f"{sandbox.url}/_sandbox/signing", json={"skew": -900}, timeout=10)
    client.v1.customers.create({"email": "a@example.com"})
    until(lambda: bool(listener.received))
    with pytest.raises(stripe.SignatureVerificationError, match="tolerance"):
        listener.events()
    told = parsedate_to_datetime(client.v1.customers.list().last_response.headers["Date"])
    assert -905 < told.timestamp() - time.time() < -895


def test_nine_days_of_errors_disable_the_endpoint(sandbox, client, listener, until):
    sandbox.sandbox.deliverer.retry_seconds = (10 * 86400.0,)
    listener.secret = sandbox.listen_at(listener.url)
    listener.answers = [500, 500]
    client.v1.customers.create({"email": "a@example.com"})
    until(lambda: len(listener.received) == 1 and sandbox.counts()["due"] == 1)
    sandbox.advance(days=11)
    until(lambda: client.v1.webhook_endpoints.list().data[0].status == "disabled")


def test_without_threads_a_test_delivers_by_hand(tmp_path):
    from stripe_sandbox import create_app
    from tests.sandbox import SandboxTransport

    app = create_app(tmp_path / "s.sqlite", delivery="manual")
    client = stripe.StripeClient("sk_test_x", http_client=SandboxTransport(app))
    secret = app.extensions["sandbox"].listen_at("http://portal.test/stripe")
    client.v1.customers.create({"email": "alice@example.com"})
    seen: list[stripe.Event] = []

    def send(url: str, body: bytes, headers: dict[str, str]) -> int:
        seen.append(stripe.Webhook.construct_event(body, headers["Stripe-Signature"], secret))
        return 200

    assert app.extensions["sandbox"].deliver(send) == 1
    assert seen[0].data.object["email"] == "alice@example.com"
    assert app.extensions["sandbox"].deliver(send) == 0


@pytest.fixture
def process(tmp_path, unused_port):
    """The sandbox as its own process, startable again after a kill."""
    running: list[subprocess.Popen[bytes]] = []

    def start() -> str:
        command = [
            sys.executable,
            "-m",
            "stripe_sandbox",
            "--port",
            str(unused_port),
            "--database",
            str(tmp_path / "s.sqlite"),
        ]
        running.append(
            subprocess.Popen(
                command,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=os.environ | {"SANDBOX_RETRY_SECONDS": "0.2,0.2,0.2"},
            )
        )
        url = f"http://127.0.0.1:{unused_port}"
        for _ in range(1200):
            try:
                requests.get(f"{url}/health", timeout=5)
                return url
            except requests.RequestException:
                time.sleep(0.05)
        raise AssertionError("the sandbox did not start")

    def kill() -> None:
        running[-1].send_signal(signal.SIGKILL)
        running[-1].wait()

    start.kill = kill  # type: ignore[attr-defined]
    yield start
    for one in running:
        if one.poll() is None:
            one.kill()
            one.wait()


@pytest.fixture
def unused_port() -> int:
    return free_port()


def test_after_kill_9_held_events_are_still_delivered(process, listener, until):
    url = process()
    client = stripe.StripeClient("sk_test_x", base_addresses={"api": url})
    made = client.v1.webhook_endpoints.create({"url": listener.url, "enabled_events": ["*"]})
    listener.secret = made.secret
    requests.post(f"{url}/_sandbox/deliveries", json={"hold": True}, timeout=10)
    alice = client.v1.customers.create({"email": "alice@example.com"})
    process.kill()
    process()
    assert client.v1.customers.retrieve(alice.id).email == "alice@example.com"
    requests.post(f"{url}/_sandbox/deliveries/release", json={}, timeout=10)
    until(lambda: bool(listener.received))
    assert listener.types() == ["customer.created"]


def test_the_control_door_shows_events_with_their_deliveries(sandbox, client, listener, until):
    listener.secret = sandbox.listen_at(listener.url)
    client.v1.customers.create({"email": "a@example.com"})
    until(lambda: sandbox.counts()["done"] == 1)
    shown = json.loads(requests.get(f"{sandbox.url}/_sandbox/events", timeout=10).text)["events"]
    assert shown[0]["type"] == "customer.created"
    assert shown[0]["deliveries"][0]["state"] == "done"


def test_a_delivery_under_way_when_the_process_died_goes_out_again(tmp_path):
    from stripe_sandbox import create_app
    from tests.sandbox import SandboxTransport

    class Killed(BaseException):
        """The process ends in the middle of a request."""

    def die(url: str, body: bytes, headers: dict[str, str]) -> int:
        raise Killed

    app = create_app(tmp_path / "s.sqlite", delivery="manual")
    app.extensions["sandbox"].listen_at("http://portal.test/stripe")
    client = stripe.StripeClient("sk_test_x", http_client=SandboxTransport(app))
    client.v1.customers.create({"email": "alice@example.com"})
    with pytest.raises(Killed):
        app.extensions["sandbox"].deliver(die)
    assert app.extensions["sandbox"].deliver(lambda *_: 200) == 0
    again = create_app(tmp_path / "s.sqlite", delivery="manual").extensions["sandbox"]
    assert again.deliver(lambda *_: 200) == 1


def test_the_demos_endpoint_moves_along_with_its_port(tmp_path, monkeypatch):
    from stripe_sandbox import create_app

    monkeypatch.setenv("SANDBOX_WEBHOOK_SECRET", "whsec_demo")
    for port in (8000, 8001):
        monkeypatch.setenv("SANDBOX_WEBHOOK_URL", f"http://127.0.0.1:{port}/events")
        sandbox = create_app(tmp_path / "s.sqlite", delivery="manual").extensions["sandbox"]
    with sandbox.transaction() as tx:
        assert [e["url"] for e in tx.select("webhook_endpoint")] == ["http://127.0.0.1:8001/events"]


def test_an_endpoints_events_carry_its_own_version(sandbox, client, listener, until):
    """The SDK refuses an endpoint of another version by name; a null one takes the account's."""
    listener.secret = sandbox.listen_at(listener.url)
    with sandbox.sandbox.transaction() as tx:
        endpoint = tx.select("webhook_endpoint")[0]
        assert endpoint["api_version"] is None
        tx.save(endpoint | {"api_version": "2025-09-30.clover"})
    made = client.v1.customers.create({"email": "a@example.com"})
    until(lambda: bool(listener.received))
    told = json.loads(listener.received[0][1])
    assert (told["api_version"], told["data"]["object"]["id"]) == ("2025-09-30.clover", made.id)
    assert client.v1.events.list().data[0].api_version == stripe.api_version


def test_an_endpoint_that_says_nothing_has_failed(sandbox, client, until, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setattr(deliveries, "TIMEOUT_SECONDS", 0.2)
        sandbox.listen_at(f"http://127.0.0.1:{silent.getsockname()[1]}/webhook")
        client.v1.customers.create({"email": "a@example.com"})
        until(lambda: _delivery(sandbox)["attempts"] >= 1 and _delivery(sandbox)["last_status"] is not None)
        assert "timed out" in _delivery(sandbox)["last_status"].lower()
        assert client.v1.events.list().data[0].pending_webhooks == 1


def _delivery(sandbox):
    return requests.get(f"{sandbox.url}/_sandbox/events", timeout=10).json()["events"][0]["deliveries"][0]


def test_a_seed_shuffles_what_is_due_together_and_always_in_the_same_way(tmp_path):
    from stripe_sandbox import create_app
    from tests.sandbox import SandboxTransport

    def order(seed, name):
        app = create_app(tmp_path / name, delivery="manual", seed=seed)
        sandbox = app.extensions["sandbox"]
        sandbox.listen_at("http://portal.test/stripe", events=["customer.created"])
        client = stripe.StripeClient("sk_test_x", http_client=SandboxTransport(app))
        for number in range(12):
            client.v1.customers.create({"email": f"{number}@example.com"})
        heard: list[str] = []

        def send(url: str, body: bytes, headers: dict[str, str]) -> int:
            heard.append(json.loads(body)["data"]["object"]["email"].split("@")[0])
            return 200

        assert sandbox.deliver(send) == 12
        return heard

    plain = order(None, "a.sqlite")
    assert plain == [str(number) for number in range(12)]
    shuffled = order(7, "b.sqlite")
    assert sorted(shuffled, key=int) == plain != shuffled
    assert order(7, "c.sqlite") == shuffled


def test_signatures_may_carry_the_sandboxs_time_instead_of_the_wall_clocks(sandbox, client, listener, until):
    listener.secret = sandbox.listen_at(listener.url)
    requests.post(f"{sandbox.url}/_sandbox/signing", json={"clock": "sandbox"}, timeout=10)
    sandbox.advance(days=1)
    client.v1.customers.create({"email": "a@example.com"})
    until(lambda: bool(listener.received))
    signed_at = int(listener.received[0][2].split(",")[0].removeprefix("t="))
    assert signed_at - time.time() == pytest.approx(86400, abs=30)
