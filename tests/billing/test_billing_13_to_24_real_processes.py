"""Trouble as it comes in life: one portal of web server and worker beside a Stripe that answers over HTTP, for the
whole file. Who asks is a browser's cookie on a socket; who delivers signs like Stripe.

Number 20, where processes are killed, has a file of its own.
"""

from __future__ import annotations

import http.client
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Any

import pytest
import requests

import config
from portal import create_app
from portal.accounts.models import Member
from portal.core.db import db
from stripe_sandbox.faults import any_armed
from tests.billing.conftest import SECRET
from tests.billing.test_billing_14_to_19_deliveries import bad_deliveries, event, sign
from tests.live import Live, have_looked_by_themselves, live_portal
from tests.make import Make, browser

# Each rule is also tried in process on both databases; what is added here is processes and sockets.
pytestmark = pytest.mark.one_database

ENDPOINT = "/billing/stripe/events"


@pytest.fixture(scope="module")
def live(tmp_path_factory) -> Iterator[Live]:
    """Deliveries of the sandbox's own wait until a story lets them go."""
    with live_portal(tmp_path_factory.mktemp("live"), STRIPE_WEBHOOK_SECRET=SECRET) as live:
        app = create_app(config.Testing(live.env))
        have_looked_by_themselves(live, app)
        with app.app_context():
            db.engine.dispose()
        live.sandbox.hold()
        live.sandbox.listen_at(live.url + ENDPOINT, secrets=[SECRET])
        yield live


@dataclass
class Someone:
    """One person at a browser, and what the database says of them."""

    live: Live
    member: Member
    cookies: dict[str, str]
    csrf_token: str

    def get(self, path: str) -> requests.Response:
        return self._ask("GET", path)

    def post(self, path: str) -> requests.Response:
        return self._ask("POST", path, data={"csrf_token": self.csrf_token})

    def _ask(self, verb: str, path: str, **more: Any) -> requests.Response:
        with requests.Session() as session:
            session.trust_env = False  # whatever proxy the shell names
            where = f"http://127.0.0.1:{self.live.port}{path}"
            headers = {"Host": f"localhost:{self.live.port}"}
            return session.request(
                verb, where, headers=headers, cookies=self.cookies, timeout=40, allow_redirects=False, **more
            )

    def begin(self) -> str:
        """Press the button: the session that Stripe's page is about."""
        answer = self.post("/join/annual")
        assert answer.status_code == 303, answer.text
        return answer.headers["Location"].rsplit("/", 1)[-1]

    def pay(self) -> str:
        """Begin and pay; nobody comes back, and what Stripe would send is lost."""
        session = self.begin()
        assert self.live.sandbox.pay(session).status == "done"
        self.live.sandbox.drop()
        return session

    def join(self) -> None:
        assert "You are in" in self.get(f"/billing/return?session_id={self.pay()}").text

    def is_in(self) -> bool:
        return self.get("/rooms").status_code == 200

    @property
    def customer(self) -> Any:
        return self.live.rows("SELECT * FROM billing_customer WHERE member_id = :id", id=self.member.id)[0]

    def subscriptions(self) -> list[Any]:
        return self.live.rows(
            "SELECT s.sub_id, s.status, s.plan_id FROM subscription s JOIN billing_customer c ON c.id = s.customer_id"
            " WHERE c.member_id = :id",
            id=self.member.id,
        )

    def events(self) -> list[Any]:
        return self.live.rows(
            "SELECT * FROM stripe_event WHERE customer_id = :customer ORDER BY id", customer=self.customer.customer_id
        )

    def effects(self) -> tuple[list[Any], ...]:
        """Whatever may happen once only."""
        return (
            self.subscriptions(),
            self.live.rows("SELECT key FROM letter WHERE address = :to ORDER BY key", to=self.member.email),
            self.live.rows("SELECT id FROM record WHERE action = 'access.changed' AND ref_id = :id", id=self.member.id),
            [self.customer.sync_requested],
        )

    def news(self, name: str, **more: Any) -> bytes:
        """An event that says something changed about this person's subscription."""
        about = {"id": "sub_1", "object": "subscription", "customer": self.customer.customer_id}
        return event(id=f"evt_{name}", data={"object": about}, **more)


