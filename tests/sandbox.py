"""The Stripe sandbox for tests: as a real HTTP server, or in process without sockets.

with running_sandbox(tmp_path) as sandbox:
    client = sandbox.client()

app = create_app(tmp_path / "s.sqlite", delivery="manual")
client = stripe.StripeClient("sk_test_x", http_client=SandboxTransport(app))
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import stripe
from flask import Flask

from stripe_sandbox import calls, forms, oracle
from stripe_sandbox.api import DROPPED
from stripe_sandbox.app import create_app
from stripe_sandbox.checking_out import Step
from stripe_sandbox.errors import ApiError
from stripe_sandbox.sandbox import Sandbox
from stripe_sandbox.serving import Server

KEY = "sk_test_sandbox"


@dataclass(frozen=True)
class Exchange:
    """One call as it went over the wire, and what came back."""

    verb: str
    path: str
    sent: str  # the form: the query of a GET, the body of a POST
    status: int
    body: str

    @property
    def route(self) -> str:
        """post /v1/customers/{}: as the SDK writes it, or the bare path if the SDK has no such call."""
        endpoint = self._endpoint
        return f"{endpoint.verb} {endpoint.path}" if endpoint else f"{self.verb} {self.path}"

    def findings(self) -> list[str]:
        """What is wrong with it by the SDK's own types, read here once more and apart from the sandbox's own check."""
        endpoint = self._endpoint
        if endpoint is None:
            return [f"{self.verb} {self.path} is no call of Stripe's"]
        wrong = []
        if endpoint.params:
            try:
                oracle.read_params(endpoint.params, forms.nested(parse_qsl(self.sent, keep_blank_values=True)))
            except ApiError as refused:
                wrong.append(f"{self.route}: {refused.message}")
        if self.status == 200:
            return wrong + oracle.answer_findings(endpoint, json.loads(self.body))
        if self.body.startswith("{"):  # a fault may have answered in HTML
            wrong += oracle.error_findings(json.loads(self.body))
        return wrong

    @property
    def is_outside_the_contract(self) -> bool:
        """Refused as unknown, beyond what is simulated, or wrong in itself."""
        return self.status == 501 or "parameter_unknown" in self.body or "breaks its contract" in self.body

    @property
    def _endpoint(self) -> oracle.Endpoint | None:
        found = calls.find(self.verb, self.path)
        return found[0].contract if found else None


class SandboxTransport(stripe.HTTPClient):
    """The SDK's HTTP client over the sandbox's WSGI app: retries, paging and errors are the SDK's own."""

    name = "sandbox"

    def __init__(self, app: Flask) -> None:
        super().__init__()
        self.app = app
        self.exchanged: list[Exchange] = []

    def request(
        self, method: str, url: str, headers: Mapping[str, str] | None, post_data: Any = None, **_: Any
    ) -> tuple[str, int, Mapping[str, str]]:
        path = "/" + url.split("://", 1)[-1].split("/", 1)[-1]
        given = dict(headers or {})
        answer = self.app.test_client().open(path, method=method.upper(), data=post_data, headers=given)
        if DROPPED in answer.headers:
            raise stripe.APIConnectionError("The connection was dropped.", should_retry=True)  # type: ignore[no-untyped-call]
        body, (bare, _, query) = answer.get_data(as_text=True), path.partition("?")
        self.exchanged.append(Exchange(method.lower(), bare, post_data or query, answer.status_code, body))
        return body, answer.status_code, dict(answer.headers)

    def close(self) -> None:
        return None

    def _sleep_time_seconds(self, num_retries: int, response: Any = None) -> float:
        return 0.0  # a retry waits for nobody here


class RunningSandbox:
    """The handle of a sandbox that serves; `sandbox` is its inside, the methods are its most used levers."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.url = server.url
        self.app = server.app
        self.sandbox: Sandbox = server.sandbox
        self.hold = self.sandbox.hold
        self.release = self.sandbox.release
        self.duplicate = self.sandbox.duplicate
        self.drop = self.sandbox.drop
        self.advance = self.sandbox.advance
        self.fail = self.sandbox.fail
        self.heal = self.sandbox.heal
        self.listen_at = self.sandbox.listen_at
        self.events = self.sandbox.events
        self.counts = self.sandbox.counts
        self.distort = self.sandbox.distort
        self.multiply = self.sandbox.multiply
        self.now = self.sandbox.now

    def client(self, *, key: str = KEY, retries: int = 0, timeout: float = 10) -> stripe.StripeClient:
        return stripe.StripeClient(
            key,
            base_addresses={"api": self.url},
            max_network_retries=retries,
            http_client=stripe.RequestsClient(timeout=timeout),
        )

    def pay(self, session_id: str, *, card: str = "4242424242424242", confirmed: bool = True, code: str = "") -> Step:
        return self.sandbox.pay(session_id, card=card, confirmed=confirmed, code=code, base_url=self.url)


@contextmanager
def running_sandbox(
    tmp_path: Path,
    *,
    seed: int | None = 1,
    retry_seconds: tuple[float, ...] = (0.2, 0.5, 1, 2, 5),
    port: int = 0,
    delivery: str = "thread",
) -> Iterator[RunningSandbox]:
    """A sandbox on a free loopback port with its file in `tmp_path`. Deliveries are shuffled by `seed` unless None."""
    app = create_app(tmp_path / "sandbox.sqlite", delivery=delivery, seed=seed, retry_seconds=retry_seconds)
    server = Server(app, port=port)
    server.start()
    try:
        yield RunningSandbox(server)
    finally:
        server.stop()
