"""Another plan: its sum stands before the button, to the cent; a declined card keeps the old one; down begins later."""

from __future__ import annotations

import re
import threading
from datetime import timedelta

import pytest
from sqlalchemy import update

from portal.billing.entitlements import Why
from portal.billing.models import ChangeKind, ChangeState, Invoice, SubscriptionChange
from portal.core.db import db
from portal.core.jobs import work_off

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def the_change(stripe) -> SubscriptionChange:
    return stripe.rows(SubscriptionChange)[-1]


def ask(browser, plan: str) -> str:
    """Choose a plan; the address of the page that says what it costs."""
    answer = browser.post("/account/billing/changes", data={"plan": plan})
    assert answer.status_code == 303, answer.text
    return answer.location


def confirm(browser, address: str):
    return browser.post(f"{address}/confirmation")


def paid_invoices(stripe) -> list[dict]:
    return [each for each in stripe.everything("invoice") if each["status"] == "paid"]


def test_billing_32_what_stands_on_the_page_is_what_is_charged(stripe, nina, join, travel):
    browser = join(nina, "monthly")
    travel(stripe.subscription.period_start + 10 * DAY + 7 * HOUR)
    assert "Change the plan" in browser.get("/account/billing").text
    assert "Annual" in browser.get("/account/billing/plan").text
    address = ask(browser, "annual")
    change = the_change(stripe)
    page = browser.get(address).text
    shown = f"${change.due_minor / 100:,.2f}"
    assert f"Change to annual and pay {shown}" in page
    assert change.figures["plan"] == 99000
    assert -9900 < change.figures["unused"] < -6000
    assert change.due_minor == 99000 + change.figures["unused"]
    assert len(paid_invoices(stripe)) == 1, "nothing was charged by looking"

    travel(change.created_at + timedelta(minutes=9))  # a slow reader pays what was read
    answer = confirm(browser, address)
    assert answer.location == "/account/billing"
    assert f"Your plan is annual now. {shown} was charged." in browser.get("/account/billing").text
    charged = paid_invoices(stripe)[-1]
    assert (charged["amount_paid"], charged["billing_reason"]) == (change.due_minor, "subscription_update")
    row = stripe.subscription
    assert row.amount_minor == 99000
    assert row.period_end > row.period_start + 364 * DAY
    assert the_change(stripe).invoice_id == charged["id"]
    assert [(r.details["due_minor"], r.by_id) for r in stripe.records("plan.changed")] == [(change.due_minor, nina.id)]
    stripe.deliver()
    assert stripe.entitlement(nina).why is Why.PAID


def test_billing_32_a_declined_card_keeps_the_old_plan_and_leaves_nothing_open(stripe, nina, join):
    browser = join(nina, "monthly")
    before = stripe.subscription
    stripe.use_card("pm_card_chargeCustomerFail")
    address = ask(browser, "annual")
    answer = confirm(browser, address)
    assert answer.location == address
    page = browser.get(address).text
    assert "Your card was declined" in page
    assert "Nothing was charged, and your monthly plan runs on as before." in page
    (sub,) = stripe.everything("subscription")
    assert sub["pending_update"] is None
    assert sub["status"] == "active"
    assert [each["status"] for each in stripe.everything("invoice")] == ["paid", "void"]
    stripe.deliver()
    assert (stripe.subscription.price_id, stripe.subscription.period_end) == (before.price_id, before.period_end)
    assert stripe.entitlement(nina).why is Why.PAID
    assert stripe.letters("payment-failed") == []
    assert len(stripe.records("plan.change_declined")) == 1
    assert browser.get("/account/billing").text.count("Receipt<span") == 1, "the voided invoice is nobody's bill"

    stripe.use_card("pm_card_visa")
    confirm(browser, ask(browser, "annual"))
    assert stripe.subscription.amount_minor == 99000


def test_billing_32_a_bank_that_asks_is_answered_on_stripes_page_and_then_the_plan_begins(stripe, nina, join):
    browser = join(nina, "monthly")
    stripe.use_card("pm_card_authenticationRequired")
    address = ask(browser, "annual")
    confirm(browser, address)
    page = browser.get(address).text
    assert "Your bank wants a confirmation" in page
    invoice = the_change(stripe).invoice_id
    assert f"/i/{invoice}" in page
    assert stripe.subscription.amount_minor == 9900
    assert "Waits for your bank" in browser.get("/account/billing").text
    assert browser.post("/account/billing/changes", data={"plan": "annual"}).status_code == 409
    stripe.use_card("pm_card_visa")
    stripe.client().v1.invoices.pay(invoice)
    stripe.deliver()
    assert stripe.subscription.amount_minor == 99000
    assert the_change(stripe).state is ChangeState.DONE
    assert len(stripe.records("plan.changed")) == 1


