"""Deliveries in trouble are seen with their reason and tried again; what is not ours is counted, and reported."""

from __future__ import annotations

from datetime import timedelta

import pytest

from portal.billing import comparing
from portal.billing.models import EventState, StripeEvent, Subscription
from portal.core.clock import now
from portal.core.db import db, transaction
from tests.make import at_once


@pytest.fixture
def event(app):
    """A delivery as if it had come and fared like that."""
    numbers = iter(range(1, 100_000))

    def event(state: str = "dead", **more) -> int:
        number = next(numbers)
        values = {
            "account": "",
            "livemode": False,
            "event_id": f"evt_{number}",
            "type": "invoice.paid",
            "stripe_created_at": now(),
            "state": state,
            "last_error": "StripeAway: 500" if state in {"dead", "failed"} else None,
            "attempts": 8 if state == "dead" else 0,
            "received_at": now() - timedelta(seconds=number),
        } | more
        with app.app_context(), transaction():
            row = StripeEvent(**values)
            db.session.add(row)
            db.session.flush()
            return row.id

    return event


def states(stripe) -> list[str]:
    return [row.state for row in stripe.rows(StripeEvent)]


@pytest.mark.parametrize("who", ["alice", "mo", "cory"])
def test_only_the_owner_sees_and_retries_deliveries(browse, people, event, stripe, who: str):
    row = event()
    browser = browse(getattr(people, who))
    for page in ("/desk/billing/events", "/desk/billing/comparison"):
        assert browser.get(page).status_code == 403
    for action in (f"events/{row}/retry", "events/retry", "comparison"):
        assert browser.post(f"/desk/billing/{action}").status_code == 403
    assert states(stripe) == [EventState.DEAD]


def test_a_dead_delivery_is_seen_with_its_reason_and_works_when_tried_again(
    stripe, browse, people, begin, app, work_off
):
    _browser, session = begin(people.sam)
    stripe.sandbox.pay(session)
    stripe.sandbox.fail("500", times=50)
    stripe.deliver()
    with app.app_context(), transaction():
        db.session.query(StripeEvent).update({"state": EventState.DEAD, "next_attempt_at": None})
    stripe.sandbox.heal()
    olga = browse(people.olga)
    page = olga.get("/desk/billing/events").text
    assert "Gave up" in page
    assert "StripeAway" in page
    assert "Sam" in page
    first = stripe.rows(StripeEvent)[0]
    answer = olga.post(f"/desk/billing/events/{first.id}/retry")
    assert answer.status_code == 303
    work_off()
    assert stripe.rows(StripeEvent)[0].state is EventState.DONE
    assert browse(people.sam).get("/rooms").status_code == 200
    assert [(r.by_id, r.ref_id) for r in stripe.records("event.retried")] == [(people.olga.id, first.id)]
    again = olga.post(f"/desk/billing/events/{first.id}/retry")
    assert again.status_code == 409
    assert "has been worked on in the meantime" in again.text


def test_all_are_tried_again_at_once_and_each_only_once(app, stripe, browse, people, event):
    for _ in range(12):
        event("dead")
        event("failed", next_attempt_at=now() + timedelta(hours=2))
    event("done")
    event("ignored", ignored_because="foreign")
    browsers = [browse(people.olga) for _ in range(5)]
    tokens = [browser.csrf_token() for browser in browsers]
    answers = at_once(
        5, lambda n: browsers[n].post("/desk/billing/events/retry", data={"csrf_token": tokens[n]}).status_code
    )
    assert answers == [303] * 5
    assert states(stripe).count(EventState.RECEIVED) == 24
    assert states(stripe)[-2:] == [EventState.DONE, EventState.IGNORED]
    assert sum(r.details["events"] for r in stripe.records("events.retried")) == 24


def test_what_is_not_ours_is_counted_by_reason(browse, people, event):
    for because, times in (("foreign", 3), ("livemode", 2), ("account", 1)):
        for _ in range(times):
            event("ignored", ignored_because=because, customer_id="cus_of_someone_else")
    page = browse(people.olga).get("/desk/billing/events?show=ignored").text
    for words in (
        'Nobody’s: <strong class="number">3</strong>',
        'Of the other mode: <strong class="number">2</strong>',
        'Of another account: <strong class="number">1</strong>',
    ):
        assert words in page
    assert "cus_of_someone_else" in page
    assert "In trouble" in browse(people.olga).get("/desk/billing/events?show=nonsense").text


