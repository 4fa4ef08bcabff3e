"""Somebody joins with an address that is not theirs and waits for its owner: nothing they prepared is of any use."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select

from portal.accounts.models import AddressChange, Authenticator, Member, Passkey
from portal.core.clock import now
from portal.core.db import db
from tests.make import PASSWORD

OLIVIA = "olivia@practice.example"
HERS = "pears and plums here"


@pytest.fixture
def stranger(browse):
    """A stranger's browser, signed in to an account with Olivia's address and a password of the stranger's."""
    browser = browse()
    joined = browser.post("/join", data={"name": "Olivia Owner", "email": OLIVIA, "password": PASSWORD})
    assert joined.location == "/account"
    return browser


@pytest.fixture
def read(work_off, outbox):
    """What a pattern finds in the latest letter to Olivia's mailbox that has it."""

    def read(pattern: str) -> str:
        work_off()
        found = [re.search(pattern, letter.body) for letter in outbox if letter.recipients == [OLIVIA]]
        return [each for each in found if each][-1].group(1)

    return read


def _by_code(olivia, read):
    olivia.post("/sign-in/codes", data={"email": OLIVIA})
    return olivia.post("/sign-in/code", data={"code": read(r"(?m)^(\d{4} \d{4})$")})


def _by_link(olivia, read):
    olivia.post("/sign-in/codes", data={"email": OLIVIA})
    return olivia.post(read(r"http://localhost(/sign-in/link/\S+)"))


def _by_reset(olivia, read):
    olivia.post("/password/forgot", data={"email": OLIVIA})
    return olivia.post(read(r"http://localhost(/password/reset/\S+)"), data={"password": HERS})


def _row(app) -> Member:
    with app.app_context():
        return db.session.scalars(select(Member).where(Member.email == OLIVIA)).one()


@pytest.mark.parametrize("gets_in", [_by_code, _by_link, _by_reset])
def test_once_olivia_shows_her_mailbox_nothing_of_the_stranger_opens_it(app, stranger, browse, read, gets_in):
    stranger.post("/account/email", data={"email": "stranger@evil.example"})
    with app.app_context():  # from a time when this was possible before the address was shown
        owner = db.session.scalars(select(Member.id).where(Member.email == OLIVIA)).one()
        db.session.add(Authenticator(member_id=owner, secret="JBSWY3DPEHPK3PXP", confirmed_at=now()))
        db.session.add(Passkey(member_id=owner, credential_id="c", public_key=b"k", sign_count=0, name="Phone"))
        db.session.commit()

    olivia = browse()
    assert gets_in(olivia, read).status_code == 303
    assert olivia.get("/account").status_code == 200, "a second factor of the stranger does not lock her out"
    assert stranger.get("/account").location.startswith("/sign-in"), "the browser that waited is signed out"
    again = stranger.post("/sign-in", data={"email": OLIVIA, "password": PASSWORD})
    assert again.status_code == 422, "the password that the stranger chose is nobody's"
    assert _row(app).is_confirmed
    with app.app_context():
        assert db.session.scalars(select(Passkey.id)).all() == []
        assert [change.stopped_at is not None for change in db.session.scalars(select(AddressChange))] == [True]


def test_olivia_reads_why_the_password_works_no_more(stranger, browse, read):
    _by_code(browse(), read)
    assert "could have been a stranger" in " ".join(read(r"(?s)(You have shown that this mailbox is yours.*)").split())


def test_whoever_is_signed_in_and_reads_the_letters_keeps_the_password(app, stranger, read, clock):
    """Here the one who joined is Olivia: she has both, the browser and the mailbox."""
    kept = _row(app).password_hash
    stranger.post("/sign-in/again/codes")
    code = read(r"(?m)^(\d{4} \d{4})$")
    assert stranger.post("/sign-in/again/code", data={"code": code}).status_code == 303
    assert (_row(app).is_confirmed, _row(app).password_hash) == (True, kept)
    assert stranger.get("/account").status_code == 200


def test_nobody_locks_an_address_with_a_second_factor_before_it_is_shown_to_be_theirs(app, stranger):
    for path in ("/account/two-step/begin", "/account/passkeys/options"):
        answer = stranger.post(path)
        assert answer.status_code == 409
        assert "confirm your address first" in answer.text
    with app.app_context():
        assert db.session.scalars(select(Authenticator.id)).all() == []


def test_a_stranger_who_signs_in_again_and_again_fills_no_mailbox(stranger, browse, work_off, outbox):
    for _ in range(5):
        assert browse().post("/sign-in", data={"email": OLIVIA, "password": PASSWORD}).status_code == 303
    work_off()
    assert [letter.subject for letter in outbox if letter.recipients == [OLIVIA]] == [
        "Confirm your address for Practice Freedom"
    ]
