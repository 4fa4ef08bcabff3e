"""Olga finds anybody with an account, reads how they stand, and has them read anew."""

from __future__ import annotations

from datetime import timedelta

import pytest

from portal.accounts.models import Member
from portal.billing import granting
from portal.billing.models import Invoice, StripeEvent, Subscription
from portal.core.clock import now
from portal.core.db import db, transaction
from tests.desk.test_billing import rows_of


def names_in(page: str) -> list[str]:
    """Who stands in the table, in its order."""
    body = page.split("<tbody>")[1].split("</tbody>", maxsplit=1)[0] if "<tbody>" in page else ""
    return [row.split('">')[2].split("<")[0] for row in body.split("<tr>")[1:]]


@pytest.mark.parametrize("who", ["alice", "mo", "cory"])
def test_people_are_the_owners_alone(browse, people, who: str):
    browser = browse(getattr(people, who))
    for page in ("/desk/members", "/desk/members/sam", "/desk/members?state=lapsed"):
        assert browser.get(page).status_code == 403
    for action in ("file", "sam/resync"):
        assert browser.post(f"/desk/members/{action}").status_code == 403


@pytest.fixture
def everybody(browse, people, make, mirror, app):
    """One of each kind beside the cast, in one place."""
    ends = now() + timedelta(days=5)
    mirror(make.member("Mia"))
    mirror(make.member("Tim"), status="trialing", trial_end=ends)
    mirror(make.member("Eva"), ends_at=ends)
    mirror(make.member("Gil"), status="past_due", past_due_since=now() - timedelta(days=2))
    mirror(make.member("Una"), status="past_due", past_due_since=now() - timedelta(days=20))
    mirror(make.member("Ina"), status="incomplete")
    mirror(
        make.member("Sue", suspended_until=now() + timedelta(days=2), suspended_because="named a patient"),
    )
    return people


@pytest.mark.parametrize(
    ("state", "names"),
    [
        ("member", {"Mia", "Sue"}),
        ("trial", {"Tim"}),
        ("ending", {"Eva"}),
        ("grace", {"Gil"}),
        ("complimentary", {"Alice", "Bob"}),
        ("lapsed", {"Lena", "Una"}),
        ("never", {"Sam", "Ina"}),
        ("staff", {"Mo", "Cory", "Olga"}),
        ("open", {"Mia", "Sue", "Tim", "Eva", "Gil", "Alice", "Bob"}),
        ("suspended", {"Sue"}),
    ],
)
def test_each_state_lists_exactly_who_is_in_it(browse, everybody, state: str, names: set[str]):
    olga = browse(everybody.olga)
    assert set(names_in(olga.get(f"/desk/members?state={state}").text)) == names
    rows = rows_of(olga.post("/desk/members/file", data={"state": state}))
    assert {row["Who"] for row in rows} == names


def test_the_states_on_the_page_of_figures_add_up_to_everybody(browse, everybody):
    page = browse(everybody.olga).get("/desk/billing").text
    counts = [int(part.split("<")[0]) for part in page.split('class="tally__count">')[1:]]
    assert counts == [2, 1, 1, 1, 2, 2, 2, 3]


def test_the_desks_first_figure_is_as_many_as_its_list_holds_and_counts_no_staff_who_pay(browse, everybody, mirror):
    mirror(everybody.mo)
    olga = browse(everybody.olga)
    figure = olga.get("/desk").text.split('<a href="/desk/members?state=open">')[1].split("<")[0]
    assert figure == "7"
    assert "7 accounts" in olga.get("/desk/members?state=open").text


def test_names_and_addresses_are_found_by_a_part_and_filters_go_together(browse, everybody):
    olga = browse(everybody.olga)
    assert names_in(olga.get("/desk/members?q=mi").text) == ["Mia"]
    assert names_in(olga.get("/desk/members?q=ALICE@ex").text) == ["Alice"]
    assert names_in(olga.get("/desk/members?q=mi&state=lapsed").text) == []
    assert set(names_in(olga.get("/desk/members?plan=monthly").text)) == {
        "Mia",
        "Tim",
        "Eva",
        "Gil",
        "Una",
        "Ina",
        "Sue",
    }
    assert set(names_in(olga.get("/desk/members?plan=monthly&state=grace").text)) == {"Gil"}
    for nonsense in ("state=king", "plan=gold", "q=%00", "after=zzz"):
        assert olga.get(f"/desk/members?{nonsense}").status_code == 200
    assert "Nobody found" in olga.get("/desk/members?q=_____").text


def test_a_hostile_name_is_harmless_on_the_page_and_in_the_file(browse, people, make):
    make.member('=cmd|"/C calc"!A0', handle="hostile")
    make.member("<script>alert(1)</script>", handle="scripted")
    olga = browse(people.olga)
    page = olga.get("/desk/members").text
    assert "<script>alert" not in page
    assert "&lt;script&gt;" in page
    assert "&lt;script&gt;" in olga.get("/desk/members/scripted").text
    names = [row["Who"] for row in rows_of(olga.post("/desk/members/file"))]
    assert '\'=cmd|"/C calc"!A0' in names


