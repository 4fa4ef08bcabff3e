"""Guessing passwords is slow for strangers and never locks anyone out."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from portal.accounts import attempts
from portal.accounts.models import SignInAttempt
from portal.core.db import db
from portal.core.errors import TooMuch
from tests.make import PASSWORD, at_once


def _guess(browse, email, password="a wrong guess", network="192.0.2.1"):
    return browse().post(
        "/sign-in", data={"email": email, "password": password}, environ_overrides={"REMOTE_ADDR": network}
    )


def _counted(app) -> int:
    with app.app_context():
        return db.session.scalar(select(func.count()).select_from(SignInAttempt))


def test_after_ten_wrong_guesses_alices_account_takes_none_for_a_while(make, people, browse):
    make.password(people.alice)
    for number in range(attempts.PER_ACCOUNT):
        assert _guess(browse, people.alice.email, network=f"192.0.2.{number}").status_code == 422
    answer = _guess(browse, people.alice.email, PASSWORD, network="192.0.2.99")
    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 15 * 60 + 1
    assert "Forgot your password" in answer.text
    assert f'value="{people.alice.email}"' in answer.text


def test_the_right_password_works_again_when_the_quarter_hour_is_over(make, people, browse, clock):
    make.password(people.alice)
    for _ in range(attempts.PER_ACCOUNT):
        _guess(browse, people.alice.email)
    assert _guess(browse, people.alice.email, PASSWORD).status_code == 429
    clock.shift(timedelta(minutes=15, seconds=1))
    assert _guess(browse, people.alice.email, PASSWORD).status_code == 303


def test_hammering_on_does_not_make_the_wait_longer(make, people, browse, clock):
    make.password(people.alice)
    for _ in range(attempts.PER_ACCOUNT):
        _guess(browse, people.alice.email)
    for _ in range(14):
        clock.shift(timedelta(minutes=1))
        assert _guess(browse, people.alice.email).status_code == 429
    clock.shift(timedelta(minutes=1, seconds=2))
    assert _guess(browse, people.alice.email, PASSWORD).status_code == 303


def test_a_stranger_cannot_lock_alice_out_for_a_mailed_link_lets_her_in(make, people, browse):
    make.password(people.alice)
    for _ in range(attempts.PER_ACCOUNT):
        _guess(browse, people.alice.email)
    browser = browse()
    answer = browser.post(f"/password/reset/{make.link(people.alice)}", data={"password": "pears and plums here"})
    assert answer.status_code == 303
    assert browser.get("/account").status_code == 200
    assert _guess(browse, people.alice.email, "pears and plums here").status_code == 303


def test_one_network_address_cannot_try_one_guess_at_everybody(people, browse):
    for number in range(attempts.PER_ADDRESS):
        assert _guess(browse, f"member{number}@example.com").status_code == 422
    assert _guess(browse, people.bob.email).status_code == 429
    assert _guess(browse, people.bob.email, network="198.51.100.7").status_code == 422


def test_many_addresses_together_cannot_try_one_guess_at_everybody_either(people, browse, monkeypatch, clock):
    monkeypatch.setattr(attempts, "OVER_ALL", 5)
    for number in range(5):
        assert _guess(browse, f"member{number}@example.com", network=f"192.0.2.{number}").status_code == 422
    answer = _guess(browse, people.bob.email, network="198.51.100.7")
    assert answer.status_code == 429
    assert "by e-mail or with a passkey" in answer.text
    clock.shift(attempts.WINDOW + timedelta(seconds=1))
    assert _guess(browse, people.bob.email, network="198.51.100.7").status_code == 422


def test_a_household_counts_as_one_address_however_many_ipv6_addresses_it_uses(people, browse):
    for number in range(attempts.PER_ADDRESS):
        _guess(browse, f"member{number}@example.com", network=f"2001:db8:1:2::{number:x}")
    assert _guess(browse, people.bob.email, network="2001:db8:1:2:aaaa::1").status_code == 429
    assert _guess(browse, people.bob.email, network="2001:db8:1:3::1").status_code == 422


def test_unknown_addresses_are_counted_like_known_ones_and_however_they_are_typed(people, browse):
    for number in range(attempts.PER_ACCOUNT):
        _guess(browse, "nobody@example.com" if number % 2 else " NoBody@Example.com ", network=f"192.0.2.{number}")
    assert _guess(browse, "nobody@example.com", network="198.51.100.1").status_code == 429


def test_guesses_sent_all_at_once_are_no_more_than_one_after_the_other(app, people):
    def begin(number: int) -> str:
        with app.app_context():
            attempts.begin(people.alice.email, f"192.0.2.{number}")
        return "let through"

    found = at_once(20, begin)
    assert found.count("let through") == attempts.PER_ACCOUNT
    assert sum(isinstance(error, TooMuch) for error in found) == 10


def test_the_count_survives_the_answer_that_refuses_and_a_restart(app, people, browse):
    """It stands in the database: nothing of it is in this process."""
    _guess(browse, people.alice.email)
    assert _counted(app) == 1
    with app.app_context():
        db.engine.dispose()
    assert _counted(app) == 1


def test_alices_own_mistypings_are_forgiven_when_she_signs_in_and_a_strangers_are_not(app, make, people, browse):
    make.password(people.alice)
    for _ in range(3):
        _guess(browse, people.alice.email, network="192.0.2.1")
    _guess(browse, people.alice.email, network="203.0.113.9")
    assert _guess(browse, people.alice.email, PASSWORD, network="192.0.2.1").status_code == 303
    assert _counted(app) == 1


def test_no_address_can_be_read_from_the_count(app, people, browse):
    _guess(browse, people.alice.email, network="192.0.2.77")
    with app.app_context():
        row = db.session.scalars(select(SignInAttempt)).one()
        assert len(row.account_hash) == len(row.address_hash) == 64
        assert row.account_hash == attempts._account(people.alice.email)
        app.config["SECRET_KEY"], kept = "another key", app.config["SECRET_KEY"]
        try:
            assert row.account_hash != attempts._account(people.alice.email)
        finally:
            app.config["SECRET_KEY"] = kept


def test_attempts_of_yesterday_are_swept_away(app, people, browse, clock):
    _guess(browse, people.alice.email)
    clock.shift(timedelta(hours=25))
    _guess(browse, people.alice.email)
    with app.app_context():
        attempts.sweep()
    assert _counted(app) == 1


def test_guessing_the_present_password_at_an_open_laptop_is_limited_too(make, people, browse):
    make.password(people.alice)
    laptop = browse(people.alice)
    change = {"present": "a wrong guess", "new": "pears and plums here"}
    for _ in range(attempts.PER_ACCOUNT):
        assert laptop.post("/account/security", data=change).status_code == 422
    answer = laptop.post("/account/security", data=change | {"present": PASSWORD})
    assert answer.status_code == 429
    assert "Retry-After" in answer.headers


@pytest.mark.parametrize("network", [None, "", "unix:", "::ffff:192.0.2.1", "fe80::1%eth0"])
def test_odd_network_addresses_are_counted_and_break_nothing(app, people, network):
    with app.app_context():
        attempts.begin(people.alice.email, network)
    assert _counted(app) == 1
