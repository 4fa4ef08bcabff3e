"""Joining, however the news of it arrives: by the return page, by a delivery, by the hourly job, in any order."""

from __future__ import annotations

import json
import random

from sqlalchemy import delete, update

from portal.billing import reconciling
from portal.billing.entitlements import Why
from portal.billing.event_calls import SUBSCRIBED
from portal.billing.models import BillingCustomer, EventState, Invoice, StripeEvent, Subscription
from portal.billing.watching import noted
from portal.core.db import db, transaction
from portal.core.jobs import Job, work_off
from portal.core.letters import Letter
from tests.billing.test_billing_14_to_19_deliveries import sign


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


def test_billing_05_events_in_200_random_orders_leave_the_same_rows_and_one_letter(app, stripe, nina, begin):
    """One join, heard of two hundred times from the beginning: each event one to three times, in another order."""
    _browser, session = begin(nina)
    stripe.sandbox.pay(session)
    parcels: list[tuple[str, bytes, dict[str, str]]] = []
    stripe.sandbox.deliver(lambda url, body, headers: parcels.append((url, body, headers)) or 200)
    ours = [parcel for parcel in parcels if json.loads(parcel[1])["type"] in SUBSCRIBED]
    assert len(ours) >= 4
    pictures, letters, records = [], 0, 0
    for seed in range(200):
        chance = random.Random(seed)
        order = [parcel for parcel in ours for _ in range(chance.randint(1, 3))]
        chance.shuffle(order)
        # Signed anew: a signature lasts five minutes, and a busy machine takes longer for all the orders.
        assert {stripe.post(url, body, headers | sign(body)) for url, body, headers in order} == {200}
        assert sum(event.deliveries for event in stripe.rows(StripeEvent)) == len(order), f"seed {seed}"
        [customer] = stripe.rows(BillingCustomer)
        assert (customer.sync_done, customer.lease_until) == (customer.sync_requested, None), f"seed {seed}"
        letters += len(stripe.letters())
        now_recorded = len(stripe.records())
        assert now_recorded == records + 1, f"seed {seed}: the record keeps one line a join"
        records = now_recorded
        picture = stripe.picture()
        pictures.append({name: rows for name, rows in picture.items() if name != "records"})
        assert pictures[-1] == pictures[0], f"seed {seed}"
        _forget(app)
    assert pictures[0]["letters"] == [f"mail:welcome:{pictures[0]['subscriptions'][0]['sub_id']}"]
    assert [row["status"] for row in pictures[0]["subscriptions"]] == ["active"]
    assert {state for _event, state in pictures[0]["events"]} == {EventState.DONE}
    assert letters == 200


def _forget(app) -> None:
    """As before the first delivery: the way to Checkout was opened and nothing was heard since."""
    with app.app_context(), transaction():
        for model in (StripeEvent, Invoice, Subscription, Letter, Job):
            db.session.execute(delete(model))
        db.session.execute(
            update(BillingCustomer).values(sync_requested=0, sync_done=0, synced_at=None, trial_used_at=None)
        )
