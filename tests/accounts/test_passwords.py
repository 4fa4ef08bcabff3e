"""Passwords: guessable ones are refused, kept ones are Argon2id, and only two are hashed at once."""

from __future__ import annotations

import threading

import pytest
from argon2 import PasswordHasher
from sqlalchemy import select

from portal.accounts import passwords
from portal.accounts.models import Member
from portal.core.db import db, transaction
from portal.core.errors import TooMuch
from tests.make import PASSWORD, at_once

NORA = ["Nora Novak", "nora.novak@example.com", "Practice Freedom"]


@pytest.mark.parametrize(
    "typed",
    [
        "short one",
        "x" * 201,
        "password123",
        "P@ssw0rd2026!",
        "1234567890",
        "0987654321",
        "qwertyuiop",
        "1q2w3e4r5t",
        "!Welcome2026",
        "iloveyou1234",
        "passwordpassword",
        "correct horse battery staple",
        "aaaaaaaaaaaa",
        "abcabcabcabc",
        "noranovak2026",
        "Practice-Freedom-1",
        "nora.novak@example.com",
        "a calm\x00 and private place",
    ],
)
def test_nora_may_not_choose_what_a_stranger_would_try_first(typed: str):
    with pytest.raises(passwords.WeakPassword):
        passwords.require_strong(typed, personal=NORA)


@pytest.mark.parametrize(
    "typed",
    [PASSWORD, "my dog eats pears", "summer dragon purple monkey", "Grüße aus Köln", "x7#kQ9!mZ2pL", "🎻 in the attic"],
)
def test_nora_may_choose_a_sentence_or_something_random(typed: str):
    passwords.require_strong(typed, personal=NORA)


def test_the_kept_hash_is_argon2id_and_fits_only_the_whole_password(app):
    with app.app_context():
        kept = passwords.hashed(PASSWORD)
        assert kept.startswith("$argon2id$")
        assert passwords.fits(PASSWORD, kept)
        assert not passwords.fits(PASSWORD[:-1], kept)
        assert not passwords.fits(PASSWORD.upper(), kept)


def test_a_password_typed_on_another_keyboard_is_the_same_password(app):
    with app.app_context():
        assert passwords.fits("Cafe\u0301 au lait", passwords.hashed("Caf\u00e9 au lait"))


def test_nothing_fits_an_account_without_a_password(app):
    with app.app_context():
        assert not passwords.fits(PASSWORD, None)
        assert not passwords.fits("", None)


def test_a_hash_with_older_parameters_is_made_anew_when_alice_signs_in(app, make, people, browse):
    old = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    with app.app_context(), transaction():
        db.session.get_one(Member, people.alice.id).password_hash = old
    assert browse().post("/sign-in", data={"email": people.alice.email, "password": PASSWORD}).status_code == 303
    with app.app_context():
        kept = db.session.scalar(select(Member.password_hash).where(Member.id == people.alice.id))
    assert kept != old
    assert not passwords.is_outdated(kept)
    assert browse().post("/sign-in", data={"email": people.alice.email, "password": PASSWORD}).status_code == 303


def test_only_two_hashes_are_made_at_once_and_the_next_person_is_asked_to_wait(app, monkeypatch):
    monkeypatch.setattr(passwords, "_PATIENCE", 0.05)
    busy, go_on, most, running = threading.Barrier(3), threading.Event(), [], []

    class Slow:
        def hash(self, _password: bytes) -> str:
            running.append(1)
            most.append(len(running))
            busy.wait(60)
            go_on.wait(60)
            running.pop()
            return "done"

    monkeypatch.setattr(passwords, "_hasher", Slow())

    def hash_one() -> None:
        with app.app_context():
            passwords.hashed(PASSWORD)

    two = [threading.Thread(target=hash_one) for _ in range(2)]
    for thread in two:
        thread.start()
    busy.wait(60)
    with app.app_context(), pytest.raises(TooMuch) as refused:
        passwords.hashed(PASSWORD)
    go_on.set()
    for thread in two:
        thread.join()
    assert refused.value.retry_after == 5
    assert max(most) == 2


def test_nobody_else_waits_for_the_database_while_a_password_is_hashed(app, people, monkeypatch):
    """On SQLite a writer that hashed inside its transaction would stop every other writer."""
    others_wrote = []

    class Slow:
        def hash(self, _password: bytes) -> str:
            with app.app_context(), transaction():
                db.session.get_one(Member, people.bob.id).bio = "written meanwhile"
            others_wrote.append(True)
            return "done"

    monkeypatch.setattr(passwords, "_hasher", Slow())
    with app.app_context():
        db.session.get_one(Member, people.alice.id)  # a POST has read something by now, which takes SQLite's write lock
        passwords.hashed(PASSWORD)
        db.session.rollback()
    assert others_wrote


def test_forty_people_signing_in_at_once_are_served_or_asked_to_wait_and_none_meets_an_error(app, make, people, browse):
    make.password(people.alice)
    found = at_once(
        40,
        lambda number: (
            browse()
            .post(
                "/sign-in",
                data={"email": people.alice.email, "password": PASSWORD},
                environ_overrides={"REMOTE_ADDR": f"10.0.{number}.1"},
            )
            .status_code
        ),
    )
    assert set(found) <= {303, 429}
    assert found.count(303) >= 2
