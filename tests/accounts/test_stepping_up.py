"""What matters most asks for a fresh sign-in, and nothing but one opens it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from portal.accounts import attempts
from portal.accounts.models import FRESH_FOR, Device
from portal.accounts.stepping_up import SignedOutMeanwhile, needs_fresh_sign_in, renew
from portal.core.clock import now
from portal.core.db import db, transaction
from tests.make import PASSWORD, at_once

PROFILE = {"name": "Alice Again", "practice": "", "title": "", "bio": "", "time_zone": ""}
ASKED = "/sign-in/again?next=/account/profile"


@pytest.fixture(autouse=True)
def guarded(app, monkeypatch):
    """For these tests the profile, and a form without a page, are behind the question."""
    for endpoint in ("practices.profile", "accounts.end_other_devices"):
        monkeypatch.setitem(app.view_functions, endpoint, needs_fresh_sign_in(app.view_functions[endpoint]))


@pytest.fixture
def alice(make, people):
    make.password(people.alice)
    return people.alice


def _devices(app, who) -> list[Device]:
    with app.app_context():
        return list(db.session.scalars(select(Device).where(Device.member_id == who.id).order_by(Device.id)))


def _again(browser, password=PASSWORD, **more):
    return browser.post("/sign-in/again", data={"password": password, "next": "/account/profile"} | more)


def test_a_quarter_of_an_hour_after_signing_in_alice_is_asked_once_and_comes_back(alice, browse, clock):
    laptop = browse(alice)
    assert laptop.get("/account/profile").status_code == 200
    clock.shift(FRESH_FOR + timedelta(seconds=1))
    asked = laptop.get("/account/profile?from=letter")
    assert (asked.status_code, asked.location) == (303, "/sign-in/again?next=/account/profile?from%3Dletter")
    assert 'value="/account/profile?from=letter"' in laptop.get(asked.location).text
    answer = _again(laptop, next="/account/profile?from=letter")
    assert (answer.status_code, answer.location) == (303, "/account/profile?from=letter")
    assert laptop.get("/account/profile").status_code == 200
    clock.shift(FRESH_FOR + timedelta(seconds=1))
    assert laptop.get("/account/profile").location == ASKED


def test_a_form_that_is_sent_too_late_changes_nothing_and_leads_back_to_its_page(alice, browse, clock):
    laptop = browse(alice)
    clock.shift(FRESH_FOR + timedelta(seconds=1))
    page = {"Referer": "http://localhost/account/profile?part=name"}
    answer = laptop.post("/account/profile", data=PROFILE, headers=page)
    assert (answer.status_code, answer.location) == (303, "/sign-in/again?next=/account/profile?part%3Dname")
    assert "Alice Again" not in laptop.get("/account").text


@pytest.mark.parametrize(
    "referrer",
    ["", "https://evil.example/account/profile", "http://localhost.evil.example/x", "http://localhost//evil.example/"],
)
def test_the_way_back_from_a_form_is_never_another_site(alice, browse, clock, referrer):
    laptop = browse(alice)
    clock.shift(FRESH_FOR + timedelta(seconds=1))
    answer = laptop.post("/account/profile", data=PROFILE, headers={"Referer": referrer})
    assert answer.location == ASKED
    answer = laptop.post("/account/devices/end-others", headers={"Referer": referrer})
    assert answer.location == "/sign-in/again?next=/account"  # no page is there to come back to


@pytest.mark.parametrize("wanted", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)"])
def test_next_leads_only_to_pages_of_ours(alice, browse, clock, wanted):
    laptop = browse(alice)
    clock.shift(FRESH_FOR + timedelta(seconds=1))
    assert _again(laptop, next=wanted).location == "/account/security"


def test_asking_again_does_not_lead_round_in_circles(alice, browse):
    assert browse(alice).get("/sign-in/again?next=/sign-in/again?next=/account").location == "/account/security"


def test_the_session_has_a_new_token_afterwards_and_the_old_one_is_a_strangers(app, alice, browse, clock):
    laptop, copied = browse(alice), browse()
    with laptop.session_transaction() as session:
        before = dict(session)
    with copied.session_transaction() as session:
        session.update(before)
    assert copied.get("/account").status_code == 200
    clock.shift(FRESH_FOR + timedelta(seconds=1))
    _again(laptop)
    with laptop.session_transaction() as session:
        assert session["_user_id"] != before["_user_id"]
    assert copied.get("/account").location.startswith("/sign-in")
    assert laptop.get("/account").status_code == 200
    assert len(_devices(app, alice)) == 1  # the same device goes on


def test_nothing_but_a_proof_makes_a_sign_in_fresh(app, alice, browse, clock):
    """Neither coming back, nor the page that asks, nor a wrong, empty, or somebody else's password."""
    laptop = browse(alice)
    clock.shift(FRESH_FOR + timedelta(seconds=1))
    before = _devices(app, alice)[0].fresh_at
    laptop.get("/account")
    laptop.get("/sign-in/again")
    laptop.get("/sign-in")
    laptop.post("/sign-in/again", data={"fresh_at": now().isoformat(), "next": "/account/profile"})
    for wrong in ("", "a wrong guess", " ", "x" * 500):
        assert _again(laptop, wrong).status_code == 422
    assert laptop.post("/sign-in/again", json={"password": {"$ne": ""}}).status_code == 400
    assert _devices(app, alice)[0].fresh_at == before
    assert laptop.get("/account/profile").location == ASKED


