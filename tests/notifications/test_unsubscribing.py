"""Letters about news stop by one click, without signing in, at once, and for whom they were written."""

from __future__ import annotations

import email
import re
from email import policy

import pytest
from sqlalchemy import select

from portal.accounts.models import Member
from portal.core import letters
from portal.core.db import db, transaction
from portal.notifications import unsubscribing
from portal.notifications.models import CHOSEN, Preference, Rhythm, Stream


def _url(app, who) -> str:
    with app.app_context():
        return unsubscribing.unsubscribe_url(who, Stream.REPLIES)


def _path(app, who) -> str:
    return _url(app, who).removeprefix("http://localhost")


def _choices(app, who):
    with app.app_context():
        return unsubscribing.choices_of(who)


def test_a_mail_program_stops_them_by_the_address_in_the_bytes_of_the_letter(app, people, browse, work_off, outbox):
    """RFC 8058, read as a mail program reads it: from what goes over the wire, not from our objects."""
    with app.app_context(), transaction():
        letters.post(
            "accounts/password-changed",
            to=people.alice,
            unsubscribe_url=unsubscribing.unsubscribe_url(people.alice, Stream.REPLIES),
            moment="today",
            forgot="http://localhost/password/forgot",
        )
    work_off()
    with app.app_context():
        wire = outbox[0].as_bytes()
    header = re.search(rb"^List-Unsubscribe: <(\S+)>\r?$", wire, re.MULTILINE)
    assert header is not None  # in one line and in plain words
    assert re.search(rb"^List-Unsubscribe-Post: List-Unsubscribe=One-Click\r?$", wire, re.MULTILINE)
    parsed = email.message_from_bytes(wire, policy=policy.default)
    assert parsed["List-Unsubscribe"] == f"<{header[1].decode()}>"

    address = header[1].decode().removeprefix("http://localhost")
    answer = browse().post(
        address, data="List-Unsubscribe=One-Click", csrf=False, content_type="application/x-www-form-urlencoded"
    )
    assert answer.status_code == 200
    assert _choices(app, people.alice)[Stream.REPLIES] is Rhythm.SITE
    assert _choices(app, people.bob)[Stream.REPLIES] is Rhythm.NOW


def test_opening_the_address_stops_nothing(app, people, browse):
    scanner = browse()
    for _ in range(10):
        assert "Stop these letters?" in scanner.get(_path(app, people.alice)).text
        assert scanner.head(_path(app, people.alice)).status_code == 200
    assert _choices(app, people.alice)[Stream.REPLIES] is Rhythm.NOW


def test_the_button_on_the_page_stops_them(app, people, browse):
    page = browse().get(_path(app, people.alice)).text
    assert f'action="{_path(app, people.alice)}"' in page
    stopped = browse().post(_path(app, people.alice))
    assert stopped.status_code == 200
    assert "It still stands in your inbox" in stopped.text
    assert _choices(app, people.alice)[Stream.REPLIES] is Rhythm.SITE


def test_stopping_twice_is_stopping_once(app, people, browse):
    assert [browse().post(_path(app, people.alice), csrf=False).status_code for _ in range(3)] == [200] * 3
    with app.app_context():
        assert len(db.session.scalars(select(Preference)).all()) == 1


@pytest.mark.parametrize("change", ["x", ".x", "", "A"])
def test_an_address_that_was_tampered_with_does_nothing(app, people, browse, change):
    path = _path(app, people.alice)
    made_up = path[:-3] + change
    assert browse().get(made_up).status_code == 404
    assert browse().post(made_up, csrf=False).status_code == 404
    assert _choices(app, people.alice)[Stream.REPLIES] is Rhythm.NOW


def test_a_letter_to_someone_who_left_since_can_still_be_stopped_without_an_error(app, make, browse):
    gone = make.member("Gone")
    path = _path(app, gone)
    with app.app_context(), transaction():
        db.session.delete(db.session.get_one(Member, gone.id))
    assert browse().post(path, csrf=False).status_code == 200


def test_the_address_opens_nothing_but_the_stream(app, people, browse):
    browser = browse()
    browser.post(_path(app, people.alice), csrf=False)
    assert browser.get("/account").status_code == 303


def test_alice_chooses_how_soon_for_each_kind_and_what_she_does_not_send_stays(app, people, browse):
    browser = browse(people.alice)
    chosen = {"replies": "daily", "mentions": "site", "people": "off"}
    assert browser.post("/account/mail", data=chosen).status_code == 303
    found = _choices(app, people.alice)
    assert {stream.value: found[stream].value for stream in CHOSEN} == chosen | {
        "answers": "now",
        "new_items": "now",
        "flags": "now",
    }
    assert browser.get("/account/mail").text.count(" selected ") == len(CHOSEN)
    assert browser.post("/account/mail", data={"replies": "hourly"}).status_code == 422
    assert _choices(app, people.alice)[Stream.REPLIES] is Rhythm.DAILY


def test_the_page_offers_a_choice_for_every_stream(people, browse):
    page = browse(people.alice).get("/account/mail").text
    for stream in CHOSEN:
        assert f'name="{stream.value}"' in page


def test_the_daily_letters_own_link_stops_it_and_what_it_told_stays_in_the_inbox(app, people, browse):
    browse(people.alice).post("/account/mail", data={"replies": "daily", "mentions": "now"})
    with app.app_context():
        path = unsubscribing.stop_daily_url(people.alice).removeprefix("http://localhost")
    assert browse().post(path, csrf=False).status_code == 200
    found = _choices(app, people.alice)
    assert (found[Stream.REPLIES], found[Stream.MENTIONS]) == (Rhythm.SITE, Rhythm.NOW)