@pytest.fixture
def arrive(live) -> Iterator[Callable[[str], Someone]]:
    """`arrive("Nina")`: a new account, signed in, nothing paid."""
    app = create_app(config.Testing(live.env))

    def arrive(name: str) -> Someone:
        member = Make(app).member(name)
        client = browser(app, member)
        token = client.csrf_token()
        return Someone(live, member, {"session": client.get_cookie("session").value}, token)

    yield arrive
    live.sandbox.heal()  # whatever a story left behind
    with app.app_context():
        db.engine.dispose()


def deliver(live: Live, body: bytes, headers: dict[str, str]) -> int:
    """The status of the answer, which may come before all of the body has left."""
    with closing(http.client.HTTPConnection("127.0.0.1", live.port, timeout=40)) as connection:
        with suppress(BrokenPipeError, ConnectionResetError):
            connection.request("POST", ENDPOINT, body, {"Host": f"localhost:{live.port}"} | headers)
        return connection.getresponse().status


def send(live: Live, body: bytes) -> int:
    return deliver(live, body, sign(body))


def inbox(live: Live) -> int:
    return int(live.rows("SELECT COUNT(*) FROM stripe_event WHERE deliveries > 0")[0][0])


def log_of(live: Live) -> str:
    return (live.folder / "web.log").read_text(errors="replace")


def test_billing_13_a_session_of_another_or_of_nobody_is_unknown_over_http(live, arrive):
    nina, pat = arrive("Nina"), arrive("Pat")
    nina.begin()
    session = pat.pay()
    before = len(log_of(live))
    for strange in (session, "cs_test_invented"):
        assert nina.get(f"/billing/return?session_id={strange}").status_code == 404
    logged = log_of(live)[before:]
    assert not nina.is_in()
    assert nina.subscriptions() == pat.subscriptions() == []
    for private in (pat.member.email, pat.member.name, pat.member.uuid, pat.customer.customer_id, nina.member.email):
        assert private not in logged
    assert "You are in" in pat.get(f"/billing/return?session_id={session}").text


def test_billing_14_what_is_not_stripes_is_refused_over_http(live):
    before, kept = len(log_of(live)), inbox(live)
    answers = {name: deliver(live, *each) for name, each in bad_deliveries().items()}
    assert answers.pop("two megabytes") == 413
    assert set(answers.values()) == {400}, answers
    assert inbox(live) == kept
    assert "Traceback" not in log_of(live)[before:]


def test_billing_14_pages_answer_while_the_door_is_flooded_over_http(live, arrive):
    nina, before, kept = arrive("Nina"), len(log_of(live)), inbox(live)
    bad = bad_deliveries()
    del bad["two megabytes"]
    waiting, answers, pages = list(islice(cycle(bad.values()), 300)), Counter(), Counter()

    def flood() -> None:
        while True:
            try:
                body, headers = waiting.pop()
            except IndexError:
                return
            answers[deliver(live, body, headers)] += 1
            time.sleep(0.04)  # of four senders: about a hundred a second

    senders = [threading.Thread(target=flood) for _ in range(4)]
    for sender in senders:
        sender.start()
    while waiting:
        pages[nina.get("/account/billing").status_code] += 1
    for sender in senders:
        sender.join()
    assert answers == {400: 300}
    assert pages.keys() == {200}
    assert inbox(live) == kept
    assert "Traceback" not in log_of(live)[before:]


def test_billing_15_secrets_are_rotated_without_losing_a_delivery_over_http(live):
    old = "whsec_old"
    live.kill("web")
    live.start_web(STRIPE_WEBHOOK_SECRET=f"{old},{SECRET}")
    kept = inbox(live)
    for number, secrets in enumerate([[old], [SECRET], [old, SECRET]]):
        body = event(id=f"evt_rotation_{number}")
        parts = [sign(body, secret)["Stripe-Signature"] for secret in secrets]
        header = ",".join([parts[0], *(part.split(",", 1)[1] for part in parts[1:])])
        assert deliver(live, body, {"Stripe-Signature": header}) == 200
    assert inbox(live) == kept + 3
    live.kill("web")
    live.start_web()
    body = event(id="evt_rotation_9")
    assert deliver(live, body, sign(body, old)) == 400
    assert deliver(live, body, sign(body)) == 200
    assert inbox(live) == kept + 4


