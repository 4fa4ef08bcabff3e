"""The door for deliveries: what is let in, what is turned away, and what is none of our business."""

from __future__ import annotations

import json
import time
from datetime import timedelta

import pytest
from stripe import WebhookSignature

from portal.billing import checking, comparing, reconciling
from portal.billing.entitlements import Why
from portal.billing.models import BillingCustomer, EventState, StripeEvent, Subscription
from portal.core.clock import now
from portal.core.db import db, transaction
from portal.core.jobs import work_off
from tests.billing.conftest import SECRET


def event(**more) -> bytes:
    body = {
        "id": "evt_1",
        "object": "event",
        "api_version": "2026-10-28.endive",
        "created": int(time.time()),
        "data": {"object": {"id": "sub_1", "object": "subscription", "customer": "cus_unknown"}},
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
        "type": "customer.subscription.updated",
    }
    return json.dumps(body | more).encode()


def sign(body: bytes, secret: str = SECRET, *, ago: float = 0) -> dict[str, str]:
    header = WebhookSignature.generate_signature_header(body.decode(), secret, timestamp=int(time.time() - ago))
    return {"Stripe-Signature": header}


def bad_deliveries() -> dict[str, tuple[bytes, dict[str, str]]]:
    body, huge = event(), event(padding="x" * 2_000_000)
    v0 = {"Stripe-Signature": sign(body)["Stripe-Signature"].replace("v1=", "v0=")}
    return {
        "bad signature": (body, sign(body, "whsec_wrong")),
        "changed body": (body.replace(b"sub_1", b"sub_2"), sign(body)),
        "old": (body, sign(body, ago=600)),
        "from the future": (body, sign(body, ago=-600)),
        "no header": (body, {}),
        "empty header": (body, {"Stripe-Signature": ""}),
        "nonsense header": (body, {"Stripe-Signature": "t=,v1=,,=;"}),
        "v0 only": (body, v0),
        "invalid UTF-8": (b"\xff\xfe{", {"Stripe-Signature": "t=1,v1=00"}),
        "empty body": (b"", sign(b"")),
        "a list": (b"[]", sign(b"[]")),
        "null": (b"null", sign(b"null")),
        "no JSON": (b"{", sign(b"{")),
        "a thin event": (b'{"object":"v2.core.event"}', sign(b'{"object":"v2.core.event"}')),
        "without an id": (event(id=None), sign(event(id=None))),
        "two megabytes": (huge, sign(huge)),
    }


@pytest.mark.parametrize("name", list(bad_deliveries()))
def test_billing_14_what_is_not_stripes_is_refused_and_leaves_nothing(stripe, capfd, name):
    body, headers = bad_deliveries()[name]
    capfd.readouterr()
    assert stripe.post("", body, headers) == (413 if name == "two megabytes" else 400)
    assert stripe.rows(StripeEvent) == []
    assert "Traceback" not in capfd.readouterr().err


def test_billing_14_the_site_answers_while_it_is_flooded(stripe, browse, nina):
    bad = list(bad_deliveries().values())
    for number in range(200):
        assert stripe.post("", *bad[number % (len(bad) - 1)]) == 400
    assert browse(nina).get("/account/billing").status_code == 200
    assert stripe.rows(StripeEvent) == []


def test_billing_14_without_a_secret_nothing_is_believed(app, stripe):
    body = event()
    app.config["STRIPE_WEBHOOK_SECRETS"] = []
    try:
        assert stripe.post("", body, sign(body)) == 503
        assert stripe.post("", body, {}) == 503
    finally:
        app.config["STRIPE_WEBHOOK_SECRETS"] = [SECRET]
    assert stripe.rows(StripeEvent) == []


def test_billing_15_old_and_new_secret_count_while_both_are_set(app, stripe):
    old, new = "whsec_old", "whsec_new"
    try:
        app.config["STRIPE_WEBHOOK_SECRETS"] = [old, new]
        for number, secrets in enumerate([[old], [new], [old, new]]):
            body = event(id=f"evt_{number}", type="invoice.paid")
            parts = [sign(body, secret)["Stripe-Signature"] for secret in secrets]
            header = ",".join([parts[0], *(part.split(",", 1)[1] for part in parts[1:])])
            assert stripe.post("", body, {"Stripe-Signature": header}) == 200
        app.config["STRIPE_WEBHOOK_SECRETS"] = [new]
        assert stripe.post("", event(id="evt_9"), sign(event(id="evt_9"), old)) == 400
        assert stripe.post("", event(id="evt_9"), sign(event(id="evt_9"), new)) == 200
    finally:
        app.config["STRIPE_WEBHOOK_SECRETS"] = [SECRET]
    assert len(stripe.rows(StripeEvent)) == 4


def test_billing_16_a_captured_delivery_played_again_does_nothing_and_then_is_refused(stripe, nina, begin, clock):
    _browser, session = begin(nina)
    stripe.sandbox.pay(session)
    parcels: list = []
    stripe.sandbox.deliver(lambda url, body, headers: parcels.append((url, body, headers)) or 200)
    paid = next(p for p in parcels if b'"invoice.paid"' in p[1])
    assert stripe.post(*paid) == 200
    before = stripe.picture()
    clock.shift(timedelta(minutes=1))
    assert stripe.post(*paid) == 200
    assert stripe.picture() == before
    clock.shift(timedelta(minutes=10))
    assert stripe.post(*paid) == 400
    assert stripe.picture() == before


