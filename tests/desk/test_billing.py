"""Olga reads who pays, whose payment fails, and who leaves; a coach's and a moderator's desk has no money on it."""

from __future__ import annotations

import csv
import io
from datetime import timedelta

import pytest

from portal.billing import comparing
from portal.billing.models import Subscription
from portal.core.clock import now

PAGES = ["/desk/billing", *(f"/desk/billing/{name}" for name in ("failing", "unpaid", "ending", "left", "paying"))]


def rows_of(answer) -> list[dict[str, str]]:
    """What a CSV file says, as a spreadsheet reads it."""
    return list(csv.DictReader(io.StringIO(answer.get_data().decode("utf-8-sig"))))


@pytest.mark.parametrize("who", ["alice", "sam", "lena", "mo", "cory"])
def test_money_is_the_owners_alone(browse, people, who: str):
    browser = browse(getattr(people, who))
    for page in PAGES:
        assert browser.get(page).status_code == 403, page
    assert browser.post("/desk/billing/paying/file").status_code == 403
    assert "/desk/billing" not in browser.get("/desk").text


def test_olga_finds_every_list_empty_with_a_way_on(browse, people):
    olga = browse(people.olga)
    assert "Every renewal went through" in olga.get("/desk/billing").text
    for page in PAGES[1:]:
        answer = olga.get(page)
        assert answer.status_code == 200
        assert "Back to billing" in answer.text
    assert olga.get("/desk/billing/nothing-of-the-kind").status_code == 404
    assert olga.post("/desk/billing/nothing-of-the-kind/file").status_code == 404


def test_a_failing_payment_stands_first_with_why_since_when_and_until_when(
    stripe, browse, people, join, travel, use_card
):
    join(people.sam, "monthly")
    use_card(people.sam)
    travel(stripe.subscription.period_end + timedelta(hours=3))
    page = browse(people.olga).get("/desk/billing").text
    assert page.index('id="failing"') < page.index('id="figures"')
    desk = browse(people.olga).get("/desk").text
    assert desk.index("1 payment fails") < desk.index('class="stats')
    assert "payment fails" not in browse(people.cory).get("/desk").text, "money is the owner's"
    row = browse(people.olga).get("/desk/billing/failing").text.split("<tbody>")[1]
    for told in ("Sam", "$99", "The bank said no without a reason", stripe.subscription.latest_invoice_url):
        assert told in row
    until = stripe.subscription.past_due_since + timedelta(days=7)
    assert f'datetime="{until:%Y-%m-%dT%H:%M:%SZ}"' in row
    next_try = stripe.subscription.next_attempt_at
    assert f'datetime="{next_try:%Y-%m-%dT%H:%M:%SZ}"' in row

    travel(until + timedelta(minutes=1))
    olga = browse(people.olga)
    assert "Sam" not in olga.get("/desk/billing/failing").text
    assert "Sam" in olga.get("/desk/billing/unpaid").text


def test_a_bank_that_wants_a_confirmation_is_said_so(stripe, browse, people, join, travel, use_card):
    join(people.sam, "monthly")
    use_card(people.sam, "pm_card_authenticationRequired")
    travel(stripe.subscription.period_end + timedelta(hours=3))
    assert "The bank wants a confirmation" in browse(people.olga).get("/desk/billing/failing").text


def test_revenue_counts_a_twelfth_of_a_year_and_neither_gifts_nor_staff(stripe, browse, people, make, join):
    ann, max_ = make.member("Ann"), make.member("Max")
    join(ann, "annual")
    join(max_, "monthly")
    page = browse(people.olga).get("/desk/billing").text
    assert "$181.50" in page, "990 / 12 + 99"
    assert "2 subscriptions" in page
    assert "A yearly price counts a twelfth" in page, "the definition stands beside the figure"
    alone = browse(people.olga).get("/desk/billing/paying?plan=annual").text.split("<tbody>")[1]
    assert "Ann" in alone
    assert "Max" not in alone
    everybody = browse(people.olga).get("/desk/billing/paying?plan=nonsense").text.split("<tbody>")[1]
    assert "Ann" in everybody
    assert "Max" in everybody