def test_billing_32_a_second_quote_is_not_confirmed_while_the_bank_is_waited_for(stripe, nina, join):
    """Two tabs with the same sum: the invoice of the first may still be paid, so a second would be paid twice."""
    browser = join(nina, "monthly")
    stripe.use_card("pm_card_authenticationRequired")
    first, second = ask(browser, "annual"), ask(browser, "annual")
    confirm(browser, first)
    assert confirm(browser, second).location == "/account/billing/plan"
    assert [change.state for change in stripe.rows(SubscriptionChange)] == [ChangeState.ASKING, ChangeState.OUTDATED]
    assert sorted(each["status"] for each in stripe.everything("invoice")) == ["open", "paid"]


def test_billing_32_a_bank_that_is_not_answered_leaves_the_plan_as_it_was(stripe, nina, join, travel):
    browser = join(nina, "monthly")
    stripe.use_card("pm_card_authenticationRequired")
    address = ask(browser, "annual")
    confirm(browser, address)
    answer = browser.post(f"{address}/withdrawal")
    assert answer.location == address
    assert "Nothing was changed or charged" in browser.get(address).text
    assert the_change(stripe).state is ChangeState.DROPPED
    assert [each["status"] for each in stripe.everything("invoice")] == ["paid", "void"]
    confirm(browser, ask(browser, "annual"))
    assert the_change(stripe).state is ChangeState.ASKING
    travel(the_change(stripe).created_at + DAY)
    assert the_change(stripe).state is ChangeState.DROPPED
    assert stripe.subscription.amount_minor == 9900


def test_billing_32_annual_to_monthly_begins_when_the_year_is_over(stripe, browse, nina, join, travel):
    browser = join(nina, "annual")
    end = stripe.subscription.period_end
    address = ask(browser, "monthly")
    page = browser.get(address).text
    assert "Nothing" in page
    assert "$99" in page
    confirm(browser, address)
    row = stripe.subscription
    assert (row.amount_minor, row.next_from, row.ends_at) == (99000, end, None)
    page = browser.get("/account/billing").text
    assert "Keep the annual plan" in page
    assert re.search(r"From [^<]+: Monthly, \$99 each month", page)
    assert "$99 <small>on" in page, "the next charge is the new plan's"
    assert len(paid_invoices(stripe)) == 1

    travel(end - timedelta(minutes=1))
    assert stripe.subscription.amount_minor == 99000
    travel(end + 3 * HOUR)
    row = stripe.subscription
    assert (row.amount_minor, row.next_plan_id) == (9900, None)
    assert row.period_end < end + 32 * DAY
    assert [each["amount_paid"] for each in paid_invoices(stripe)] == [99000, 9900]
    browser = browse(nina)
    assert "Your plan renews on" in browser.get("/account/billing").text

    browser.post("/account/billing/cancellation")  # Stripe's schedule still holds it, in its last phase
    assert stripe.subscription.ends_at == row.period_end


def test_billing_32_what_was_decided_for_later_can_be_taken_back(stripe, nina, join, travel):
    browser = join(nina, "annual")
    end = stripe.subscription.period_end
    confirm(browser, ask(browser, "monthly"))
    assert browser.post("/account/billing/changes", data={"plan": "monthly"}).status_code == 409
    browser.post("/account/billing/next-plan/withdrawal")
    assert (stripe.subscription.next_plan_id, stripe.subscription.schedule_id) == (None, None)
    assert "Your plan goes on as it is." in browser.get("/account/billing").text
    travel(end + 3 * HOUR)
    assert [each["amount_paid"] for each in paid_invoices(stripe)] == [99000, 99000]
    actions = [r.action for r in stripe.rows(type(stripe.records("access.changed")[0])) if r.action.startswith("plan.")]
    assert actions == ["plan.change_decided", "plan.change_taken_back"]


def test_billing_32_cancelling_forgets_what_was_decided_for_later(stripe, nina, join, travel):
    browser = join(nina, "annual")
    end = stripe.subscription.period_end
    confirm(browser, ask(browser, "monthly"))
    browser.post("/account/billing/cancellation")
    row = stripe.subscription
    assert (row.ends_at, row.next_plan_id, row.schedule_id) == (end, None, None)
    travel(end + HOUR)
    assert stripe.subscription.status == "canceled"
    assert len(paid_invoices(stripe)) == 1


def test_billing_32_in_a_trial_every_plan_begins_at_once_and_nothing_is_charged_before_its_end(
    app, stripe, nina, join, travel, monkeypatch
):
    monkeypatch.setitem(app.config, "TRIAL_DAYS", 14)
    browser = join(nina, "annual")
    ends = stripe.subscription.trial_end
    address = ask(browser, "monthly")
    assert "Your trial goes on until" in browser.get(address).text
    confirm(browser, address)
    row = stripe.subscription
    assert (row.status, row.amount_minor, row.trial_end) == ("trialing", 9900, ends)
    assert [each["amount_paid"] for each in paid_invoices(stripe)] == [0]
    travel(ends + 2 * HOUR)
    assert [each["amount_paid"] for each in paid_invoices(stripe)] == [0, 9900]


