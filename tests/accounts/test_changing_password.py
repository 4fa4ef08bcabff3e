"""A new password, by the present one or by a mailed link, signs out every other browser."""

from __future__ import annotations

import re

from sqlalchemy import select

from portal.accounts.changing_password import LINKS_PER_HOUR
from portal.accounts.models import Member
from portal.core.audit import Record
from portal.core.clock import now
from portal.core.db import db, transaction
from portal.core.jobs import Job
from tests.make import PASSWORD

NEW = "pears and plums here"


def _change(browser, present=PASSWORD, new=NEW):
    return browser.post("/account/security", data={"present": present, "new": new})


def _signs_in(browse, who, password) -> bool:
    return browse().post("/sign-in", data={"email": who.email, "password": password}).status_code == 303


def test_alice_changes_her_password_and_stays_signed_in_only_here(make, people, browse):
    make.password(people.alice)
    here, there = browse(people.alice), browse(people.alice)
    with here.session_transaction() as session:
        before = session["_user_id"]
    assert _change(here).status_code == 303
    assert here.get("/account").status_code == 200
    assert there.get("/account").status_code == 303
    with here.session_transaction() as session:
        assert session["_user_id"] != before
    assert _signs_in(browse, people.alice, NEW)
    assert not _signs_in(browse, people.alice, PASSWORD)


def test_the_present_password_is_needed(make, people, browse):
    make.password(people.alice)
    answer = _change(browse(people.alice), present="somebody else's guess")
    assert answer.status_code == 422
    assert "not your present password" in answer.text
    assert _signs_in(browse, people.alice, PASSWORD)


def test_a_weak_new_password_is_refused_beside_its_field_and_nothing_typed_comes_back(make, people, browse):
    make.password(people.alice)
    answer = _change(browse(people.alice), new="alice2026alice")
    assert answer.status_code == 422
    assert "your own name" in answer.text
    assert "alice2026alice" not in answer.text
    assert PASSWORD not in answer.text


def test_alice_gets_a_letter_and_the_log_a_line(app, make, people, browse, work_off, outbox):
    make.password(people.alice)
    _change(browse(people.alice))
    work_off()
    (letter,) = outbox
    assert letter.subject == "Your password for Practice Freedom was changed"
    assert "(Central" in letter.body
    assert NEW not in letter.body
    with app.app_context():
        line = db.session.scalars(select(Record)).one()
        assert (line.action, line.by_id, line.details) == ("password.changed", people.alice.id, None)


def test_a_forgotten_password_is_set_anew_by_a_mailed_link(make, people, browse, work_off, outbox):
    make.password(people.alice)
    elsewhere = browse(people.alice)
    browser = browse()
    answer = browser.post("/password/forgot", data={"email": " Alice@Example.com"})
    assert answer.status_code == 303
    work_off()
    (letter,) = outbox
    assert letter.recipients == [people.alice.email]
    path = re.search(r"http://localhost(/password/reset/pfl_[\w-]+)", letter.body)[1]
    assert 'autocomplete="new-password"' in browser.get(path).text
    assert browser.post(path, data={"password": NEW}).status_code == 303
    assert browser.get("/account").status_code == 200
    assert elsewhere.get("/account").status_code == 303
    assert _signs_in(browse, people.alice, NEW)
    assert not _signs_in(browse, people.alice, PASSWORD)


def test_a_weak_password_spends_no_link(make, people, browse):
    token = make.link(people.alice)
    browser = browse()
    for weak in ("", "short", "password123", "x" * 201):
        answer = browser.post(f"/password/reset/{token}", data={"password": weak})
        assert answer.status_code == 422
    assert browser.post(f"/password/reset/{token}", data={"password": NEW}).status_code == 303


def test_asking_for_a_link_says_and_does_the_same_for_known_and_unknown_addresses(
    app, people, browse, work_off, outbox
):
    with app.app_context(), transaction():
        db.session.get_one(Member, people.lena.id).closed_at = now()
    answers, jobs = [], []
    for email in (people.alice.email, people.lena.email, "nobody@example.com", "no address"):
        answer = browse().post("/password/forgot", data={"email": email}, follow_redirects=True)
        answers.append((answer.status_code, answer.text))
        with app.app_context():
            jobs.append(len(db.session.scalars(select(Job)).all()))
    assert len(set(answers)) == 1
    assert jobs == [1, 2, 3, 4]  # one more each time: the work in the request is alike too
    work_off()
    assert [letter.recipients for letter in outbox] == [[people.alice.email]]


def test_what_was_typed_at_forgot_is_kept_nowhere_when_it_is_nobodys(app, browse):
    browse().post("/password/forgot", data={"email": "private@example.com"})
    with app.app_context():
        assert "private" not in str(db.session.scalars(select(Job)).one().args)


def test_a_reset_shows_the_mailbox_to_be_theirs(app, make, browse):
    nora = make.member("Nora Novak", confirmed_at=None)
    browse().post(f"/password/reset/{make.link(nora)}", data={"password": NEW})
    with app.app_context():
        assert db.session.get_one(Member, nora.id).is_confirmed


def test_a_stranger_cannot_fill_alices_mailbox_from_many_addresses(people, browse, work_off, outbox):
    for number in range(8):
        browse().post(
            "/password/forgot",
            data={"email": people.alice.email},
            environ_overrides={"REMOTE_ADDR": f"198.51.100.{number}"},
        )
    work_off()
    assert len(outbox) == LINKS_PER_HOUR


def test_one_address_cannot_ask_without_end(browse):
    answers = [browse().post("/password/forgot", data={"email": f"m{n}@example.com"}).status_code for n in range(12)]
    assert answers == [303] * 10 + [429] * 2


def test_the_job_that_writes_the_letter_may_run_twice(app, people, browse, work_off, outbox):
    browse().post("/password/forgot", data={"email": people.alice.email})
    work_off()
    with app.app_context(), transaction():
        db.session.scalars(select(Job).where(Job.work == "accounts.send_reset_link")).one().try_again()
    work_off()
    assert len(outbox) == 1
