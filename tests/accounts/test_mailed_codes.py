"""Signing in by mailbox: the code in the browser that asked, the link in any other, each once and for ten minutes."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy import delete, select

from portal.accounts import attempts, mailed_codes, steps, two_step
from portal.accounts.models import FRESH_FOR, Member, SignInStep
from portal.core.clock import now
from portal.core.db import db, transaction
from portal.core.jobs import Job
from tests.make import PASSWORD, at_once


@pytest.fixture
def letter_to(work_off, outbox):
    """The code and the link in the latest letter to somebody."""

    def read(who) -> tuple[str, str]:
        work_off()
        letter = [m for m in outbox if m.recipients == [who.email] and "is your code" in m.subject][-1]
        code = re.search(r"^(\d{4} \d{4})$", letter.body, re.MULTILINE)[1]
        assert letter.subject.startswith(code)
        link = re.search(r"http://localhost(/sign-in/link/pfl_[\w-]{43})", letter.body)
        return code, link[1] if link else ""

    return read


def _ask(browser, email, **more):
    return browser.post("/sign-in/codes", data={"email": email} | more)


def _enter(browser, code, **more):
    return browser.post("/sign-in/code", data={"code": code} | more)


def _is_in(browser) -> bool:
    return browser.get("/account").status_code == 200


def test_alice_signs_in_with_a_mailed_code_and_comes_where_she_wanted(people, browse, letter_to):
    browser = browse()
    answer = _ask(browser, " ALICE@example.com ", next="/rooms")
    assert (answer.status_code, answer.location) == (303, "/sign-in/code?next=/rooms")
    page = browser.get(answer.location).text
    assert 'autocomplete="one-time-code"' in page
    assert 'value="/rooms"' in page
    code, _link = letter_to(people.alice)
    answer = _enter(browser, code, next="/rooms")
    assert (answer.status_code, answer.location) == (303, "/rooms")
    assert _is_in(browser)


def test_a_code_is_written_also_where_a_step_that_was_swept_away_had_the_same_number(
    app, people, browse, letter_to, outbox
):
    """SQLite numbers the next row as the last one that was deleted; a key made of the number alone would come twice."""
    for _ in range(2):
        browser = browse()
        _ask(browser, people.alice.email)
        code, _link = letter_to(people.alice)
        assert _enter(browser, code).status_code == 303
        with app.app_context(), transaction():
            db.session.execute(delete(SignInStep))
    assert len([letter for letter in outbox if "is your code" in letter.subject]) == 2


def test_the_sign_in_page_asks_for_one_address_and_offers_both_ways(browse):
    page = browse().get("/sign-in").text
    assert page.count('type="email"') == 1
    assert 'autocomplete="username webauthn"' in page
    assert 'formaction="/sign-in/codes"' in page


def test_the_code_works_only_in_the_browser_that_asked_and_the_link_in_any(people, browse, letter_to):
    asked, other = browse(), browse()
    _ask(asked, people.alice.email)
    code, link = letter_to(people.alice)
    assert _enter(other, code).location.startswith("/sign-in?")
    assert not _is_in(other)
    assert "alice@example.com" in other.get(link).text
    assert other.post(link).status_code == 303
    assert _is_in(other)


def test_a_code_asked_for_by_another_browser_does_not_fit_here(people, browse, letter_to):
    """Bob asks as well, in the same minute; each code belongs to its own asking."""
    hers, his = browse(), browse()
    _ask(hers, people.alice.email)
    _ask(his, people.alice.email)
    code, _link = letter_to(people.alice)  # of the asking that came last
    assert _enter(hers, code).status_code == 422
    assert _enter(his, code).status_code == 303


def test_a_code_works_once_and_takes_its_link_along(people, browse, letter_to):
    browser = browse()
    _ask(browser, people.alice.email)
    code, link = letter_to(people.alice)
    with browser.session_transaction() as session:
        begun = dict(session)
    assert _enter(browser, code).status_code == 303
    copied = browse()
    with copied.session_transaction() as session:
        session.update(begun)
    assert _enter(copied, code).location.startswith("/sign-in?")
    assert not _is_in(copied)
    assert browse().get(link).status_code == 410


def test_a_link_that_was_used_takes_its_code_along(people, browse, letter_to):
    browser = browse()
    _ask(browser, people.alice.email)
    code, link = letter_to(people.alice)
    browse().post(link)
    assert _enter(browser, code).location.startswith("/sign-in?")


def test_twenty_parallel_uses_of_a_code_are_one_sign_in(app, people, browse, letter_to, monkeypatch):
    monkeypatch.setattr(steps, "TRIES", 100)
    asked = browse()
    _ask(asked, people.alice.email)
    code, _link = letter_to(people.alice)
    with asked.session_transaction() as session:
        begun = dict(session)
    browsers = [browse() for _ in range(20)]
    for browser in browsers:
        with browser.session_transaction() as session:
            session.update(begun)
    found = at_once(20, lambda number: _enter(browsers[number], code).location)
    assert sorted(str(f).startswith("/library") for f in found) == [False] * 19 + [True]
    assert sum(_is_in(browser) for browser in browsers) == 1


def test_after_five_wrong_codes_the_right_one_is_worth_nothing_and_one_asks_anew(people, browse, letter_to):
    browser = browse()
    _ask(browser, people.alice.email)
    code, _link = letter_to(people.alice)
    for wrong in ("00000000", "1", "abc", "１２３４５６７８", "0" * 60):
        assert _enter(browser, wrong).status_code == 422
    assert _enter(browser, code).location.startswith("/sign-in?")
    _ask(browser, people.alice.email)
    code, _link = letter_to(people.alice)
    assert _enter(browser, code).status_code == 303


def test_guesses_sent_all_at_once_are_no_more_than_five(app, people, browse, letter_to):
    browser = browse()
    _ask(browser, people.alice.email)
    letter_to(people.alice)
    with app.app_context():
        step = db.session.scalars(select(SignInStep)).one()

    def guess(_number: int) -> str:
        with app.app_context():
            steps.count_try(step)
        return "looked at"

    assert at_once(20, guess).count("looked at") == steps.TRIES


def test_code_and_link_run_out_after_ten_minutes(people, browse, letter_to, clock):
    browser = browse()
    _ask(browser, people.alice.email)
    code, link = letter_to(people.alice)
    clock.shift(timedelta(minutes=10, seconds=1))
    assert _enter(browser, code).location.startswith("/sign-in?")
    assert browse().get(link).status_code == 410


def test_a_code_for_proving_it_again_does_not_sign_in_and_the_other_way_round(people, browse, letter_to, clock):
    laptop = browse(people.alice)
    clock.shift(FRESH_FOR + timedelta(seconds=1))
    laptop.post("/sign-in/again/codes", data={"next": "/account/two-step"})
    code, link = letter_to(people.alice)
    assert link == ""  # somebody signed in needs no link
    assert _enter(laptop, code).location.startswith("/sign-in?")
    _ask(laptop, people.alice.email)
    other_code, _link = letter_to(people.alice)
    assert laptop.post("/sign-in/again/code", data={"code": other_code}).status_code == 422
    assert laptop.get("/account/two-step").location.startswith("/sign-in/again")
    answer = laptop.post("/sign-in/again/code", data={"code": code, "next": "/account/two-step"})
    assert answer.location == "/account/two-step"
    assert laptop.get("/account/two-step").status_code == 200


def test_a_code_begun_as_bob_does_not_prove_alice(people, browse, letter_to, clock):
    """Both use one browser: what Bob began there is worth nothing once Alice is signed in."""
    browser = browse(people.bob)
    browser.post("/sign-in/again/codes")
    code, _link = letter_to(people.bob)
    browser.sign_in(people.alice)
    clock.shift(FRESH_FOR - timedelta(minutes=6))
    answer = browser.post("/sign-in/again/code", data={"code": code})
    assert answer.location == "/sign-in/again?next=/account/security"


def test_the_mailbox_alone_proves_nothing_where_there_is_a_second_factor(make, people, browse, letter_to, clock):
    secret, _codes = make.second_factor(people.alice)
    laptop = browse(people.alice)
    clock.shift(FRESH_FOR + timedelta(seconds=1))
    assert laptop.post("/sign-in/again/codes").location == "/sign-in/again"
    for how in ("code", "link"):
        browser = browse()
        _ask(browser, people.alice.email)
        code, link = letter_to(people.alice)
        answer = _enter(browser, code) if how == "code" else browser.post(link)
        assert answer.location.startswith("/sign-in/second-step")
        assert not _is_in(browser)
    import pyotp

    right = pyotp.TOTP(secret).generate_otp(int(now().timestamp()) // two_step.SECONDS)
    assert browser.post("/sign-in/second-step", data={"code": right}).status_code == 303
    assert _is_in(browser)


def test_asking_says_and_does_the_same_for_known_and_unknown_addresses(app, people, browse, work_off, outbox):
    with app.app_context(), transaction():
        db.session.get_one(Member, people.lena.id).closed_at = now()
    answers, jobs = set(), []
    for email in (people.alice.email, people.lena.email, "nobody@example.com", "no address"):
        browser = browse()
        asked = _ask(browser, email)
        page = browser.get(asked.location).text
        wrong = _enter(browser, "00000000")
        shown = [re.sub(r'value="[^"]{60,}"', "", text.replace(email, "")) for text in (page, wrong.text)]
        answers.add((asked.status_code, asked.location, wrong.status_code, *shown))
        with app.app_context():
            jobs.append(len(db.session.scalars(select(Job)).all()))
    assert len(answers) == 1
    assert jobs == [1, 2, 3, 4]
    work_off()
    assert [letter.recipients for letter in outbox] == [[people.alice.email]]


def test_what_was_typed_is_kept_nowhere_when_it_is_nobodys(app, browse):
    _ask(browse(), "private@example.com")
    with app.app_context():
        assert "private" not in str([vars(row) for row in db.session.scalars(select(SignInStep))])
        assert "private" not in str([row.args for row in db.session.scalars(select(Job))])


def test_a_stranger_cannot_lock_alice_out(make, people, browse, letter_to):
    """The password is under siege, and her mailbox is asked for codes; she gets in by mail all the same."""
    make.password(people.alice)
    for number in range(attempts.PER_ACCOUNT):
        browse().post(
            "/sign-in",
            data={"email": people.alice.email, "password": "a wrong guess"},
            environ_overrides={"REMOTE_ADDR": f"192.0.2.{number}"},
        )
    assert browse().post("/sign-in", data={"email": people.alice.email, "password": PASSWORD}).status_code == 429
    browser = browse()
    _ask(browser, people.alice.email)
    code, _link = letter_to(people.alice)
    assert _enter(browser, code).status_code == 303
    assert _is_in(browser)


def test_a_stranger_who_asks_on_and_on_fills_no_mailbox_and_each_letter_lets_alice_in(people, browse, work_off, outbox):
    for number in range(14):
        browse().post(
            "/sign-in/codes",
            data={"email": people.alice.email},
            environ_overrides={"REMOTE_ADDR": f"198.51.100.{number}"},
        )
    work_off()
    assert len(outbox) == mailed_codes.LETTERS_PER_HOUR
    link = re.search(r"http://localhost(/sign-in/link/\S+)", outbox[-1].body)[1]
    browser = browse()
    assert browser.post(link).status_code == 303
    assert _is_in(browser)


def test_one_address_cannot_ask_without_end(browse):
    answers = [_ask(browse(), f"m{n}@example.com").status_code for n in range(22)]
    assert answers == [303] * 20 + [429] * 2


def test_the_job_that_writes_the_letter_may_run_twice(app, people, browse, letter_to, outbox, work_off):
    browser = browse()
    _ask(browser, people.alice.email)
    code, _link = letter_to(people.alice)
    with app.app_context(), transaction():
        db.session.scalars(select(Job).where(Job.work == "accounts.send_sign_in_code")).one().try_again()
    work_off()
    assert len(outbox) == 1
    assert _enter(browser, code).status_code == 303


def test_reading_the_letter_shows_the_mailbox_to_be_theirs(app, make, browse, letter_to):
    nora = make.member("Nora Novak", confirmed_at=None)
    browser = browse()
    _ask(browser, nora.email)
    code, _link = letter_to(nora)
    _enter(browser, code)
    with app.app_context():
        assert db.session.get_one(Member, nora.id).is_confirmed


def test_neither_the_code_nor_its_plain_hash_is_kept(app, people, browse, letter_to):
    from portal.accounts.signed_in import hashed

    _ask(browse(), people.alice.email)
    code, _link = letter_to(people.alice)
    digits = code.replace(" ", "")
    with app.app_context():
        step = db.session.scalars(select(SignInStep)).one()
        assert step.secret not in {None, digits, hashed(digits)}
        assert len(step.secret) == 64


def test_an_empty_field_is_asked_for_again(browse):
    answer = _ask(browse(), "")
    assert answer.status_code == 422
    assert "Enter your e-mail address" in answer.text


def test_the_pages_are_kept_by_nobody(make, people, browse):
    browser = browse()
    _ask(browser, people.alice.email)
    for path in ("/sign-in/code", f"/sign-in/link/{make.link(people.alice, 'sign in')}", "/sign-in/link/x"):
        assert "no-store" in browser.get(path).headers["Cache-Control"]