def test_billing_32_nobody_changes_a_plan_that_is_not_paid_or_about_to_end(stripe, browse, nina, join, travel, failing):
    join(nina, "monthly")
    failing()
    travel(stripe.subscription.period_end + 3 * HOUR)
    assert stripe.subscription.status == "past_due"
    browser = browse(nina)
    words = "Pay the open invoice first; then you can change the plan."
    assert words in browser.get("/account/billing/plan").text
    answer = browser.post("/account/billing/changes", data={"plan": "annual"})
    assert (answer.status_code, words in answer.text) == (409, True)
    assert stripe.rows(SubscriptionChange) == []


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"cancel_at_period_end": True}, "Take the cancellation back first"),
        ({"pause_collection": {"behavior": "void"}}, "Your membership is paused"),
    ],
)
def test_billing_32_a_state_that_does_not_allow_it_is_said_even_if_we_had_not_heard(stripe, nina, join, how, words):
    browser = join(nina, "monthly")
    address = ask(browser, "annual")
    stripe.client().v1.subscriptions.update(stripe.subscription.sub_id, how)  # no delivery of it arrives
    answer = browser.post("/account/billing/changes", data={"plan": "annual"})
    assert (answer.status_code, words in answer.text) == (409, True)
    answer = confirm(browser, address)
    assert answer.location == "/account/billing/plan"
    assert stripe.subscription.amount_minor == 9900
    assert len(paid_invoices(stripe)) == 1


def test_billing_32_a_quote_that_ran_out_or_no_longer_holds_is_shown_anew_and_charges_nothing(
    stripe, nina, join, travel
):
    browser = join(nina, "monthly")
    old = ask(browser, "annual")
    travel(the_change(stripe).expires_at + timedelta(seconds=1))
    assert "These figures are too old to go by" in browser.get(old).text
    answer = confirm(browser, old)
    assert answer.location not in {old, "/account/billing"}
    page = browser.get(answer.location).text
    assert "had to be worked out anew" in page
    assert "Change to annual and pay" in page

    fresh = answer.location
    client, customer = stripe.client(), stripe.everything("customer")[0]["id"]
    stripe.sandbox.distort(customer, balance=-500)  # five dollars of credit that the page did not know of
    answer = confirm(browser, fresh)
    assert answer.location not in {fresh, "/account/billing"}
    assert len(paid_invoices(stripe)) == 1
    assert client.v1.subscriptions.retrieve(stripe.subscription.sub_id)["items"].data[0].price.unit_amount == 9900
    confirm(browser, answer.location)
    assert paid_invoices(stripe)[-1]["amount_paid"] == the_change(stripe).due_minor


