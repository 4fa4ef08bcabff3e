"""What people look for in vain: counted by the day, without whoever looked, and never what is private."""

from __future__ import annotations

from datetime import timedelta

import pytest

from portal.core import found_nothing
from portal.core.clock import now
from portal.core.found_nothing import SearchMiss, most_missed


@pytest.fixture
def missed(app):
    """What the desk would read: (words, times)."""

    def ask():
        with app.app_context():
            return [(words, times) for words, times, _last in most_missed(since=now().date() - timedelta(days=30))]

    return ask


def test_what_alice_and_a_visitor_look_for_in_vain_is_counted_folded(browse, people, missed):
    browse(people.alice).get("/search?q=Vergütung")
    browse().get("/search?q=vergutung")
    browse().get("/search?q=partner+buy-in")
    assert missed() == [("vergutung", 2), ("partner buy in", 1)]


def test_what_was_found_or_narrowed_is_no_miss(browse, people, make, missed):
    make.tool("Role card")
    for path in ("/search", "/search?q=", "/search?q=role", "/search?q=zeppelin&in=library", "/search?q=%00"):
        assert browse(people.alice).get(path).status_code == 200
    assert missed() == []


@pytest.mark.parametrize(
    "typed",
    ["anna@example.com", "+1 (555) 010-9988", "555-0109", "record 4711 0815", "02/03/1961", "x", "w" * 100, "a@b"],
)
def test_what_may_be_private_is_not_kept(app, missed, typed):
    with app.app_context():
        found_nothing.note(typed)
    assert missed() == []


def test_a_script_that_makes_words_up_fills_no_table(app, missed, monkeypatch):
    monkeypatch.setattr(found_nothing, "_MOST_A_DAY", 5)
    with app.app_context():
        for letter in "abcdefgh":
            found_nothing.note(letter * 5)
        found_nothing.note("aaaaa")
    assert len(missed()) == 5
    assert missed()[0] == ("aaaaa", 2)


def test_it_is_forgotten_after_half_a_year(app, clock):
    began = now().date()

    def kept_after(days):
        clock.shift(timedelta(days=days))
        with app.app_context():
            found_nothing.forget_old()
        with app.app_context():
            return [miss.words for miss in most_missed(since=began)]

    with app.app_context():
        found_nothing.note("zeppelin")
    assert kept_after(170) == ["zeppelin"]
    assert kept_after(20) == []


def test_whoever_looked_is_not_in_the_table():
    assert set(SearchMiss.__table__.c.keys()) == {"id", "created_at", "day", "words", "times"}
