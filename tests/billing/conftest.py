"""A Stripe for each test: the sandbox in process behind the real SDK, and deliveries that tests send when they like."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

import stripe_sandbox
from portal.accounts.models import Member, Role
from portal.billing import prices, reconciling, views
from portal.billing.entitlements import Entitlement, entitlement_of
from portal.billing.gateway import Gateway
from portal.billing.models import BillingCustomer, CheckoutAttempt, Invoice, StripeEvent, Subscription
from portal.core.audit import Record
from portal.core.db import db
from portal.core.jobs import work_off
from portal.core.letters import Letter
from stripe_sandbox.sandbox import Sandbox
from tests.sandbox import KEY, SandboxTransport

ENDPOINT = "http://localhost/billing/stripe/events"
SECRET = "whsec_testing"


@dataclass
class Stripe:
    """The sandbox beside the portal, and the questions tests ask of both."""

    app: Flask
    site: Flask  # the sandbox's own application
    sandbox: Sandbox
    transport: SandboxTransport  # remembers what the portal asked

    def deliver(self) -> int:
        """Send what is due to the portal, each answered as a web server would: first the answer, then the work."""
        return self.sandbox.deliver(self.post)

    def post(self, _url: str, body: bytes, headers: dict[str, str]) -> int:
        answer = self.app.test_client().post("/billing/stripe/events", data=body, headers=headers)
        answer.close()
        let_hands_finish()
        return answer.status_code

    def parcels(self) -> list[tuple[str, bytes, dict[str, str]]]:
        """What is due, taken out of Stripe's hands: the test posts it itself."""
        taken: list[tuple[str, bytes, dict[str, str]]] = []
        self.sandbox.deliver(lambda url, body, headers: taken.append((url, body, headers)) or 200)
        return taken

    def client(self) -> Any:
        import stripe

        return stripe.StripeClient(KEY, http_client=SandboxTransport(self.site))

    def everything(self, kind: str) -> list[dict]:
        with self.sandbox.store.read() as tx:
            return tx.select(kind, oldest_first=True)

    def use_card(self, card: str, *, whose: Member | None = None) -> None:
        """From now on the only customer, or this member's, pays with this card, and says so to nobody but Stripe."""
        customers = [row for row in self.rows(BillingCustomer) if whose is None or row.member_id == whose.id]
        client, customer = self.client(), customers[0].customer_id
        method = client.v1.payment_methods.attach(card, {"customer": customer})
        for sub in client.v1.subscriptions.list({"customer": customer}).data:
            client.v1.subscriptions.update(sub.id, {"default_payment_method": method.id})
        self.deliver()

    # What the portal knows

    def entitlement(self, member: Member) -> Entitlement:
        with self.app.app_context():
            return entitlement_of(db.session.get_one(Member, member.id))

    def rows(self, model: type) -> list[Any]:
        with self.app.app_context():
            return list(db.session.scalars(select(model).order_by(model.id)))

    @property
    def subscription(self) -> Subscription:
        """The newest that the portal knows; of most stories the only one."""
        found: Subscription = self.rows(Subscription)[-1]
        return found

    def letters(self, *kinds: str) -> list[str]:
        """Keys of the letters written, of these kinds or all of billing."""
        return [
            letter.key
            for letter in self.rows(Letter)
            if letter.kind.startswith("billing/") and (not kinds or letter.kind.removeprefix("billing/") in kinds)
        ]

    def records(self, action: str = "access.changed") -> list[Record]:
        return [record for record in self.rows(Record) if record.action == action]

    def picture(self) -> dict[str, list]:
        """All of billing's rows that may not depend on the order in which things were heard."""

        def columns(row: Any, *leave: str) -> dict:
            return {c.name: getattr(row, c.name) for c in row.__table__.columns if c.name not in leave}

        never = ("id", "created_at")
        return {
            "subscriptions": [columns(r, *never, "fetched_at", "raw") for r in self.rows(Subscription)],
            "customers": [
                columns(r, *never, "synced_at", "sync_requested", "sync_done", "lease_owner", "lease_until")
                for r in self.rows(BillingCustomer)
            ],
            "invoices": sorted(
                (columns(r, *never, "subscription_id") for r in self.rows(Invoice)), key=lambda r: r["invoice_id"]
            ),
            "attempts": [columns(r, *never, "tried_at") for r in self.rows(CheckoutAttempt)],
            "events": sorted((r.event_id, r.state) for r in self.rows(StripeEvent)),
            "letters": sorted(self.letters()),
            "records": [(r.action, r.ref_kind, r.ref_id) for r in self.records()],
        }


_meeting = threading.Lock()


def let_hands_finish() -> None:
    """Wait until what was delivered so far has been worked on: all threads that do so meet here, after their work."""
    with _meeting:  # of two meetings at once each would wait for the other's threads
        everybody = threading.Barrier(views.HANDS + 1)
        for _ in range(views.HANDS):
            views.hands.submit(everybody.wait)
        everybody.wait()


