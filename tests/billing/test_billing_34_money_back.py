"""Refunds and disputes: who comes in while money goes back, and who is told why."""

from __future__ import annotations

from datetime import timedelta

import pytest

from portal.billing import comparing, reconciling
from portal.billing.entitlements import Why
from portal.billing.models import EventState, PaymentReversal, StripeEvent, Subscription
from portal.core.jobs import work_off
from stripe_sandbox import refunding


def charge_of(stripe) -> str:
    return stripe.client().v1.charges.list().data[0].id


def dispute(stripe) -> str:
    """The payer's bank takes the only charge back."""
    with stripe.sandbox.store.write() as tx:
        return refunding.dispute(tx, tx.get("charge", charge_of(stripe)))["id"]


def decide(stripe, dispute_id: str, *, won: bool) -> None:
    with stripe.sandbox.store.write() as tx:
        refunding.close_dispute(tx, tx.get("dispute", dispute_id), won=won)


def test_billing_34_a_full_refund_ends_access_at_once_and_says_why(
    app, stripe, browse, nina, join, staff, work_off, outbox
):
    join(nina, "monthly")
    work_off()
    outbox.clear()
    stripe.client().v1.refunds.create({"charge": charge_of(stripe)})
    stripe.deliver()
    assert stripe.entitlement(nina).why is Why.REFUNDED
    assert browse(nina).get("/rooms").status_code == 403
    assert "given back in full" in browse(nina).get("/account/billing").text

    [row] = stripe.rows(PaymentReversal)
    sub = stripe.rows(Subscription)[0]
    assert (row.kind, row.is_full, row.status, row.amount_minor) == ("refund", True, "succeeded", 9900)
    assert (row.invoice_id, row.subscription_id) == (sub.latest_invoice_id, sub.id)
    assert row.covers_until == sub.period_end
    work_off()
    assert sorted(m.recipients[0].split("@")[0].split("-")[0] for m in outbox) == ["cory", "olga"]
    for letter in outbox:
        assert "Nina Newcomer" in letter.subject
        for words in ("back in full", "$99", "access is closed (refunded)", "goes on at Stripe"):
            assert words in letter.body, words
    assert [r.details["after"]["why"] for r in stripe.records()] == ["paid", "refunded"]
    assert [(r.ref_id, r.because) for r in stripe.records("payment.refund")] == [(row.id, row.reversal_id)]
    assert {e.state for e in stripe.rows(StripeEvent)} == {EventState.DONE}


def test_billing_34_a_partial_refund_changes_nothing_until_the_parts_are_the_whole(stripe, nina, join, staff):
    join(nina, "monthly")
    client, charge = stripe.client(), charge_of(stripe)
    client.v1.refunds.create({"charge": charge, "amount": 4000})
    stripe.deliver()
    assert stripe.entitlement(nina).why is Why.PAID
    assert [(r.amount_minor, r.is_full) for r in stripe.rows(PaymentReversal)] == [(4000, False)]
    assert stripe.letters("alert") == []
    client.v1.refunds.create({"charge": charge})
    stripe.deliver()
    assert stripe.entitlement(nina).why is Why.REFUNDED
    assert [(r.amount_minor, r.is_full) for r in stripe.rows(PaymentReversal)] == [(4000, True), (5900, True)]
    assert len(stripe.letters("alert")) == 2, "one to Cory and one to Olga, however many parts there were"


def test_billing_34_a_refund_of_a_period_that_is_over_takes_nothing(stripe, nina, join, clock):
    join(nina, "monthly")
    charge, end = charge_of(stripe), stripe.rows(Subscription)[0].period_end
    clock.move_to(end + timedelta(hours=3))
    stripe.sandbox.advance(0)
    stripe.deliver()
    assert stripe.rows(Subscription)[0].period_end > end
    stripe.client().v1.refunds.create({"charge": charge})
    stripe.deliver()
    assert [(r.is_full, r.covers_until) for r in stripe.rows(PaymentReversal)] == [(True, end)]
    assert stripe.entitlement(nina).why is Why.PAID


def test_billing_34_a_refund_lasts_no_longer_than_what_was_paid_for(stripe, nina, join, clock):
    join(nina, "monthly")
    end = stripe.rows(Subscription)[0].period_end
    stripe.client().v1.refunds.create({"charge": charge_of(stripe)})
    stripe.deliver()
    assert not stripe.entitlement(nina).is_open
    clock.move_to(end + timedelta(hours=3))
    stripe.sandbox.advance(0)
    stripe.deliver()
    assert stripe.entitlement(nina).why is Why.PAID, "the next month was charged and paid"


