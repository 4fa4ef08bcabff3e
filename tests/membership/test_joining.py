"""One mailbox makes one account, whoever is quicker, and there is no other way to make one."""

from __future__ import annotations

import pytest
import time_machine
from sqlalchemy import func, select

from portal.accounts import passwords
from portal.accounts.models import Device, Member, Role
from portal.core.audit import Record
from portal.core.clock import now
from portal.core.db import db, transaction
from portal.core.letters import Letter
from portal.membership import joining
from tests.make import PASSWORD, at_once

NORA = {"name": "Nora Novak", "email": "nora@example.com", "password": PASSWORD}


@pytest.fixture
def plans(app):
    from portal.billing.models import Interval, Plan

    with app.app_context(), transaction():
        for position, (key, interval, price) in enumerate(
            [("monthly", Interval.MONTH, 9_900), ("annual", Interval.YEAR, 99_000)]
        ):
            db.session.add(
                Plan(
                    key=key,
                    name=key.capitalize(),
                    interval=interval,
                    price_minor=price,
                    currency="usd",
                    lookup_key=f"test_{key}",
                    position=position,
                )
            )


def _members(app):
    with app.app_context():
        return db.session.scalars(select(Member).order_by(Member.id)).all()


def test_nora_joins_is_signed_in_and_gets_one_letter(app, browse, work_off, outbox):
    browser = browse()
    answer = browser.post("/join", data=NORA)
    assert (answer.status_code, answer.location) == (303, "/account")
    page = browser.get("/account").text
    assert "Welcome, Nora." in page
    assert "Not a member yet" in page
    work_off()
    assert [(letter.subject, letter.recipients) for letter in outbox] == [
        ("Confirm your address for Practice Freedom", ["nora@example.com"])
    ]
    (nora,) = _members(app)
    assert (nora.handle, nora.role, nora.is_confirmed) == ("nora-novak", Role.MEMBER, False)
    with app.app_context():
        assert db.session.scalars(select(Record.action)).all() == ["member.joined"]


def test_with_a_plan_chosen_nora_goes_on_to_it(browse, plans):
    assert browse().post("/join", data=NORA | {"plan": "annual"}).location == "/join/annual"


def test_an_unknown_plan_counts_as_none(browse, plans):
    answer = browse().post("/join", data=NORA | {"plan": "//evil.example"})
    assert (answer.status_code, answer.location) == (303, "/account")
    assert browse().get("/join?plan=nonsense").status_code == 200


def test_the_join_page_shows_plans_and_prices_beside_the_form(browse, plans):
    page = browse().get("/join?plan=monthly").text
    for words in ("$99", "$990", "2 months free", 'value="monthly" checked', 'autocomplete="new-password"'):
        assert words in page


def test_sam_sees_the_plans_without_a_form_and_goes_on(people, browse, plans):
    page = browse(people.sam).get("/join").text
    assert 'href="/join/annual"' in page
    assert 'name="password"' not in page
    assert browse(people.sam).post("/join", data=NORA).location == "/join"


def test_alice_who_is_a_member_is_not_sold_a_second_plan(people, browse, plans):
    page = browse(people.alice).get("/join").text
    assert "cost you twice" in page
    assert 'href="/join/annual"' not in page


def test_the_join_page_works_while_nothing_is_for_sale(people, browse):
    assert browse().get("/join").status_code == 200
    assert "Nothing is for sale" in browse(people.sam).get("/join").text


def test_an_address_that_has_an_account_is_told_so_with_the_way_to_sign_in(app, people, browse):
    answer = browse().post("/join", data=NORA | {"email": " ALICE@example.com "})
    assert answer.status_code == 409
    assert "There is an account with this address already" in answer.text
    assert 'href="/sign-in"' in answer.text
    assert 'value="Nora Novak"' in answer.text
    assert len(_members(app)) == 7