def test_billing_32_twenty_equal_posts_and_two_tabs_end_in_one_change(app, stripe, browse, nina, join):
    browser = join(nina, "monthly")
    first, second = ask(browser, "annual"), ask(browser, "annual")
    browsers = [browse(nina) for _ in range(20)]
    answers: list[str] = []

    def press(number: int) -> None:
        answers.append(confirm(browsers[number], first if number % 2 else second).location)

    threads = [threading.Thread(target=press, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 20
    assert [each["amount_paid"] > 0 for each in paid_invoices(stripe)] == [True, True], "joining, and one change"
    assert stripe.subscription.amount_minor == 99000
    assert len(stripe.records("plan.changed")) == 1


def test_billing_32_a_silence_after_stripes_commit_is_asked_again_and_charges_once(app, stripe, nina, join, travel):
    browser = join(nina, "monthly")
    address = ask(browser, "annual")
    stripe.sandbox.fail("drop_after", times=3, match="POST /v1/subscriptions")
    answer = confirm(browser, address)
    assert answer.status_code == 503
    assert "We keep asking and make the change once at most" in answer.text
    assert the_change(stripe).state is ChangeState.WORKING
    assert "Being made" in browser.get("/account/billing").text
    assert browser.get(address).status_code == 200
    stripe.sandbox.heal()
    travel(the_change(stripe).created_at + timedelta(minutes=2))
    assert the_change(stripe).state is ChangeState.DONE
    assert len(paid_invoices(stripe)) == 2
    assert stripe.subscription.amount_minor == 99000
    with app.app_context():
        work_off()
    assert confirm(browser, address).location == "/account/billing"
    assert len(paid_invoices(stripe)) == 2


def test_billing_32_a_schedule_let_go_whose_answer_was_lost_is_no_trouble_when_asked_again(stripe, nina, join, travel):
    browser = join(nina, "annual")
    confirm(browser, ask(browser, "monthly"))
    stripe.sandbox.fail("drop_after", times=3, match="/release")
    assert browser.post("/account/billing/next-plan/withdrawal").status_code == 503
    assert [each["status"] for each in stripe.everything("subscription_schedule")] == ["released"]
    assert (the_change(stripe).kind, the_change(stripe).state) == (ChangeKind.KEEP, ChangeState.WORKING)
    stripe.sandbox.heal()
    travel(the_change(stripe).created_at + timedelta(minutes=2))
    assert the_change(stripe).state is ChangeState.DONE
    assert (stripe.subscription.next_plan_id, stripe.subscription.schedule_id) == (None, None)
    assert len(stripe.records("plan.change_taken_back")) == 1


def test_billing_32_a_declined_invoice_voided_without_an_answer_is_no_trouble_when_asked_again(
    stripe, nina, join, travel
):
    browser = join(nina, "monthly")
    stripe.use_card("pm_card_chargeCustomerFail")
    address = ask(browser, "annual")
    stripe.sandbox.fail("drop_after", times=3, match="/void")
    assert confirm(browser, address).status_code == 503
    assert [each["status"] for each in stripe.everything("invoice")] == ["paid", "void"]
    assert the_change(stripe).state is ChangeState.WORKING
    stripe.sandbox.heal()
    travel(the_change(stripe).created_at + timedelta(minutes=2))
    assert the_change(stripe).state is ChangeState.DECLINED
    assert "Nothing was charged, and your monthly plan runs on as before." in browser.get(address).text
    assert len(stripe.records("plan.change_declined")) == 1


@pytest.mark.parametrize("fault", ["drop", "500", "502", "429"])
def test_billing_32_stripe_away_changes_nothing_and_says_so(stripe, nina, join, fault):
    browser = join(nina, "monthly")
    address = ask(browser, "annual")
    stripe.sandbox.fail(fault, times=50)
    for answer in (browser.post("/account/billing/changes", data={"plan": "annual"}), confirm(browser, address)):
        assert answer.status_code == 503
        assert "Nothing was charged" in answer.text
    assert browser.get("/account/billing").status_code == 200
    stripe.sandbox.heal()
    assert len(paid_invoices(stripe)) == 1
    answer = confirm(browser, address)
    assert answer.location != "/account/billing", "what was not confirmed in time is looked at again"


def test_billing_32_somebody_dead_in_the_middle_holds_nobody_up(app, stripe, nina, join, travel):
    browser = join(nina, "monthly")
    address = ask(browser, "annual")
    with app.app_context():  # claimed, and then the process was killed before it asked Stripe
        change = the_change(stripe)
        db.session.execute(
            update(SubscriptionChange).values(state=ChangeState.WORKING, tried_at=change.created_at - HOUR)
        )
        db.session.commit()
    answer = confirm(browser, address)
    assert answer.location not in {address, "/account/billing"}, "nobody pays for what was confirmed an hour ago"
    confirm(browser, answer.location)
    assert stripe.subscription.amount_minor == 99000
    assert len(paid_invoices(stripe)) == 2


def test_billing_32_nobody_sees_or_confirms_the_change_of_another(stripe, browse, nina, join, people):
    browser = join(nina, "monthly")
    address = ask(browser, "annual")
    for other in (people.alice, people.lena, people.olga):
        stranger = browse(other)
        assert stranger.get(address).status_code == 404
        assert confirm(stranger, address).status_code == 404
        assert stranger.post(f"{address}/withdrawal").status_code == 404
    assert browse().get(address).status_code == 303
    assert the_change(stripe).state is ChangeState.QUOTED
    for key in ("%00", "x" * 5000, "' OR 1=1"):
        assert browser.get(f"/account/billing/changes/{key}").status_code == 404
    assert browser.post("/account/billing/changes", data={"plan": "no-such"}).status_code in {409, 503}
    assert browser.post("/account/billing/changes").status_code in {409, 503}
    assert browse(people.sam).post("/account/billing/changes", data={"plan": "annual"}).status_code == 409
    assert browse(people.sam).get("/account/billing/plan").location == "/join"


def test_billing_32_the_page_of_a_change_never_asks_stripe(stripe, nina, join):
    browser = join(nina, "monthly")
    address = ask(browser, "annual")
    stripe.sandbox.fail("drop", times=50)
    for path in ("/account/billing", "/account/billing/plan", address, "/account/billing/cancellation"):
        assert browser.get(path).status_code == 200, path
    assert stripe.rows(Invoice)[0].status == "paid"
    assert the_change(stripe).kind is ChangeKind.SWITCH