def test_a_foreign_payer_in_our_account_is_counted_and_becomes_nobody(stripe, browse, people, app):
    client = stripe.client()
    stranger = client.v1.customers.create({"email": "stranger@example.com"})
    book = client.v1.products.create({"name": "A book club"})
    price = client.v1.prices.create(
        {"product": book.id, "unit_amount": 500, "currency": "usd", "recurring": {"interval": "month"}}
    )
    foreign = subscribe(client, stranger.id, price.id)
    stripe.deliver()
    with app.app_context():
        comparing.compare_everything()
    olga = browse(people.olga)
    assert "Nobody’s" in olga.get("/desk/billing/events?show=ignored").text
    assert "1" in olga.get("/desk/billing/comparison").text.split("Not ours")[1][:200]
    assert foreign.id not in olga.get("/desk/billing/comparison").text
    for page in ("/desk/billing", "/desk/billing/paying", "/desk/members"):
        assert "stranger" not in olga.get(page).text


def test_the_report_says_what_needs_a_person_and_what_to_do(stripe, browse, people, join, app, customer_id):
    join(people.sam, "monthly")
    ours = stripe.rows(Subscription)[0]
    client = stripe.client()
    second = subscribe(client, customer_id(people.sam), ours.price_id)
    unlinked = client.v1.customers.create({"email": "paid@example.com"})
    lost = subscribe(client, unlinked.id, ours.price_id)
    with app.app_context():
        comparing.compare_everything()
    page = browse(people.olga).get("/desk/billing/comparison").text
    for words in (
        "Paid twice",
        second.id,
        "Cancel what is too much",
        "Paid, and belongs to nobody",
        lost.id,
        "Ask them",
    ):
        assert words in page
    assert 'href="/desk/members/sam"' in page
    assert "These members were read anew" in page

    client.v1.subscriptions.cancel(second.id)
    client.v1.subscriptions.cancel(lost.id)
    with app.app_context():
        comparing.compare_everything()
    assert "nothing waits for a person" in browse(people.olga).get("/desk/billing/comparison").text


def subscribe(client, customer: str, price: str):
    """As somebody would in Stripe's dashboard."""
    method = client.v1.payment_methods.attach("pm_card_visa", {"customer": customer})
    return client.v1.subscriptions.create(
        {"customer": customer, "items": [{"price": price}], "default_payment_method": method.id}
    )


def test_olga_asks_for_the_comparison_and_it_runs_in_the_background(stripe, browse, people, join, work_off, app):
    olga = browse(people.olga)
    assert "Not compared yet" in olga.get("/desk/billing/comparison").text
    join(people.sam)
    for _ in range(2):  # a second click within the minute asks for nothing more
        assert olga.post("/desk/billing/comparison").status_code == 303
    assert "Not compared yet" in olga.get("/desk/billing/comparison").text
    work_off()
    page = olga.get("/desk/billing/comparison").text
    assert "Last compared" in page
    assert "nothing waits for a person" in page


def test_deliveries_go_on_page_by_page_at_one_cost(browse, people, event, count_queries):
    def counted(show: str) -> int:
        olga = browse(people.olga)
        olga.get(f"/desk/billing/events?show={show}")
        with count_queries() as queries:
            assert olga.get(f"/desk/billing/events?show={show}").status_code == 200
        return len(queries)

    for state in ("dead", "ignored"):
        event(state, ignored_because="foreign" if state == "ignored" else None)
    few = [counted(show) for show in ("trouble", "ignored", "latest")]
    for _ in range(60):
        event("dead")
        event("ignored", ignored_because="foreign")
    assert [counted(show) for show in ("trouble", "ignored", "latest")] == few
    olga = browse(people.olga)
    first = olga.get("/desk/billing/events").text
    second = olga.get(first.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")).text
    assert (first.count("evt_") // 2, second.count("evt_") // 2) == (50, 11)
