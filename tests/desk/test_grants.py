"""Olga gives access and takes it back, each with a reason that stays."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from portal.billing import granting
from portal.billing.models import Grant
from portal.core.clock import now
from portal.core.db import db, transaction


@pytest.fixture
def grants(app):
    def ask() -> list[Grant]:
        with app.app_context():
            return list(db.session.query(Grant).order_by(Grant.id))

    return ask


@pytest.mark.parametrize("who", ["alice", "mo", "cory"])
def test_only_the_owner_gives_and_takes(browse, people, grants, who: str):
    browser = browse(getattr(people, who))
    before = len(grants())
    for page in ("/desk/billing/grants", "/desk/billing/grants/new", "/desk/members/sam/grants/new"):
        assert browser.get(page).status_code == 403
    given = {"source": "complimentary", "because": "me too"}
    assert browser.post(f"/desk/members/{who}/grants/new", data=given).status_code == 403
    assert browser.post("/desk/billing/grants/1/end", data={"because": "no"}).status_code == 403
    assert len(grants()) == before


def test_olga_finds_sam_by_a_part_of_his_address_and_gives_him_a_month(browse, people, stripe, grants):
    olga = browse(people.olga)
    found = olga.get("/desk/billing/grants/new?q=SAM@EX").text
    assert 'href="/desk/members/sam/grants/new"' in found
    assert "/desk/members/alice" not in found
    last_day = (now() + timedelta(days=30)).date()
    answer = olga.post(
        "/desk/members/sam/grants/new",
        data={"source": "manual", "because": "paid by transfer, invoice 17", "until": last_day.isoformat()},
    )
    assert answer.status_code == 303
    assert answer.location == "/desk/members/sam"
    grant = grants()[-1]
    assert (grant.member_id, grant.source, grant.given_by_id) == (people.sam.id, "manual", people.olga.id)
    assert browse(people.sam).get("/rooms").status_code == 200
    listed = olga.get("/desk/billing/grants").text
    assert "paid by transfer, invoice 17" in listed
    assert "by Olga" in listed
    assert [(r.by_id, r.because) for r in stripe.records("grant.given")] == [
        (people.olga.id, "paid by transfer, invoice 17")
    ]


def test_the_last_day_is_whole_and_is_the_sites(browse, people, grants):
    browse(people.olga).post(
        "/desk/members/sam/grants/new", data={"source": "complimentary", "because": "a guest", "until": "2031-07-04"}
    )
    assert grants()[-1].until == datetime(2031, 7, 5, 4, 59, 59, tzinfo=UTC), "a quarter before midnight in Chicago"


def test_an_end_in_the_past_and_a_missing_reason_come_back_to_the_form(browse, people, grants):
    olga, before = browse(people.olga), len(grants())
    yesterday = (now() - timedelta(days=2)).date().isoformat()
    for typed, told in [
        ({"source": "complimentary", "because": "a guest", "until": yesterday}, "Choose an end that lies ahead."),
        ({"source": "complimentary", "because": "  "}, "Say why, so that whoever reads the log understands it."),
        ({"source": "bribe", "because": "a guest"}, "Choose what it is."),
        ({"source": "manual", "because": "a guest", "until": "soon"}, "Not a valid date"),
        ({"source": "manual", "because": "x" * 1001}, "within 1,000 characters"),
    ]:
        answer = olga.post("/desk/members/sam/grants/new", data=typed)
        assert answer.status_code == 422, typed
        assert told in answer.text
        assert typed["because"] in answer.text, "what was typed is still there"
    assert len(grants()) == before


def test_taking_back_wants_a_reason_and_closes_the_door_at_once(browse, people, stripe, grants):
    olga, grant = browse(people.olga), next(g for g in grants() if g.member_id == people.alice.id)
    assert browse(people.alice).get("/rooms").status_code == 200
    address = f"/desk/billing/grants/{grant.id}/end"
    assert "Take access back from Alice?" in olga.get(address).text
    assert olga.post(address, data={"because": " "}).status_code == 422
    assert browse(people.alice).get("/rooms").status_code == 200
    assert olga.post(address, data={"because": "the year is over"}).status_code == 303
    assert browse(people.alice).get("/rooms").status_code == 403
    assert [(r.by_id, r.because) for r in stripe.records("grant.taken")] == [(people.olga.id, "the year is over")]
    again = olga.post(address, data={"because": "twice"})
    assert again.status_code == 409
    assert "taken back already" in again.text
    assert len(stripe.records("grant.taken")) == 1
    assert "Alice" not in olga.get("/desk/billing/grants").text.split("<tbody>")[1]
    assert "Taken back" in olga.get("/desk/billing/grants?show=all").text


def test_whoever_pays_at_stripe_is_said_to_go_on_paying(stripe, browse, people, join):
    join(people.sam)
    assert "it goes on charging" in browse(people.olga).get("/desk/members/sam/grants/new").text
    assert "it goes on charging" not in browse(people.olga).get("/desk/members/alice/grants/new").text


def test_what_is_not_there_is_not_found(browse, people):
    olga = browse(people.olga)
    for address in ("/desk/members/nobody/grants/new", "/desk/billing/grants/999999/end"):
        assert olga.get(address).status_code == 404
    assert "Nobody found" in olga.get("/desk/billing/grants/new?q=%25").text, "a sign of LIKE finds itself only"


def test_grants_go_on_page_by_page_at_one_cost(app, browse, people, make, count_queries):
    def give(some: int) -> None:
        for _ in range(some):
            member = make.member()
            with app.app_context(), transaction():
                granting.give(member, because="a guest", until=None, by=people.olga)

    def counted() -> int:
        olga = browse(people.olga)
        olga.get("/desk/billing/grants")
        with count_queries() as queries:
            assert olga.get("/desk/billing/grants").status_code == 200
        return len(queries)

    few = counted()
    give(55)
    assert counted() == few
    olga = browse(people.olga)
    first = olga.get("/desk/billing/grants").text
    second = olga.get(first.split('rel="next" href="')[1].split('"')[0]).text
    assert (first.count("<tr>"), second.count("<tr>")) == (51, 8), "fifty and a head; Alice, Bob, five, and a head"
    assert "Newest" in second
