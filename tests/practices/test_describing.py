"""What members say about themselves, and that it comes back as they said it."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from portal.accounts.models import Member
from portal.core.db import db
from portal.practices.models import Affiliation, Discretion, Field, Part, Practice, Region, Size, Specialty
from tests.make import at_once

SAID = {
    "name": "Alice",
    "practice": "Adams Orthodontics",
    "specialty": "dental",
    "part": "owner",
    "title": "Owner and orthodontist",
    "size": "10-24",
    "region": "us-midwest",
    "bio": "Two chairs.",
    "shown": [field.value for field in Field],
    "listed": "y",
    "time_zone": "Europe/Berlin",
    "locale": "en_GB",
}


def test_alice_describes_herself_and_finds_it_again(app, people, browse):
    alice = browse(people.alice)
    assert alice.post("/account/profile", data=SAID).status_code == 303
    with app.app_context():
        works = db.session.scalars(select(Affiliation)).one()
        assert (works.member_id, works.part, works.title) == (people.alice.id, Part.OWNER, "Owner and orthodontist")
        firm = works.practice
        assert (firm.name, firm.specialty, firm.size) == ("Adams Orthodontics", Specialty.DENTAL, Size.SOME)
        assert firm.region is Region.MIDWEST
        kept = db.session.get_one(Member, people.alice.id)
        assert (kept.bio, kept.time_zone, kept.locale) == ("Two chairs.", "Europe/Berlin", "en_GB")
    page = alice.get("/account/profile").text
    assert 'value="Adams Orthodontics"' in page
    assert '<option selected value="dental">' in page
    assert "Adams Orthodontics" in alice.get("/account").text


def test_what_alice_leaves_empty_is_said_no_more(app, people, browse):
    alice = browse(people.alice)
    alice.post("/account/profile", data=SAID)
    empty = SAID | {"practice": "", "specialty": "", "part": "", "title": "", "size": "", "region": "", "bio": ""}
    assert alice.post("/account/profile", data=empty).status_code == 303
    page = browse(people.bob).get("/members/alice").text
    assert "has not written anything here yet" in page
    with app.app_context():
        firm = db.session.scalars(select(Practice)).one()
        assert (firm.name, firm.specialty, firm.size, firm.region) == (None, None, None, None)


@pytest.mark.parametrize("field", ["specialty", "part", "size", "region", "shown", "locale", "time_zone"])
@pytest.mark.parametrize("typed", ["owner'--", "en_XX", "../../etc/passwd", "x" * 500, "Dental"])
def test_a_choice_is_one_of_its_list(app, people, browse, field, typed):
    answer = browse(people.alice).post("/account/profile", data=SAID | {field: typed})
    assert answer.status_code == 422
    with app.app_context():
        assert db.session.scalars(select(Affiliation)).all() == []


def test_the_same_form_twenty_times_at_once_makes_one_practice(app, people, browse):
    windows = [browse(people.alice) for _ in range(20)]
    forms = [SAID | {"csrf_token": window.csrf_token()} for window in windows]
    answers = at_once(20, lambda n: windows[n].post("/account/profile", data=forms[n], csrf=False))
    assert {getattr(answer, "status_code", answer) for answer in answers} == {303}
    with app.app_context():
        for table in (Affiliation, Practice, Discretion):
            assert len(db.session.scalars(select(table)).all()) == 1


def test_a_visitor_and_sam_cannot_write_for_alice(app, people, browse):
    data = SAID | {"name": "Mallory", "id": str(people.alice.id), "member_id": str(people.alice.id), "handle": "alice"}
    assert browse(people.sam).post("/account/profile", data=data).status_code == 303
    with app.app_context():
        assert db.session.get_one(Member, people.alice.id).name == "Alice"
        assert db.session.get_one(Member, people.sam.id).handle == "sam"
    assert browse().post("/account/profile", data=data).location == "/sign-in"
