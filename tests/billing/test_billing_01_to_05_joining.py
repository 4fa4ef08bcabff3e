"""Joining, however the news of it arrives: by the return page, by a delivery, by the hourly job, in any order."""

from __future__ import annotations

import random

from portal.billing import reconciling
from portal.billing.entitlements import Why
from portal.billing.models import BillingCustomer, EventState, StripeEvent, Subscription
from portal.billing.watching import noted
from portal.core.jobs import work_off


def test_billing_01_a_visitor_joins_monthly_with_4242_and_is_a_member(browse, stripe, nina, begin, outbox, work_off):
    browser, session = begin(nina, "monthly")
    step = stripe.sandbox.pay(session)
    assert step.status == "done"
    assert f"session_id={session}" in step.url

    back = browser.get(step.url)
    assert back.status_code == 200
    assert "You are in, Nina" in back.text

    stripe.deliver()
    assert len([s for s in stripe.everything("subscription") if s["status"] == "active"]) == 1
    assert [row.status for row in stripe.rows(Subscription)] == ["active"]
    assert stripe.entitlement(nina).why is Why.PAID
    work_off()
    assert [(m.subject, m.recipients) for m in outbox] == [("You are a member of Practice Freedom", [nina.email])]
    assert "$99 each month" in outbox[0].body
    assert len(stripe.records()) == 1
    assert stripe.records()[0].details["after"]["why"] == "paid"


def test_billing_01_a_member_may_read_at_once(browse, stripe, nina, join):
    assert browse(nina).get("/rooms").status_code == 403
    assert join(nina).get("/rooms").status_code == 200


def test_billing_02_with_all_deliveries_held_the_return_page_alone_activates(stripe, nina, begin):
    stripe.sandbox.hold()
    browser, session = begin(nina)
    stripe.sandbox.pay(session)
    assert stripe.deliver() == 0
    assert "You are in" in browser.get(f"/billing/return?session_id={session}").text
    assert stripe.entitlement(nina).is_open
    before = stripe.letters(), len(stripe.records())

    stripe.sandbox.hold(False)
    assert stripe.deliver() > 3
    assert (stripe.letters(), len(stripe.records())) == before == ([before[0][0]], 1)
    assert {row.state for row in stripe.rows(StripeEvent)} == {EventState.DONE}


def test_billing_03_with_the_browser_closed_the_delivery_alone_activates(stripe, nina, begin, work_off, outbox):
    _browser, session = begin(nina)
    stripe.sandbox.pay(session)
    assert not stripe.entitlement(nina).is_open
    stripe.deliver()
    assert stripe.entitlement(nina).is_open
    work_off()
    assert len(outbox) == 1


def test_billing_04_without_deliveries_and_return_the_hourly_job_activates(app, stripe, nina, begin):
    stripe.sandbox.hold()
    _browser, session = begin(nina)
    stripe.sandbox.pay(session)
    with app.app_context():
        reconciling.hourly()
        work_off()
        assert noted("missed_deliveries")[0]["count"] >= 1
    assert stripe.entitlement(nina).is_open
    assert {row.deliveries for row in stripe.rows(StripeEvent)} == {0}
    assert stripe.letters("welcome") == [f"mail:welcome:{stripe.rows(Subscription)[0].sub_id}"]


def test_billing_05_events_in_any_order_and_number_leave_the_same_rows_and_one_letter(app, stripe, nina, begin):
    _browser, session = begin(nina)
    stripe.sandbox.pay(session)
    parcels: list[tuple[str, bytes, dict[str, str]]] = []
    stripe.sandbox.deliver(lambda url, body, headers: parcels.append((url, body, headers)) or 200)
    ours = [p for p in parcels if b'"customer.created"' not in p[1]]
    stripe.post(*ours[0])
    for parcel in ours:
        stripe.post(*parcel)
    first = stripe.picture()
    assert len(first["letters"]) == 1
    for seed in range(175):
        order = [parcel for parcel in ours for _ in range(random.Random(seed).randint(1, 3))]
        random.Random(seed).shuffle(order)
        for parcel in order:
            assert stripe.post(*parcel) == 200
    assert stripe.picture() == first


def test_billing_05_every_order_from_the_beginning(app, make, stripe, begin):
    """Each newcomer hears of their own join in another order, with repeats; all end alike."""
    ends = set()
    for seed in range(25):
        member = make.member(f"Newcomer {seed}")
        _browser, session = begin(member)
        stripe.sandbox.pay(session)
        parcels: list[tuple[str, bytes, dict[str, str]]] = []
        stripe.sandbox.deliver(lambda url, body, headers, into=parcels: into.append((url, body, headers)) or 200)
        chance = random.Random(seed)
        order = [parcel for parcel in parcels for _ in range(chance.randint(1, 3))]
        chance.shuffle(order)
        for parcel in order:
            assert stripe.post(*parcel) == 200
        row = next(c for c in stripe.rows(BillingCustomer) if c.member_id == member.id)
        subs = [s for s in stripe.rows(Subscription) if s.customer_id == row.id]
        letters = [key for key in stripe.letters() if any(s.sub_id in key for s in subs)]
        records = [r for r in stripe.records() if r.ref_id == member.id]
        assert row.sync_done == row.sync_requested
        assert row.lease_until is None
        ends.add((len(subs), subs[0].status, len(letters), len(records), stripe.entitlement(member).why))
    assert ends == {(1, "active", 1, 1, Why.PAID)}
