"""An account moves to another mailbox: by a letter to the new one, stopped by a letter to the old."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy import select

from portal.accounts.changing_address import PER_HOUR
from portal.accounts.models import AddressChange, Device, Member
from portal.core.audit import Record
from portal.core.clock import now
from portal.core.db import db, transaction
from portal.core.jobs import Job
from tests.make import PASSWORD, at_once

NEW = "alice@home.example"


@pytest.fixture
def letters(app, work_off, outbox):
    """The letters that left for a mailbox, as (subject, path of the link in it)."""

    def letters(address: str) -> list[tuple[str, str]]:
        work_off()
        found = []
        for letter in outbox:
            if letter.recipients == [address]:
                link = re.search(r"http://localhost(/account/email/\S+)", letter.body)
                found.append((letter.subject, link.group(1) if link else ""))
        return found

    return letters


@pytest.fixture
def ask(browse, letters):
    """Somebody asks for another address: their browser, and the links in the new and in the old mailbox."""

    def ask(who, new=NEW):
        browser = browse(who)
        assert browser.post("/account/email", data={"email": new}).status_code == 303
        return browser, letters(new)[-1][1], letters(who.email)[-1][1]

    return ask


def address_of(app, who) -> str:
    with app.app_context():
        return db.session.get_one(Member, who.id).email


def test_alice_changes_her_address_and_both_mailboxes_are_told(app, people, make, browse, ask, letters):
    make.password(people.alice)
    alice, confirm, _stop = ask(people.alice)
    assert address_of(app, people.alice) == people.alice.email, "until the letter is opened the old one works"
    assert browse().post("/sign-in", data={"email": people.alice.email, "password": PASSWORD}).status_code == 303
    assert "A letter is waiting in alice@home.example" in alice.get("/account/email").text
    assert NEW in alice.get(confirm).text
    assert alice.post(confirm).location == "/account"
    assert address_of(app, people.alice) == NEW
    assert browse().post("/sign-in", data={"email": NEW, "password": PASSWORD}).status_code == 303
    assert browse().post("/sign-in", data={"email": people.alice.email, "password": PASSWORD}).status_code == 422
    done = "Your address for Practice Freedom was changed"
    assert done in {subject for subject, _link in letters(NEW)}
    assert done in {subject for subject, _link in letters(people.alice.email)}
    with app.app_context():
        actions = db.session.scalars(select(Record.action).order_by(Record.id)).all()
        assert actions == ["address.change_asked", "address.changed"]
        assert NEW not in str([(r.because, r.details) for r in db.session.scalars(select(Record))])


def test_opening_the_links_ten_times_changes_nothing(app, people, browse, ask):
    """Office mail scanners do that, and then the human's click still works."""
    alice, confirm, stop = ask(people.alice)
    for visitor in (alice, browse()):
        for _ in range(10):
            visitor.get(confirm)
            visitor.head(confirm)
            visitor.get(stop)
            visitor.head(stop)
    assert address_of(app, people.alice) == people.alice.email
    assert alice.post(confirm).status_code == 303
    assert address_of(app, people.alice) == NEW


def test_the_old_mailbox_stops_it_without_signing_in(app, people, browse, ask):
    alice, confirm, stop = ask(people.alice)
    stranger = browse()
    assert "it stays in this one" in stranger.get(stop).text
    assert "Your address stays as it is" in stranger.post(stop).text
    assert alice.post(confirm).status_code == 410
    assert address_of(app, people.alice) == people.alice.email
    assert "A letter is waiting" not in alice.get("/account/email").text


def test_once_it_is_done_the_old_mailbox_stops_nothing(app, people, browse, ask):
    alice, confirm, stop = ask(people.alice)
    alice.post(confirm)
    assert browse().post(stop).status_code == 410
    assert address_of(app, people.alice) == NEW


def test_a_stranger_whose_mailbox_was_typed_by_mistake_gets_no_account(app, people, browse, ask):
    _alice, confirm, _stop = ask(people.alice, "bob@elsewhere.example")
    assert browse().post(confirm).location.startswith("/sign-in")
    for verb in ("get", "post"):
        assert getattr(browse(people.bob), verb)(confirm).status_code == 410
    assert address_of(app, people.alice) == people.alice.email


def test_the_link_runs_out_after_a_day(app, people, browse, ask, clock):
    _alice, confirm, stop = ask(people.alice)
    clock.shift(timedelta(hours=24, seconds=1))
    alice = browse(people.alice)
    assert alice.get(confirm).status_code == alice.post(confirm).status_code == 410
    assert alice.post(stop).status_code == 410
    assert address_of(app, people.alice) == people.alice.email


def test_twenty_clicks_at_once_are_one_change(app, people, browse, ask, letters):
    _alice, confirm, _stop = ask(people.alice)
    browsers = [browse(people.alice) for _ in range(20)]
    forms = [browser.csrf_token() for browser in browsers]
    answers = at_once(20, lambda n: browsers[n].post(confirm, data={"csrf_token": forms[n]}).status_code)
    assert sorted(answers) == [303] + [410] * 19
    assert [subject for subject, _ in letters(NEW)].count("Your address for Practice Freedom was changed") == 1