ASKED: set[str] = set()  # routes the portal has called in this run, see test_billing_40_contract.py
LAST = "test_billing_40_no_call_of_the_gateway_stays_untried"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.name == LAST)


@pytest.fixture
def asked_so_far() -> set[str]:
    return ASKED


@pytest.fixture(scope="session")
def empty_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a sandbox in which nothing has happened, to be copied: making one waits for the disk."""
    file = tmp_path_factory.mktemp("sandbox") / "empty.sqlite"
    stripe_sandbox.create_app(file, delivery="manual").extensions["sandbox"].stop()
    return file


@pytest.fixture
def stripe(app: Flask, tmp_path: Path, empty_sandbox: Path) -> Iterator[Stripe]:
    """Stripe with our two plans and an endpoint of ours; deliveries wait for `stripe.deliver()`."""
    shutil.copyfile(empty_sandbox, tmp_path / "sandbox.sqlite")
    site = stripe_sandbox.create_app(tmp_path / "sandbox.sqlite", delivery="manual")
    sandbox: Sandbox = site.extensions["sandbox"]
    transport = SandboxTransport(site)
    app.extensions["stripe_gateway"] = Gateway(KEY, transport=transport)
    with app.app_context():
        assert [found.problem for found in prices.sync_prices()] == [None, None]
    sandbox.listen_at(ENDPOINT, secrets=[SECRET])
    yield Stripe(app, site, sandbox, transport)
    let_hands_finish()
    del app.extensions["stripe_gateway"]
    sandbox.stop()
    ASKED.update(exchange.route for exchange in transport.exchanged)
    if sandbox.store.strict:  # whatever flow a test walks: the portal asks only what Stripe knows (test_billing_40)
        assert [e for e in transport.exchanged if e.is_outside_the_contract] == []


@pytest.fixture
def nina(make) -> Member:
    """Nina has an account and nothing paid."""
    return make.member("Nina Newcomer")


@pytest.fixture
def staff(make) -> list[Member]:
    """Cory coaches, Olga owns, Mo moderates: the first two hear of money."""
    roles = {"Cory": Role.COACH, "Olga": Role.OWNER, "Mo": Role.MODERATOR}
    return [make.member(name, role=role) for name, role in roles.items()]


@pytest.fixture
def told(stripe, staff, outbox):
    """The alerts that name all of these words, sent or waiting, as (first name, subject)."""

    def told(*words: str) -> list[tuple[str, str]]:
        names = {member.email: member.first_name for member in staff}
        waiting = [
            (each.address, each.subject, each.text)
            for each in stripe.rows(Letter)
            if each.kind == "billing/alert" and each.sent_at is None
        ]
        sent = [(each.recipients[0], each.subject, each.body) for each in outbox if each.recipients[0] in names]
        alerts = [(names[address], subject, text) for address, subject, text in sorted(sent + waiting)]
        return [(name, subject) for name, subject, text in alerts if all(w in f"{subject} {text}" for w in words)]

    return told


@pytest.fixture
def begin(browse, stripe):
    """Press the button of a plan: `begin(nina)` returns her browser and the session Stripe's page is about."""

    def begin(member: Member, plan: str = "annual", browser: FlaskClient | None = None) -> tuple[FlaskClient, str]:
        browser = browser or browse(member)
        answer = browser.post(f"/join/{plan}")
        assert answer.status_code == 303, answer.text
        assert "/c/pay/cs_test_" in answer.location, answer.location
        return browser, answer.location.rsplit("/", 1)[-1]

    return begin


@pytest.fixture
def join(begin, stripe):
    """Join and pay with 4242, come back, and let every delivery arrive."""

    def join(member: Member, plan: str = "annual", card: str = "4242424242424242") -> FlaskClient:
        browser, session = begin(member, plan)
        assert stripe.sandbox.pay(session, card=card).status == "done"
        assert "You are in" in browser.get(f"/billing/return?session_id={session}").text
        stripe.deliver()
        return browser

    return join


@pytest.fixture
def travel(clock, stripe, app):
    """Go to a moment: Stripe does what falls due, its deliveries arrive, our hourly job runs."""

    def travel(moment: datetime) -> None:
        clock.move_to(moment)
        stripe.sandbox.advance(0)
        stripe.deliver()
        with app.app_context():
            reconciling.pick_up_leftovers()
            reconciling.tell_of_dates()
            work_off()

    return travel


@pytest.fixture
def failing(stripe):
    """From now on the card of the only customer is declined when charged, or asks the bank each time."""

    def failing(card: str = "pm_card_chargeCustomerFail") -> None:
        stripe.use_card(card)

    return failing
