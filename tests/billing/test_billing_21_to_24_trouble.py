"""When the database is locked, Stripe is away, or two readings of one customer overtake each other."""

from __future__ import annotations

import sqlite3
import threading
import time
from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import event as sqlalchemy_event

from portal.billing import syncing
from portal.billing.asking import StripeAway
from portal.billing.entitlements import Why
from portal.billing.models import BillingCustomer, CheckoutAttempt, EventState, StripeEvent, Subscription
from portal.core.clock import now
from portal.core.db import db, transaction
from portal.core.jobs import work_off
from tests.billing.conftest import let_hands_finish


def test_billing_21_a_database_locked_for_too_long_answers_503_and_loses_nothing(app, stripe, nina, begin):
    with app.app_context():
        if db.engine.dialect.name != "sqlite":
            url = db.engine.url
            assert url.drivername.startswith("postgresql"), "there a lock on the inbox is the same trouble"
    _browser, session = begin(nina)
    stripe.sandbox.pay(session)
    paid = next(p for p in stripe.parcels() if b'"invoice.paid"' in p[1])
    with locked(app):
        assert stripe.post(*paid) == 503
    assert stripe.rows(StripeEvent) == []
    assert stripe.post(*paid) == 200
    assert stripe.entitlement(nina).why is Why.PAID


class locked:  # it reads as what it does
    """Somebody holds the inbox for longer than a delivery waits: a second, in this test."""

    def __init__(self, app) -> None:
        with app.app_context():
            self.engine = db.engine

    def __enter__(self) -> None:
        if self.engine.dialect.name == "sqlite":
            self.other = sqlite3.connect(self.engine.url.database, isolation_level=None)
            self.other.execute("BEGIN IMMEDIATE")
            sqlalchemy_event.listen(self.engine, "connect", self._wait_for_a_second)
            self.engine.dispose()
            return
        import psycopg

        address = self.engine.url.render_as_string(hide_password=False).replace("+psycopg", "")
        self.other = psycopg.connect(address)
        self.other.execute("LOCK TABLE stripe_event IN ACCESS EXCLUSIVE MODE")
        with psycopg.connect(address, autocommit=True) as admin:
            self.name = admin.info.dbname
            admin.execute(f'ALTER DATABASE "{self.name}" SET lock_timeout = 1000')
        self.engine.dispose()

    def __exit__(self, *_: object) -> None:
        self.other.rollback()
        self.other.close()
        if self.engine.dialect.name == "sqlite":
            sqlalchemy_event.remove(self.engine, "connect", self._wait_for_a_second)
        else:
            import psycopg

            address = self.engine.url.render_as_string(hide_password=False).replace("+psycopg", "")
            with psycopg.connect(address, autocommit=True) as admin:
                admin.execute(f'ALTER DATABASE "{self.name}" RESET lock_timeout')
        self.engine.dispose()

    @staticmethod
    def _wait_for_a_second(file: sqlite3.Connection, _record: object) -> None:
        file.execute("PRAGMA busy_timeout = 1000")


@pytest.mark.parametrize("kind", ["500", "502", "429", "drop"])
def test_billing_22_a_failed_reading_is_kept_with_its_reason_and_tried_again(app, stripe, nina, begin, kind):
    _browser, session = begin(nina)
    stripe.sandbox.pay(session)
    stripe.sandbox.fail(kind, times=50, match="GET /v1/subscriptions")
    paid = next(p for p in stripe.parcels() if b'"invoice.paid"' in p[1])
    assert stripe.post(*paid) == 200, "it is kept; that Stripe is away is our trouble"
    event = stripe.rows(StripeEvent)[0]
    assert (event.state, event.attempts) == (EventState.FAILED, 1)
    assert event.last_error.startswith("StripeCrowded" if kind == "429" else "StripeAway")
    assert timedelta(0) < event.next_attempt_at - event.received_at < timedelta(seconds=30)
    assert not stripe.entitlement(nina).is_open
    assert stripe.rows(BillingCustomer)[0].lease_until is None

    later = now()
    for expected in (2, 3):
        later = stripe.rows(StripeEvent)[0].next_attempt_at + timedelta(seconds=1)
        with time_machine.travel(later, tick=True), app.app_context():
            work_off()
        assert stripe.rows(StripeEvent)[0].attempts == expected
    stripe.sandbox.heal()
    with time_machine.travel(later + timedelta(hours=1), tick=True), app.app_context():
        _rested(app)
        work_off()
    event = stripe.rows(StripeEvent)[0]
    assert (event.state, event.last_error) == (EventState.DONE, None)
    assert stripe.entitlement(nina).why is Why.PAID


