"""Words on their way are kept for the one who typed them, until they are sent."""

from __future__ import annotations

import pytest
from flask import Flask, Response

from portal.accounts import drafting
from portal.accounts.drafting import SavedElsewhere
from portal.core.db import db, transaction
from tests.make import again, at_once

THING = "thread:new:owners-table"


def save(app, who, words, *, mark="", after=()):
    with app.app_context(), transaction():
        return drafting.save(again(who), THING, {"body": [words]}, mark=mark, after=after).mark


def kept(app, who):
    with app.app_context():
        draft = drafting.kept(again(who), THING)
        return draft.fields["body"][0] if draft else None


def test_alice_finds_what_she_typed_and_bob_does_not(app, people):
    save(app, people.alice, "Our best hygienist")
    assert kept(app, people.alice) == "Our best hygienist"
    assert kept(app, people.bob) is None


def test_each_saving_takes_the_place_of_the_one_before(app, people):
    first = save(app, people.alice, "Our best")
    save(app, people.alice, "Our best hygienist", after=[first])
    assert kept(app, people.alice) == "Our best hygienist"


def test_an_older_window_does_not_write_over_newer_words(app, people):
    opened = save(app, people.alice, "Our best")
    save(app, people.alice, "Our best hygienist", after=[opened])
    with pytest.raises(SavedElsewhere):
        save(app, people.alice, "Our worst", after=[opened])
    assert kept(app, people.alice) == "Our best hygienist"


def test_a_saving_whose_answer_was_lost_is_followed_by_the_next(app, people):
    """The page does not know that its words arrived; it names their mark all the same."""
    save(app, people.alice, "Our best", mark="lost")
    save(app, people.alice, "Our best hygienist", mark="next", after=["", "lost"])
    assert kept(app, people.alice) == "Our best hygienist"


def test_a_saving_that_never_arrived_is_followed_by_the_next(app, people):
    save(app, people.alice, "Our best hygienist", mark="next", after=["", "never-arrived"])
    assert kept(app, people.alice) == "Our best hygienist"


def test_a_saving_that_comes_after_the_words_were_sent_brings_none_back(app, people):
    first = save(app, people.alice, "Our best hygienist")
    with app.test_request_context("/"), transaction():
        drafting.throw_away(again(people.alice), THING)
    with pytest.raises(SavedElsewhere):
        save(app, people.alice, "Our best hygienist", mark="late", after=[first, first])
    assert kept(app, people.alice) is None


def test_a_saving_sent_twice_is_kept_once(app, people):
    assert save(app, people.alice, "Twice", mark="same") == save(app, people.alice, "Twice", mark="same")


def test_of_twenty_windows_at_once_one_is_kept_and_the_others_are_told(app, people):
    def write(number):
        with app.app_context(), transaction():
            drafting.save(again(people.alice), THING, {"body": [f"Window {number}"]}, mark=f"mark{number}")
            return number

    answers = at_once(20, write)
    assert sorted(type(answer).__name__ for answer in answers).count("int") == 1
    assert sum(isinstance(answer, SavedElsewhere) for answer in answers) == 19
    assert kept(app, people.alice) == f"Window {next(a for a in answers if isinstance(a, int))}"


def test_signs_that_a_database_refuses_are_left_out(app, people):
    save(app, people.alice, "Our\x00 best 🦷 é")
    assert kept(app, people.alice) == "Our best 🦷 é"


@pytest.fixture
def page(app: Flask, people):
    """A page of an area that keeps drafts, as those with forms have it: asked for as Alice."""

    def ask(method: str, data: dict[str, str]) -> Response:
        with app.test_request_context("/somewhere", method=method, data=data):
            from flask_login import login_user

            from portal.accounts.models import Device
            from portal.accounts.signed_in import hashed
            from portal.accounts.signing_in import open_device

            token = open_device(again(people.alice), user_agent="test")
            device = db.session.query(Device).filter_by(token_hash=hashed(token)).one()
            device._token = token
            login_user(device)
            answer = drafting.receive(THING)
            db.session.commit()
            return answer

    return ask


def test_the_form_that_saves_itself_is_told_when_it_was_saved(app, page, people):
    answer = page("POST", {"body": "Our best", "csrf_token": "secret", "mark": "m1", "after": "", "preview": "body"})
    assert answer.json["mark"] == "m1"
    assert ":" in answer.json["at"]
    with app.app_context():
        assert drafting.kept(again(people.alice), THING).fields == {"body": ["Our best"]}


def test_what_was_sent_is_kept_neither_here_nor_by_the_browser(app, people):
    save(app, people.alice, "Our best hygienist")
    with app.test_request_context("/"):
        drafting.throw_away(again(people.alice), THING)
        db.session.commit()
        answer = app.process_response(app.response_class())
    assert f"drafts_done={THING}" in answer.headers["Set-Cookie"]
    assert kept(app, people.alice) is None


def test_a_preview_shows_words_as_they_will_stand_and_nothing_that_runs(browse, people):
    alice = browse(people.alice)
    page = alice.post("/preview", data={"body": "**Bold** <script>alert(1)</script> [x](javascript:alert)"}).text
    assert "<strong>Bold</strong>" in page
    assert "<script" not in page
    assert "href" not in page
    assert "nothing to show" in alice.post("/preview", data={"body": ""}).text
    assert alice.post("/preview", data={"body": "[" * 20_001}).status_code == 422
    assert browse().post("/preview", data={"body": "x"}).status_code == 303
