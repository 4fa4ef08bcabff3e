"""Random members of a real portal beside a real sandbox: whatever happens and whatever news of it is lost, repeated or
overtaken, after reconciling everyone stands as a plain second reading of Stripe's own objects says (reference.py).

    PORTAL_LIVES=20000 PORTAL_LIVES_SEED=17 python -m pytest tests/billing/test_random_members.py

The everyday run lives the same lives each time. Where PORTAL_LIVES asks for more the seed is drawn anew, and printed
when something fails; the same seed makes the same lives.
"""

from __future__ import annotations

import os
import secrets
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import stripe as sdk
import time_machine
from flask.testing import FlaskClient
from hypothesis import HealthCheck, Phase, note, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

import stripe_sandbox
from portal.accounts.models import Member, Role
from portal.billing import comparing, granting, prices, reconciling, setting_up
from portal.billing.entitlements import Level, entitlement_of
from portal.billing.gateway import Gateway
from portal.billing.models import BillingCustomer, EventState, Grant, PlanPrice, StripeEvent, Subscription
from portal.core.clock import now
from portal.core.db import db, transaction
from portal.core.jobs import work_off
from portal.core.letters import Letter
from portal.core.limits import limiter
from stripe_sandbox import refunding
from tests.billing.conftest import ENDPOINT, SECRET, Stripe
from tests.billing.reference import FOR_EVER, Account
from tests.conftest import _empty
from tests.make import Make, browser
from tests.sandbox import KEY, SandboxTransport

ENOUGH = 2000
STEPS = int(os.environ.get("PORTAL_LIVES") or ENOUGH)
SEED = int(os.environ.get("PORTAL_LIVES_SEED") or (secrets.randbelow(2**32) if "PORTAL_LIVES" in os.environ else 17))
LIFE = 50  # steps of one example; then everybody is somebody else
CHECKED_EVERY = 25  # steps, besides whenever the dice say so
LEVELS = {Level.NONE: 0, Level.GRACE: 1, Level.FULL: 2}
LIVE = {"trialing", "active", "past_due", "unpaid", "paused"}
CARDS = ["4242424242424242"] * 4 + [
    "4000000000000002",  # declined
    "4000002500003155",  # the bank asks once
    "4000002760003184",  # the bank asks every time
    "4000000000000341",  # can be saved, cannot be charged
    "4000000000000259",  # disputed an hour later
]
METHODS = ["pm_card_visa", "pm_card_visa", "pm_card_chargeCustomerFail", "pm_card_authenticationRequired"]
WAITS = [timedelta(minutes=20), timedelta(hours=2), timedelta(days=1), timedelta(days=3), timedelta(days=8)]

someone = st.integers(0, 2)
anything = st.integers(0, 10**6)


