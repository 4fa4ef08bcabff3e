"""A passkey opens its member's account and no other, once for each challenge, and only from our own pages."""

from __future__ import annotations

import hashlib
import json
import secrets
import struct
from datetime import timedelta
from typing import Any

import cbor2
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import select
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url

from portal.accounts import attempts, passkeys
from portal.accounts.models import FRESH_FOR, Device, Member, Passkey, SignInStep
from portal.core.audit import Record
from portal.core.clock import now
from portal.core.db import db, transaction
from tests.make import PASSWORD, at_once

TOUCHED, VERIFIED, NEW_KEY = 0x01, 0x04, 0x40


class Phone:
    """A device that signs as WebAuthn says; what it says of itself can be bent, as a forger would."""

    def __init__(self, origin: str = "http://localhost", host: str = "localhost") -> None:
        self.origin, self.host = origin, host
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.id = secrets.token_bytes(32)
        self.count, self.owner = 0, b""

    def make(self, options: dict[str, Any], *, flags: int = TOUCHED | VERIFIED) -> str:
        """The answer to an invitation to make a passkey, as a browser hands it over."""
        self.owner = base64url_to_bytes(options["user"]["id"])
        numbers = self.key.public_key().public_numbers()
        x, y = numbers.x.to_bytes(32, "big"), numbers.y.to_bytes(32, "big")
        public = cbor2.dumps({1: 2, 3: -7, -1: 1, -2: x, -3: y})
        known = bytes(16) + struct.pack(">H", len(self.id)) + self.id + public
        data = self._data(flags | NEW_KEY) + known
        attestation = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        return self._handed(
            clientDataJSON=self._client("webauthn.create", options), attestationObject=bytes_to_base64url(attestation)
        )

    def sign(self, options: dict[str, Any], *, flags: int = TOUCHED | VERIFIED, counts: bool = True) -> str:
        """The answer to a challenge."""
        self.count += counts
        data, client = self._data(flags), self._client("webauthn.get", options)
        signed = data + hashlib.sha256(base64url_to_bytes(client)).digest()
        return self._handed(
            clientDataJSON=client,
            authenticatorData=bytes_to_base64url(data),
            signature=bytes_to_base64url(self.key.sign(signed, ec.ECDSA(hashes.SHA256()))),
            userHandle=bytes_to_base64url(self.owner),
        )

    def _data(self, flags: int) -> bytes:
        return hashlib.sha256(self.host.encode()).digest() + bytes([flags]) + struct.pack(">I", self.count)

    def _client(self, kind: str, options: dict[str, Any]) -> str:
        said = {"type": kind, "challenge": options["challenge"], "origin": self.origin, "crossOrigin": False}
        return bytes_to_base64url(json.dumps(said).encode())

    def _handed(self, **response: str) -> str:
        credential_id = bytes_to_base64url(self.id)
        return json.dumps({"id": credential_id, "rawId": credential_id, "type": "public-key", "response": response})


def _invited(browser) -> dict[str, Any]:
    answer = browser.post("/account/passkeys/options")
    assert answer.status_code == 200
    return answer.json


def _challenged(browser) -> dict[str, Any]:
    return browser.post("/sign-in/passkey/options").json


def _add(browser, phone: Phone, **more) -> Any:
    return browser.post("/account/passkeys", data={"credential": phone.make(_invited(browser), **more)})


def _sign_in(browser, phone: Phone, **more) -> Any:
    return browser.post("/sign-in/passkey", data={"credential": phone.sign(_challenged(browser), **more)})


def _is_in(browser) -> bool:
    return browser.get("/account").status_code == 200


def _kept(app) -> list[Passkey]:
    with app.app_context():
        return list(db.session.scalars(select(Passkey).order_by(Passkey.id)))


@pytest.fixture
def phone(people, browse) -> Phone:
    """Alice's phone, with a passkey in it."""
    phone = Phone()
    assert _add(browse(people.alice), phone).status_code == 303
    return phone


def test_alice_adds_one_and_signs_in_with_it_at_once(app, people, phone, browse):
    (kept,) = _kept(app)
    assert (kept.member_id, kept.sign_count, kept.used_at) == (people.alice.id, 0, None)
    browser = browse()
    challenge = _challenged(browser)
    answer = browser.post("/sign-in/passkey", data={"credential": phone.sign(challenge), "next": "/rooms"})
    assert (answer.status_code, answer.location) == (303, "/rooms")
    assert people.alice.name in browser.get("/account").text
    (kept,) = _kept(app)
    assert kept.sign_count == 1
    assert kept.used_at is not None