@pytest.mark.parametrize(("won", "why"), [(True, Why.PAID), (False, Why.DISPUTED)])
def test_billing_34_a_dispute_suspends_and_winning_it_restores(stripe, browse, nina, join, staff, won, why):
    join(nina)
    opened = dispute(stripe)
    stripe.deliver()
    assert stripe.entitlement(nina).why is Why.DISPUTED
    assert browse(nina).get("/rooms").status_code == 403
    assert "Your bank is asking us about a payment" in browse(nina).get("/account/billing").text
    assert [(r.kind, r.reversal_id, r.status) for r in stripe.rows(PaymentReversal)] == [
        ("dispute", opened, "needs_response")
    ]
    assert len(stripe.letters("alert")) == 2

    decide(stripe, opened, won=won)
    stripe.deliver()
    assert stripe.entitlement(nina).why is why
    assert stripe.rows(PaymentReversal)[0].status == ("won" if won else "lost")
    assert len(stripe.letters("alert")) == 4
    assert len(stripe.records("payment.dispute")) == 2
    assert {e.state for e in stripe.rows(StripeEvent)} == {EventState.DONE}, (
        "a dispute names no customer, its charge does"
    )
    stripe.sandbox.duplicate()
    stripe.deliver()
    assert (len(stripe.letters("alert")), len(stripe.records("payment.dispute"))) == (4, 2)


def test_billing_34_the_card_that_is_disputed_an_hour_later(stripe, nina, join):
    join(nina, card="4000000000000259")
    assert stripe.entitlement(nina).is_open
    stripe.sandbox.advance(hours=2)
    stripe.deliver()
    assert stripe.entitlement(nina).why is Why.DISPUTED


@pytest.mark.parametrize("job", [reconciling.hourly, comparing.compare_everything])
def test_billing_34_without_any_delivery_reconciling_finds_what_went_back(app, stripe, make, join, staff, job):
    """The hourly job reads Stripe's events; the daily one needs none of them, and a second run finds nothing."""
    nina, mia = make.member("Nina"), make.member("Mia")
    join(nina, "monthly")
    join(mia, "annual")
    of_mia, of_nina = (charge.id for charge in stripe.client().v1.charges.list().data)
    stripe.client().v1.refunds.create({"charge": of_nina})
    with stripe.sandbox.store.write() as tx:
        opened = refunding.dispute(tx, tx.get("charge", of_mia))["id"]
    stripe.sandbox.drop()
    with app.app_context():
        job()
        work_off()
    assert stripe.entitlement(nina).why is Why.REFUNDED
    assert stripe.entitlement(mia).why is Why.DISPUTED
    decide(stripe, opened, won=True)
    stripe.sandbox.drop()
    with app.app_context():
        job()
        work_off()
    assert stripe.entitlement(mia).why is Why.PAID
    with app.app_context():
        assert comparing.compare_everything().repaired == []
    assert len(stripe.letters("alert")) == 6


def test_billing_34_a_charge_of_nobody_we_know_is_foreign(stripe, nina, join):
    """Another business on the same account has its own refunds."""
    join(nina)
    client = stripe.client()
    stranger = client.v1.customers.create({"email": "stranger@example.com"})
    client.v1.payment_methods.attach("pm_card_visa", {"customer": stranger.id})
    method = client.v1.payment_methods.list({"customer": stranger.id}).data[0].id
    price = client.v1.prices.create(
        {
            "product": client.v1.products.create({"name": "A book club"}).id,
            "unit_amount": 500,
            "currency": "usd",
            "recurring": {"interval": "month"},
        }
    )
    client.v1.subscriptions.create(
        {"customer": stranger.id, "items": [{"price": price.id}], "default_payment_method": method}
    )
    charge = client.v1.charges.list({"customer": stranger.id}).data[0].id
    with stripe.sandbox.store.write() as tx:
        refunding.dispute(tx, tx.get("charge", charge))
    stripe.deliver()
    about = [e for e in stripe.rows(StripeEvent) if e.type == "charge.dispute.created"]
    assert [(e.state, e.ignored_because) for e in about] == [(EventState.IGNORED, "foreign")]
    assert stripe.rows(PaymentReversal) == []
    assert stripe.entitlement(nina).why is Why.PAID
    with stripe.app.app_context():
        assert comparing.compare_everything().repaired == []


def test_billing_34_stripe_away_while_the_charge_is_read_leaves_the_event_to_be_tried_again(stripe, nina, join):
    join(nina)
    stripe.client().v1.refunds.create({"charge": charge_of(stripe)})
    stripe.sandbox.fail("500", times=10, match="/v1/refunds")
    stripe.deliver()
    event = next(e for e in stripe.rows(StripeEvent) if e.type == "charge.refunded")
    assert event.state is EventState.FAILED
    assert stripe.entitlement(nina).why is Why.PAID, "as it was while nobody could be asked"
    stripe.sandbox.heal()
    with stripe.app.app_context():
        from portal.billing.syncing import read_now

        read_now(stripe.rows(Subscription)[0].customer_id, cause="test")
    assert stripe.entitlement(nina).why is Why.REFUNDED
