"""How far somebody has come in an episode, on whichever device, and what counts as a listen."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from portal.accounts.models import Member
from portal.core.clock import now
from portal.core.db import db
from portal.library import listening
from portal.library.models import Listening, StepDone
from tests.make import at_once

NOW = timedelta(0)


@pytest.fixture
def episode(make):
    return make.episode(seconds=2400)


@pytest.fixture
def note(make, episode):
    """`note(alice, 754)`: they are there now; `age` says how long ago they were."""

    def said(who, second, *, heard=0, age=NOW, about=episode):
        with make._saved():
            member = db.session.get_one(Member, who.id)
            listening.note(about.id, length=about.seconds, second=second, heard=heard, age=age, by=member)

    return said


@pytest.fixture
def place(app, episode):
    """`place(alice)`: where they are."""

    def found(who, about=episode):
        with app.app_context():
            return listening.place_of(who.id, about.id)

    return found


def test_alice_goes_on_where_she_was(people, place, note):
    assert place(people.alice).second == 0
    note(people.alice, 754)
    assert place(people.alice).second == 754
    assert place(people.bob).second == 0


def test_the_newest_moment_decides_and_not_the_furthest_second(people, place, note, clock):
    note(people.alice, 1200)
    clock.shift(timedelta(minutes=30))
    note(people.alice, 300)  # she went back to hear it again
    assert place(people.alice).second == 300


def test_a_tab_left_open_in_the_morning_does_not_undo_the_evening(people, place, note, clock):
    note(people.alice, 300)
    clock.shift(timedelta(hours=9))
    note(people.alice, 1500)  # the telephone, in the evening
    evening = place(people.alice)
    clock.shift(timedelta(minutes=1))
    note(people.alice, 310, age=timedelta(hours=9), heard=10)  # the tab, closed at night
    assert place(people.alice) == evening


def test_what_an_old_report_heard_still_counts(app, people, note, clock):
    note(people.alice, 1500, heard=20)
    note(people.alice, 310, age=timedelta(hours=9), heard=30)
    with app.app_context():
        assert db.session.scalar(select(Listening.heard)) == 50


def test_no_report_comes_from_the_future_or_from_outside_of_the_episode(app, people, place, note):
    note(people.alice, 99_999, age=timedelta(days=-400), heard=-5)
    assert place(people.alice).second == 2400
    assert place(people.alice).at <= now()
    note(people.alice, -5, heard=10**9)
    assert place(people.alice).second == 0
    with app.app_context():
        assert db.session.scalar(select(Listening.heard)) == listening.MOST_AT_ONCE


def test_twenty_devices_at_once_make_one_row(app, people, note):
    assert set(at_once(20, lambda n: note(people.alice, 100 + n, heard=1))) == {None}
    with app.app_context():
        assert db.session.scalar(select(func.count(Listening.id))) == 1
        assert db.session.scalar(select(Listening.heard)) == 20


def test_whoever_came_to_the_end_has_finished_and_begins_anew(people, place, note, clock):
    note(people.alice, 2390)
    finished = place(people.alice)
    assert finished.finished_at is not None
    assert finished.resumes_at(2400) == 0
    clock.shift(timedelta(days=1))
    note(people.alice, 600)  # she hears it again
    again = place(people.alice)
    assert again.finished_at == finished.finished_at
    assert again.resumes_at(2400) == 600


@pytest.mark.parametrize(("second", "length", "resumes"), [(3, 2400, 0), (5, 2400, 5), (2384, 2400, 2384), (28, 30, 0)])
def test_a_breath_is_no_beginning_and_the_last_words_are_an_end(second, length, resumes):
    assert listening.Place(second=second).resumes_at(length) == resumes


def test_an_episode_of_unknown_length_is_never_finished(people, make, place, note):
    live = make.episode("Recorded live", seconds=None)
    note(people.alice, 5000, about=live)
    assert place(people.alice, live).finished_at is None
    assert place(people.alice, live).resumes_at(None) == 5000


def test_a_listen_is_a_member_who_heard_a_minute_or_a_tenth(app, people, make, note):
    long, short, unheard = make.episode("Long", seconds=2400), make.episode("Short", seconds=90), make.episode("New")
    note(people.alice, 10, heard=59, about=long)
    note(people.bob, 10, heard=60, about=long)
    note(people.cory, 2000, heard=0, about=long)  # moved the slider, heard nothing
    note(people.alice, 10, heard=9, about=short)
    note(people.bob, 10, heard=8, about=short)
    with app.app_context():
        assert [listening.listens(e.id) for e in (long, short, unheard)] == [1, 1, 0]


def test_the_step_is_ticked_once_and_only_for_alice(app, people, make, episode, place):
    def tick(_number):
        with make._saved():
            listening.tick_step(episode.id, by=db.session.get_one(Member, people.alice.id))

    assert set(at_once(5, tick)) == {None}
    assert place(people.alice).step_done_at is not None
    assert place(people.bob).step_done_at is None
    with make._saved():
        assert db.session.scalar(select(func.count(StepDone.id))) == 1
        listening.untick_step(episode.id, by=db.session.get_one(Member, people.alice.id))
    assert place(people.alice).step_done_at is None
