"""A sandbox that serves over real HTTP, the SDK pointed at it, a listener for its webhooks, and a small shop."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
import stripe

from tests.sandbox import RunningSandbox, running_sandbox


@pytest.fixture(autouse=True)
def clean() -> None:
    """The portal's tables have no part in these tests."""


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[RunningSandbox]:
    with running_sandbox(tmp_path) as running:
        yield running


@pytest.fixture
def client(sandbox: RunningSandbox) -> stripe.StripeClient:
    return sandbox.client()


@dataclass
class Shop:
    """Practice Freedom on sale, monthly and annual, and Alice at the counter."""

    sandbox: RunningSandbox
    client: stripe.StripeClient
    monthly: str = ""
    annual: str = ""
    product: str = ""

    def open(self) -> Shop:
        v1 = self.client.v1
        self.product = v1.products.create({"name": "Practice Freedom"}).id
        for key, amount, interval in (("monthly", 4900, "month"), ("annual", 49000, "year")):
            price = v1.prices.create(
                {
                    "product": self.product,
                    "unit_amount": amount,
                    "currency": "usd",
                    "lookup_key": f"practice_{key}",
                    "recurring": {"interval": interval},
                    "tax_behavior": "exclusive",
                }
            )  # type: ignore[typeddict-item]
            setattr(self, key, price.id)
        return self

    def customer(self, name: str = "alice", **more: Any) -> str:
        return self.client.v1.customers.create({"email": f"{name}@example.com", "name": name.title(), **more}).id

    def session(self, customer: str, price: str = "", **more: Any) -> stripe.checkout.Session:
        return self.client.v1.checkout.sessions.create(
            {
                "mode": "subscription",
                "customer": customer,
                "line_items": [{"price": price or self.monthly, "quantity": 1}],
                "success_url": "http://portal.test/back?session={CHECKOUT_SESSION_ID}",
                "cancel_url": "http://portal.test/plans",
                **more,
            }
        )

    def join(
        self, customer: str, price: str = "", *, card: str = "4242424242424242", **more: Any
    ) -> stripe.Subscription:
        """Through Checkout with a card that pays; returns the subscription."""
        session = self.session(customer, price, **more)
        step = self.sandbox.pay(session.id, card=card)
        assert step.status == "done", step
        return self.subscription(customer)

    def subscription(self, customer: str) -> stripe.Subscription:
        return self.client.v1.subscriptions.list({"customer": customer, "status": "all"}).data[0]

    def type_card(
        self, session: stripe.checkout.Session | str, number: str = "4242424242424242", **more: str
    ) -> requests.Response:
        """What the browser sends when someone fills in the Checkout page and presses the button."""
        url = session if isinstance(session, str) else str(session.url)
        form = {
            "do": "pay",
            "number": number,
            "expiry": "12 / 40",
            "cvc": "123",
            "name": "Alice Adams",
            "country": "US",
            "postal_code": "10001",
            **more,
        }
        return requests.post(url, data=form, allow_redirects=False, timeout=10)


@pytest.fixture
def shop(sandbox: RunningSandbox, client: stripe.StripeClient) -> Shop:
    return Shop(sandbox, client).open()


@dataclass
class Listener:
    """Receives webhooks; `answers` gives the status for each next one, 200 after that."""

    url: str
    secret: str = ""
    received: list[tuple[str, bytes, str]] = field(default_factory=list)  # event id, body, signature
    answers: list[int] = field(default_factory=list)

    def events(self) -> list[stripe.Event]:
        """Each verified with the endpoint's secret."""
        return [
            stripe.Webhook.construct_event(body, signature, self.secret)  # type: ignore[no-untyped-call]
            for _, body, signature in self.received
        ]

    def types(self) -> list[str]:
        return [event.type for event in self.events()]


@pytest.fixture
def listener() -> Iterator[Listener]:
    heard = Listener("")
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            with lock:
                heard.received.append(
                    (body.decode().split('"id": "', 1)[1].split('"', 1)[0], body, self.headers["Stripe-Signature"])
                )
                status = heard.answers.pop(0) if heard.answers else 200
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            return None

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    heard.url = f"http://127.0.0.1:{server.server_port}/webhook"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield heard
    server.shutdown()
    server.server_close()


@pytest.fixture
def until() -> Callable[[Callable[[], bool]], None]:
    """Waits for something to become true; fails after a minute."""

    def wait(holds: Callable[[], bool]) -> None:
        end = time.monotonic() + 60
        while not holds():
            assert time.monotonic() < end, "it did not happen within a minute"
            time.sleep(0.02)

    return wait
