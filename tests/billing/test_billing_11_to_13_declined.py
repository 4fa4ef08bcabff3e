"""Cards that say no, banks that ask, and addresses that belong to somebody else."""

from __future__ import annotations

import pytest

from portal.billing.entitlements import Why
from portal.billing.models import CheckoutAttempt, Subscription
from portal.core.jobs import work_off
from stripe_sandbox import cards, checking_out


@pytest.mark.parametrize("card", ["4000000000000002", "4000000000009995"])
def test_billing_11_a_declined_card_gives_nothing_and_the_same_page_then_succeeds(stripe, nina, begin, card):
    browser, session = begin(nina)
    step = stripe.sandbox.pay(session, card=card)
    assert step.status == "failed"
    assert step.error is not None
    stripe.deliver()
    assert not stripe.entitlement(nina).is_open
    assert "Your payment is not finished" in browser.get(f"/billing/return?session_id={session}").text
    assert stripe.letters() == [], "nothing is written about a first payment that is not finished"

    assert stripe.sandbox.pay(session).status == "done"
    assert "You are in" in browser.get(f"/billing/return?session_id={session}").text
    stripe.deliver()
    assert stripe.entitlement(nina).why is Why.PAID
    assert len(stripe.letters()) == 1


def test_billing_12_a_bank_that_is_answered_lets_the_member_in(stripe, nina, begin):
    browser, session = begin(nina)
    assert stripe.sandbox.pay(session, card="4000002500003155", confirmed=True).status == "done"
    assert "You are in" in browser.get(f"/billing/return?session_id={session}").text


def test_billing_12_a_bank_that_is_refused_gives_nothing_and_joining_again_works_at_once(stripe, nina, begin):
    browser, session = begin(nina)
    assert stripe.sandbox.pay(session, card="4000002500003155", confirmed=False).status == "failed"
    stripe.deliver()
    assert not stripe.entitlement(nina).is_open
    assert not stripe.letters()

    browser, again = begin(nina, browser=browser)
    assert stripe.sandbox.pay(again).status == "done"
    stripe.deliver()
    with stripe.app.app_context():
        work_off()
    live = [s for s in stripe.everything("subscription") if s["status"] in {"active", "incomplete"}]
    assert [s["status"] for s in live] == ["active"]
    assert stripe.entitlement(nina).why is Why.PAID


@pytest.mark.parametrize("plan", ["annual", "monthly"])
def test_billing_12_a_bank_page_that_is_closed_gives_nothing_and_joining_again_works_at_once(
    stripe, browse, nina, begin, plan
):
    """Nina closes the bank's question about the annual plan, then joins by the same plan or another."""
    browser, session = begin(nina, "annual")
    assert at_the_bank(stripe, session) == "challenge"
    closed = stripe.site.test_client().post(f"/c/challenge/{session}", data={"answer": "close"})
    assert closed.location.endswith(f"/c/pay/{session}?closed=1")
    stripe.deliver()
    assert not stripe.entitlement(nina).is_open
    assert browser.get("/rooms").status_code == 403
    assert "Your payment is not finished" in browser.get(f"/billing/return?session_id={session}").text
    assert stripe.letters() == []

    _browser, again = begin(nina, plan, browser=browser)
    assert stripe.sandbox.pay(again).status == "done"
    assert "You are in" in browser.get(f"/billing/return?session_id={again}").text
    stripe.deliver()
    with stripe.app.app_context():
        work_off()
    left = [
        s["status"] for s in stripe.everything("subscription") if s["status"] not in ("incomplete_expired", "canceled")
    ]
    assert left == ["active"]
    assert stripe.entitlement(nina).why is Why.PAID
    assert len(stripe.letters()) == 1


def at_the_bank(stripe, session: str) -> str:
    """Fill in the card whose bank asks, and stop at its question."""
    with stripe.sandbox.store.write() as tx:
        typed = cards.TypedCard("4000002500003155", 12, 2040, cards.CARDS["4000002500003155"])
        payer = checking_out.Payer(email="payer@example.com", name="Pat Payer", country="US", postal_code="10001")
        opened = tx.get("checkout.session", session)
        return checking_out.pay(tx, opened, typed, payer, base_url="http://sandbox.invalid").status


def test_billing_12_a_leftover_whose_page_is_gone_is_cleared_away(stripe, nina, begin):
    _browser, session = begin(nina)
    stripe.sandbox.pay(session, card="4000000000000002")
    client = stripe.client()
    if client.v1.checkout.sessions.retrieve(session).status == "open":
        client.v1.checkout.sessions.expire(session)
    _browser, again = begin(nina)
    assert again != session
    assert stripe.sandbox.pay(again).status == "done"
    stripe.deliver()
    assert [s["status"] for s in stripe.everything("subscription") if s["status"] in {"active", "incomplete"}] == [
        "active"
    ]


def test_billing_12_an_untouched_attempt_expires_after_23_hours(stripe, nina, begin):
    _browser, session = begin(nina)
    stripe.sandbox.pay(session, card="4000000000000002")
    stripe.deliver()
    stripe.sandbox.advance(hours=24)
    stripe.deliver()
    assert {row.status for row in stripe.rows(Subscription)} <= {"incomplete_expired", "canceled"}
    assert not stripe.entitlement(nina).is_open
    assert stripe.letters() == []


def test_billing_13_the_return_address_of_somebody_else_grants_and_shows_nothing(stripe, make, browse, begin, capfd):
    nina, eve = make.member("Nina"), make.member("Eve")
    _browser, session = begin(nina)
    stripe.sandbox.pay(session)
    capfd.readouterr()
    for address in (session, "cs_test_invented", "", "x" * 5000, "%00", "cs_test_' OR 1=1"):
        assert browse(eve).get("/billing/return", query_string={"session_id": address}).status_code == 404
    assert browse(eve).get("/billing/return").status_code == 404
    assert not stripe.entitlement(eve).is_open
    assert stripe.rows(Subscription) == [], "nothing was read for it either"
    said = capfd.readouterr()
    assert session not in said.out + said.err
    assert "Nina" not in said.out + said.err


def test_billing_13_a_visitor_is_asked_to_sign_in_first(browse, stripe, nina, begin):
    _browser, session = begin(nina)
    answer = browse().get(f"/billing/return?session_id={session}")
    assert answer.status_code == 303
    assert answer.location.startswith("/sign-in?next=/billing/return")


def test_the_page_before_the_button_says_what_is_agreed_to(stripe, browse, nina, clock):
    clock.move_to("2027-01-31T12:00:00Z")
    page = browse(nina).get("/join/monthly").text
    for words in ("$99", "28 February 2027", "Cancel in your account", "Go on to pay $99"):
        assert words in page
    assert "$990" in browse(nina).get("/join/annual").text
    assert browse(nina).get("/join/platinum").status_code == 404
    assert browse(nina).post("/join/platinum").status_code == 404
    assert stripe.rows(CheckoutAttempt) == []


def test_a_visitor_makes_an_account_first(stripe, browse):
    for answer in (browse().get("/join/annual"), browse().post("/join/annual")):
        assert answer.status_code == 303
        assert answer.location == "/join?plan=annual"