def test_what_the_browser_is_asked_with_names_nobody_and_our_own_host(people, phone, browse):
    asked = browse().post("/sign-in/passkey/options", headers={"X-Forwarded-Host": "evil.example"}).json
    assert asked["rpId"] == "localhost"
    assert asked["userVerification"] == "required"
    assert not asked.get("allowCredentials")
    invited = _invited(browse(people.alice))
    assert invited["authenticatorSelection"]["residentKey"] == "required"
    assert invited["authenticatorSelection"]["userVerification"] == "required"
    assert invited["rp"] == {"id": "localhost", "name": "Practice Freedom"}
    assert [known["id"] for known in invited["excludeCredentials"]] == [bytes_to_base64url(phone.id)]


def test_a_passkey_counts_as_both_steps(make, people, phone, browse):
    make.second_factor(people.alice)
    browser = browse()
    assert _sign_in(browser, phone).location == "/library"
    assert _is_in(browser)


def test_it_satisfies_what_is_asked_of_staff(app, make, people, browse):
    make.password(people.cory)
    browser = browse()
    browser.post("/sign-in", data={"email": people.cory.email, "password": PASSWORD})
    assert browser.get("/desk").location == "/account/two-step?next=/desk"
    phone = Phone()
    _add(browser, phone)
    assert browser.get("/desk").status_code == 200
    # From then on neither the password nor the mailbox is enough.
    other = browse()
    answer = other.post("/sign-in", data={"email": people.cory.email, "password": PASSWORD})
    assert answer.location.startswith("/sign-in/second-step")
    assert "Now your passkey" in other.get(answer.location).text
    assert _sign_in(other, phone).status_code == 303
    assert other.get("/desk").status_code == 200
    (kept,) = _kept(app)
    other.post(f"/account/passkeys/{kept.id}/end")
    assert other.get("/desk").location.startswith("/account/two-step")


def test_a_password_alone_gives_staff_no_further_key_once_there_is_one(app, make, people, browse):
    """Cory has just added a passkey; whoever got in with the password a minute before cannot add another."""
    make.password(people.cory)
    thief, cory = browse(), browse(people.cory)
    thief.post("/sign-in", data={"email": people.cory.email, "password": PASSWORD})
    assert _add(cory, Phone()).status_code == 303
    for path in ("/account/passkeys/options", "/account/two-step/begin"):
        assert thief.post(path).location == "/sign-in/again?next=/account"
    assert "passkey" in thief.get("/sign-in/again?next=/account").text
    assert len(_kept(app)) == 1
    assert cory.post("/account/passkeys/options").status_code == 200


def test_alices_passkey_works_while_a_stranger_besieges_her_password(make, people, phone, browse):
    make.password(people.alice)
    for number in range(attempts.PER_ACCOUNT):
        browse().post(
            "/sign-in",
            data={"email": people.alice.email, "password": "a wrong guess"},
            environ_overrides={"REMOTE_ADDR": f"192.0.2.{number}"},
        )
    assert browse().post("/sign-in", data={"email": people.alice.email, "password": PASSWORD}).status_code == 429
    browser = browse()
    assert _sign_in(browser, phone).status_code == 303
    assert _is_in(browser)


def test_a_signature_is_good_once(people, phone, browse):
    browser = browse()
    signed = phone.sign(_challenged(browser))
    with browser.session_transaction() as session:
        begun = dict(session)
    assert browser.post("/sign-in/passkey", data={"credential": signed}).status_code == 303
    thief = browse()
    with thief.session_transaction() as session:
        session.update(begun)
    assert thief.post("/sign-in/passkey", data={"credential": signed}).status_code == 422
    assert not _is_in(thief)


def test_twenty_parallel_uses_of_one_signature_are_one_sign_in(people, phone, browse, monkeypatch):
    from portal.accounts import steps

    monkeypatch.setattr(steps, "TRIES", 100)
    first = browse()
    signed = phone.sign(_challenged(first), counts=False)  # many devices do not count, so only the challenge decides
    with first.session_transaction() as session:
        begun = dict(session)
    browsers = [browse() for _ in range(20)]
    for browser in browsers:
        with browser.session_transaction() as session:
            session.update(begun)
    found = at_once(
        20, lambda number: browsers[number].post("/sign-in/passkey", data={"credential": signed}).status_code
    )
    assert sorted(found) == [303] + [422] * 19
    assert sum(_is_in(browser) for browser in browsers) == 1


def test_a_challenge_belongs_to_its_browser_and_runs_out(people, phone, browse, clock):
    mine, theirs = browse(), browse()
    _challenged(mine)
    signed = phone.sign(_challenged(theirs))
    assert mine.post("/sign-in/passkey", data={"credential": signed}).status_code == 422
    signed = phone.sign(_challenged(mine))
    clock.shift(timedelta(minutes=10, seconds=1))
    assert mine.post("/sign-in/passkey", data={"credential": signed}).status_code == 422
    assert browse().post("/sign-in/passkey", data={"credential": signed}).status_code == 422
    assert not _is_in(mine)


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("http://evil.example", "localhost"),
        ("http://localhost.evil.example", "localhost"),
        ("https://localhost", "localhost"),
        ("http://localhost:8001", "localhost"),
        ("http://localhost", "evil.example"),
    ],
)
def test_what_was_signed_on_another_site_is_worth_nothing_here(people, phone, browse, origin, host):
    phone.origin, phone.host = origin, host
    browser = browse()
    assert _sign_in(browser, phone).status_code == 422
    assert not _is_in(browser)


