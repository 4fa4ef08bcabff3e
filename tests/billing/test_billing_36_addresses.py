"""A member's new e-mail address reaches Stripe once, and decides nothing about who pays for what."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from portal.accounts.models import Member
from portal.billing import pushing_address
from portal.billing.entitlements import Why
from portal.billing.models import BillingCustomer, Subscription
from portal.core import jobs
from portal.core.db import db, transaction


@pytest.fixture
def move(app, browse, work_off, outbox):
    """A member asks for an address and opens the letter there; background work is left to the test."""

    def move(member: Member, address: str) -> None:
        browser = browse(member)
        assert browser.post("/account/email", data={"email": address}).status_code == 303
        work_off()
        letter = next(each for each in reversed(outbox) if each.recipients == [address])
        link = re.search(r"http://localhost(/account/email/confirm/\S+)", letter.body).group(1)
        assert browser.post(link).status_code == 303

    return move


def addresses(stripe) -> dict[str, str]:
    """Stripe's customers: id and address."""
    return {each["id"]: each["email"] for each in stripe.everything("customer")}


def changes_at_stripe(stripe) -> list[str]:
    """The addresses that Stripe was told, one after the other."""
    told = [event["data"] for event in stripe.sandbox.events("customer.updated")]
    return [data["object"]["email"] for data in told if "email" in data["previous_attributes"]]


def test_billing_36_stripe_hears_of_a_new_address_once_and_nothing_else_changes(
    app, stripe, nina, join, browse, move, work_off
):
    browser = join(nina)
    before, sub = stripe.entitlement(nina), stripe.rows(Subscription)[0]
    move(nina, "nina@home.example")
    assert list(addresses(stripe).values()) == [nina.email], "nothing is called while somebody waits"
    work_off()
    with app.app_context():
        pushing_address.sweep()
    work_off()
    stripe.deliver()
    assert list(addresses(stripe).values()) == ["nina@home.example"]
    assert changes_at_stripe(stripe) == ["nina@home.example"]
    assert stripe.rows(BillingCustomer)[0].email_pushed == "nina@home.example"
    assert stripe.entitlement(nina) == before
    after = stripe.rows(Subscription)[0]
    assert (after.sub_id, after.status, after.period_end) == (sub.sub_id, "active", sub.period_end)
    assert len(stripe.everything("customer")) == len(stripe.everything("subscription")) == 1
    assert browser.get("/rooms").status_code == 200, "still signed in, still a member"
    assert "You are a member" in browser.get("/account/billing").text


def test_billing_36_two_members_who_swap_addresses_never_swap_subscriptions(app, stripe, make, join, move, work_off):
    nina, mia = make.member("Nina"), make.member("Mia")
    join(nina, "monthly")
    join(mia, "annual")
    of = {row.member_id: row.customer_id for row in stripe.rows(BillingCustomer)}
    plans = {row.customer_id: row.plan_id for row in stripe.rows(Subscription)}
    move(nina, "between@example.com")
    move(mia, nina.email)
    move(nina, mia.email)
    work_off()
    stripe.deliver()
    assert addresses(stripe) == {of[nina.id]: mia.email, of[mia.id]: nina.email}
    assert {row.member_id: row.customer_id for row in stripe.rows(BillingCustomer)} == of
    assert {row.customer_id: row.plan_id for row in stripe.rows(Subscription)} == plans
    intervals = {row.customer.member_id: row.plan.interval for row in _with_plans(app)}
    assert intervals == {nina.id: "month", mia.id: "year"}
    assert stripe.entitlement(nina).why is stripe.entitlement(mia).why is Why.PAID


def test_billing_36_while_stripe_is_away_it_is_tried_again_and_the_hourly_sweep_finds_what_was_given_up(
    app, stripe, nina, join, move, work_off, clock
):
    join(nina)
    stripe.sandbox.fail("500", times=500, match="POST /v1/customers")
    move(nina, "nina@home.example")
    for _ in range(10):
        work_off()
        clock.shift(timedelta(days=1, minutes=1))
    with app.app_context():
        [job] = db.session.scalars(db.select(jobs.Job).where(jobs.Job.work == "billing.push_address")).all()
    assert job.state is jobs.JobState.DEAD
    assert list(addresses(stripe).values()) == [nina.email]
    stripe.sandbox.heal()
    with app.app_context():
        pushing_address.sweep()
        pushing_address.sweep()
    work_off()
    assert changes_at_stripe(stripe) == ["nina@home.example"]


def test_billing_36_calls_that_crossed_are_made_again_until_the_last_address_stands(app, stripe, nina, join, work_off):
    """One worker read the old address, was held up, and reached Stripe after another had told the new one."""
    join(nina)
    row = stripe.rows(BillingCustomer)[0]
    gateway = app.extensions["stripe_gateway"]
    tell = gateway.tell_address

    def slowly(customer_id: str, email: str) -> None:
        gateway.tell_address = tell
        with transaction():
            db.session.get_one(Member, nina.id).email = "last@example.com"
        pushing_address.push_address(row.id)
        tell(customer_id, email)

    with app.app_context(), transaction():
        db.session.get_one(Member, nina.id).email = "first@example.com"
    gateway.tell_address = slowly
    with app.app_context(), pytest.raises(jobs.NotYet):
        pushing_address.push_address(row.id)
    assert list(addresses(stripe).values()) == ["first@example.com"], "which is wrong by now"
    with app.app_context():
        pushing_address.sweep()
    work_off()
    assert list(addresses(stripe).values()) == ["last@example.com"]


def test_billing_36_a_customer_that_is_gone_at_stripe_is_left_alone(app, stripe, nina, join, move, work_off):
    join(nina)
    stripe.client().v1.customers.delete(stripe.rows(BillingCustomer)[0].customer_id)
    move(nina, "nina@home.example")
    work_off()
    with app.app_context():
        states = db.session.scalars(db.select(jobs.Job.state).where(jobs.Job.work == "billing.push_address")).all()
    assert states == [jobs.JobState.DONE]


def _with_plans(app) -> list[Subscription]:
    with app.app_context():
        rows = db.session.scalars(db.select(Subscription)).all()
        for row in rows:
            assert row.plan is not None
            assert row.customer.member_id is not None
        return list(rows)