def test_billing_16_a_captured_delivery_played_again_does_nothing_over_http(live, arrive):
    nina = arrive("Nina")
    nina.join()
    body = nina.news("captured")
    captured = sign(body, ago=60)
    assert deliver(live, body, captured) == 200
    live.wait_until(lambda: nina.events()[0].state == "done", "the event is told")
    before = nina.effects()
    assert deliver(live, body, captured) == 200
    assert nina.events()[0].deliveries == 2
    assert deliver(live, body, sign(body, ago=600)) == 400
    assert nina.events()[0].deliveries == 2
    assert nina.effects() == before


def test_billing_17_with_clocks_ten_minutes_apart_reconciling_keeps_access_right_over_http(live, arrive):
    nina = arrive("Nina")
    session = nina.begin()
    live.sandbox.sandbox.sign(skew=600)
    try:
        live.sandbox.hold(False)
        assert live.sandbox.pay(session).status == "done"
        live.wait_until(lambda: live.rows("SELECT 1 FROM billing_watch WHERE key = 'clock_skew'"), "it is noted")
        with pytest.raises(RuntimeError, match=r"BAD Clock: a delivery was signed (5\d\d|600) s away"):
            live.command("billing", "check")
        assert nina.events() == [], "refused, every one"
        assert not nina.is_in()
        live.sandbox.hold()
        live.sandbox.drop()
        live.command("billing", "reconcile")
        live.wait_until(nina.is_in, "Nina is in")
    finally:
        live.sandbox.sandbox.sign(skew=0)
        live.sandbox.hold()
        live.sandbox.drop()
    assert [each.status for each in nina.subscriptions()] == ["active"]
    assert {each.deliveries for each in nina.events()} == {0}


@pytest.mark.parametrize(("more", "because"), [({"livemode": True}, "livemode"), ({"account": "acct_x"}, "account")])
def test_billing_18_events_of_another_mode_or_account_are_ignored_over_http(live, arrive, more, because):
    nina = arrive("Nina")
    nina.pay()
    before = nina.effects()
    body = nina.news(because, **more)
    assert [send(live, body) for _ in range(2)] == [200, 200]
    assert [(e.state, e.ignored_because, e.deliveries) for e in nina.events()] == [("ignored", because, 2)]
    assert nina.effects() == before
    assert not nina.is_in()


def test_billing_19_strangers_and_foreign_prices_open_nothing_over_http(live, arrive):
    nina, client = arrive("Nina"), live.sandbox.client()
    nina.begin()
    people = live.rows("SELECT COUNT(*) FROM member")
    customers = live.rows("SELECT COUNT(*) FROM billing_customer")
    stranger = client.v1.customers.create({"email": "stranger@example.com", "metadata": {"member_uuid": "nobody"}})
    about = {"id": "sub_1", "object": "subscription", "customer": stranger.id}
    assert send(live, event(id="evt_stranger", data={"object": about})) == 200
    told = "SELECT state, ignored_because FROM stripe_event WHERE event_id = 'evt_stranger'"
    live.wait_until(lambda: live.rows(told) == [("ignored", "foreign")], "the stranger is ignored")
    assert live.rows("SELECT COUNT(*) FROM member") == people
    assert live.rows("SELECT COUNT(*) FROM billing_customer") == customers

    product = client.v1.products.create({"name": "A book club"})
    price = client.v1.prices.create(
        {"product": product.id, "unit_amount": 500, "currency": "usd", "recurring": {"interval": "month"}}
    )
    sub = client.v1.subscriptions.create(
        {"customer": nina.customer.customer_id, "items": [{"price": price.id}], "trial_period_days": 30}
    )
    live.sandbox.drop()
    assert send(live, nina.news("book_club")) == 200
    live.wait_until(lambda: nina.events()[0].state == "done", "the event is told")
    assert nina.subscriptions() == [(sub.id, "trialing", None)]
    assert not nina.is_in()
    with pytest.raises(RuntimeError, match=f"{sub.id} has a price that is none of ours"):
        live.command("billing", "reconcile")
    client.v1.subscriptions.cancel(sub.id)