class Lives(RuleBasedStateMachine):
    """Three members, their coach, and everything that may happen to money, news and time."""

    app: Any
    folder: Path
    made = 0
    done: Counter[str] = Counter()

    def __init__(self) -> None:
        super().__init__()
        type(self).made += 1
        with self.app.app_context():
            _empty()
        self.clock = time_machine.travel(datetime(2027, 1, 15, 12, tzinfo=UTC), tick=True)
        self.traveller = self.clock.start()
        self.site = stripe_sandbox.create_app(self.folder / f"{self.made}.sqlite", delivery="manual", seed=self.made)
        sandbox = self.site.extensions["sandbox"]
        self.stripe = Stripe(self.app, self.site, sandbox, SandboxTransport(self.site))
        self.restart()
        with self.app.app_context():
            prices.sync_prices()
            setting_up.ensure_portal()
        sandbox.listen_at(ENDPOINT, secrets=[SECRET])
        sandbox.hold()
        make = Make(self.app)
        self.olga = make.member("Olga", role=Role.OWNER)
        self.people = [make.member(name) for name in ("Ada", "Ben", "Cleo")]
        self.sessions: list[str | None] = [None, None, None]
        self.prices = [row.price_id for row in self.stripe.rows(PlanPrice)]
        self.v1 = self.stripe.client().v1
        self.steps = -1  # the invariant runs once before the first
        self.look()

    def teardown(self) -> None:
        self.clock.stop()
        self.stripe.sandbox.stop()
        self.app.config["TRIAL_DAYS"] = 0

    # What members do

    @initialize(
        plan=st.sampled_from(["monthly", "monthly", "annual"]),
        trial=st.sampled_from([0, 7]),
        first=st.sampled_from(["a renewal fails", "grace passes", "a refund", "a dispute", "a cancellation"]),
    )
    def two_have_joined(self, plan, trial, first):
        """Whatever else the dice do, each life begins with one of the things that matter."""
        for who, days in ((0, 0), (1, trial)):
            self.open_the_way_to_pay(who, plan if who else "monthly", days)
            self.pay(who, CARDS[0], True, True)
        self.look()
        if first in {"a renewal fails", "grace passes"}:
            self.a_renewal_fails(0, METHODS[2], 1 if first == "a renewal fails" else 8)
        elif first == "a refund":
            self.refund(0, None)
        elif first == "a dispute":
            self.dispute(0)
        else:
            self.cancel(0, "portal")
        self.reconcile_and_compare()

    @rule(who=someone, plan=st.sampled_from(["monthly", "annual"]), trial=st.sampled_from([0, 0, 7]))
    def open_the_way_to_pay(self, who, plan, trial):
        limiter.reset()
        self.app.config["TRIAL_DAYS"] = trial
        answer = self.browser(who).post(f"/join/{plan}")
        assert answer.status_code in {303, 503}, answer.text
        if answer.status_code == 303 and "/c/pay/" in answer.location:
            self.sessions[who] = answer.location.rsplit("/", 1)[-1]

    @precondition(lambda self: any(self.sessions))
    @rule(who=someone, card=st.sampled_from(CARDS), confirmed=st.booleans(), comes_back=st.booleans())
    def pay(self, who, card, confirmed, comes_back):
        session = self.sessions[who]
        if session is None:
            who, session = next((n, s) for n, s in enumerate(self.sessions) if s)
        if self.v1_session(session)["status"] == "open":
            self.stripe.sandbox.pay(session, card=card, confirmed=confirmed)
        if comes_back:
            answer = self.browser(who).get(f"/billing/return?session_id={session}")
            assert answer.status_code in {200, 404}, answer.text

    @rule(who=someone, plan=st.sampled_from(["monthly", "annual"]))
    def join_at_one_go(self, who, plan):
        self.open_the_way_to_pay(who, plan, 0)
        if self.sessions[who] is not None:  # else Stripe was away
            self.pay(who, CARDS[0], True, True)

    @precondition(lambda self: self.managed)
    @rule(which=anything, how=st.sampled_from(["portal", "period end", "a date", "now"]))
    def cancel(self, which, how):
        sub = self.one(self.managed, which)
        if how == "portal":
            self.in_the_portal(sub, "cancel")
        elif how == "period end":
            self.ask(lambda: self.v1.subscriptions.update(sub["id"], {"cancel_at_period_end": True}))
        elif how == "a date":
            soon = int((now() + timedelta(days=5)).timestamp())
            self.ask(lambda: self.v1.subscriptions.update(sub["id"], {"cancel_at": soon}))
        else:
            self.ask(lambda: self.v1.subscriptions.cancel(sub["id"]))

    @precondition(lambda self: self.ending)
    @rule(which=anything, by_hand=st.booleans())
    def take_it_back(self, which, by_hand):
        sub = self.one(self.ending, which)
        if by_hand:
            self.in_the_portal(sub, "resume")
        else:
            undo = {"cancel_at_period_end": False} if sub["cancel_at_period_end"] else {"cancel_at": ""}
            self.ask(lambda: self.v1.subscriptions.update(sub["id"], undo))

    @precondition(lambda self: self.managed)
    @rule(which=anything, price=st.integers(0, 1), by_hand=st.booleans())
    def switch(self, which, price, by_hand):
        sub, wanted = self.one(self.managed, which), self.prices[price]
        if by_hand:
            self.in_the_portal(sub, "plan", price=wanted)
        else:
            item = {"id": sub["items"]["data"][0]["id"], "price": wanted}
            terms = {"items": [item], "proration_behavior": "always_invoice"}
            self.ask(lambda: self.v1.subscriptions.update(sub["id"], terms))

    @precondition(lambda self: self.managed)
    @rule(which=anything, method=st.sampled_from(METHODS))
    def change_card(self, which, method):
        sub = self.one(self.managed, which)

        def change() -> None:
            made = self.v1.payment_methods.attach(method, {"customer": sub["customer"]})
            self.v1.subscriptions.update(sub["id"], {"default_payment_method": made.id})

        self.ask(change)

    @precondition(lambda self: self.owing)
    @rule(which=anything)
    def pay_what_is_open(self, which):
        invoice = self.one(self.owing, which)

        def pay() -> None:
            method = self.v1.payment_methods.attach("pm_card_visa", {"customer": invoice["customer"]})
            self.v1.invoices.pay(invoice["id"], {"payment_method": method.id})

        self.ask(pay)

    @precondition(lambda self: self.managed)
    @rule(which=anything, how=st.sampled_from(["pause", "resume", "void", "keep_as_draft", "collect"]))
    def pause_or_resume(self, which, how):
        sub = self.one(self.managed, which)
        if how in {"pause", "resume"}:
            self.ask(lambda: getattr(self.v1.subscriptions, how)(sub["id"]))
        else:
            collection = "" if how == "collect" else {"behavior": how}
            self.ask(lambda: self.v1.subscriptions.update(sub["id"], {"pause_collection": collection}))

    # What staff and banks do

    @precondition(lambda self: self.paid)
    @rule(which=anything, part=st.sampled_from([None, None, 100]))
    def refund(self, which, part):
        charge = self.one(self.paid, which)
        self.ask(lambda: self.v1.refunds.create({"charge": charge["id"]} | ({"amount": part} if part else {})))

    @precondition(lambda self: self.paid)
    @rule(which=anything)
    def dispute(self, which):
        charge = self.one(self.paid, which)
        if not charge["disputed"]:
            with self.stripe.sandbox.store.write() as tx:
                refunding.dispute(tx, tx.get("charge", charge["id"]))

    @precondition(lambda self: self.disputed)
    @rule(which=anything, won=st.booleans())
    def decide(self, which, won):
        with self.stripe.sandbox.store.write() as tx:
            refunding.close_dispute(tx, tx.get("dispute", self.one(self.disputed, which)["id"]), won=won)

    @rule(who=someone, days=st.sampled_from([None, 1, 6, 20]))
    def give(self, who, days):
        until = now() + timedelta(days=days) if days else None
        with self.app.app_context(), transaction():
            member, olga = (db.session.get_one(Member, each.id) for each in (self.people[who], self.olga))
            granting.give(member, because="a speaker", until=until, by=olga)

    @rule(which=anything)
    def take(self, which):
        with self.app.app_context(), transaction():
            given = db.session.query(Grant).filter(Grant.taken_at.is_(None)).order_by(Grant.id).all()
            if given:
                granting.take(self.one(given, which), because="over", by=db.session.get_one(Member, self.olga.id))

    @rule(end=st.sampled_from(["cancel", "unpaid", "paused", "past_due"]))
    def dunning_ends_with(self, end):
        self.stripe.sandbox.set("dunning_end", end)

    # What time, networks and machines do

    @rule(wait=st.sampled_from(WAITS))
    def wait(self, wait):
        self.travel(now() + wait)

    @precondition(lambda self: self.managed)
    @rule(which=anything, late=st.sampled_from([timedelta(0), timedelta(minutes=1), timedelta(hours=2)]))
    def renew(self, which, late):
        ends = min(item["current_period_end"] for item in self.one(self.managed, which)["items"]["data"])
        self.travel(max(now(), min(datetime.fromtimestamp(ends, UTC), now() + timedelta(days=40)) + late))

    @precondition(lambda self: self.managed)
    @rule(which=anything, method=st.sampled_from(METHODS[2:]), later=st.sampled_from([1, 3, 10]))
    def a_renewal_fails(self, which, method, later):
        self.change_card(which, method)
        self.renew(which, timedelta(hours=2))
        self.travel(now() + timedelta(days=later))

    @rule(times=st.integers(1, 3), order=st.sampled_from(["created", "reversed", "shuffled"]), luck=anything)
    def news_arrives(self, times, order, luck):
        self.stripe.sandbox.hold(False)
        self.stripe.sandbox.release(order=order, seed=luck, times=times)
        self.stripe.sandbox.deliver(self.stripe.post, limit=8)
        self.stripe.sandbox.drop()  # what is left would be repeated again and again with the next news
        self.stripe.sandbox.hold()

    @rule()
    def news_is_lost(self):
        self.stripe.sandbox.drop()

    @rule(times=st.integers(1, 6), kind=st.sampled_from(["500", "502", "drop", "drop_after", "409"]))
    def stripe_is_away_for_some_calls(self, times, kind):
        self.stripe.sandbox.fail(kind, times=times, match="/v1/")

    @rule()
    def the_worker_works(self):
        with self.app.app_context():
            work_off(limit=10)

    @rule()
    def reconcile_and_compare(self):
        """All the operator's `flask billing reconcile` does; then everyone stands as Stripe's objects say."""
        self.stripe.sandbox.heal()
        self.restart()
        with self.app.app_context():
            reconciling.fetch_missed_events()
            reconciling.pick_up_leftovers()
            work_off()
            report = comparing.compare_everything()
            reconciling.tell_of_dates()
            work_off()
        assert [each for each in report.needs_a_person if "paid twice" in each] == []
        self.everyone_stands_as_stripe_says()
        self.nothing_was_written_twice()

        before, records = self.stripe.picture(), len(self.stripe.records())
        with self.app.app_context():
            again = comparing.compare_everything()
        assert again.repaired == []
        assert self.stripe.picture() == before
        assert len(self.stripe.records()) == records

    # What must hold

    def everyone_stands_as_stripe_says(self):
        self.traveller.move_to(now(), tick=False)
        account, at = Account({kind: self.stripe.everything(kind) for kind in KINDS}, set(self.prices)), now()
        for who, person in enumerate(self.people):
            with self.app.app_context():
                grants = db.session.query(Grant.until).filter(Grant.member_id == person.id, Grant.taken_at.is_(None))
                ends = [until.timestamp() if until else None for (until,) in grants]
                told = entitlement_of(db.session.get_one(Member, person.id))
            expected = account.expect(person.uuid, ends, at.timestamp())
            said = LEVELS[told.level], (told.until.timestamp() if told.until else FOR_EVER) if told.is_open else 0
            note(f"{person.name}: the portal says {told}, the reference {expected}")
            assert said == (expected.level, expected.until), person.name
            assert str(told.why) in expected.reasons, person.name
            type(self).done[str(told.why)] += 1
            signed_in = self.browser(who)
            assert signed_in.get("/account/billing").status_code == 200
            assert signed_in.get("/rooms").status_code == (200 if expected.level else 403)
        self.traveller.move_to(at, tick=True)

    def nothing_was_written_twice(self):
        letters = self.stripe.rows(Letter)
        assert len({letter.key for letter in letters}) == len(letters)
        begun = [s for s in self.stripe.rows(Subscription) if s.status in {"active", "trialing"} and s.plan_id]
        welcomes = self.stripe.letters("welcome")
        assert {f"mail:welcome:{s.sub_id}" for s in begun} <= set(welcomes)
        assert len(welcomes) <= len(self.stripe.rows(Subscription))
        due = [e for e in self.stripe.rows(StripeEvent) if e.next_attempt_at is None or e.next_attempt_at <= now()]
        assert {e.state for e in due} <= {EventState.DONE, EventState.IGNORED}
        assert {c.lease_until for c in self.stripe.rows(BillingCustomer)} <= {None}

    @invariant()
    def nobody_pays_twice(self):
        self.steps += 1
        type(self).done["steps"] += 1
        if self.steps % CHECKED_EVERY == 0:
            self.reconcile_and_compare()
        self.look()
        for person in self.people:
            theirs = [s["id"] for s in self.managed if s["metadata"].get("member_uuid") == person.uuid]
            assert len(theirs) <= 1, f"{person.name} has {theirs}"

    # How it is done

    def look(self) -> None:
        """What rules may choose from."""
        subs = self.stripe.everything("subscription")
        self.managed = [s for s in subs if s["status"] in LIVE]
        self.ending = [s for s in self.managed if s["cancel_at"] or s["cancel_at_period_end"]]
        self.owing = [i for i in self.stripe.everything("invoice") if i["status"] == "open"]
        self.paid = [c for c in self.stripe.everything("charge") if c["status"] == "succeeded" and not c["refunded"]]
        self.disputed = [d for d in self.stripe.everything("dispute") if d["status"] == "needs_response"]

    def browser(self, who: int) -> FlaskClient:
        """Signed in anew: weeks may have passed."""
        return browser(self.app, self.people[who])

    def one(self, things: list[Any], which: int) -> Any:
        return things[which % len(things)]

    def ask(self, call: Callable[[], Any]) -> None:
        """By API, as staff do in the Dashboard. Stripe may say no, or be away."""
        try:
            call()
        except (sdk.InvalidRequestError, sdk.CardError) as refused:
            note(f"refused: {refused}")
        except (sdk.APIError, sdk.APIConnectionError):
            note("Stripe was away")

    def in_the_portal(self, sub: dict[str, Any], what: str, **form: str) -> None:
        """Through Stripe's own pages, opened from ours."""
        person = next(n for n, p in enumerate(self.people) if p.uuid == sub["metadata"].get("member_uuid"))
        limiter.reset()
        answer = self.browser(person).post("/account/billing/portal")
        assert answer.status_code in {303, 503}, answer.text
        if answer.status_code == 303:
            way = "/" + answer.location.split("/", 3)[3].split("?")[0]
            page = self.site.test_client().post(f"{way}/{what}/{sub['id']}", data=form)
            assert page.status_code in {302, 303, 422}, page.text

    def v1_session(self, session: str) -> dict[str, Any]:
        return next(s for s in self.stripe.everything("checkout.session") if s["id"] == session)

    def travel(self, moment: datetime) -> None:
        self.traveller.move_to(moment, tick=True)
        self.stripe.sandbox.advance(0)

    def restart(self) -> None:
        """A new process: nothing is remembered but what is in the database."""
        self.app.extensions["stripe_gateway"] = Gateway(KEY, transport=self.stripe.transport)