def test_billing_17_a_clock_that_is_off_is_noticed_with_the_first_delivery(app, stripe, nina, begin):
    _browser, session = begin(nina)
    stripe.sandbox.set("signing_skew", "600")
    stripe.sandbox.pay(session)
    assert stripe.deliver() > 0
    assert stripe.rows(StripeEvent) == []
    with app.app_context():
        clock = next(f for f in checking.local_findings() if f.name == "Clock")
        assert not clock.is_well
        assert "600 s" in clock.finding or "599 s" in clock.finding
    with app.app_context():
        reconciling.hourly()
        work_off()
    assert stripe.entitlement(nina).why is Why.PAID, "the hourly job keeps access right meanwhile"


@pytest.mark.parametrize("ahead", [timedelta(minutes=10), timedelta(minutes=-10), timedelta(minutes=45)])
def test_billing_17_our_own_clock_is_off_and_health_names_it_with_one_delivery(
    app, stripe, make, nina, begin, clock, ahead
):
    """Stripe keeps true time; ours runs ahead, or behind. Deliveries are refused, the hourly job goes on."""
    stripe.sandbox.set("signing_clock", "sandbox")
    clock.shift(ahead)
    stripe.sandbox.advance(-ahead.total_seconds())
    for member in (nina, make.member("Mia")):  # the second join comes after events were read under the wrong clock
        _browser, session = begin(member)
        stripe.sandbox.pay(session)
        assert stripe.deliver() > 0
        assert [e for e in stripe.rows(StripeEvent) if e.deliveries] == [], "refused, every one"
        assert not stripe.entitlement(member).is_open
        with app.app_context():
            reconciling.hourly()
            work_off()
        assert stripe.entitlement(member).why is Why.PAID
    with app.app_context():
        health = {f.name: f for f in checking.findings()}
    for name in ("Clock", "Clock against Stripe's"):
        assert not health[name].is_well, name
        assert "time synchronisation" in health[name].mend
    told = int(health["Clock"].finding.split("signed ")[1].split(" s ")[0])
    assert abs(told + ahead.total_seconds()) <= 5
    offset = float(health["Clock against Stripe's"].finding.removesuffix(" s apart"))
    assert abs(offset + ahead.total_seconds()) <= 5


@pytest.mark.parametrize(("more", "because"), [({"livemode": True}, "livemode"), ({"account": "acct_x"}, "account")])
def test_billing_18_events_of_another_mode_or_account_are_kept_and_ignored(stripe, nina, begin, more, because):
    begin(nina)
    customer = stripe.rows(BillingCustomer)[0]
    body = event(data={"object": {"id": "sub_1", "object": "subscription", "customer": customer.customer_id}}, **more)
    for _ in range(2):
        assert stripe.post("", body, sign(body)) == 200
    assert [(e.state, e.ignored_because, e.deliveries) for e in stripe.rows(StripeEvent)] == [
        (EventState.IGNORED, because, 2)
    ]
    assert stripe.rows(Subscription) == []
    assert stripe.rows(BillingCustomer)[0].sync_requested == customer.sync_requested


def test_billing_18_types_we_never_asked_for_are_answered_and_not_kept(stripe):
    body = event(type="invoice.created")
    assert stripe.post("", body, sign(body)) == 200
    assert stripe.rows(StripeEvent) == []


def test_billing_19_an_unknown_customer_in_the_same_account_makes_no_member(stripe):
    client = stripe.client()
    stranger = client.v1.customers.create({"email": "stranger@example.com", "metadata": {"member_uuid": "nobody"}})
    body = event(data={"object": {"id": "sub_1", "object": "subscription", "customer": stranger.id}})
    assert stripe.post("", body, sign(body)) == 200
    assert [(e.state, e.ignored_because) for e in stripe.rows(StripeEvent)] == [(EventState.IGNORED, "foreign")]
    assert stripe.rows(BillingCustomer) == []
    assert stripe.rows(Subscription) == []


def test_billing_19_a_foreign_price_in_the_same_account_opens_nothing_and_is_reported(app, stripe, nina, begin):
    begin(nina)
    client, customer = stripe.client(), stripe.rows(BillingCustomer)[0]
    product = client.v1.products.create({"name": "A book club"})
    price = client.v1.prices.create(
        {"product": product.id, "unit_amount": 500, "currency": "usd", "recurring": {"interval": "month"}}
    )
    sub = client.v1.subscriptions.create(
        {"customer": customer.customer_id, "items": [{"price": price.id}], "trial_period_days": 30}
    )
    stripe.deliver()
    assert [row.plan_id for row in stripe.rows(Subscription)] == [None]
    assert not stripe.entitlement(nina).is_open
    assert stripe.letters() == []
    with app.app_context():
        report = comparing.compare_everything()
    assert [str(each) for each in report.needs_a_person] == [f"{sub.id} has a price that is none of ours"]


def test_billing_19_a_customer_whose_id_was_lost_in_a_crash_is_found_by_our_mark(app, stripe, nina, begin):
    _browser, session = begin(nina)
    with app.app_context(), transaction():
        db.session.query(BillingCustomer).update({"customer_id": None})
    stripe.sandbox.pay(session)
    stripe.deliver()
    assert stripe.entitlement(nina).why is Why.PAID
    assert {e.state for e in stripe.rows(StripeEvent)} == {EventState.DONE}
    assert {e.received_at <= now() for e in stripe.rows(StripeEvent)} == {True}