def test_billing_21_a_locked_database_answers_503_and_loses_nothing_over_http(live, arrive):
    nina = arrive("Nina")
    nina.pay()
    body, answers = nina.news("locked"), []
    with closing(sqlite3.connect(live.database.removeprefix("sqlite:///"), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        delivery = threading.Thread(target=lambda: answers.append(send(live, body)))
        delivery.start()
        assert nina.get("/account/billing").status_code == 200, "whoever reads waits for nobody"
        delivery.join()
        other.execute("ROLLBACK")
    assert answers == [503]
    assert nina.events() == []
    assert not nina.is_in()
    assert send(live, body) == 200
    live.wait_until(nina.is_in, "Nina is in")
    assert [(e.state, e.deliveries) for e in nina.events()] == [("done", 1)]


def test_billing_22_a_failed_reading_is_kept_with_its_reason_and_made_up_for_over_http(live, arrive):
    live.kill("worker")  # the web server tries first; who tries again is the worker
    people = {kind: arrive(kind) for kind in ("500", "502", "429", "drop", "slow")}
    for person in people.values():
        person.pay()
    for kind, person in people.items():
        live.sandbox.fail(kind, match="GET /v1/subscriptions", seconds=7)
        assert send(live, person.news(f"while_{kind}")) == 200, "it is kept; that Stripe is away is our trouble"
        assert person.get("/account/billing").status_code == 200
        live.wait_until(lambda who=person: who.events()[0].state == "failed", f"{kind} is noted")
        (found,) = person.events()
        assert found.attempts == 1
        assert found.last_error.startswith("StripeCrowded" if kind == "429" else "StripeAway"), kind
        assert found.next_attempt_at > found.received_at
        assert person.customer.lease_until is None
        assert not person.is_in()
    due = {kind: person.events()[0].next_attempt_at for kind, person in people.items()}
    live.start_worker()
    for kind, person in people.items():
        live.wait_until(person.is_in, f"{kind} is made up for")
        (found,) = person.events()
        assert (found.state, found.last_error) == ("done", None)
        assert found.processed_at >= due[kind], "not before its turn"


def test_billing_23_a_customer_made_just_before_the_line_went_dead_stays_the_only_one_over_http(live, arrive):
    nina = arrive("Nina")
    live.sandbox.fail("drop_after", times=3, match="POST /v1/customers")
    assert nina.post("/join/annual").status_code == 503
    nina.join()
    found = live.sandbox.client().v1.customers.list({"email": nina.member.email}).data
    assert [each.id for each in found] == [nina.customer.customer_id]


def test_billing_24_of_two_readings_the_newest_state_wins_over_http(live, arrive):
    """The first has read "active" and waits for the invoices; its lease is lost to one that reads "canceled"."""
    nina = arrive("Nina")
    nina.join()
    live.sandbox.fail("slow", match="GET /v1/invoices", seconds=3.5)
    before = len(log_of(live))
    assert send(live, nina.news("slow")) == 200
    live.wait_until(lambda: not has_faults_left(live), "the first waits for the invoices")
    live.sandbox.client().v1.subscriptions.cancel(nina.subscriptions()[0].sub_id)
    live.sandbox.drop()
    expire_lease(live, nina)
    assert send(live, nina.news("quick")) == 200
    live.wait_until(lambda: not nina.is_in(), "the cancellation is read")
    live.wait_until(lambda: "sync.lease_lost" in log_of(live)[before:], "the first comes back too late")
    assert [each.status for each in nina.subscriptions()] == ["canceled"]
    assert not nina.is_in()
    live.wait_until(lambda: {e.state for e in nina.events()} == {"done"}, "both are told")


def has_faults_left(live: Live) -> bool:
    with live.sandbox.sandbox.store.read() as tx:
        return any_armed(tx)


def expire_lease(live: Live, whose: Someone) -> None:
    with closing(sqlite3.connect(live.database.removeprefix("sqlite:///"))) as connection, connection:
        connection.execute(
            "UPDATE billing_customer SET lease_until = '2020-01-01 00:00:00.000000' WHERE member_id = ?",
            (whose.member.id,),
        )