OFTEN = {"paid", "ending", "past due", "unpaid", "refunded", "disputed", "never"}
KINDS = ("customer", "subscription", "invoice", "charge", "invoice_payment", "dispute")


@pytest.fixture
def lives(app, tmp_path) -> Iterator[type[Lives]]:
    lives = type("Lives", (Lives,), {"app": app, "folder": tmp_path, "done": Counter(), "made": 0})
    yield lives
    app.extensions.pop("stripe_gateway", None)


@pytest.mark.one_database  # what is random are lives at Stripe, one after the other
def test_whatever_members_do_and_whatever_news_is_lost_everyone_stands_as_stripe_says(lives):
    print(f"PORTAL_LIVES_SEED={SEED}")
    while lives.done["steps"] < STEPS:  # some lives are shorter than others
        run_state_machine_as_test(
            seed(SEED + lives.made)(lives),
            settings=settings(
                max_examples=max(1, (STEPS - lives.done["steps"]) // LIFE),
                stateful_step_count=LIFE,
                deadline=None,  # a step is a whole story of web requests
                database=None,
                print_blob=True,
                phases=[Phase.generate] if "PORTAL_LIVES_SEED" not in os.environ else [Phase.generate, Phase.shrink],
                suppress_health_check=list(HealthCheck),  # slow and large on purpose
            ),
        )
    print(dict(lives.done))
    if STEPS >= ENOUGH:
        assert lives.done.keys() >= OFTEN, "the dice have come to whatever matters"
