"""Whatever is typed or sent, each form of accounts answers with a sentence and never with an error of ours."""

from __future__ import annotations

from io import BytesIO

import pytest

from portal.accounts.models import Member
from portal.core.db import db
from tests.make import PASSWORD

HUGE = "x" * (1024 * 1024)
HOSTILE = [
    "",
    " ",
    "\x00",
    "a\x00b",
    "\u202e\u2066\u200f",
    "\u202ealice@example.com",
    "<script>alert(1)</script>",
    "{{ 7 * 7 }}",
    "' OR 1=1 --",
    "é" * 300,
    "x" * 5000,
    "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"),
    "line\r\nBcc: bob@example.com",
    "١٢٣",
    "[]",
]
FORMS = [
    ("/join", {"name": "Nora Novak", "email": "nora@example.com", "password": PASSWORD, "plan": "annual"}),
    ("/sign-in", {"email": "alice@example.com", "password": PASSWORD, "next": "/rooms"}),
    ("/password/forgot", {"email": "alice@example.com"}),
    ("/password/reset/pfl_x", {"password": PASSWORD}),
]
OWN_FORMS = [
    (
        "/account/profile",
        {
            "name": "Alice",
            "practice": "Adams",
            "specialty": "dental",
            "part": "owner",
            "title": "Owner",
            "size": "2-9",
            "region": "us-west",
            "bio": "Hello",
            "shown": "practice",
            "listed": "y",
            "time_zone": "",
            "locale": "en_GB",
        },
    ),
    ("/account/security", {"present": PASSWORD, "new": "pears and plums here"}),
    ("/account/mail", {"replies": "y"}),
]
CALM = {303, 409, 410, 422, 429}


def _fields(forms):
    return [(path, data, field) for path, data in forms for field in data]


@pytest.mark.parametrize(("path", "data", "field"), _fields(FORMS))
def test_a_visitors_forms_take_whatever_is_typed(people, browse, path, data, field):
    for number, typed in enumerate(HOSTILE):
        from_elsewhere = {"REMOTE_ADDR": f"10.2.{number}.1"}
        answer = browse().post(path, data=data | {field: typed}, environ_overrides=from_elsewhere)
        assert answer.status_code in CALM, typed
        assert "<script>alert" not in answer.text


@pytest.mark.parametrize(("path", "data", "field"), _fields(OWN_FORMS))
def test_alices_forms_take_whatever_is_typed(people, browse, path, data, field):
    browser = browse(people.alice)
    for typed in HOSTILE:
        answer = browser.post(path, data=data | {field: typed})
        assert answer.status_code in CALM, typed
        assert "<script>alert" not in answer.text
        assert "<script>alert" not in browser.get(path).text


@pytest.mark.parametrize(("path", "data", "field"), _fields(FORMS))
def test_a_megabyte_is_refused_with_a_sentence(people, browse, path, data, field):
    answer = browse().post(path, data=data | {field: HUGE})
    assert answer.status_code == 413
    assert "too large" in answer.text


@pytest.mark.parametrize(("path", "data", "field"), _fields(OWN_FORMS))
def test_a_megabyte_from_alice_is_refused_with_a_sentence(people, browse, path, data, field):
    answer = browse(people.alice).post(path, data=data | {field: HUGE})
    assert answer.status_code == 413


@pytest.mark.parametrize(("path", "data", "field"), _fields(FORMS + OWN_FORMS))
def test_a_file_in_place_of_words_counts_as_nothing_typed(people, browse, path, data, field):
    browser = browse(people.alice if path.startswith("/account") else None)
    sent = {"csrf_token": browser.csrf_token()} | data | {field: (BytesIO(b"a file"), "file.txt")}
    assert browser.post(path, data=sent, content_type="multipart/form-data").status_code in CALM


@pytest.mark.parametrize(("path", "data", "field"), _fields(FORMS + OWN_FORMS))
def test_a_field_that_is_missing_or_sent_twice_breaks_nothing(people, browse, path, data, field):
    browser = browse(people.alice if path.startswith("/account") else None)
    token = {"csrf_token": browser.csrf_token()}
    assert browser.post(path, data=token | {k: v for k, v in data.items() if k != field}).status_code in CALM
    token = {"csrf_token": browser.csrf_token()}
    assert browser.post(path, data=token | data | {field: [data[field], "another"]}).status_code in CALM