def test_bobs_proof_in_his_browser_makes_alices_no_fresher(app, make, alice, people, browse, clock):
    make.password(people.bob, "a password of his own")
    laptop, bobs = browse(alice), browse(people.bob)
    clock.shift(FRESH_FOR + timedelta(seconds=1))
    assert _again(bobs, "a password of his own").status_code == 303
    assert laptop.get("/account/profile").location == ASKED
    assert _again(laptop, "a password of his own").status_code == 422


def test_one_browser_of_alices_does_not_make_her_other_one_fresh(alice, browse, clock):
    laptop, phone = browse(alice), browse(alice)
    clock.shift(FRESH_FOR + timedelta(seconds=1))
    _again(laptop)
    assert phone.get("/account/profile").location == ASKED


def test_guessing_at_an_open_laptop_is_limited(alice, browse, clock):
    laptop = browse(alice)
    clock.shift(FRESH_FOR + timedelta(seconds=1))
    for _ in range(attempts.PER_ACCOUNT):
        assert _again(laptop, "a wrong guess").status_code == 422
    answer = _again(laptop)
    assert answer.status_code == 429
    assert "Retry-After" in answer.headers


def test_a_device_that_was_ended_meanwhile_is_not_brought_back_by_a_proof(app, alice, browse):
    browse(alice)
    (device,) = _devices(app, alice)
    with app.app_context(), transaction():
        db.session.get_one(Device, device.id).ended_at = now()
    with app.app_context(), transaction(), pytest.raises(SignedOutMeanwhile):
        renew(device)


def test_of_twenty_proofs_at_once_one_renews_the_session(app, alice, browse):
    browse(alice)
    (device,) = _devices(app, alice)

    def prove(_number: int) -> str:
        with app.app_context(), transaction():
            return renew(device)

    found = at_once(20, prove)
    assert sum(isinstance(token, str) for token in found) == 1
    assert sum(isinstance(error, SignedOutMeanwhile) for error in found) == 19


def test_the_page_that_asks_is_kept_by_nobody_and_says_its_fields_to_password_managers(alice, browse, clock):
    laptop = browse(alice)
    clock.shift(FRESH_FOR + timedelta(seconds=1))
    page = laptop.get("/sign-in/again")
    assert "no-store" in page.headers["Cache-Control"]
    assert 'autocomplete="current-password"' in page.text
    assert 'autocomplete="username"' in page.text
