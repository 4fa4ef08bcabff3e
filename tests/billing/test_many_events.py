"""Ten thousand deliveries, shuffled and half of them repetitions, by four senders at once over real HTTP into real
servers with a worker beside them: none lost, none counted twice, everyone stands as Stripe says."""

from __future__ import annotations

import http.client
import json
import os
import random
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator

import pytest
from sqlalchemy import insert, select
from stripe import WebhookSignature

from portal.accounts.models import Member
from portal.billing.entitlements import everyone
from portal.billing.event_calls import SUBSCRIBED
from portal.billing.models import BillingCustomer, EventState, PlanPrice, StripeEvent, Subscription
from portal.core.audit import Record
from portal.core.db import db, transaction
from portal.core.letters import Letter
from tests.billing.reference import Account
from tests.live import SECRET, Live, have_looked_by_themselves, live_portal

# The day's run of PostgreSQL sends fewer, for time's sake; what only ten thousand had shown there has a test of its own
# (test_billing_22_a_deliverys_connection_is_free…). PORTAL_EVENTS=10000 sends all of them there too.
DELIVERIES = int(os.environ.get("PORTAL_EVENTS") or (2_000 if os.environ.get("TEST_DATABASE_URL") else 10_000))
CUSTOMERS, SENDERS = 100, 4
KINDS = ("customer", "subscription", "invoice", "charge", "invoice_payment", "dispute")


@pytest.fixture
def live(app, tmp_path) -> Iterator[Live]:
    """Two web processes and a worker on the database of this test."""
    with app.app_context():
        url = db.engine.url.render_as_string(hide_password=False)
    with live_portal(tmp_path, url=url, workers=2) as live:
        have_looked_by_themselves(live, app)
        yield live
    with app.app_context():
        db.engine.dispose()


@pytest.fixture
def payers(app, live, make) -> list[str]:
    """A hundred members who pay; of every seventh the subscription was cancelled, of every fifth refunded. Nothing
    of it has reached the portal."""
    live.sandbox.hold()
    live.sandbox.sandbox.store.strict = False  # a third of its time, and other tests look at the shape of its answers
    client = live.sandbox.client()
    first = make.member("Nina")
    customer = client.v1.customers.create({"email": first.email, "metadata": {"member_uuid": first.uuid}})
    method = client.v1.payment_methods.attach("pm_card_visa", {"customer": customer.id})
    with app.app_context():
        price = db.session.scalars(select(PlanPrice.price_id).order_by(PlanPrice.id)).first()
    client.v1.subscriptions.create(
        {"customer": customer.id, "items": [{"price": price}], "default_payment_method": method.id}
    )
    copies = live.sandbox.multiply(
        customer.id, CUSTOMERS - 1, change=lambda number: {"metadata": {"member_uuid": f"uuid-{number}"}}
    )
    with app.app_context(), transaction():
        original = dict(db.session.execute(select(Member.__table__)).mappings().one())
        people = [
            original | {"id": first.id + n + 1, "email": f"m{n}@example.com", "handle": f"m-{n}", "uuid": f"uuid-{n}"}
            for n in range(len(copies))
        ]
        db.session.execute(insert(Member.__table__), people)
        rows = [
            {"account": "", "livemode": False, "member_id": first.id + n, "customer_id": each, "create_key": f"key-{n}"}
            for n, each in enumerate([customer.id, *copies])
        ]
        db.session.execute(insert(BillingCustomer), rows)
    everybody = [customer.id, *copies]
    for number, each in enumerate(everybody):
        if number % 7 == 0:
            client.v1.subscriptions.cancel(client.v1.subscriptions.list({"customer": each}).data[0].id)
        elif number % 5 == 0:
            client.v1.refunds.create({"charge": client.v1.charges.list({"customer": each}).data[0].id})
    return everybody