def test_twenty_joins_with_one_address_at_once_make_one_account_and_one_letter(app, monkeypatch):
    monkeypatch.setattr(passwords, "_PATIENCE", 60)  # a slow machine turns nobody away here
    spellings = ["nora@example.com", "Nora@Example.com", " NORA@example.com", "ｎora@example.com"]

    def join(number: int) -> str:
        with app.test_request_context(), transaction():
            joining.join(name=f"Nora {number}", email=spellings[number % 4], password=PASSWORD)
        return "joined"

    found = at_once(20, join)
    assert found.count("joined") == 1
    assert {type(error) for error in found if error != "joined"} == {joining.AddressTaken}
    assert len(_members(app)) == 1
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Letter)) == 1


def test_twenty_joins_through_the_page_at_once_make_one_account(app, browse):
    found = at_once(20, lambda _number: browse().post("/join", data=NORA).status_code)
    assert found.count(303) == 1
    assert set(found) <= {303, 409, 429}
    assert len(_members(app)) == 1
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Device)) == 1


def test_ten_people_of_one_name_join_at_once_and_each_gets_a_handle_of_their_own(app, monkeypatch):
    monkeypatch.setattr(passwords, "_PATIENCE", 60)  # a slow machine turns nobody away here

    def join(number: int) -> str:
        with app.test_request_context(), transaction():
            joining.join(name="Nora Novak", email=f"nora{number}@example.com", password=PASSWORD)
        return "joined"

    assert at_once(10, join) == ["joined"] * 10
    handles = {member.handle for member in _members(app)}
    assert len(handles) == 10
    assert all(handle.startswith("nora-novak") for handle in handles)


@pytest.mark.parametrize(
    ("name", "handle"),
    [
        ("Zoë Müller-Lüdenscheidt", "zoe-muller-ludenscheidt"),
        ("李小龙", "member"),
        ("O’Neill & Sons <script>", "oneill-sons-script"),
        ("x" * 80, "x" * 30),
        ("..a..", "a"),
    ],
)
def test_a_handle_is_made_of_the_name_and_is_fit_for_an_address(app, browse, name, handle):
    browse().post("/join", data=NORA | {"name": name})
    assert _members(app)[0].handle == handle


def test_joining_begins_a_new_session(browse):
    browser = browse()
    with browser.session_transaction() as session:
        session["planted"] = "by a stranger"
    browser.post("/join", data=NORA)
    with browser.session_transaction() as session:
        assert "planted" not in session


def test_a_join_that_fails_leaves_nothing_behind(app, browse, work_off, outbox, monkeypatch):
    from portal.accounts import confirming

    def broken(*_a, **_k):
        raise RuntimeError("the letter could not be written")

    monkeypatch.setattr(confirming.letters, "post", broken)
    assert browse().post("/join", data=NORA).status_code == 500
    assert _members(app) == []
    work_off()
    assert outbox == []


def test_nobody_joins_as_staff(app, browse):
    browse().post("/join", data=NORA | {"role": "owner", "confirmed_at": "2020-01-01", "id": "1"})
    (nora,) = _members(app)
    assert (nora.role, nora.is_confirmed) == (Role.MEMBER, False)


def test_one_network_address_cannot_make_accounts_or_ask_for_them_without_end(browse):
    with time_machine.travel(now(), tick=False):  # windows begin by the clock: none ends meanwhile
        statuses = [browse().post("/join", data=NORA).status_code for _ in range(22)]
    assert statuses == [303] + [409] * 19 + [429] * 2


def test_nora_is_told_everything_that_is_wrong_at_once(browse):
    page = browse().post("/join", data={"name": "", "email": "nora at example", "password": ""})
    assert page.status_code == 422
    for words in ("Tell us your name", "It should read like name@example.com.", "Choose a password."):
        assert page.text.count(words) == 2  # above the form, and beside its field
    page = browse().post("/join", data=NORA | {"email": "n" * 250 + "@example.com"})
    assert "An e-mail address has at most 254 characters." in page.text
    assert "It should read like" not in page.text


def test_nora_may_mistype_as_often_as_she_does_and_still_joins(browse):
    nora = browse()
    assert {nora.post("/join", data=NORA | {"password": "short"}).status_code for _ in range(22)} == {422}
    assert nora.post("/join", data=NORA).status_code == 303