@pytest.mark.parametrize("flags", [TOUCHED, VERIFIED, 0])
def test_a_device_that_did_not_ask_for_finger_or_pin_neither_signs_in_nor_is_added(app, people, phone, browse, flags):
    browser = browse()
    assert _sign_in(browser, phone, flags=flags).status_code == 422
    assert not _is_in(browser)
    _add(browse(people.bob), Phone(), flags=flags)
    assert len(_kept(app)) == 1


def test_a_copied_key_is_noticed_by_its_counter(people, phone, browse):
    assert _sign_in(browse(), phone).status_code == 303
    phone.count = 0  # the copy was made before
    browser = browse()
    assert _sign_in(browser, phone).status_code == 422
    assert not _is_in(browser)


def test_a_key_that_says_it_is_somebody_elses_opens_nothing(people, phone, browse):
    phone.owner = people.bob.uuid.encode()
    browser = browse()
    assert _sign_in(browser, phone).status_code == 422


def test_a_forged_signature_opens_nothing(people, phone, browse):
    forger = Phone()
    forger.id, forger.owner, forger.count = phone.id, phone.owner, 7
    browser = browse()
    assert _sign_in(browser, forger).status_code == 422
    assert not _is_in(browser)


def test_somebody_elses_passkey_is_not_taken_over(app, people, phone, browse):
    copied = Phone()
    copied.id = phone.id
    _add(browse(people.bob), copied)
    assert [key.member_id for key in _kept(app)] == [people.alice.id]


def test_stepping_up_takes_only_ones_own_passkey_and_only_a_challenge_made_for_it(people, phone, browse, clock):
    """Flask-Security's hole: freshness by any passkey, or by a challenge made for something else."""
    bobs = Phone()
    laptop = browse(people.bob)
    _add(laptop, bobs)
    for_sign_in = browse()
    made_for_sign_in = bobs.sign(_challenged(for_sign_in))
    clock.shift(FRESH_FOR + timedelta(seconds=1))
    asked = _challenged(laptop)
    assert [known["id"] for known in asked["allowCredentials"]] == [bytes_to_base64url(bobs.id)]
    for wrong in (phone.sign(asked), made_for_sign_in, Phone().make(asked | {"user": {"id": ""}}), ""):
        assert laptop.post("/sign-in/again/passkey", data={"credential": wrong}).status_code == 422
        assert laptop.get("/account/two-step").location.startswith("/sign-in/again")
    answer = laptop.post(
        "/sign-in/again/passkey", data={"credential": bobs.sign(_challenged(laptop)), "next": "/account/two-step"}
    )
    assert (answer.status_code, answer.location) == (303, "/account/two-step")
    assert laptop.get("/account/two-step").status_code == 200


def test_a_challenge_made_for_stepping_up_signs_nobody_in(people, phone, browse):
    laptop = browse(people.alice)
    signed = phone.sign(_challenged(laptop))
    assert laptop.post("/sign-in/passkey", data={"credential": signed}).status_code == 422


