"""Invoices: mirrored whenever a customer is read, shown to their payer, without a page ever asking Stripe."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import update

from portal.billing import comparing, reconciling
from portal.billing.models import BillingCustomer, Invoice
from portal.core.db import db
from portal.core.jobs import work_off

HOUR = timedelta(hours=1)


def test_nina_finds_what_she_paid_with_its_receipt(stripe, browse, nina, join):
    browser = join(nina, "monthly")
    row = stripe.rows(Invoice)[0]
    (at_stripe,) = stripe.everything("invoice")
    assert (row.invoice_id, row.number, row.status) == (at_stripe["id"], at_stripe["number"], "paid")
    assert (row.total_minor, row.paid_minor, row.due_minor) == (9900, 9900, 0)
    assert (row.covers_from, row.covers_until) == (stripe.subscription.period_start, stripe.subscription.period_end)
    stripe.sandbox.fail("drop", times=50)  # the page does not ask Stripe
    page = browser.get("/account/billing").text
    assert f'href="{at_stripe["hosted_invoice_url"]}"' in page
    for words in ("Joining", "$99", "Paid", "Receipt", at_stripe["number"]):
        assert words in page, words


def test_nobody_is_billed_nobody_sees_the_bills_of_others(stripe, browse, nina, join, people):
    join(nina, "monthly")
    page = browse(people.sam).get("/account/billing").text
    assert "None yet. What you pay is listed here" in page
    assert stripe.rows(Invoice)[0].number not in page
    assert "No invoices" in browse(people.sam).get("/account/billing/invoices").text
    assert browse().get("/account/billing/invoices").status_code == 303


def test_a_renewal_that_fails_is_there_to_be_paid_and_then_is_a_receipt(stripe, browse, nina, join, travel, failing):
    join(nina, "monthly")
    failing()
    travel(stripe.subscription.period_end + 3 * HOUR)
    open_one = stripe.rows(Invoice)[-1]
    assert (open_one.status, open_one.due_minor) == ("open", 9900)
    page = browse(nina).get("/account/billing").text
    assert "To pay" in page
    assert "Pay it<" in page
    stripe.use_card("pm_card_visa")
    stripe.client().v1.invoices.pay(open_one.invoice_id)
    stripe.deliver()
    assert stripe.rows(Invoice)[-1].status == "paid"
    assert "Pay it<" not in browse(nina).get("/account/billing").text


def test_drafts_voided_ones_and_a_payment_never_finished_are_nobodys_bills(stripe, app, browse, nina, join):
    browser = join(nina, "monthly")
    for status in ("draft", "void", None, "a word of next year"):
        with app.app_context():
            db.session.execute(update(Invoice).values(status=status))
            db.session.commit()
        assert "None yet" in browser.get("/account/billing").text, status
    with app.app_context():
        db.session.execute(update(Invoice).values(status="open"))
        db.session.commit()
    assert "None yet" in browser.get("/account/billing").text, "a first payment that nobody finished"


def test_money_given_back_is_said_beside_the_bill_it_had_paid(stripe, browse, nina, join):
    browser = join(nina, "monthly")
    (charge,) = stripe.everything("charge")
    stripe.client().v1.refunds.create({"charge": charge["id"], "amount": 2000})
    stripe.deliver()
    assert "Paid, $20 given back" in browser.get("/account/billing").text
    stripe.client().v1.refunds.create({"charge": charge["id"]})
    stripe.deliver()
    assert "Given back" in browser.get("/account/billing").text


def test_a_long_list_has_a_page_of_its_own_and_costs_the_same_queries(stripe, app, browse, nina, join, count_queries):
    browser = join(nina, "monthly")
    with count_queries() as few:
        assert "All invoices" not in browser.get("/account/billing").text
    with app.app_context():
        first = db.session.query(Invoice).one()
        for month in range(1, 60):
            copy = {c.name: getattr(first, c.name) for c in Invoice.__table__.columns if c.name != "id"}
            copy |= {"invoice_id": f"in_{month}", "issued_at": first.issued_at - timedelta(days=30 * month)}
            db.session.add(Invoice(**copy))
        db.session.commit()
    with count_queries() as many:
        page = browser.get("/account/billing").text
    assert len(many) == len(few) <= 9
    assert page.count("Receipt<span") == 4
    seen, address = 0, "/account/billing/invoices"
    while address:
        page = browser.get(address).text
        seen += page.count("Receipt<span")
        address = page.partition('rel="next" href="')[2].partition('"')[0]
    assert seen == 60
    assert browser.get("/account/billing/invoices?before=nonsense").status_code == 200


def test_an_invoice_that_cannot_be_read_takes_nobodys_access(stripe, nina, join):
    join(nina, "monthly")
    later = stripe.rows(Invoice)[0].invoice_id
    stripe.sandbox.distort(later, currency=None)
    stripe.client().v1.subscriptions.update(stripe.subscription.sub_id, {"metadata": {"seen": "yes"}})
    stripe.deliver()
    assert stripe.entitlement(nina).is_open
    assert stripe.rows(Invoice)[0].currency == "usd"


def test_members_from_before_the_list_get_theirs_within_the_hour_without_a_walk(stripe, app, nina, join):
    join(nina, "monthly")
    with app.app_context():
        db.session.execute(Invoice.__table__.delete())
        db.session.commit()
        assert comparing.compare_everything().repaired == [], "the daily walk does not look at invoices"
        reconciling.pick_up_leftovers()
        work_off()
    assert [row.status for row in stripe.rows(Invoice)] == ["paid"]
    before = stripe.rows(BillingCustomer)[0].synced_at
    with app.app_context():
        reconciling.pick_up_leftovers()
        work_off()
    assert stripe.rows(BillingCustomer)[0].synced_at == before, "and are left alone afterwards"
