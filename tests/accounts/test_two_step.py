"""The second step: a code of the app once, a recovery code once, and nothing that leads around it."""

from __future__ import annotations

import re
from datetime import timedelta

import pyotp
import pytest
from sqlalchemy import select

from portal.accounts import attempts, steps, two_step
from portal.accounts.models import FRESH_FOR, Authenticator, Device, Member, RecoveryCode, SignInStep
from portal.core.audit import Record
from portal.core.clock import now
from portal.core.db import db, transaction
from portal.core.errors import TooMuch
from tests.make import PASSWORD, at_once

NEW = "pears and plums here"


@pytest.fixture
def alice(make, people):
    make.password(people.alice)
    return people.alice


def _code(secret: str, drift: int = 0) -> str:
    return pyotp.TOTP(secret).generate_otp(int(now().timestamp()) // two_step.SECONDS + drift)


def _as_a_code_begins(clock) -> None:
    """Half a minute in which no other code comes, for whoever counts them."""
    clock.move_to((int(now().timestamp()) // two_step.SECONDS + 1) * two_step.SECONDS)


def _sign_in(browser, who, password=PASSWORD, **more):
    return browser.post("/sign-in", data={"email": who.email, "password": password} | more)


def _second(browser, code, **more):
    return browser.post("/sign-in/second-step", data={"code": code} | more)


def _is_in(browser) -> bool:
    return browser.get("/account").status_code == 200


def _member(app, who) -> Member:
    with app.app_context():
        return db.session.get_one(Member, who.id)


def _secret(app, who) -> str:
    with app.app_context():
        return db.session.scalars(select(Authenticator.secret).where(Authenticator.member_id == who.id)).one()


def test_alice_sets_it_up_with_a_code_from_her_app_and_gets_ten_recovery_codes_once(app, alice, browse):
    laptop, phone = browse(alice), browse(alice)
    assert "Set it up" in laptop.get("/account/two-step").text
    assert laptop.post("/account/two-step/begin").location.startswith("/account/two-step?")
    page = laptop.get("/account/two-step").text
    secret = _secret(app, alice)
    assert " ".join(re.findall("....", secret)) in page
    assert re.search(r'<svg class="qr" viewBox="0 0 (\d+) \1"', page)
    assert not two_step_is_on(app, alice)
    answer = laptop.post("/account/two-step", data={"code": _code(secret)})
    codes = re.findall(r"<code>([a-z0-9-]{27})</code>", answer.text)
    assert len(set(codes)) == 10
    assert "no-store" in answer.headers["Cache-Control"]
    assert two_step_is_on(app, alice)
    page = laptop.get("/account/two-step").text
    assert not any(code in page for code in codes)
    assert secret not in page.replace(" ", "")
    assert not _is_in(phone)  # nobody was asked for a code there


def two_step_is_on(app, who) -> bool:
    with app.app_context():
        return two_step.is_on(db.session.get_one(Member, who.id))


def test_a_wrong_code_switches_nothing_on(app, alice, browse):
    laptop = browse(alice)
    laptop.post("/account/two-step/begin")
    for wrong in ("000000", "", "12345", "abcdef", "１２３４５６", "9" * 70):
        assert laptop.post("/account/two-step", data={"code": wrong}).status_code == 422
    assert not two_step_is_on(app, alice)
    assert _is_in(laptop)


def test_a_code_without_a_beginning_leads_to_the_beginning(alice, browse):
    answer = browse(alice).post("/account/two-step", data={"code": "123456"})
    assert (answer.status_code, answer.location) == (303, "/account/two-step?next=/account/security")


def test_setting_up_a_second_app_over_a_first_is_refused(make, alice, browse):
    make.second_factor(alice)
    assert browse(alice).post("/account/two-step/begin").status_code == 409


def test_the_password_alone_opens_nothing_any_more(make, alice, browse):
    secret, _codes = make.second_factor(alice)
    browser = browse()
    answer = _sign_in(browser, alice, next="/rooms")
    assert (answer.status_code, answer.location) == (303, "/sign-in/second-step?next=/rooms")
    assert not _is_in(browser)
    assert 'autocomplete="one-time-code"' in browser.get(answer.location).text
    answer = _second(browser, _code(secret), next="/rooms")
    assert (answer.status_code, answer.location) == (303, "/rooms")
    assert _is_in(browser)


def test_a_code_is_good_a_half_minute_early_or_late_and_no_longer(make, alice, browse, clock):
    _as_a_code_begins(clock)
    secret, _codes = make.second_factor(alice)
    for drift, good in ((-2, False), (2, False), (-1, True), (0, True), (1, True)):
        browser = browse()
        _sign_in(browser, alice)
        assert (_second(browser, _code(secret, drift)).status_code == 303) is good, drift


def test_a_code_that_was_used_is_refused_and_so_is_every_older_one(make, alice, browse, clock):
    """Whoever saw it typed, or has it from a page that looked like ours, is too late (RFC 6238, 5.2)."""
    _as_a_code_begins(clock)
    secret, _codes = make.second_factor(alice)
    code, older = _code(secret), _code(secret, -1)
    first, second = browse(), browse()
    for browser in (first, second):
        _sign_in(browser, alice)
    assert _second(first, f" {code[:3]} {code[3:]} ").status_code == 303
    for used in (code, older):
        answer = _second(second, used)
        assert answer.status_code == 422
        assert "used before" in answer.text
    assert not _is_in(second)


@pytest.mark.parametrize("kind", ["code of the app", "recovery code"])
def test_of_twenty_uses_of_one_code_at_once_one_gets_in(app, make, alice, kind):
    secret, codes = make.second_factor(alice)
    code = _code(secret) if kind == "code of the app" else codes[0]

    def prove(_number: int) -> str:
        with app.app_context(), transaction():
            member = db.session.get_one(Member, alice.id)
            plain = code.casefold()
            found = two_step.authenticator_of(member)
            right = two_step._is_right(found, plain) or two_step._spend(member, plain)
            return "in" if right else "refused"

    assert sorted(at_once(20, prove)) == ["in"] + ["refused"] * 19


def test_twenty_browsers_with_one_recovery_code_are_one_sign_in(app, make, alice, browse, monkeypatch):
    monkeypatch.setattr(attempts, "PER_ACCOUNT", 100)
    monkeypatch.setattr(attempts, "PER_SECOND", 100)
    _secret_of_hers, codes = make.second_factor(alice)
    browsers = [browse() for _ in range(20)]
    for browser in browsers:
        _sign_in(browser, alice)
    found = at_once(20, lambda number: _second(browsers[number], codes[0]).status_code)
    assert sorted(found) == [303] + [422] * 19
    assert sum(_is_in(browser) for browser in browsers) == 1


def test_a_recovery_code_works_once_however_it_is_typed_and_alice_is_told(app, make, alice, browse, work_off, outbox):
    _secret_of_hers, codes = make.second_factor(alice)
    browser = browse()
    _sign_in(browser, alice)
    assert _second(browser, f" {codes[3].upper()} ").status_code == 303
    again = browse()
    _sign_in(again, alice)
    assert _second(again, codes[3].replace("-", "")).status_code == 422
    work_off()
    (letter,) = [m for m in outbox if "recovery code" in m.subject]
    assert "9 are left" in letter.body
    assert codes[3] not in letter.body


def test_recovery_codes_of_bobs_do_not_open_alices_account(make, alice, people, browse):
    make.second_factor(alice)
    _secret_of_his, codes = make.second_factor(people.bob)
    browser = browse()
    _sign_in(browser, alice)
    assert _second(browser, codes[0]).status_code == 422


def test_new_recovery_codes_replace_the_old_ones(app, make, alice, browse):
    _secret_of_hers, codes = make.second_factor(alice)
    page = browse(alice).post("/account/two-step/codes").text
    fresh = re.findall(r"<code>([a-z0-9-]{27})</code>", page)
    assert len(fresh) == 10
    assert not set(fresh) & set(codes)
    browser = browse()
    _sign_in(browser, alice)
    assert _second(browser, codes[0]).status_code == 422
    assert _second(browser, fresh[0]).status_code == 303


def test_only_hashes_of_recovery_codes_are_kept(app, make, alice):
    _secret_of_hers, codes = make.second_factor(alice)
    with app.app_context():
        kept = db.session.scalars(select(RecoveryCode.code_hash)).all()
    assert len(kept) == 10
    assert all(len(hash_) == 64 for hash_ in kept)
    assert not set(kept) & {code for typed in codes for code in (typed, typed.replace("-", ""))}


def test_after_five_tries_one_begins_again_and_after_ten_one_waits(make, alice, browse, clock):
    secret, _codes = make.second_factor(alice)
    for _ in range(2):
        browser = browse()
        _sign_in(browser, alice)
        for _try in range(steps.TRIES):
            assert _second(browser, "000000").status_code == 422
        assert _second(browser, _code(secret)).location.startswith("/sign-in?")
        assert not _is_in(browser)
    browser = browse()
    _sign_in(browser, alice)
    answer = _second(browser, _code(secret))
    assert answer.status_code == 429
    assert "Retry-After" in answer.headers
    clock.shift(attempts.SECOND_WINDOW + timedelta(seconds=1))
    _sign_in(browser, alice)
    assert _second(browser, _code(secret)).status_code == 303


def test_codes_guessed_all_at_once_are_no_more_than_one_after_the_other(app, alice):
    def begin(_number: int) -> str:
        with app.app_context():
            attempts.begin_second(alice.id)
        return "let through"

    found = at_once(20, begin)
    assert found.count("let through") == attempts.PER_SECOND
    assert sum(isinstance(error, TooMuch) for error in found) == 20 - attempts.PER_SECOND


def test_a_stranger_without_the_password_cannot_use_up_alices_second_step(make, alice, browse):
    secret, _codes = make.second_factor(alice)
    for number in range(30):
        stranger = browse()
        stranger.post("/sign-in/second-step", data={"code": f"{number:06}"})
    browser = browse()
    _sign_in(browser, alice)
    assert _second(browser, _code(secret)).status_code == 303


def test_the_second_step_belongs_to_the_browser_that_did_the_first(make, alice, browse):
    secret, _codes = make.second_factor(alice)
    _sign_in(browse(), alice)
    stranger = browse()
    answer = _second(stranger, _code(secret))
    assert answer.location.startswith("/sign-in?")
    assert not _is_in(stranger)


def test_the_first_step_is_forgotten_after_ten_minutes(make, alice, browse, clock):
    secret, _codes = make.second_factor(alice)
    browser = browse()
    _sign_in(browser, alice)
    clock.shift(steps.LASTS + timedelta(seconds=1))
    assert _second(browser, _code(secret)).location.startswith("/sign-in?")
    assert browser.get("/sign-in/second-step").location.startswith("/sign-in?")


def test_a_new_password_ends_what_was_begun_with_the_old_one(make, alice, browse):
    secret, _codes = make.second_factor(alice)
    thief = browse()
    _sign_in(thief, alice)
    owner = browse()
    owner.post(f"/password/reset/{make.link(alice)}", data={"password": NEW})
    assert _second(thief, _code(secret)).location.startswith("/sign-in?")
    assert not _is_in(thief)


def test_a_closed_account_takes_no_second_step(app, make, alice, browse):
    secret, _codes = make.second_factor(alice)
    browser = browse()
    _sign_in(browser, alice)
    with app.app_context(), transaction():
        db.session.get_one(Member, alice.id).closed_at = now()
    assert _second(browser, _code(secret)).location.startswith("/sign-in?")


def test_a_mailed_reset_needs_the_second_step_too(make, alice, browse):
    secret, _codes = make.second_factor(alice)
    browser = browse()
    answer = browser.post(f"/password/reset/{make.link(alice)}", data={"password": NEW})
    assert answer.location == "/sign-in/second-step?next=/account/security"
    assert not _is_in(browser)
    assert _second(browser, _code(secret)).status_code == 303
    assert _is_in(browser)


def test_steps_of_yesterday_are_swept_away(app, make, alice, browse, clock):
    make.second_factor(alice)
    _sign_in(browse(), alice)
    clock.shift(timedelta(days=2))
    with app.app_context():
        steps.sweep()
        assert db.session.scalars(select(SignInStep)).all() == []


def test_turning_it_off_needs_a_code_again_and_not_only_the_password(app, make, alice, browse, clock):
    secret, _codes = make.second_factor(alice)
    laptop = browse(alice)
    clock.shift(FRESH_FOR + timedelta(seconds=1))
    assert laptop.post("/account/two-step/off").location.startswith("/sign-in/again")
    assert laptop.post("/account/two-step/codes").location.startswith("/sign-in/again")
    assert laptop.get("/account/two-step").location.startswith("/sign-in/again")
    laptop.post("/sign-in/again", data={"password": PASSWORD})
    laptop.post("/account/security", data={"present": PASSWORD, "new": NEW})  # knowing it makes nothing fresh
    assert laptop.post("/account/two-step/off").location.startswith("/sign-in/again")
    assert two_step_is_on(app, alice)
    assert laptop.post("/sign-in/again", data={"code": "000000"}).status_code == 422
    assert laptop.post("/sign-in/again", data={"code": _code(secret)}).status_code == 303
    assert laptop.post("/account/two-step/off").location == "/account/security"
    assert not two_step_is_on(app, alice)
    assert _sign_in(browse(), alice, NEW).location == "/library"


def test_alice_is_told_of_every_change_and_the_log_has_a_line_for_each(app, make, alice, browse, work_off, outbox):
    laptop = browse(alice)
    laptop.post("/account/two-step/begin")
    laptop.post("/account/two-step", data={"code": _code(_secret(app, alice))})
    laptop.post("/account/two-step/codes")
    laptop.post("/account/two-step/off")
    work_off()
    assert [m.subject for m in outbox] == [
        "Two-step sign-in is on (Practice Freedom)",
        "You have new recovery codes (Practice Freedom)",
        "Two-step sign-in is off (Practice Freedom)",
    ]
    with app.app_context():
        lines = db.session.scalars(select(Record).order_by(Record.id)).all()
        assert [(line.action, line.by_id) for line in lines] == [
            ("two_step.on", alice.id),
            ("recovery_codes.renewed", alice.id),
            ("two_step.off", alice.id),
        ]


# Remembering a browser


def test_a_remembered_browser_is_not_asked_for_thirty_days(make, alice, people, browse, clock):
    secret, _codes = make.second_factor(alice)
    browser = browse()
    _sign_in(browser, alice)
    _second(browser, _code(secret), trust="y")
    assert "Remembered" in browser.get("/account/security").text
    browser.post("/sign-out")
    assert _sign_in(browser, alice).location == "/library"
    browser.post("/sign-out")
    clock.shift(timedelta(days=30, seconds=1))
    assert _sign_in(browser, alice).location.startswith("/sign-in/second-step")


def test_a_browser_is_remembered_only_when_asked_to_and_only_for_its_member(make, alice, people, browse):
    secret, _codes = make.second_factor(alice)
    make.second_factor(people.bob)
    make.password(people.bob)
    browser = browse()
    _sign_in(browser, alice)
    _second(browser, _code(secret))
    browser.post("/sign-out")
    assert _sign_in(browser, alice).location.startswith("/sign-in/second-step")
    _second(browser, _code(secret, 1), trust="y")
    browser.post("/sign-out")
    assert _sign_in(browser, people.bob).location.startswith("/sign-in/second-step")
    assert _sign_in(browse(), alice).location.startswith("/sign-in/second-step")


@pytest.mark.parametrize("how", ["the device", "all others", "a new password", "turning it off and on"])
def test_what_ends_a_device_ends_its_being_remembered(app, make, alice, browse, how):
    secret, _codes = make.second_factor(alice)
    browser, elsewhere = browse(), browse(alice)
    _sign_in(browser, alice)
    _second(browser, _code(secret), trust="y")
    password = PASSWORD
    if how == "the device":
        with app.app_context():
            device = db.session.scalars(select(Device).order_by(Device.id.desc())).first()
        elsewhere.post(f"/account/devices/{device.id}/end")
    elif how == "all others":
        elsewhere.post("/account/devices/end-others")
    elif how == "a new password":
        elsewhere.post("/account/security", data={"present": PASSWORD, "new": NEW})
        password = NEW
    else:
        elsewhere.post("/account/two-step/off")
        make.second_factor(alice)
    browser.post("/sign-out")
    assert _sign_in(browser, alice, password).location.startswith("/sign-in/second-step")


def test_signing_in_at_a_remembered_browser_is_not_fresh_enough_to_turn_it_off(make, alice, browse):
    secret, _codes = make.second_factor(alice)
    browser = browse()
    _sign_in(browser, alice)
    _second(browser, _code(secret), trust="y")
    browser.post("/sign-out")
    _sign_in(browser, alice)
    assert browser.post("/account/two-step/off").location.startswith("/sign-in/again")


# Staff


@pytest.mark.parametrize(("who", "closed"), [("mo", "/moderation"), ("cory", "/desk"), ("olga", "/desk/components")])
def test_staff_are_led_to_set_it_up_before_their_pages_open(app, make, people, browse, who, closed):
    staff = getattr(people, who)
    make.password(staff)
    browser = browse()
    assert _sign_in(browser, staff, next=closed).location == f"/account/two-step?next={closed}"
    assert browser.get("/library").status_code == 200  # what is for members is open
    answer = browser.get(closed)
    assert (answer.status_code, answer.location) == (303, f"/account/two-step?next={closed}")
    browser.post("/account/two-step/begin", data={"next": closed})
    kept = browser.post("/account/two-step", data={"code": _code(_secret(app, staff)), "next": closed}).text
    assert f'href="{closed}"' in kept
    assert browser.get(closed).status_code == 200


def test_no_form_for_staff_is_open_to_a_sign_in_without_it(app, make, people, browse):
    thread = make.thread(by=people.alice)
    make.password(people.mo)
    browser = browse()
    _sign_in(browser, people.mo)
    answer = browser.post(f"/threads/{thread.id}/rulings", data={"ruling": "locked", "because": "spam"})
    assert (answer.status_code, answer.location) == (303, "/account/two-step")


def test_a_sign_in_from_before_the_second_step_has_to_show_it_before_staff_pages(app, make, people, browse):
    make.password(people.cory)
    browser = browse()
    _sign_in(browser, people.cory)
    secret, _codes = make.second_factor(people.cory)
    assert browser.get("/desk").location == "/sign-in/again?next=/desk"
    assert browser.get("/sign-in/again").status_code == 200  # fresh, and yet not enough
    assert browser.post("/sign-in/again", data={"code": _code(secret), "next": "/desk"}).location == "/desk"
    assert browser.get("/desk").status_code == 200


def test_members_are_offered_it_and_not_asked(make, alice, browse):
    browser = browse()
    assert _sign_in(browser, alice).location == "/library"
    assert "Set it up" in browser.get("/account/security").text


def test_the_demo_lets_its_staff_in_with_what_is_printed(app, make, people, browse, monkeypatch):
    monkeypatch.setitem(app.config, "STAFF_SECOND_FACTOR", False)
    make.password(people.cory)
    browser = browse()
    assert _sign_in(browser, people.cory, next="/desk").location == "/desk"
    assert browser.get("/desk").status_code == 200


def test_an_owner_who_lost_everything_is_helped_on_the_command_line(app, make, people, browse, work_off, outbox):
    make.second_factor(people.olga)
    done = app.test_cli_runner().invoke(args=["accounts", "forget-second-factor", people.olga.email])
    assert "Signing in asks for no code" in done.output
    assert not two_step_is_on(app, people.olga)
    with app.app_context():
        line = db.session.scalars(select(Record).where(Record.action == "two_step.off")).one()
        assert (line.by_id, line.ref_id) == (None, people.olga.id)
    work_off()
    assert outbox[-1].subject.startswith("Two-step sign-in is off")
    again = app.test_cli_runner().invoke(args=["accounts", "forget-second-factor", people.olga.email])
    assert "nothing was changed" in again.output
    assert app.test_cli_runner().invoke(args=["accounts", "forget-second-factor", "no@example.com"]).exit_code == 1