HOSTILE = [
    "",
    "null",
    "[]",
    "7",
    '"text"',
    "{}",
    "{",
    "[" * 19_000,
    '{"a":' * 3_000,
    "x" * 60_000,
    '{"id": 7, "rawId": [], "type": {}, "response": null}',
    '{"id": "a", "rawId": {"$ne": 1}, "type": "public-key", "response": {}}',
    '{"id": "a", "rawId": "é", "type": "public-key", "response": {"clientDataJSON": 1}}',
    '{"id": "a", "rawId": "a", "type": "public-key", "response": {"clientDataJSON": "a", "authenticatorData": "a",'
    ' "signature": "a", "userHandle": 9}}',
    '{"id": "AAAA", "rawId": "AAAA", "type": "public-key", "response": {"clientDataJSON": "AAAA",'
    ' "authenticatorData": "AAAA", "signature": "AAAA", "attestationObject": "AAAA"}}',
    '"\\ud800"',
    "before\x00after",
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_whatever_is_handed_over_the_answer_is_a_sentence(app, people, phone, browse, text):
    visitor, alice = browse(), browse(people.alice)
    _challenged(visitor)
    assert visitor.post("/sign-in/passkey", data={"credential": text}).status_code == 422
    _challenged(alice)
    assert alice.post("/sign-in/again/passkey", data={"credential": text}).status_code == 422
    _invited(alice)
    assert alice.post("/account/passkeys", data={"credential": text}).status_code == 303
    assert len(_kept(app)) == 1


@pytest.mark.parametrize("part", ["id", "rawId", "type", "response"])
@pytest.mark.parametrize("value", [7, None, [], {}, True, "", "é" * 9])
def test_parts_that_are_no_text_are_refused_too(people, phone, browse, part, value):
    browser = browse()
    handed = json.loads(phone.sign(_challenged(browser))) | {part: value}
    assert browser.post("/sign-in/passkey", data={"credential": json.dumps(handed)}).status_code == 422
    assert not _is_in(browser)


def test_adding_and_removing_ask_for_a_fresh_sign_in(app, people, phone, browse, clock):
    laptop = browse(people.alice)
    made = Phone().make(_invited(laptop))
    clock.shift(FRESH_FOR + timedelta(seconds=1))
    (kept,) = _kept(app)
    for path, data in (
        ("/account/passkeys/options", {}),
        ("/account/passkeys", {"credential": made}),
        (f"/account/passkeys/{kept.id}/end", {}),
    ):
        assert laptop.post(path, data=data).location.startswith("/sign-in/again"), path
    assert len(_kept(app)) == 1


def test_a_passkey_that_was_removed_opens_nothing(app, people, phone, browse):
    (kept,) = _kept(app)
    assert browse(people.alice).post(f"/account/passkeys/{kept.id}/end").status_code == 303
    browser = browse()
    assert _sign_in(browser, phone).status_code == 422
    assert not _is_in(browser)


def test_bob_can_neither_name_nor_remove_alices(app, people, phone, browse):
    (kept,) = _kept(app)
    bob = browse(people.bob)
    assert bob.get(f"/account/passkeys/{kept.id}/name").status_code == 404
    assert bob.post(f"/account/passkeys/{kept.id}/name", data={"name": "Mine"}).status_code == 404
    assert bob.post(f"/account/passkeys/{kept.id}/end").status_code == 404
    assert _kept(app)[0].name == kept.name


def test_names_are_cleaned_and_no_two_look_the_same(app, people, phone, browse):
    laptop = browse(people.alice)
    _add(laptop, Phone())
    first, second = _kept(app)
    assert second.name == f"{first.name} 2"
    rename = f"/account/passkeys/{second.id}/name"
    for alike in (first.name, first.name.upper(), f"  {first.name} ", f"\u202e{first.name}\u200e", "Ａ browser"):
        answer = laptop.post(rename, data={"name": alike})
        assert answer.status_code == 422, alike
    for empty in ("", "   ", "\u200b\u2060", "x" * 61):
        assert laptop.post(rename, data={"name": empty}).status_code == 422
    assert laptop.post(rename, data={"name": "The blue\u202e laptop\x00"}).status_code == 303
    assert _kept(app)[1].name == "The blue laptop"


def test_nobody_keeps_more_than_twenty(app, people, browse, monkeypatch):
    monkeypatch.setattr(passkeys, "MOST", 2)
    laptop = browse(people.alice)
    for _ in range(2):
        assert _add(laptop, Phone()).status_code == 303
    assert laptop.post("/account/passkeys/options").status_code == 409
    assert len(_kept(app)) == 2


def test_alice_is_told_of_each_change_and_the_log_has_its_line(app, people, phone, browse, work_off, outbox):
    (kept,) = _kept(app)
    browse(people.alice).post(f"/account/passkeys/{kept.id}/end")
    work_off()
    assert [m.subject.partition(" (")[0] for m in outbox] == ["A passkey was added", "A passkey was removed"]
    with app.app_context():
        lines = db.session.scalars(select(Record).order_by(Record.id)).all()
        assert [(line.action, line.by_id) for line in lines] == [
            ("passkey.added", people.alice.id),
            ("passkey.removed", people.alice.id),
        ]


def test_a_closed_account_is_opened_by_no_passkey(app, people, phone, browse):
    with app.app_context(), transaction():
        db.session.get_one(Member, people.alice.id).closed_at = now()
    assert _sign_in(browse(), phone).status_code == 422


def test_the_session_is_a_new_one_after_a_passkey_too(app, people, phone, browse):
    browser = browse()
    with browser.session_transaction() as session:
        session["planted"] = "by a stranger"
    _sign_in(browser, phone)
    with browser.session_transaction() as session:
        assert "planted" not in session
        token = session["_user_id"]
    _again = browser.post("/sign-in/again/passkey", data={"credential": phone.sign(_challenged(browser))})
    with browser.session_transaction() as session:
        assert session["_user_id"] != token
    with app.app_context():
        device = db.session.scalars(select(Device).order_by(Device.id.desc())).first()
        assert device.strong_at is not None
        assert all(step.used_at for step in db.session.scalars(select(SignInStep)) if step.tries)