def _rested(app) -> None:
    app.extensions["stripe_gateway"]._breaker._open_until = 0.0


def test_billing_22_after_a_day_and_a_half_an_event_is_dead_told_and_can_be_tried_again(app, stripe, nina, begin, told):
    from portal.billing import checking, webhooks

    _browser, session = begin(nina)
    stripe.sandbox.pay(session)
    stripe.sandbox.fail("500", times=500, match="GET /v1/subscriptions")
    stripe.post(*next(p for p in stripe.parcels() if b'"invoice.paid"' in p[1]))
    moment = now()
    for _ in range(10):
        event = stripe.rows(StripeEvent)[0]
        if event.next_attempt_at is None:
            break
        moment = event.next_attempt_at + timedelta(seconds=1)
        with time_machine.travel(moment, tick=True), app.app_context():
            work_off()
    assert stripe.rows(StripeEvent)[0].state is EventState.DEAD
    with app.app_context():
        assert not next(f for f in checking.local_findings() if f.name == "Events").is_well
    alert = "An event from Stripe was given up"
    assert told(stripe.rows(StripeEvent)[0].event_id, "invoice.paid") == [("Cory", alert), ("Olga", alert)]
    stripe.sandbox.heal()
    with app.app_context():
        with transaction():
            webhooks.try_again(db.session.query(StripeEvent).one(), by=nina)
        work_off()
    assert stripe.rows(StripeEvent)[0].state is EventState.DONE
    assert stripe.entitlement(nina).why is Why.PAID


def test_billing_22_while_stripe_is_away_pages_are_as_ever_and_joining_says_so(stripe, nina, join, make, browse):
    browser = join(nina)
    stripe.sandbox.fail("drop", times=100)
    assert browser.get("/rooms").status_code == 200
    assert browser.get("/account/billing").status_code == 200
    answer = browse(make.member("Olaf")).post("/join/annual")
    assert answer.status_code == 503
    assert "Stripe is not answering" in answer.text
    assert "Retry-After" in answer.headers
    answer = browser.post("/account/billing/portal")
    assert answer.status_code == 503
    assert "Stripe is not answering" in answer.text


def test_billing_22_after_five_silences_nobody_waits_for_half_a_minute(app, stripe, monkeypatch):
    stripe.sandbox.fail("drop", times=100)
    gateway = app.extensions["stripe_gateway"]
    for _ in range(5):
        with pytest.raises(StripeAway):
            gateway.subscriptions_of("cus_x")
    stripe.sandbox.heal()
    with pytest.raises(StripeAway, match="resting"):
        gateway.subscriptions_of("cus_x")
    later = time.monotonic() + 31
    monkeypatch.setattr("portal.billing.asking.time.monotonic", lambda: later)
    assert gateway.prices(["practice_freedom_annual"])


def test_billing_22_a_deliverys_connection_is_free_for_anybodys_next_request_while_stripe_is_slow(
    app, stripe, nina, begin, monkeypatch
):
    _browser, session = begin(nina)
    stripe.sandbox.pay(session)
    _url, body, headers = next(p for p in stripe.parcels() if b'"invoice.paid"' in p[1])
    ask, may_answer, happened = stripe.transport.request, threading.Event(), []

    def slowly(*what, **more):
        may_answer.wait(20)
        happened.append("Stripe answers")
        return ask(*what, **more)

    monkeypatch.setattr(stripe.transport, "request", slowly)
    app.test_client().post("/billing/stripe/events", data=body, headers=headers).close()
    happened.append("the connection is free")
    may_answer.set()
    let_hands_finish()
    assert happened[:2] == ["the connection is free", "Stripe answers"]
    assert stripe.entitlement(nina).why is Why.PAID


def test_billing_22_a_return_that_cannot_be_read_waits_and_then_lets_in(stripe, nina, begin):
    browser, session = begin(nina)
    stripe.sandbox.pay(session)
    stripe.sandbox.fail("500", times=2, match="GET /v1/")
    page = browser.get(f"/billing/return?session_id={session}")
    assert "Confirming your payment" in page.text
    assert '<meta http-equiv="refresh" content="3;url=/billing/return?' in page.text
    assert "This takes longer" in browser.get(f"/billing/return?session_id={session}&look=20").text
    assert "You are in" in browser.get(f"/billing/return?session_id={session}&look=2").text