def test_of_two_who_want_the_same_mailbox_one_gets_it(app, people, browse, letters):
    browsers, links = {}, {}
    for who in (people.alice, people.bob):
        browsers[who.id] = browse(who)
        browsers[who.id].post("/account/email", data={"email": NEW})
        links[who.id] = letters(NEW)[-1][1]
    both = [people.alice, people.bob]
    forms = [browsers[who.id].csrf_token() for who in both]
    answers = at_once(
        2, lambda n: browsers[both[n].id].post(links[both[n].id], data={"csrf_token": forms[n]}).status_code
    )
    assert sorted(answers) == [303, 409]
    assert sorted([address_of(app, who) == NEW for who in both]) == [False, True]


def test_an_address_that_somebody_has_is_refused_at_once(people, browse):
    answer = browse(people.alice).post("/account/email", data={"email": people.bob.email.upper()})
    assert answer.status_code == 409
    assert "Another account has this address" in answer.text


@pytest.mark.parametrize("typed", ["", "no address", "alice@example.com", "a\r\nBcc: all@example.com"])
def test_what_is_no_new_address_gets_a_sentence_beside_the_field(app, people, browse, typed):
    answer = browse(people.alice).post("/account/email", data={"email": typed})
    assert answer.status_code == 422
    assert "field__error" in answer.text
    with app.app_context():
        assert db.session.scalars(select(AddressChange)).all() == []


def test_asking_again_makes_the_first_letter_void(app, people, ask):
    alice, first, _ = ask(people.alice, "alice@wrong.example")
    _, second, _ = ask(people.alice)
    assert alice.post(first).status_code == 410
    assert alice.post(second).status_code == 303
    assert address_of(app, people.alice) == NEW


def test_nobodys_mailbox_is_filled(people, browse):
    alice = browse(people.alice)
    answers = [alice.post("/account/email", data={"email": f"a{n}@home.example"}) for n in range(PER_HOUR + 1)]
    assert [answer.status_code for answer in answers] == [303] * PER_HOUR + [429]
    assert int(answers[-1].headers["Retry-After"]) > 3000


def test_links_that_lie_in_the_old_mailbox_open_nothing_even_after_going_back(app, people, make, browse, ask, letters):
    reset = make.link(people.alice, "reset")
    alice, confirm, _stop = ask(people.alice)
    alice.post(confirm)
    assert browse().get(f"/password/reset/{reset}").status_code == 410
    alice.post("/account/email", data={"email": people.alice.email})
    alice.post(letters(people.alice.email)[-1][1])
    assert address_of(app, people.alice) == people.alice.email
    assert browse().get(f"/password/reset/{reset}").status_code == 410


def test_browsers_stay_signed_in_so_that_the_member_can_still_stop_a_thief(app, people, browse, ask):
    elsewhere = browse(people.alice)
    alice, confirm, _stop = ask(people.alice)
    alice.post(confirm)
    assert elsewhere.get("/account").status_code == 200


def test_somebody_who_mistyped_at_joining_puts_it_right_and_is_confirmed_by_it(app, make, ask):
    nora = make.member("Nora Novak", confirmed_at=None)
    browser, confirm, _stop = ask(nora, "nora@right.example")
    browser.post(confirm)
    with app.app_context():
        assert db.session.get_one(Member, nora.id).is_confirmed


def test_a_sign_in_of_last_week_has_to_be_renewed_first(app, people, browse):
    alice = browse(people.alice)
    with app.app_context(), transaction():
        db.session.scalars(select(Device)).one().fresh_at = now() - timedelta(days=7)
    for answer in (alice.get("/account/email"), alice.post("/account/email", data={"email": NEW})):
        assert answer.location.startswith("/sign-in/again")


def test_without_anything_at_stripe_nothing_is_pushed(app, people, ask):
    alice, confirm, _stop = ask(people.alice)
    alice.post(confirm)
    with app.app_context():
        assert db.session.scalars(select(Job).where(Job.work == "billing.push_address")).all() == []


def test_a_new_password_stops_what_somebody_asked_for_with_the_old_one(app, people, make, browse, ask):
    """Alice reads the letter in the old mailbox and, instead of pressing its button, sets a new password."""
    make.password(people.alice)
    thief, confirm, _stop = ask(people.alice)
    reset = make.link(people.alice)
    assert browse().post(f"/password/reset/{reset}", data={"password": "pears and plums here"}).status_code == 303
    again = browse(people.alice)
    assert again.post(confirm).status_code == 410
    assert thief.get("/account").location.startswith("/sign-in")
    assert address_of(app, people.alice) == people.alice.email


def test_twenty_wishes_at_once_are_no_more_letters_than_one_after_the_other(app, people, browse, work_off, outbox):
    browsers = [browse(people.alice) for _ in range(20)]
    for browser in browsers:
        browser.get("/account/email")  # each with its form before it
    at_once(20, lambda number: browsers[number].post("/account/email", data={"email": f"a{number}@home.example"}))
    work_off()
    assert len([letter for letter in outbox if letter.recipients[0].endswith("@home.example")]) == PER_HOUR
    with app.app_context():
        stopped = [change.stopped_at is None for change in db.session.scalars(select(AddressChange))]
    assert stopped.count(True) == 1, "one wish is open, the others were replaced by it"