@pytest.mark.parametrize(("path", "data"), FORMS + OWN_FORMS)
def test_json_in_place_of_a_form_is_refused(people, browse, path, data):
    browser = browse(people.alice if path.startswith("/account") else None)
    answer = browser.post(path, json=data, headers={"X-CSRFToken": browser.csrf_token()})
    assert answer.status_code in {400, 410, 415, 422, 303} - ({303} if path != "/account/mail" else set())


@pytest.mark.parametrize(("path", "data"), FORMS + OWN_FORMS)
def test_without_the_token_of_the_form_nothing_happens(people, browse, path, data):
    browser = browse(people.alice if path.startswith("/account") else None)
    answer = browser.post(path, data=data, csrf=False)
    assert answer.status_code == 400
    assert "grown old" in answer.text


@pytest.mark.parametrize(("path", "data"), FORMS + OWN_FORMS)
def test_another_site_cannot_send_our_forms(people, browse, path, data):
    browser = browse(people.alice if path.startswith("/account") else None)
    assert browser.post(path, data=data, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403


def test_what_nora_typed_at_joining_stays_but_for_the_password(browse):
    page = browse().post("/join", data={"name": "Nora <Novak>", "email": "nora@", "password": "pears and plums"}).text
    assert 'value="Nora &lt;Novak&gt;"' in page
    assert 'value="nora@"' in page
    assert "pears and plums" not in page
    assert "should read like name@example.com" in page
    assert "<title>Error: Join" in page


def test_alices_name_is_kept_without_control_and_bidi_characters(app, people, browse):
    data = {"name": " Al\u202eice\t  Ad\x00ams ", "bio": "One\u2066\r\n\r\nTwo", "time_zone": "Europe/Berlin"}
    assert browse(people.alice).post("/account/profile", data=data).status_code == 303
    with app.app_context():
        alice = db.session.get_one(Member, people.alice.id)
        assert (alice.name, alice.bio, alice.time_zone) == ("Alice Adams", "One\n\nTwo", "Europe/Berlin")


@pytest.mark.parametrize("name", ["\u202e\u2066", "...", "\x00", "   ", "\u3164\u115f"])
def test_a_name_needs_something_to_read(people, browse, name):
    answer = browse(people.alice).post("/account/profile", data={"name": name, "time_zone": ""})
    assert answer.status_code == 422
    assert "Tell us your name" in answer.text


@pytest.mark.parametrize(
    "name", ["http://evil.example/prize", "www.evil.example", "nora@evil.example", "//evil.example"]
)
def test_a_name_is_no_link_for_it_stands_in_letters_to_strangers(app, browse, name, work_off, outbox):
    data = {"name": name, "email": "victim@example.com", "password": PASSWORD}
    answer = browse().post("/join", data=data)
    assert answer.status_code == 422
    assert "A name holds no web address" in answer.text
    work_off()
    assert outbox == []


@pytest.mark.parametrize(
    ("typed", "kept"), [("evil.com wins", "evil. com wins"), ("Dr.Smith", "Dr. Smith"), ("J.R. Ewing", "J.R. Ewing")]
)
def test_mail_programs_find_nothing_to_link_in_a_name(app, people, browse, typed, kept):
    browse(people.alice).post("/account/profile", data={"name": typed, "time_zone": ""})
    with app.app_context():
        assert db.session.get_one(Member, people.alice.id).name == kept


def test_a_time_zone_is_one_of_the_list(app, people, browse):
    answer = browse(people.alice).post("/account/profile", data={"name": "Alice", "time_zone": "../../etc/passwd"})
    assert answer.status_code == 422


def test_nobody_raises_their_own_role_or_confirms_themselves_by_a_form(app, people, browse):
    data = {
        "name": "Sam",
        "time_zone": "",
        "role": "owner",
        "confirmed_at": "2020-01-01",
        "email": "x@example.com",
        "id": "1",
    }
    browse(people.sam).post("/account/profile", data=data)
    with app.app_context():
        sam = db.session.get_one(Member, people.sam.id)
        assert (sam.role, sam.email) == (people.sam.role, people.sam.email)
