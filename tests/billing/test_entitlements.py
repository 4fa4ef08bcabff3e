"""Every row of the table that decides who may come in, first as a pure function, then through the database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from flask import current_app

from portal.accounts.models import Member, Role
from portal.accounts.signed_in import hashed
from portal.accounts.signing_in import open_device
from portal.billing import facts
from portal.billing.entitlements import Entitlement, Level, Why, audiences_of, entitlement_of, judge
from portal.billing.facts import Given, Sub
from portal.billing.models import BillingCustomer, Grant, Interval, PaymentReversal, Plan, Subscription
from portal.core.admission import Audience
from portal.core.clock import now
from portal.core.db import db, transaction
from tests.make import browser

T = datetime(2026, 5, 3, 12, 0, tzinfo=UTC)
GRACE = timedelta(days=7)
HOUR, DAY, MOMENT = timedelta(hours=1), timedelta(days=1), timedelta(seconds=1)
READ = T + 400 * DAY  # Stripe was read later than anything asked here


def ask(*facts: Sub | Given, at: datetime) -> Entitlement:
    return judge(facts, at=at, grace=GRACE)


@pytest.mark.parametrize(
    ("sub", "at", "level", "why", "until"),
    [
        # trialing: full until the trial's end and 24 hours
        (Sub("trialing", trial_end=T, fetched_at=READ), T - DAY, Level.FULL, Why.TRIAL, T + 24 * HOUR),
        (Sub("trialing", trial_end=T, fetched_at=READ), T + 24 * HOUR - MOMENT, Level.FULL, Why.TRIAL, T + 24 * HOUR),
        (Sub("trialing", trial_end=T, fetched_at=READ), T + 24 * HOUR, Level.NONE, Why.LAPSED, T + 24 * HOUR),
        # active: full until the period's end and 72 hours
        (Sub("active", period_end=T, fetched_at=READ), T - DAY, Level.FULL, Why.PAID, T + 72 * HOUR),
        (Sub("active", period_end=T, fetched_at=READ), T + 72 * HOUR - MOMENT, Level.FULL, Why.PAID, T + 72 * HOUR),
        (Sub("active", period_end=T, fetched_at=READ), T + 72 * HOUR, Level.NONE, Why.LAPSED, T + 72 * HOUR),
        # … and while Stripe could not be asked since, at most seven days more
        (Sub("active", period_end=T, fetched_at=T), T + 72 * HOUR, Level.FULL, Why.UNREAD, T + 10 * DAY),
        (Sub("active", period_end=T, fetched_at=T), T + 10 * DAY - MOMENT, Level.FULL, Why.UNREAD, T + 10 * DAY),
        (Sub("active", period_end=T, fetched_at=T), T + 10 * DAY, Level.NONE, Why.LAPSED, T + 72 * HOUR),
        # cancelled for a day: to the second, without slack
        (Sub("active", period_end=T, ends_at=T, fetched_at=T - DAY), T - MOMENT, Level.FULL, Why.ENDING, T),
        (Sub("active", period_end=T, ends_at=T, fetched_at=T - DAY), T, Level.NONE, Why.LAPSED, T),
        (Sub("trialing", trial_end=T, ends_at=T, fetched_at=T - DAY), T, Level.NONE, Why.LAPSED, T),
        # past due: grace from the day the invoice was made, however often Stripe tries again
        (Sub("past_due", period_end=T + 30 * DAY, past_due_since=T), T + HOUR, Level.GRACE, Why.PAST_DUE, T + GRACE),
        (Sub("past_due", period_end=T, past_due_since=T), T + GRACE - MOMENT, Level.GRACE, Why.PAST_DUE, T + GRACE),
        (Sub("past_due", period_end=T + 30 * DAY, past_due_since=T), T + GRACE, Level.NONE, Why.UNPAID, T + GRACE),
        (Sub("past_due", period_end=T + 30 * DAY, past_due_since=T, ends_at=T + DAY), T + DAY, Level.NONE, Why.UNPAID, T + DAY),  # noqa: E501
        (Sub("past_due", period_end=T + 30 * DAY), T, Level.NONE, Why.UNPAID, None),
        # nobody comes in with these
        (Sub("unpaid", period_end=T + DAY), T, Level.NONE, Why.UNPAID, None),
        (Sub("paused", period_end=T + DAY), T, Level.NONE, Why.PAUSED, None),
        (Sub("incomplete", period_end=T + DAY), T, Level.NONE, Why.INCOMPLETE, None),
        (Sub("incomplete_expired", period_end=T + DAY), T, Level.NONE, Why.INCOMPLETE, None),
        (Sub("canceled", period_end=T + DAY), T, Level.NONE, Why.LAPSED, None),
        # collection paused: void ends with the period, the others keep access
        (Sub("active", period_end=T, pause_behavior="void", fetched_at=READ), T - MOMENT, Level.FULL, Why.ENDING, T),
        (Sub("active", period_end=T, pause_behavior="void", fetched_at=READ), T, Level.NONE, Why.LAPSED, T),
        (Sub("active", period_end=T, pause_behavior="keep_as_draft", fetched_at=READ), T, Level.FULL, Why.PAID, T + 3 * DAY),  # noqa: E501
        (Sub("active", period_end=T, pause_behavior="mark_uncollectible", fetched_at=READ), T, Level.FULL, Why.PAID, T + 3 * DAY),  # noqa: E501
        # a word nobody knows: nothing new, what was there stays until its date
        (Sub("hibernating", period_end=T + DAY), T, Level.NONE, Why.UNKNOWN_STATUS, None),
        (Sub("hibernating", period_end=T + DAY, kept_until=T + HOUR), T, Level.FULL, Why.UNKNOWN_STATUS, T + HOUR),
        (Sub("hibernating", period_end=T + DAY, kept_until=T), T, Level.NONE, Why.LAPSED, T),
        # money that went back
        (Sub("active", period_end=T, refunded_until=T), T - DAY, Level.NONE, Why.REFUNDED, None),
        (Sub("active", period_end=T + 30 * DAY, refunded_until=T), T + MOMENT, Level.FULL, Why.PAID, T + 33 * DAY),
        (Sub("active", period_end=T + DAY, disputed=True), T, Level.NONE, Why.DISPUTED, None),
        (Sub("past_due", past_due_since=T, disputed=True), T, Level.NONE, Why.DISPUTED, None),
        # not our price, or no period at all
        (Sub("active", ours=False, period_end=T + DAY), T, Level.NONE, Why.NEVER, None),
        (Sub("active", period_end=None), T, Level.NONE, Why.LAPSED, None),
    ],
)  # fmt: skip
def test_the_table_row_by_row(sub: Sub, at: datetime, level: Level, why: Why, until: datetime | None) -> None:
    answer = ask(sub, at=at)
    assert (answer.level, answer.why, answer.until) == (level, why, until)


@pytest.mark.parametrize(
    ("facts", "level", "why", "until"),
    [
        ([], Level.NONE, Why.NEVER, None),
        ([Given()], Level.FULL, Why.GRANT, None),
        ([Given(until=T + DAY)], Level.FULL, Why.GRANT, T + DAY),
        ([Given(until=T)], Level.NONE, Why.LAPSED, T),
        # the best level, then the latest date
        ([Sub("past_due", past_due_since=T), Given(until=T + HOUR)], Level.FULL, Why.GRANT, T + HOUR),
        ([Given(until=T + DAY), Given(until=T + 2 * DAY)], Level.FULL, Why.GRANT, T + 2 * DAY),
        ([Given(until=T + DAY), Given()], Level.FULL, Why.GRANT, None),
        ([Sub("canceled"), Sub("active", period_end=T + DAY)], Level.FULL, Why.PAID, T + 4 * DAY),
        ([Sub("active", period_end=T + DAY), Sub("canceled")], Level.FULL, Why.PAID, T + 4 * DAY),
        ([Sub("incomplete"), Sub("active", period_end=T + DAY)], Level.FULL, Why.PAID, T + 4 * DAY),
        # behind a closed door the most telling reason is named
        ([Sub("canceled"), Sub("unpaid")], Level.NONE, Why.UNPAID, None),
        ([Given(until=T - DAY), Sub("incomplete")], Level.NONE, Why.LAPSED, T - DAY),
    ],
)  # fmt: skip
def test_of_several_the_best_counts(facts: list, level: Level, why: Why, until: datetime | None) -> None:
    answer = ask(*facts, at=T)
    assert (answer.level, answer.why, answer.until) == (level, why, until)


@pytest.fixture
def plan(app) -> Plan:
    with app.app_context(), transaction():
        plan = Plan(
            key="monthly", name="Monthly", interval=Interval.MONTH, price_minor=9900, currency="usd", lookup_key="m"
        )
        db.session.add(plan)
    return plan


@pytest.fixture
def subscribe(app, plan):
    """A mirrored subscription as syncing leaves it."""

    def subscribe(member: Member, **more) -> int:
        with app.app_context(), transaction():
            customer = db.session.query(BillingCustomer).filter_by(member_id=member.id).one_or_none()
            if customer is None:
                customer = BillingCustomer(
                    account="", livemode=False, member_id=member.id, customer_id=f"cus_{member.id}", create_key="k"
                )
                db.session.add(customer)
                db.session.flush()
            values = {
                "sub_id": f"sub_{member.id}_{len(more)}",
                "status": "active",
                "plan_id": plan.id,
                "period_end": now() + 30 * DAY,
                "started_at": now(),
                "fetched_at": now(),
                "raw": {},
            } | more
            sub = Subscription(account="", livemode=False, customer_id=customer.id, **values)
            db.session.add(sub)
            db.session.flush()
            return sub.id

    return subscribe


def of(app, member: Member) -> Entitlement:
    """As it is asked for one member; the facts found with whoever is here must be the same."""
    with app.app_context():
        assert sorted(found_with_their_device(member), key=repr) == sorted(facts.of_one(member.id), key=repr)
        return entitlement_of(db.session.get_one(Member, member.id))


def found_with_their_device(member: Member) -> facts.Facts:
    token = open_device(db.session.get_one(Member, member.id), user_agent="test")
    db.session.commit()
    whoever_is_here, _ = current_app.extensions["who_is_here"]
    return facts.told(db.session.execute(whoever_is_here, {"token_hash": hashed(token)}).all())


def test_what_the_rows_say_reaches_the_rule(app, make, subscribe) -> None:
    nina = make.member("Nina")
    subscribe(nina, past_due_since=now(), status="past_due")
    assert of(app, nina).level is Level.GRACE
    sub_id = subscribe(nina, sub_id="sub_second")
    answer = of(app, nina)
    assert (answer.level, answer.why, answer.subscription_id) == (Level.FULL, Why.PAID, sub_id)


def test_a_dispute_closes_the_door_and_winning_it_opens_it(app, make, subscribe) -> None:
    nina = make.member("Nina")
    sub_id = subscribe(nina)
    with app.app_context(), transaction():
        sub = db.session.get_one(Subscription, sub_id)
        dispute = PaymentReversal(
            account="", livemode=False, reversal_id="dp_1", kind="dispute", customer_id=sub.customer_id,
            subscription_id=sub_id, amount_minor=9900, currency="usd", is_full=True, status="needs_response",
        )  # fmt: skip
        db.session.add(dispute)
    assert of(app, nina).why is Why.DISPUTED
    for status, why in (("lost", Why.DISPUTED), ("appeal_something_new", Why.DISPUTED), ("won", Why.PAID)):
        with app.app_context(), transaction():
            db.session.query(PaymentReversal).update({"status": status})
        assert of(app, nina).why is why


def test_a_full_refund_closes_the_period_and_a_partial_one_changes_nothing(app, make, subscribe) -> None:
    nina = make.member("Nina")
    sub_id = subscribe(nina)
    with app.app_context(), transaction():
        sub = db.session.get_one(Subscription, sub_id)
        refund = PaymentReversal(
            account="", livemode=False, reversal_id="re_1", kind="refund", customer_id=sub.customer_id,
            subscription_id=sub_id, amount_minor=100, currency="usd", is_full=False, status="succeeded",
            covers_until=sub.period_end,
        )  # fmt: skip
        db.session.add(refund)
    assert of(app, nina).why is Why.PAID
    with app.app_context(), transaction():
        db.session.query(PaymentReversal).update({"is_full": True})
    assert of(app, nina).why is Why.REFUNDED
    with app.app_context(), transaction():
        db.session.query(PaymentReversal).update({"status": "failed"})
    assert of(app, nina).why is Why.PAID


def test_a_grant_taken_back_opens_nothing(app, make) -> None:
    nina = make.member("Nina", entitled=True)
    assert of(app, nina).why is Why.GRANT
    with app.app_context(), transaction():
        db.session.query(Grant).update({"taken_at": now()})
    assert of(app, nina).why is Why.NEVER


def test_two_subscriptions_beside_two_grants_are_four_facts_and_another_members_are_none_of_theirs(
    app, make, subscribe
) -> None:
    nina, pat = make.member("Nina", entitled=True), make.member("Pat", entitled=True)
    for number, whose in enumerate([nina, nina, pat]):
        subscribe(whose, sub_id=f"sub_{number}")
    with app.app_context(), transaction():
        db.session.add(Grant(member_id=nina.id, source="complimentary", because="test", until=now() + DAY))
    assert of(app, nina).why is Why.GRANT
    with app.app_context():
        found = found_with_their_device(nina)
    assert [type(fact) for fact in found] == [Sub, Sub, Given, Given]


def test_a_member_who_asks_for_a_page_is_found_and_judged_in_one_statement(app, make, subscribe, count_queries) -> None:
    nina = make.member("Nina")
    subscribe(nina)
    at_home = browser(app, nina)
    with count_queries() as queries:
        assert at_home.get("/rooms").status_code == 200
    about_access = [query for query in queries if "FROM device" in query or "FROM subscription" in query]
    assert len(about_access) == 1


def test_a_foreign_price_opens_nothing(app, make, subscribe) -> None:
    nina = make.member("Nina")
    subscribe(nina, plan_id=None)
    assert not of(app, nina).is_open


def test_asking_twice_in_a_request_costs_one_query_and_it_uses_its_indexes(app, make, subscribe, count_queries) -> None:
    nina = make.member("Nina")
    subscribe(nina)
    with app.app_context():
        member = db.session.get_one(Member, nina.id)
        with count_queries() as queries:
            assert entitlement_of(member).is_open
            assert Audience.ENTITLED in audiences_of(member)
    assert len(queries) == 1


def test_staff_come_in_without_paying_and_without_asking(app, make, count_queries) -> None:
    mo, olga = make.member("Mo", role=Role.MODERATOR), make.member("Olga", role=Role.OWNER)
    with app.app_context():
        with count_queries() as queries:
            assert audiences_of(mo) >= {Audience.ENTITLED, Audience.MODERATORS}
            assert Audience.COACHES not in audiences_of(mo)
            assert audiences_of(olga) == set(Audience)
        assert queries == []


def test_a_suspended_member_keeps_the_account_and_loses_the_rest(app, make) -> None:
    nina = make.member("Nina", entitled=True, suspended_until=now() + DAY)
    mo = make.member("Mo", role=Role.MODERATOR, suspended_until=now() + DAY)
    back = make.member("Back", entitled=True, suspended_until=now() - DAY)
    with app.app_context():
        assert audiences_of(nina) == audiences_of(mo) == {Audience.ANYONE, Audience.ACCOUNT, Audience.SIGNED_IN}
        assert Audience.ENTITLED in audiences_of(back)
