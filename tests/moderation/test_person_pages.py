"""The page on which staff silence or suspend somebody, end it, and keep notes."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from portal.core.db import db, transaction
from portal.moderation import noting, sanctioning
from portal.moderation.person_models import Sanction, StaffNote
from tests.make import again

pytestmark = pytest.mark.one_database
BOB = "/moderation/members/bob"
SILENCE = {"kind": "silence", "days": "7", "because": "Named an employee twice."}


def _sanctions(app):
    with app.app_context():
        return list(db.session.scalars(select(Sanction).order_by(Sanction.id)))


def test_mo_silences_bob_and_cory_ends_it_and_both_stand_in_the_history_until_it_is_over(app, browse, people, clock):
    mo, cory = browse(people.mo), browse(people.cory)
    assert mo.post(BOB + "/sanctions", data=SILENCE).status_code == 303
    page = cory.get(BOB).text
    assert "Silenced until" in page
    assert "Named an employee twice." in page
    assert "by Mo" in page
    (made,) = _sanctions(app)
    ended = cory.post(f"/moderation/sanctions/{made.id}/end", data={"because": "He apologised."})
    assert (ended.status_code, ended.location) == (303, BOB)
    page = mo.get(BOB).text
    assert "Silenced until" not in page
    assert "He apologised." in page
    assert mo.post(BOB + "/sanctions", data=SILENCE | {"kind": "suspension", "days": "1"}).status_code == 303
    assert "Suspended until" in mo.get(BOB).text
    clock.shift(timedelta(days=1, seconds=1))
    assert "Suspended until" not in mo.get(BOB).text


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"kind": ""}, "Choose one of the two."),
        ({"because": "  "}, "Give the reason; they read it."),
        ({"days": "8"}, "Not a valid choice"),
        ({"days": "x"}, "Invalid Choice"),
        ({"because": "x" * 1001}, "within 1,000 characters"),
    ],
)
def test_what_is_missing_is_said_and_what_was_typed_stands_in_the_form(app, browse, people, wrong, told):
    answer = browse(people.mo).post(BOB + "/sanctions", data=SILENCE | wrong)
    assert answer.status_code == 422
    assert told in answer.text
    assert not _sanctions(app)


def test_who_comes_second_is_told_who_was_first_and_keeps_their_words(app, browse, people):
    browse(people.mo).post(BOB + "/sanctions", data=SILENCE)
    second = browse(people.cory).post(BOB + "/sanctions", data=SILENCE | {"because": "Sold a course."})
    assert second.status_code == 409
    assert "Mo was first" in second.text
    assert "Sold a course." in second.text
    (made,) = _sanctions(app)
    lift = f"/moderation/sanctions/{made.id}/end"
    empty = browse(people.mo).post(lift, data={"because": ""})
    assert (empty.status_code, "Say why it ends before its time" in empty.text) == (422, True)
    assert browse(people.mo).post(lift, data={"because": "Enough."}).status_code == 303
    late = browse(people.cory).post(lift, data={"because": "Enough."})
    assert (late.status_code, "was lifted in the meantime" in late.text) == (409, True)


@pytest.mark.parametrize("whom", ["mo", "cory", "olga"])
def test_mo_opens_nobodys_page_of_his_own_role_or_above(browse, people, whom):
    answer = browse(people.mo).get(f"/moderation/members/{whom}")
    assert answer.status_code == 403
    assert "somebody of the same role or a higher one" in answer.text


def test_a_note_is_read_by_staff_alone_and_taken_away_by_its_writer_or_an_owner(app, browse, people):
    mo, cory = browse(people.mo), browse(people.cory)
    assert mo.post(BOB + "/notes", data={"words": "<b>Was written to</b> in May."}).status_code == 303
    assert "&lt;b&gt;Was written to&lt;/b&gt; in May." in cory.get(BOB).text
    for person in (browse(people.bob), browse(people.alice), browse(people.cory)):
        assert "Was written to" not in person.get("/members/bob").text
    with app.app_context():
        note_id = db.session.scalar(select(StaffNote.id))
    removal = f"/moderation/notes/{note_id}/removal"
    assert removal not in cory.get(BOB).text
    assert cory.post(removal).status_code == 403
    assert mo.post(BOB + "/notes", data={"words": " "}).status_code == 422
    assert browse(people.olga).post(removal).status_code == 303
    assert "Was written to" not in mo.get(BOB).text


def test_the_page_costs_the_same_for_two_decisions_as_for_twenty(app, browse, people, count_queries):
    def add(times):
        for n in range(times):
            with app.app_context(), transaction():
                made = sanctioning.silence(again(people.bob), days=1, because=f"{n}", by=again(people.mo))
                sanctioning.lift(made, because="So", by=again(people.cory))
                noting.note(again(people.bob), words=f"Note {n}", by=again(people.mo))

    mo = browse(people.mo)
    add(2)
    mo.get(BOB)
    with count_queries() as few:
        mo.get(BOB)
    add(18)
    with count_queries() as many:
        mo.get(BOB)
    assert len(few) == len(many) <= 8