@pytest.mark.parametrize(
    ("what", "counts"),
    [
        ({}, True),
        ({"status": "trialing"}, False),
        ({"status": "past_due", "past_due_since": timedelta(days=-3)}, True),
        ({"status": "past_due", "past_due_since": timedelta(days=-8)}, False),
        ({"status": "unpaid"}, False),
        ({"status": "paused"}, False),
        ({"status": "canceled"}, False),
        ({"status": "moonlighting"}, False),
        ({"pause_behavior": "void"}, False),
        ({"ends_at": timedelta(days=5)}, True),
        ({"ends_at": timedelta(minutes=-5)}, False),
        ({"discount_minor": 9900}, False),
        ({"discount_minor": 4900}, True),
        ({"plan_id": None}, False),
        ({"account": "acct_another"}, False),
    ],
    ids=str,
)
def test_what_counts_as_revenue_is_what_its_definition_says(browse, people, mirror, what, counts):
    moments = {name: now() + value for name, value in what.items() if isinstance(value, timedelta)}
    mirror(people.sam, **(what | moments))
    page = browse(people.olga).get("/desk/billing/paying").text
    assert ("1 subscription brings in" in page) is counts
    if counts:
        assert ("$50 a month" if "discount_minor" in what else "$99 a month") in page


def test_each_currency_is_counted_by_itself(browse, people, make, mirror):
    mirror(people.sam)
    mirror(make.member("Eva"), currency="eur", amount_minor=8900)
    page = browse(people.olga).get("/desk/billing").text
    assert "Revenue a month, USD" in page
    assert "Revenue a month, EUR" in page
    assert "$99" in page
    assert "€89" in page


@pytest.mark.parametrize(("duration", "off", "a_month"), [("forever", 4950, "$49.50"), ("once", 0, "$99")])
def test_a_running_discount_is_taken_off_and_one_that_ran_out_is_not(
    stripe, browse, people, join, app, duration, off, a_month
):
    join(people.sam, "monthly")
    client = stripe.client()
    half = client.v1.coupons.create({"percent_off": 50, "duration": duration})
    client.v1.subscriptions.update(stripe.subscription.sub_id, {"discounts": [{"coupon": half.id}]})
    stripe.deliver()
    olga = browse(people.olga)
    assert "$99 a month" in olga.get("/desk/billing/paying").text, "no invoice has been made with it yet"
    stripe.sandbox.advance(days=32)
    stripe.deliver()
    with app.app_context():
        comparing.compare_everything()
    assert [row["total"] for row in stripe.everything("invoice")] == [9900, 4950]
    assert stripe.subscription.discount_minor == off
    assert f"{a_month} a month" in olga.get("/desk/billing/paying").text


def test_who_leaves_and_who_left_with_their_reasons(stripe, browse, people, make, join):
    ann, max_ = make.member("Ann"), make.member("Max")
    join(ann, "monthly")
    join(max_, "annual")
    ann_sub, max_sub = stripe.rows(Subscription)
    client = stripe.client()
    client.v1.subscriptions.update(
        ann_sub.sub_id,
        {
            "cancel_at_period_end": True,
            "cancellation_details": {"feedback": "too_expensive", "comment": "Not in a quiet quarter <b>like this"},
        },
    )
    client.v1.subscriptions.cancel(
        max_sub.sub_id, {"cancellation_details": {"feedback": "unused", "comment": "No time to read"}}
    )
    stripe.deliver()
    olga = browse(people.olga)
    leaving = olga.get("/desk/billing/ending").text.split("<tbody>")[1]
    assert "Too expensive" in leaving
    assert "Not in a quiet quarter &lt;b&gt;like this" in leaving
    left = olga.get("/desk/billing/left").text.split("<tbody>")[1]
    assert "Did not use it enough" in left
    assert "No time to read" in left
    assert "Lapsed" in left
    assert "Did not use it enough (1)" in olga.get("/desk/billing").text


