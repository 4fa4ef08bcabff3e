"""Rough treatment: two processes on one file, kill -9, bodies too large, ids and numbers nobody meant."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import requests
import stripe

from stripe_sandbox.store import Store
from tests.live import free_port


@pytest.fixture
def processes(tmp_path):
    """Sandboxes as processes of their own, all on one file; `start()` gives a process and a client."""
    running: list[subprocess.Popen[bytes]] = []

    def start() -> tuple[subprocess.Popen[bytes], str]:
        port = free_port()
        command = [
            sys.executable,
            "-m",
            "stripe_sandbox",
            "--port",
            str(port),
            "--database",
            str(tmp_path / "s.sqlite"),
        ]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        running.append(subprocess.Popen(command, **quiet, env=os.environ | {"SANDBOX_RETRY_SECONDS": "0.2,0.2,0.2"}))
        return running[-1], f"http://127.0.0.1:{port}"

    yield start
    for one in running:
        if one.poll() is None:
            one.kill()
        one.wait()


def _wait_for(*urls: str) -> None:
    end = time.monotonic() + 60
    for url in urls:
        while True:
            try:
                requests.get(f"{url}/health", timeout=5)
                break
            except requests.RequestException:
                assert time.monotonic() < end, f"{url} did not start"
                time.sleep(0.05)


def _client(url: str) -> stripe.StripeClient:
    return stripe.StripeClient("sk_test_x", base_addresses={"api": url}, max_network_retries=3)


def test_two_processes_that_start_together_share_one_file(processes):
    (_, one), (_, two) = processes(), processes()
    _wait_for(one, two)
    made: list[str] = []

    def create(url: str, number: int) -> None:
        options = {"idempotency_key": f"key-{number}"}
        made.append(_client(url).v1.customers.create({"email": f"{number}@example.com"}, options).id)

    threads = [threading.Thread(target=create, args=(url, n)) for n in range(10) for url in (one, two)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 20
    assert len(set(made)) == 10, "one key is one customer, whichever process was asked"
    for url in (one, two):
        assert {c.id for c in _client(url).v1.customers.list({"limit": 100})} == set(made)


def test_whatever_was_answered_survives_kill_9_in_the_middle_of_many_calls(processes, listener, until):
    process, url = processes()
    _wait_for(url)
    endpoint = _client(url).v1.webhook_endpoints.create({"url": listener.url, "enabled_events": ["customer.created"]})
    listener.secret = endpoint.secret
    answered: list[str] = []

    def go_on() -> None:
        client = stripe.StripeClient("sk_test_x", base_addresses={"api": url}, max_network_retries=0)
        try:
            while True:
                answered.append(client.v1.customers.create({"email": "alice@example.com"}).id)
        except stripe.StripeError:
            return

    threads = [threading.Thread(target=go_on) for _ in range(3)]
    for thread in threads:
        thread.start()
    until(lambda: len(answered) > 20)
    process.send_signal(signal.SIGKILL)
    process.wait()
    for thread in threads:
        thread.join()
    _, again = processes()
    _wait_for(again)
    kept = {c.id for c in _client(again).v1.customers.list({"limit": 100}).auto_paging_iter()}
    assert set(answered) <= kept
    until(lambda: {e.data.object["id"] for e in listener.events()} == kept)


def test_a_file_of_an_earlier_run_opens_again_and_a_new_folder_is_made(tmp_path):
    file = tmp_path / "deep" / "down" / "s.sqlite"
    Store(file).close()
    Store(file).close()
    assert file.exists()


def test_a_body_over_one_megabyte_is_refused_in_json_and_on_pages_in_words(sandbox, client, shop):
    with pytest.raises(stripe.APIError, match="larger than the 1 MB") as refused:
        client.v1.customers.create({"description": "x" * 1_100_000})
    assert refused.value.http_status == 413
    assert client.v1.customers.list().data == []
    session = shop.session(shop.customer())
    page = requests.post(session.url, data={"name": "x" * 1_100_000}, timeout=30)
    assert page.status_code == 413
    assert "Simulated Stripe" in page.text
    assert requests.post(f"{sandbox.url}/_sandbox/faults", data="x" * 1_100_000, timeout=30).status_code == 413


HOSTILE = [
    "../../etc/passwd",
    "%2e%2e%2f",
    "' OR '1'='1",
    '"><script>alert(1)</script>',
    "cus_%00",
    "%FF%FE",
    "x" * 5000,
    "\N{PILE OF POO}",
    "cus_1; DROP TABLE object",
]


@pytest.mark.parametrize("id", HOSTILE)
def test_an_id_nobody_made_is_just_missing(sandbox, id):
    for path in ("/v1/customers/", "/v1/subscriptions/", "/v1/events/", "/v1/customers/cus_1/tax_ids/"):
        answer = requests.get(f"{sandbox.url}{path}{id}", auth=("sk_test_x", ""), timeout=30)
        assert answer.status_code in (400, 404), path
        assert answer.headers["Content-Type"] == "application/json" or "Simulated Stripe" in answer.text
    for path in ("/c/pay/", "/c/challenge/", "/p/session/", "/i/", "/_sandbox/customers/", "/_sandbox/events/"):
        answer = requests.get(f"{sandbox.url}{path}{id}", timeout=30)
        assert answer.status_code in (404, 410), path
        assert "<script>" not in answer.text
    requests.get(f"{sandbox.url}/health", timeout=30)


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("/v1/customers", "metadata[a][b][c]=1"),
        ("/v1/customers", "address=nowhere"),
        ("/v1/customers", "email[]=a"),
        ("/v1/customers", "&".join(f"metadata{'[a]' * 400}=1" for _ in range(3))),
        ("/v1/customers", "balance=99999999999999999999"),
        ("/v1/customers", b"email=\xff\xfe"),
        ("/v1/customers", "=&&&=%%%"),
        ("/v1/customers", '{"email": "a@example.com"}'),
        ("/v1/test_helpers/test_clocks", "frozen_time=999999999999999999"),
        ("/v1/test_helpers/test_clocks", "frozen_time=-1"),
        ("/v1/coupons", "percent_off=1e400&duration=once"),
        ("/v1/coupons", "percent_off=NaN&duration=once"),
        ("/v1/coupons", "percent_off=-5&duration=once"),
        ("/v1/prices", "currency=usd&product=prod_1&unit_amount=-1&recurring[interval]=month"),
        ("/v1/prices", "currency=moon&product=prod_1&unit_amount=1"),
    ],
)
def test_a_form_nobody_meant_is_refused_in_json_and_the_next_call_works(sandbox, client, path, form):
    answer = requests.post(f"{sandbox.url}{path}", data=form, auth=("sk_test_x", ""), timeout=30)
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.status_code < 500, answer.text
    assert client.v1.customers.create({"email": "alice@example.com"}).id


def test_a_portal_link_of_one_customer_opens_nothing_of_another(sandbox, client, shop):
    alice, bob = shop.customer("alice"), shop.customer("bob")
    shop.join(alice)
    his = shop.join(bob)
    features = {
        "subscription_cancel": {"enabled": True},
        "payment_method_update": {"enabled": True},
        "subscription_update": {
            "enabled": True,
            "default_allowed_updates": ["price"],
            "proration_behavior": "none",
            "products": [{"product": shop.product, "prices": [shop.monthly, shop.annual]}],
        },
    }
    client.v1.billing_portal.configurations.create({"features": features})
    home = client.v1.billing_portal.sessions.create({"customer": alice}).url
    before = client.v1.subscriptions.retrieve(his.id).to_dict(for_json=True)
    for path in (f"cancel/{his.id}", f"plan/{his.id}", f"resume/{his.id}", f"keep/{his.id}", "cancel/sub_nobody"):
        answer = requests.post(f"{home}/{path}", data={"price": shop.annual}, timeout=30)
        assert answer.status_code == 410, path
    for path in (f"cancel/{his.id}", f"plan/{his.id}?price={shop.annual}"):
        assert requests.get(f"{home}/{path}", timeout=30).status_code == 410, path
    flow = {"type": "subscription_cancel", "subscription_cancel": {"subscription": his.id}}
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.billing_portal.sessions.create({"customer": alice, "flow_data": flow})
    assert client.v1.subscriptions.retrieve(his.id).to_dict(for_json=True) == before


def test_a_portal_link_dies_with_its_customer_and_plans_with_their_test_clock(sandbox, client, shop):
    client.v1.billing_portal.configurations.create({"features": {"subscription_cancel": {"enabled": True}}})
    alice = shop.customer()
    home = client.v1.billing_portal.sessions.create({"customer": alice}).url
    client.v1.customers.delete(alice)
    assert requests.get(home, timeout=30).status_code == 410
    clock = client.v1.test_helpers.test_clocks.create({"frozen_time": sandbox.now()})
    bob, cleo = shop.customer("bob", test_clock=clock.id), shop.customer("cleo")
    gone = shop.join(bob)
    way = client.v1.billing_portal.sessions.create({"customer": cleo}).url
    client.v1.test_helpers.test_clocks.delete(clock.id)
    assert requests.post(f"{way}/cancel/{gone.id}", timeout=30).status_code == 410


def test_the_package_is_never_imported_by_the_portal():
    for file in (Path(__file__).parents[2] / "portal").rglob("*.py"):
        assert "import stripe_sandbox" not in file.read_text()
        assert "from stripe_sandbox" not in file.read_text()
