"""Notes of staff about a member: who writes and takes them away, and what is left in the log."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from portal.core.audit import Record
from portal.core.db import db, transaction
from portal.moderation import noting, sanctioning
from portal.moderation.person_models import StaffNote
from tests.make import again


@pytest.fixture
def note(app, people):
    def write(about, by=None, words="Wants to be rung up before noon."):
        with app.app_context(), transaction():
            return noting.note(again(about), words=words, by=again(by or people.mo))

    return write


def test_mo_notes_something_that_cory_reads_and_the_log_has_none_of_its_words(app, people, note):
    note(people.bob)
    with app.app_context():
        (read,) = noting.notes_on(again(people.bob))
        assert (read.words, read.by.name) == ("Wants to be rung up before noon.", "Mo")
        (line,) = db.session.scalars(select(Record).where(Record.ref_kind == "staff_note")).all()
        assert (line.action, line.because, line.details) == ("note.written", None, {"member": people.bob.id})


@pytest.mark.parametrize(("by", "about"), [("mo", "mo"), ("mo", "cory"), ("alice", "bob")])
def test_nobody_notes_about_themselves_or_somebody_above(app, people, note, by, about):
    with pytest.raises(sanctioning.NotYoursToJudge):
        note(getattr(people, about), by=getattr(people, by))
    with app.app_context():
        assert db.session.scalars(select(StaffNote)).all() == []


def test_who_wrote_a_note_or_an_owner_takes_it_away_and_nobody_else(app, people, note):
    first, second = note(people.bob), note(people.bob)
    with app.app_context(), transaction(), pytest.raises(noting.NotYourNote):
        noting.take_away(again(first), by=again(people.cory))
    for which, by in ((first, people.mo), (second, people.olga)):
        with app.app_context(), transaction():
            noting.take_away(again(which), by=again(by))
    with app.app_context():
        assert noting.notes_on(again(people.bob)) == []