def test_the_list_of_those_who_left_forgets_after_ninety_days(browse, people, mirror):
    mirror(people.sam, status="canceled", ended_at=now() - timedelta(days=91), cancel_reason="unused")
    mirror(people.lena, status="canceled", ended_at=now() - timedelta(days=89), cancel_reason="astrology_said_so")
    page = browse(people.olga).get("/desk/billing/left").text
    assert "Sam" not in page
    assert "Lena" in page
    assert "Astrology said so" in page, "a reason that Stripe adds later is shown as it comes"


def test_a_file_cannot_become_a_formula_and_leaves_a_record(app, stripe, browse, people, make, mirror):
    hostile = ['=HYPERLINK("http://x","y")', "+1+cmd|' /C calc'!A0", "-2", "@SUM(A1)", "＝1+1", " =1", "Zoë, “Ünal”"]
    for name in hostile:
        mirror(make.member(name))
    answer = browse(people.olga).post("/desk/billing/paying/file")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="paying-')
    assert answer.headers["Cache-Control"] == "private, no-store"
    rows = rows_of(answer)
    assert [row["Who"] for row in rows] == [f"'{n}" for n in hostile[:-1]] + [hostile[-1]]
    assert rows[-1]["A month"] == "99.00"
    assert rows[-1]["A month, currency"] == "USD"
    assert rows[-1]["E-mail"].endswith("@example.com")
    record = stripe.records("list.exported")
    assert [(r.by_id, r.details) for r in record] == [(people.olga.id, {"list": "paying", "rows": 7})]


def test_a_comment_cannot_break_out_of_its_cell(browse, people, mirror):
    comment = 'Fine",\r\n=cmd\t"'
    mirror(people.sam, status="canceled", ended_at=now(), cancel_reason="other", cancel_comment=comment)
    rows = rows_of(browse(people.olga).post("/desk/billing/left/file"))
    assert [row["In their words"] for row in rows] == ['Fine",  =cmd "']


def test_a_file_needs_its_forms_token(browse, people):
    assert browse(people.olga).post("/desk/billing/paying/file", csrf=False).status_code == 400
    assert browse(people.olga).get("/desk/billing/paying/file").status_code == 405


def test_a_long_list_goes_on_page_by_page_and_misses_nobody(browse, people, make, mirror):
    names = [f"Person {n:03}" for n in range(120)]
    for name in names:
        mirror(make.member(name))
    olga, seen, address = browse(people.olga), [], "/desk/billing/paying"
    for _ in range(3):
        page = olga.get(address).text
        seen += [name for name in names if f">{name}<" in page]
        if "Further" in page:
            address = page.split('rel="next" href="')[1].split('"')[0]
    assert sorted(seen) == names, "each once"
    assert "Front of the list" in page
    assert len(rows_of(olga.post("/desk/billing/paying/file"))) == 120
    assert olga.get("/desk/billing/paying?after=nonsense").status_code == 200


@pytest.mark.parametrize("address", PAGES)
def test_a_list_costs_the_same_for_two_as_for_twenty(browse, people, make, mirror, count_queries, address: str):
    states = [
        {},
        {"status": "past_due", "past_due_since": now() - timedelta(days=1)},
        {"status": "unpaid"},
        {"ends_at": now() + timedelta(days=2)},
        {"status": "canceled", "ended_at": now()},
    ]

    def counted() -> int:
        olga = browse(people.olga)
        olga.get(address)
        with count_queries() as queries:
            assert olga.get(address).status_code == 200
        return len(queries)

    for state in states * 2:
        mirror(make.member(), **state)
    few = counted()
    for state in states * 18:
        mirror(make.member(), **state)
    assert counted() == few
    assert few <= 20


def test_a_subscription_whose_member_is_gone_is_still_counted_and_names_nobody(browse, people, mirror):
    mirror(None)
    page = browse(people.olga).get("/desk/billing/paying").text
    assert "Account deleted" in page
