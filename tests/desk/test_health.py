"""Health names the cure, and tells the operator's tools the truth."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from portal.billing.models import EventState, StripeEvent
from portal.core.clock import now
from portal.core.db import db, transaction
from portal.core.jobs import Job, JobState

DAY = timedelta(days=1)


def needs(page: str) -> str:
    """The part of the page that is red."""
    return page.split('id="needs"')[1].split('id="well"', maxsplit=1)[0] if 'id="needs"' in page else ""


@pytest.mark.parametrize("who", ["alice", "mo", "cory"])
def test_health_is_the_owners(browse, people, who: str):
    browser = browse(getattr(people, who))
    assert browser.get("/desk/health").status_code == 403
    for action in ("asking", "work"):
        assert browser.post(f"/desk/health/{action}").status_code == 403
    assert "flask billing" not in browser.get("/desk").text


def test_work_that_gave_up_stands_first_with_its_reason_and_can_be_tried_again(app, browse, people, stripe):
    with app.app_context(), transaction():
        values = {"args": {}, "state": JobState.DEAD, "attempts": 8}
        db.session.add(Job(work="letters.send", last_error="SMTPException: no such server", **values))
        db.session.add(Job(work="billing.daily", last_error="NotYet: 500", **values))
    olga = browse(people.olga)
    page = olga.get("/desk/health").text
    assert "2 pieces of work gave up" in needs(page)
    assert "SMTPException: no such server" in page
    assert "2 pieces of work gave up" in olga.get("/desk").text
    assert olga.post("/desk/health/work", follow_redirects=True).text.count("2 back in the queue") == 1
    assert "gave up" not in needs(olga.get("/desk/health").text)
    assert [(r.by_id, r.details) for r in stripe.records("work.retried")] == [(people.olga.id, {"pieces": 2})]


def test_olga_reads_on_the_desk_that_no_plan_is_open_and_what_opens_one(browse, people):
    assert "no plan is known yet" in browse(people.olga).get("/desk").text
    page = needs(browse(people.olga).get("/desk/health").text)
    assert "no plan is known yet" in page
    assert "<code>flask billing sync-prices</code>" in page


def test_looking_never_asks_stripe_and_the_button_does_in_the_background(
    stripe, browse, people, work_off, count_queries
):
    olga = browse(people.olga)
    stripe.sandbox.fail("drop", times=99)  # whoever asks now gets no answer
    page = olga.get("/desk/health").text
    assert "has not been asked" in page
    assert "Webhook endpoint" not in page
    stripe.sandbox.heal()
    assert olga.post("/desk/health/asking").status_code == 303
    assert "Webhook endpoint" not in olga.get("/desk/health").text, "the worker has not come to it"
    work_off()
    page = olga.get("/desk/health").text
    assert "it is asked once a day" in page
    for name in ("Key", "Webhook endpoint", "Clock against Stripe"):
        assert name in page.split('id="well"')[1]


def test_a_disabled_endpoint_is_red_with_the_command_that_mends_it(stripe, browse, people, work_off):
    endpoint = stripe.everything("webhook_endpoint")[0]
    stripe.client().v1.webhook_endpoints.update(endpoint["id"], {"disabled": True})
    olga = browse(people.olga)
    olga.post("/desk/health/asking")
    work_off()
    page = needs(olga.get("/desk/health").text)
    assert f"{endpoint['id']} is disabled" in page
    assert "<code>flask billing setup</code>" in page
    assert f"{endpoint['id']} is disabled" in olga.get("/desk").text


def delivery(app, **more: Any) -> None:
    values = {
        "account": "",
        "livemode": False,
        "event_id": f"evt_{more}",
        "type": "invoice.paid",
        "stripe_created_at": now(),
        "state": EventState.DONE,
    } | more
    with app.app_context(), transaction():
        db.session.add(StripeEvent(**values))


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"api_version": "2019-02-19"}, "deliveries come in 2019-02-19, this program speaks"),
        (
            {"state": EventState.IGNORED, "ignored_because": "livemode"},
            "deliveries of the other mode (test or live) came within a day: 1",
        ),
        ({"state": EventState.DEAD}, "1 could not be worked on"),
    ],
    ids=str,
)
def test_deliveries_that_tell_of_trouble_turn_it_red(app, browse, people, more, told):
    olga = browse(people.olga)
    assert told not in needs(olga.get("/desk/health").text)
    delivery(app, **more)
    assert told in needs(olga.get("/desk/health").text)


def test_the_age_of_the_last_delivery_is_told(app, browse, people, mirror):
    olga = browse(people.olga)
    assert "none yet, and nobody pays yet" in olga.get("/desk/health").text.split('id="well"')[1]
    mirror(people.sam)
    assert "none has ever come, although somebody pays" in needs(olga.get("/desk/health").text)
    delivery(app, received_at=now() - 3 * DAY, deliveries=0)
    assert "none has ever come" in needs(olga.get("/desk/health").text), "one that was found by comparing did not come"
    delivery(app, received_at=now() - 2 * DAY)
    assert "came 2 days ago" in olga.get("/desk/health").text.split('id="well"')[1]


def test_customers_of_another_account_are_red(browse, people, make, mirror):
    mirror(people.sam)
    olga = browse(people.olga)
    assert "another account" not in needs(olga.get("/desk/health").text)
    mirror(make.member("Xaver"), account="acct_another")
    assert "of another account or mode than the settings name: 1" in needs(olga.get("/desk/health").text)


def test_health_is_live_without_the_database_and_ready_with_it(browse):
    assert browse().get("/health/live").status_code == 200
    assert browse().get("/health/ready").text == "ready\n"


def test_a_pending_migration_makes_it_unready(browse, monkeypatch):
    monkeypatch.setattr("portal.desk.health.newest_migration", lambda: "9999")
    assert browse().get("/health/ready").status_code == 503
