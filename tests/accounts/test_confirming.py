"""An address is shown to be one's own by a letter; until then one reads and does not post."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from portal.accounts import confirming, policy
from portal.accounts.models import Member
from portal.core.clock import now
from portal.core.db import db, transaction


@pytest.fixture
def nora(make):
    return make.member("Nora Novak", confirmed_at=None, entitled=True, time_zone="Europe/Berlin")


def test_nora_is_told_on_every_page_until_she_confirms(make, nora, people, browse):
    browser = browse(nora)
    for path in ("/account", "/account/security", "/account/mail"):
        page = browser.get(path).text
        assert "Please confirm your address" in page
        assert "/account/confirmation" in page
    browser.post(f"/confirm/{make.link(nora, 'confirm')}")
    assert "Please confirm your address" not in browser.get("/account").text
    assert "Please confirm your address" not in browse(people.alice).get("/account").text


def test_the_letter_can_be_sent_again_and_its_link_works(app, nora, browse, work_off, outbox):
    browser = browse(nora)
    assert browser.post("/account/confirmation").status_code == 303
    work_off()
    (letter,) = outbox
    assert letter.recipients == [nora.email]
    assert "(Central European" in letter.body  # her zone, said in words
    link = re.search(r"http://localhost(/confirm/pfl_[\w-]+)", letter.body)[1]
    assert link in letter.html
    browser.post(link)
    with app.app_context():
        assert db.session.get_one(Member, nora.id).is_confirmed


def test_whoever_is_confirmed_gets_no_further_letter(people, browse, work_off, outbox):
    answer = browse(people.alice).post("/account/confirmation")
    assert answer.status_code == 409
    work_off()
    assert outbox == []


def test_nobody_can_have_a_mailbox_filled_with_letters(app, nora, browse, work_off, outbox):
    answers = [browse(nora).post("/account/confirmation").status_code for _ in range(8)]
    assert answers == [303] * confirming.PER_HOUR + [429] * 3
    work_off()
    assert len(outbox) == confirming.PER_HOUR


def test_links_in_letters_never_follow_the_host_header(app, nora, browse, work_off, outbox):
    answer = browse(nora).post("/account/confirmation", headers={"Host": "evil.example"})
    assert answer.status_code == 400
    work_off()
    assert not outbox


def test_posting_waits_for_a_confirmed_address_and_for_the_end_of_a_suspension(app, make, nora, people):
    assert policy.may_post(people.alice)
    assert not policy.may_post(nora)
    with app.app_context(), transaction():
        alice = db.session.get_one(Member, people.alice.id)
        alice.suspended_until = now() + timedelta(days=365)
    assert not policy.may_post(alice)