def test_everybody_is_on_one_page_or_the_next_and_a_page_costs_the_same(browse, people, make, mirror, count_queries):
    def counted(address: str) -> int:
        olga = browse(people.olga)
        olga.get(address)
        with count_queries() as queries:
            assert olga.get(address).status_code == 200
        return len(queries)

    addresses = ["/desk/members", "/desk/members?state=member", "/desk/members?q=Person"]
    mirror(make.member("Person 900"))
    few = [counted(each) for each in addresses]
    for number in range(110):
        mirror(make.member(f"Person {number:03}"))
    assert [counted(each) for each in addresses] == few
    olga, seen, address = browse(people.olga), [], "/desk/members?q=Person"
    while address:
        page = olga.get(address).text
        seen += names_in(page)
        address = page.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&") if "Earlier" in page else ""
    assert len(seen) == len(set(seen)) == 111


def test_a_members_page_says_in_a_sentence_how_they_stand(stripe, browse, people, join, travel, use_card, clock):
    olga = browse(people.olga)
    assert "Has an account and never had a plan." in olga.get("/desk/members/sam").text
    assert "Works here" in olga.get("/desk/members/cory").text
    assert "Has access without payment without end" in olga.get("/desk/members/alice").text
    join(people.sam, "monthly")
    sub = stripe.rows(Subscription)[0]
    page = olga.get("/desk/members/sam").text
    assert "Pays for the monthly plan. It renews on" in page
    for told in (sub.sub_id, "$99", sub.card, "Closed (never)", "Open (paid)"):
        assert told in page
    for event in stripe.rows(StripeEvent):
        assert event.event_id in page
    assert stripe.rows(Invoice)[0].number in page
    use_card(people.sam)
    travel(sub.period_end + timedelta(hours=3))
    page = browse(people.olga).get("/desk/members/sam").text
    assert "The renewal of the monthly plan did not go through. Everything stays open until" in page
    assert "The bank said no without a reason" in page


def test_a_refund_and_its_effect_stand_on_the_page(stripe, browse, people, join):
    join(people.sam, "monthly")
    charge = stripe.everything("charge")[0]
    stripe.client().v1.refunds.create({"charge": charge["id"]})
    stripe.deliver()
    page = browse(people.olga).get("/desk/members/sam").text
    assert "Closed: the last payment was given back in full." in page
    assert "Full refund" in page


def test_reading_anew_says_what_it_changed_and_who_asked(stripe, browse, people, join, customer_id):
    join(people.sam, "monthly")
    olga = browse(people.olga)
    answer = olga.post("/desk/members/sam/resync", follow_redirects=True)
    assert "Everything was as we had it." in answer.text
    sub = stripe.rows(Subscription)[0].sub_id
    stripe.client().v1.subscriptions.cancel(sub)  # and its delivery is lost
    answer = olga.post("/desk/members/sam/resync", follow_redirects=True)
    assert f"{sub} was different; access was open and is closed now" in answer.text
    assert browse(people.sam).get("/rooms").status_code == 403
    assert [(r.by_id, r.details["changed"]) for r in stripe.records("customer.resynced")] == [
        (people.olga.id, []),
        (people.olga.id, [sub]),
    ]
    assert stripe.records("access.changed")[-1].because == f"desk, member {people.olga.id}"


def test_reading_anew_while_stripe_is_away_changes_nothing_and_says_so(stripe, browse, people, join):
    join(people.sam, "monthly")
    stripe.sandbox.fail("500", times=9)
    answer = browse(people.olga).post("/desk/members/sam/resync")
    assert answer.status_code == 503
    assert "nothing was changed" in answer.text
    assert browse(people.sam).get("/rooms").status_code == 200


def test_whoever_was_never_at_stripe_has_nothing_to_read_there(stripe, browse, people):
    olga = browse(people.olga)
    assert "Read anew from Stripe" not in olga.get("/desk/members/alice").text
    answer = olga.post("/desk/members/alice/resync")
    assert answer.status_code == 409
    assert "never sent to Stripe" in answer.text


def test_reading_anew_is_not_for_leaning_on_the_button(stripe, browse, people):
    olga = browse(people.olga)
    assert [olga.post("/desk/members/alice/resync").status_code for _ in range(11)][-1] == 429


def test_a_members_page_costs_the_same_however_much_happened(app, browse, people, mirror, count_queries):
    def counted() -> int:
        olga = browse(people.olga)
        olga.get("/desk/members/sam")
        with count_queries() as queries:
            assert olga.get("/desk/members/sam").status_code == 200
        return len(queries)

    def something() -> None:
        mirror(people.sam, status="canceled", ended_at=now())
        with app.app_context(), transaction():
            granting.give(people.sam, because="a guest", until=None, by=people.olga)

    something()
    few = counted()
    for _ in range(15):
        something()
    assert counted() == few
    assert few <= 20


def test_a_closed_account_is_nowhere(app, browse, people):
    with app.app_context(), transaction():
        db.session.get_one(Member, people.sam.id).closed_at = now()
    olga = browse(people.olga)
    assert "Sam" not in names_in(olga.get("/desk/members").text)
    assert olga.get("/desk/members/sam").status_code == 404
    assert olga.get("/desk/members/nobody").status_code == 404


def test_when_somebody_was_last_here_is_told(browse, people):
    browse(people.alice).get("/library")
    page = browse(people.olga).get("/desk/members/alice").text
    assert "Last seen</dt><dd><time" in page
    assert "Last seen</dt><dd>never" in browse(people.olga).get("/desk/members/sam").text