def test_billing_23_a_customer_made_just_before_the_line_went_dead_is_found_again(stripe, nina, browse):
    stripe.sandbox.fail("drop_after", times=3, match="POST /v1/customers")
    assert browse(nina).post("/join/annual").status_code == 503
    assert browse(nina).post("/join/annual").status_code == 303
    assert len(stripe.everything("customer")) == 1


def test_billing_23_a_stored_500_is_told_plainly_and_the_next_try_works(stripe, nina, browse):
    stripe.sandbox.fail("500", times=1, match="POST /v1/customers")
    key = None
    answer = browse(nina).post("/join/annual")
    assert answer.status_code == 503
    assert "Nothing was charged" in answer.text
    key = stripe.rows(BillingCustomer)[0].create_key
    assert browse(nina).post("/join/annual").status_code == 303
    assert stripe.rows(BillingCustomer)[0].create_key == key
    assert len(stripe.everything("customer")) == 1


def test_billing_23_a_session_made_just_before_the_line_went_dead_is_found_again(stripe, nina, browse):
    stripe.sandbox.fail("drop_after", times=3, match="POST /v1/checkout/sessions")
    assert browse(nina).post("/join/annual").status_code == 503
    assert browse(nina).post("/join/annual").status_code == 303
    assert len(stripe.everything("checkout.session")) == 1
    assert len(stripe.rows(CheckoutAttempt)) == 1


def test_billing_23_a_stored_500_for_a_session_leaves_one_open_session(stripe, nina, browse):
    stripe.sandbox.fail("500", times=1, match="POST /v1/checkout/sessions")
    assert browse(nina).post("/join/annual").status_code == 503
    assert browse(nina).post("/join/annual").status_code == 303
    assert [s["status"] for s in stripe.everything("checkout.session")].count("open") == 1


def test_billing_24_of_two_readings_the_newest_state_wins(app, stripe, nina, join, monkeypatch):
    """A slow process has read "active", loses its lease, and comes back after the cancellation was read."""
    join(nina)
    row_id = stripe.rows(BillingCustomer)[0].id
    sub_id = stripe.rows(Subscription)[0].sub_id
    has_read, may_write = threading.Event(), threading.Event()
    real = syncing._read

    def slow(*whom, quick: bool):
        answer = real(*whom, quick=quick)
        has_read.set()
        may_write.wait(30)
        return answer

    outcome: list[object] = []

    def late() -> None:
        with app.app_context():
            try:
                outcome.append(syncing.sync_customer(row_id, cause="late"))
            except syncing.Busy as busy:
                outcome.append(busy)

    monkeypatch.setattr(syncing, "_read", slow)
    thread = threading.Thread(target=late)
    thread.start()
    assert has_read.wait(30)
    monkeypatch.setattr(syncing, "_read", real)

    stripe.client().v1.subscriptions.cancel(sub_id)
    with app.app_context(), transaction():  # the lease of the slow one has run out
        db.session.query(BillingCustomer).update({"lease_until": now() - timedelta(seconds=1)})
    with app.app_context():
        syncing.read_now(row_id, cause="prompt")
    assert not stripe.entitlement(nina).is_open

    may_write.set()
    thread.join(30)
    assert isinstance(outcome[0], syncing.Busy), "it noticed that somebody had taken over"
    assert not stripe.entitlement(nina).is_open
    assert [row.status for row in stripe.rows(Subscription)] == ["canceled"]


def test_billing_24_what_is_announced_during_a_reading_is_read_again(app, stripe, nina, join, monkeypatch):
    join(nina)
    row_id = stripe.rows(BillingCustomer)[0].id
    sub_id = stripe.rows(Subscription)[0].sub_id
    real, reads = syncing._read, []

    def cancelled_meanwhile(*whom, quick: bool):
        answer = real(*whom, quick=quick)
        if not reads:
            stripe.client().v1.subscriptions.cancel(sub_id)
            with transaction():
                syncing.announce(row_id)
        reads.append(answer)
        return answer

    monkeypatch.setattr(syncing, "_read", cancelled_meanwhile)
    with app.app_context():
        syncing.sync_customer(row_id, cause="test")
    assert len(reads) == 2
    assert not stripe.entitlement(nina).is_open
