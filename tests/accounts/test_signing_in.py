"""Signing in and out, on one's own devices and nowhere else."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from portal.accounts.models import Device, Member
from portal.core.clock import now
from portal.core.db import db, transaction
from tests.make import PASSWORD


def _sign_in(client, who, password=PASSWORD, **more):
    return client.post("/sign-in", data={"email": who.email, "password": password} | more)


def _devices(app, who):
    with app.app_context():
        return db.session.scalars(select(Device).where(Device.member_id == who.id).order_by(Device.id)).all()


def test_alice_signs_in_with_her_password_and_signs_out(make, people, browse):
    make.password(people.alice)
    browser = browse()
    answer = _sign_in(browser, people.alice)
    assert (answer.status_code, answer.location) == (303, "/library")
    assert people.alice.name in browser.get("/account").text
    answer = browser.post("/sign-out")
    assert (answer.status_code, answer.location) == (303, "/")
    assert '"cache"' in answer.headers["Clear-Site-Data"]
    assert browser.get("/account").location.startswith("/sign-in")


def test_alice_may_type_her_address_in_capitals(make, people, browse):
    make.password(people.alice)
    answer = browse().post("/sign-in", data={"email": " ALICE@Example.com ", "password": PASSWORD})
    assert answer.status_code == 303


def test_known_and_unknown_addresses_get_the_same_answer(make, people, browse, app):
    make.password(people.alice)
    with app.app_context(), transaction():
        db.session.get_one(Member, people.lena.id).closed_at = now()
    answers = [
        browse().post("/sign-in", data={"email": email, "password": "not the right one"})
        for email in (people.alice.email, people.bob.email, people.lena.email, "nobody@example.com", "no address")
    ]
    assert {a.status_code for a in answers} == {422}
    words = {
        a.text.replace(email, "").replace(token, "")
        for a, email, token in (
            (a, email, _token_in(a.text))
            for a, email in zip(
                answers,
                (people.alice.email, people.bob.email, people.lena.email, "nobody@example.com", "no address"),
                strict=True,
            )
        )
    }
    assert len(words) == 1
    assert "do not belong together" in words.pop()


def _token_in(page: str) -> str:
    return page.split('name="csrf_token" type="hidden" value="')[1].split('"', maxsplit=1)[0]


def test_what_was_typed_stays_and_the_password_does_not(people, browse):
    page = browse().post("/sign-in", data={"email": "alice@example.com", "password": "wrong but private"}).text
    assert 'value="alice@example.com"' in page
    assert "wrong but private" not in page


def test_the_page_says_its_fields_to_password_managers(browse):
    page = browse().get("/sign-in").text
    assert 'autocomplete="username webauthn"' in page
    assert 'autocomplete="current-password"' in page


def test_signing_in_begins_a_new_session(make, people, browse):
    """Whatever a stranger put into the session before (session fixation) is gone."""
    make.password(people.alice)
    browser = browse()
    browser.get("/sign-in")
    with browser.session_transaction() as session:
        session["planted"] = "by a stranger"
        old_token = session.get("csrf_token")
    _sign_in(browser, people.alice)
    with browser.session_transaction() as session:
        assert "planted" not in session
        assert session.get("csrf_token") != old_token or old_token is None
        assert session.permanent


def test_each_sign_in_is_a_device_with_a_token_of_its_own(make, people, browse, app):
    make.password(people.alice)
    phone, laptop = browse(), browse()
    _sign_in(phone, people.alice)
    _sign_in(laptop, people.alice)
    first, second = _devices(app, people.alice)
    assert first.token_hash != second.token_hash
    with laptop.session_transaction() as session:
        assert session["_user_id"] not in {first.token_hash, second.token_hash}  # only the hash is kept


@pytest.mark.parametrize(
    ("user_agent", "label"),
    [
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:133.0) Gecko/20100101 Firefox/133.0", "Firefox on Windows"),
        (
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131 Safari/537.36",
            "Chrome on Linux",
        ),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/131.0 Safari/537.36 Edg/131.0", "Edge on Windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) Version/18.1 Mobile Safari/604.1", "Safari on iPhone"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/18.1 Safari/605.1.15", "Safari on Mac"),
        ("<script>alert(1)</script>", "A browser"),
        ("", "A browser"),
        ("x" * 5000, "A browser"),
    ],
)
def test_devices_are_named_so_that_people_recognise_them(make, people, browse, user_agent, label):
    make.password(people.alice)
    browser = browse()
    browser.post(
        "/sign-in", data={"email": people.alice.email, "password": PASSWORD}, headers={"User-Agent": user_agent}
    )
    page = browser.get("/account/security").text
    assert f"<strong>{label}</strong>" in page


def test_signing_in_anew_in_the_same_browser_leaves_no_open_device_behind(make, people, browse, app):
    make.password(people.alice)
    make.password(people.bob)
    browser = browse()
    _sign_in(browser, people.alice)
    _sign_in(browser, people.bob)
    assert people.bob.name in browser.get("/account").text
    (alices,) = _devices(app, people.alice)
    assert not alices.is_open


def test_a_device_that_alice_signs_out_is_a_visitors_at_its_next_request(people, browse, app):
    laptop, lost_phone = browse(people.alice), browse(people.alice)
    assert lost_phone.get("/account").status_code == 200
    phone = _devices(app, people.alice)[1]
    assert laptop.post(f"/account/devices/{phone.id}/end").status_code == 303
    assert lost_phone.get("/account").status_code == 303
    assert laptop.get("/account").status_code == 200


def test_alice_signs_out_everywhere_else_at_once(people, browse):
    here, there, elsewhere, bobs = browse(people.alice), browse(people.alice), browse(people.alice), browse(people.bob)
    here.post("/account/devices/end-others")
    assert here.get("/account").status_code == 200
    assert {b.get("/account").status_code for b in (there, elsewhere)} == {303}
    assert bobs.get("/account").status_code == 200


def test_bob_cannot_end_a_device_of_alice(people, browse, app):
    alices = browse(people.alice)
    device = _devices(app, people.alice)[0]
    assert browse(people.bob).post(f"/account/devices/{device.id}/end").status_code == 404
    assert alices.get("/account").status_code == 200


def test_signing_out_ends_the_row_so_that_a_copied_cookie_opens_nothing(people, browse):
    browser, thief = browse(people.alice), browse()
    with browser.session_transaction() as session:
        stolen = session["_user_id"]
    browser.post("/sign-out")
    with thief.session_transaction() as session:
        session["_user_id"], session["_fresh"] = stolen, True
    assert thief.get("/account").status_code == 303


def test_a_device_is_signed_out_after_a_month_unused_and_after_two_months_in_any_case(people, browse, clock):
    forgotten, daily = browse(people.alice), browse(people.alice)
    for _ in range(3):
        clock.shift(timedelta(days=15))
        assert daily.get("/account").status_code == 200
    assert forgotten.get("/account").status_code == 303
    clock.shift(timedelta(days=16))
    assert daily.get("/account").status_code == 303


def test_when_a_device_was_seen_is_noted_every_quarter_of_an_hour_and_no_oftener(
    people, browse, app, clock, count_queries
):
    browser = browse(people.alice)
    first = _devices(app, people.alice)[0].seen_at
    clock.shift(timedelta(minutes=5))
    with count_queries() as queries:
        browser.get("/account/mail")
    assert not [q for q in queries if q.startswith("UPDATE")]
    clock.shift(timedelta(minutes=11))
    browser.get("/account/mail")
    seen = _devices(app, people.alice)[0].seen_at
    assert seen > first + timedelta(minutes=15)
    with count_queries() as queries:
        browser.get("/account/mail")
    assert not [q for q in queries if q.startswith("UPDATE")]


def test_a_closed_account_opens_no_page(people, browse, app):
    browser = browse(people.alice)
    with app.app_context(), transaction():
        db.session.get_one(Member, people.alice.id).closed_at = now()
    assert browser.get("/account").status_code == 303


def test_whoever_is_signed_in_is_sent_on_from_the_sign_in_page(people, browse):
    answer = browse(people.alice).get("/sign-in?next=/rooms")
    assert (answer.status_code, answer.location) == (303, "/rooms")


STAYS_HOME = [
    ("/rooms", "/rooms"),
    ("/library?kind=tool&q=a%20b", "/library?kind=tool&q=a%20b"),
    ("", "/library"),
    ("https://evil.example", "/library"),
    ("//evil.example", "/library"),
    ("///evil.example", "/library"),
    ("/\\evil.example", "/library"),
    ("\\\\evil.example", "/library"),
    ("/\tevil.example", "/library"),
    ("/\n/evil.example", "/library"),
    ("\t//evil.example", "/library"),
    (" //evil.example", "/library"),
    ("javascript:alert(1)", "/library"),
    ("data:text/html,x", "/library"),
    ("http:evil.example", "/library"),
    ("@evil.example", "/library"),
    ("evil.example", "/library"),
    ("/x\r\nSet-Cookie: a=b", "/library"),
    ("/\u202e//evil", "/library"),
    ("/" + "a\x00b", "/library"),
]


@pytest.mark.parametrize(("wanted", "lands"), STAYS_HOME)
def test_next_leads_only_to_pages_of_ours(make, people, browse, wanted, lands):
    make.password(people.alice)
    assert _sign_in(browse(), people.alice, next=wanted).location == lands


@pytest.mark.parametrize(("wanted", "lands"), STAYS_HOME)
def test_next_in_the_address_leads_only_to_pages_of_ours_too(people, browse, wanted, lands):
    assert browse(people.alice).get("/sign-in", query_string={"next": wanted}).location == lands


def test_next_survives_the_gate_and_a_mistyped_password(make, people, browse):
    make.password(people.alice)
    browser = browse()
    gate = browser.get("/account/security?from=letter")
    page = browser.get(gate.location).text
    assert 'name="next" type="hidden" value="/account/security?from=letter"' in page
    page = _sign_in(browser, people.alice, "mistyped it", next="/account/security?from=letter").text
    assert 'name="next" type="hidden" value="/account/security?from=letter"' in page


def test_a_visitor_sent_from_a_plan_finds_the_way_to_join_with_it(browse):
    assert "/join?plan=annual" in browse().get("/sign-in?next=/join/annual").text


def test_alice_who_ends_the_device_in_her_hands_leaves_no_pages_behind(app, make, people, browse):
    make.password(people.alice)
    laptop = browse()
    _sign_in(laptop, people.alice)
    (device,) = _devices(app, people.alice)
    answer = laptop.post(f"/account/devices/{device.id}/end")
    assert (answer.status_code, answer.location) == (303, "/sign-in")
    assert '"cache"' in answer.headers["Clear-Site-Data"]


@pytest.mark.parametrize("number", ["0", "99999999999", "9" * 30])
def test_a_device_that_cannot_exist_is_not_found_rather_than_broken(people, browse, number):
    assert browse(people.alice).post(f"/account/devices/{number}/end").status_code == 404