def test_ten_thousand_events_by_four_senders_lose_nothing_and_do_nothing_twice(app, live, payers):
    events = make_events(live, payers)
    order = [*events, *events]
    random.Random(7).shuffle(order)
    began = time.monotonic()
    answers = send(live, order)
    stored = time.monotonic() - began
    live.wait_until(lambda: not untold(app), "every event is told", seconds=600)
    print(f"\n{len(order)} deliveries of {len(events)} events: {len(order) / stored:.0f} a second stored")
    print(f"all told {time.monotonic() - began - stored:.1f} s later; answers {dict(answers)}")

    assert answers.keys() <= {200, 503}, "503 was sent again"
    assert answers[200] == len(order)
    with app.app_context():
        inbox = {row.event_id: row for row in db.session.scalars(select(StripeEvent))}
        sent = {json.loads(body)["id"] for body in events}
        assert inbox.keys() >= sent, "none lost"
        assert {inbox[event_id].deliveries for event_id in sent} == {2}
        assert {row.deliveries for name, row in inbox.items() if name not in sent} <= {0}, "the hourly job's own finds"
        assert {row.state for row in inbox.values()} == {EventState.DONE}
        customers = db.session.scalars(select(BillingCustomer)).all()
        assert all((c.sync_done, c.lease_until) == (c.sync_requested, None) for c in customers)

    everyone_stands_as_stripe_says(app, live)
    with app.app_context():
        active = {s.sub_id for s in db.session.scalars(select(Subscription)) if s.status == "active"}
        letters = Counter(letter.key for letter in db.session.scalars(select(Letter)))
        changed = defaultdict(list)
        for record in db.session.scalars(select(Record).where(Record.action == "access.changed").order_by(Record.id)):
            changed[record.ref_id].append(record.details["after"]["why"])
    assert letters == {f"mail:welcome:{sub_id}": 1 for sub_id in active}
    assert len(changed) == CUSTOMERS
    # A refund is read when an event about its charge has come; whoever was read before it was a member so long.
    assert all(each in (["paid"], ["lapsed"], ["refunded"], ["paid", "refunded"]) for each in changed.values())


def make_events(live: Live, payers: list[str]) -> list[bytes]:
    """Half as many events as deliveries, all of them of the same few seconds."""
    with live.sandbox.sandbox.store.read() as tx:
        subs = {sub["customer"]: sub for sub in tx.select("subscription")}
        charges = {charge["customer"]: charge for charge in tx.select("charge")}
    types = [t for t in SUBSCRIBED if t.startswith(("customer.subscription", "invoice", "charge.refunded"))]
    now, events = int(time.time()), []
    for number in range(DELIVERIES // 2):
        turn = number // len(payers)  # each customer's first is about the charge, then come all types in turn
        kind = types[(number + turn) % len(types)] if turn else "charge.refunded"
        body = {
            "id": f"evt_{number}",
            "object": "event",
            "api_version": "2026-10-28.endive",
            "created": now - number % 3,
            "data": {"object": (charges if kind == "charge.refunded" else subs)[payers[number % len(payers)]]},
            "livemode": False,
            "pending_webhooks": 1,
            "request": {"id": None, "idempotency_key": None},
            "type": kind,
        }
        events.append(json.dumps(body).encode())
    return events


def send(live: Live, bodies: list[bytes]) -> Counter[int]:
    """Four senders with a kept connection each; what is answered 503 goes to the end of the queue."""
    waiting, answers, lock = list(reversed(bodies)), Counter(), threading.Lock()

    def sender() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", live.port, timeout=60)
        while True:
            with lock:
                if not waiting:
                    return
                body = waiting.pop()
            header = WebhookSignature.generate_signature_header(body.decode(), SECRET, timestamp=int(time.time()))
            headers = {"Host": f"localhost:{live.port}", "Stripe-Signature": header}
            connection.request("POST", "/billing/stripe/events", body, headers)
            answer = connection.getresponse()
            answer.read()
            with lock:
                answers[answer.status] += 1
                if answer.status == 503:
                    waiting.insert(0, body)

    threads = [threading.Thread(target=sender) for _ in range(SENDERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def untold(app) -> int:
    """Events that no reading has told yet, and customers who are being read or should be."""
    behind = (BillingCustomer.sync_done < BillingCustomer.sync_requested) | BillingCustomer.lease_until.is_not(None)
    with app.app_context():
        events = db.session.query(StripeEvent).filter(StripeEvent.state != EventState.DONE).count()
        return events + db.session.query(BillingCustomer).filter(behind).count()


def everyone_stands_as_stripe_says(app, live: Live) -> None:
    with live.sandbox.sandbox.store.read() as tx:
        objects = {kind: tx.select(kind) for kind in KINDS}
    with app.app_context():
        told = everyone()
        prices = set(db.session.scalars(select(PlanPrice.price_id)))
        uuids = dict(db.session.execute(select(Member.id, Member.uuid)).all())
    account, at = Account(objects, prices), time.time()
    assert len(told) == CUSTOMERS
    for member_id, answer in told.items():
        expected = account.expect(uuids[member_id], (), at)
        until = answer.until.timestamp() if answer.is_open and answer.until else 0
        assert (answer.is_open, until) == (bool(expected.level), expected.until)
        assert str(answer.why) in expected.reasons
