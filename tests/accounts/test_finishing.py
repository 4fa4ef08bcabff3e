"""However a sign-in began it ends the same way: a new session, and a letter when the browser is new."""

from __future__ import annotations

import pytest

from tests.make import PASSWORD

FIREFOX = {"User-Agent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:133.0) Gecko/20100101 Firefox/133.0"}


def _sign_in(browser, who, **more):
    return browser.post("/sign-in", data={"email": who.email, "password": PASSWORD}, **more)


@pytest.fixture
def alice(make, people):
    make.password(people.alice)
    return people.alice


def _told(outbox) -> list:
    return [m for m in outbox if "new browser" in m.subject]


def test_alice_is_told_of_a_sign_in_with_a_new_browser_once(alice, browse, work_off, outbox):
    browser = browse()
    for _ in range(3):
        _sign_in(browser, alice, headers=FIREFOX)
        browser.post("/sign-out")
    work_off()
    (letter,) = _told(outbox)
    assert letter.recipients == [alice.email]
    assert "Firefox on Windows" in letter.body
    assert "(Central" in letter.body
    _sign_in(browse(), alice)
    work_off()
    assert len(_told(outbox)) == 2


def test_a_browser_alice_knows_is_new_to_bob(make, alice, people, browse, work_off, outbox):
    make.password(people.bob)
    browser = browse()
    _sign_in(browser, alice)
    _sign_in(browser, people.bob)
    work_off()
    assert [m.recipients for m in _told(outbox)] == [[alice.email], [people.bob.email]]


def test_a_device_that_was_ended_counts_as_new_again(app, alice, browse, work_off, outbox):
    browser, elsewhere = browse(), browse(alice)
    _sign_in(browser, alice)
    page = elsewhere.get("/account/security").text
    device = page.split("/account/devices/")[1].split("/")[0]
    elsewhere.post(f"/account/devices/{device}/end")
    _sign_in(browser, alice)
    work_off()
    assert len(_told(outbox)) == 2


def test_neither_joining_nor_a_reset_sends_a_second_letter(make, people, browse, work_off, outbox):
    browse().post("/join", data={"name": "Nora Lind", "email": "nora@example.com", "password": PASSWORD, "plan": ""})
    browse().post(f"/password/reset/{make.link(people.bob)}", data={"password": "pears and plums here"})
    work_off()
    assert len(outbox) == 2
    assert _told(outbox) == []


def test_the_cookie_of_a_browser_is_for_the_server_alone_and_opens_nothing(alice, browse):
    browser = browse()
    answer = _sign_in(browser, alice)
    cookie = next(c for c in answer.headers.getlist("Set-Cookie") if c.startswith("browser="))
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    stranger = browse()
    stranger.set_cookie("browser", browser.get_cookie("browser").value)
    assert stranger.get("/account").location.startswith("/sign-in")


@pytest.mark.parametrize("value", ["", "x" * 3000, "é", "'; DROP TABLE member; --"])
def test_a_made_up_cookie_is_a_new_browser(alice, browse, value):
    browser = browse()
    browser.set_cookie("browser", value)
    assert _sign_in(browser, alice).status_code == 303


def test_a_session_that_a_stranger_prepared_is_worth_nothing_after_any_step(make, alice, browse):
    """Session fixation: what stood in the cookie before is gone, and the token is a new one."""
    browser = browse()
    with browser.session_transaction() as session:
        session["planted"] = "by a stranger"
        session["_user_id"] = "a token of the stranger's choice"
    _sign_in(browser, alice)
    with browser.session_transaction() as session:
        assert "planted" not in session
        assert session["_user_id"] != "a token of the stranger's choice"
