"""Writing items: what was typed is what is kept, each change can be seen and taken back, nobody writes over another."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from portal.core import search
from portal.core.admission import Audience
from portal.core.audit import Record
from portal.core.clock import now
from portal.core.db import db, transaction
from portal.library import publishing, revising, writing
from portal.library.comparing import How, compare
from portal.library.models import Item, Kind, Revision
from portal.library.revising import ChangedMeanwhile
from tests.make import again, at_once

EPISODE = {
    "title": "What a seat is for", "summary": "Twelve minutes.", "problem": "", "topics": "hiring", "is_free": "no",
    "number": "12", "aired_on": "2026-05-03", "hear": "One\nTwo",
    "guests": "Ines Roth | veterinarian | https://example.com/ines\nBen Adler",
    "links": "Apple Podcasts | https://example.com/12", "tool": "", "step": "Write it down.",
    "chapters": "0:00 Opening\n1:30 The third column", "public_notes": "yes",
    "body": "Notes.", "transcript": "WEBVTT\n\n00:00.000 --> 00:02.000\nHello",
}  # fmt: skip


def begin(app, by, kind=Kind.TOOL, **fields):
    with app.app_context(), transaction():
        return writing.begin(kind, {"title": "Role card", "summary": "One page."} | fields, by=again(by))


def revise(app, item, by, *, seen, **fields):
    with app.app_context(), transaction():
        item = db.session.get_one(Item, item.id)
        return revising.revise(item, writing.written(item) | fields, by=again(by), seen=seen)


def now_says(app, item):
    with app.app_context():
        return writing.written(db.session.get_one(Item, item.id))


def test_every_field_of_every_kind_comes_back_as_it_was_typed(app, people, make):
    make.topic("Hiring")
    asked = {
        Kind.TOOL: {"minutes": "20", "body": "**Fill** it in."},
        Kind.RESOURCE: {"link": "https://example.com/a", "body": "Text"},
        Kind.NUGGET: {"situation": "S", "change": "C", "result": "R", "practice_type": "Law", "practice_size": "9"},
        Kind.EPISODE: EPISODE,
    }
    for kind, fields in asked.items():
        fields = {"topics": "hiring", "problem": "Now what?", "is_free": "no"} | fields
        item = begin(app, people.cory, kind, **fields)
        says = now_says(app, item)
        assert {name: says[name] for name in fields} == fields, kind


def test_cory_changes_a_tool_and_both_writings_are_kept(app, people, make):
    tool = make.tool("Role card")
    assert revise(app, tool, people.cory, seen=0, title="Role card, one page")
    with app.app_context():
        revisions = revising.history(db.session.get_one(Item, tool.id))
        assert [(r.number, r.fields["title"], r.by and r.by.name) for r in revisions] == [
            (1, "Role card, one page", "Cory"),
            (0, "Role card", None),
        ]
        assert db.session.scalar(select(Record.action).where(Record.action == "item.rewritten")) is not None
        assert search.search("one page", audiences=[Audience.ANYONE])[0].title == "Role card, one page"


def test_saving_the_same_words_again_changes_nothing(app, people):
    tool = begin(app, people.cory)
    assert not revise(app, tool, people.cory, seen=1)
    assert not revise(app, tool, people.cory, seen=0), "nor does it matter what was seen"


def test_the_second_of_two_coaches_is_told_and_nothing_is_lost(app, people):
    tool = begin(app, people.cory)
    revise(app, tool, people.olga, seen=1, summary="Half a page.")
    with pytest.raises(ChangedMeanwhile) as told:
        revise(app, tool, people.cory, seen=1, summary="Two pages.")
    assert str(told.value) == "Olga has changed it since you opened it."
    assert now_says(app, tool)["summary"] == "Half a page."
    assert revise(app, tool, people.cory, seen=2, summary="Two pages."), "once they have seen it they may"


def test_of_twenty_coaches_at_once_one_writes_and_nineteen_are_told(app, people):
    tool = begin(app, people.cory)
    answers = at_once(20, lambda n: revise(app, tool, people.cory, seen=1, summary=f"Page {n}."))
    assert answers.count(True) == 1
    assert sum(isinstance(answer, ChangedMeanwhile) for answer in answers) == 19
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Revision)) == 2


def test_an_old_writing_is_put_back_and_the_newer_is_kept_too(app, people):
    tool = begin(app, people.cory, body="First")
    revise(app, tool, people.olga, seen=1, body="Second")
    with app.app_context(), transaction():
        revising.restore(db.session.get_one(Item, tool.id), 1, by=again(people.cory), seen=2)
    assert now_says(app, tool)["body"] == "First"
    with app.app_context():
        revisions = revising.history(db.session.get_one(Item, tool.id))
        assert [(r.number, r.note, r.fields["body"]) for r in revisions] == [
            (3, "Restored number 1", "First"), (2, "", "Second"), (1, "", "First"),
        ]  # fmt: skip


def test_a_form_sent_twice_begins_one_draft_and_another_title_another(app, people):
    drafts = at_once(5, lambda _: begin(app, people.cory).id)
    assert len(set(drafts)) == 1
    assert begin(app, people.cory, title="Seat map").id != drafts[0]


def test_a_draft_s_address_follows_its_title_and_stays_once_it_is_out(app, people):
    tool = begin(app, people.cory, title="Rôle card: what's it for?")
    assert tool.slug == "role-card-whats-it-for"
    assert begin(app, people.olga, title="Role card — whats it for").slug == "role-card-whats-it-for-2"
    revise(app, tool, people.cory, seen=1, title="Seat map")
    with app.app_context(), transaction():
        publishing.publish(db.session.get_one(Item, tool.id), by=again(people.cory))
    revise(app, tool, people.cory, seen=2, title="Seat plan")
    with app.app_context():
        assert db.session.get_one(Item, tool.id).slug == "seat-map"


def test_two_episodes_cannot_have_one_number(app, people):
    first = begin(app, people.cory, Kind.EPISODE, **EPISODE)
    with pytest.raises(writing.NumberTaken):
        begin(app, people.cory, Kind.EPISODE, **EPISODE | {"title": "Another"})
    assert revise(app, first, people.cory, seen=1, summary="Thirteen minutes."), "its own number is no other's"


# What changed


def test_a_changed_word_is_shown_within_its_line():
    changes = compare(
        {"a": "Spend longest on the third column."}, {"a": "Spend longest on the second column."}, {"a": "Body"}
    )
    pieces = [(piece.how, piece.words) for piece in changes[0].lines[0].pieces]
    assert pieces == [
        (How.SAME, "Spend longest on the "),
        (How.GONE, "third"),
        (How.NEW, "second"),
        (How.SAME, " column."),
    ]


def test_another_line_is_shown_whole_and_long_unchanged_stretches_are_counted():
    before = "\n".join(["Alpha", *[f"Line {n}" for n in range(30)], "Omega"])
    changes = compare({"a": before}, {"a": before + "\nA wholly new line"}, {"a": "Body"})
    lines = changes[0].lines
    assert lines[0].skipped == 30
    assert [piece.how for piece in lines[-1].pieces] == [How.NEW]


def test_only_fields_that_differ_are_named_in_the_order_of_the_form():
    labels = {"title": "Title", "summary": "Summary", "body": "Body"}
    changes = compare({"title": "A", "summary": "S", "body": "x"}, {"title": "A", "summary": "T", "body": "y"}, labels)
    assert [change.label for change in changes] == ["Summary", "Body"]
    assert compare({"title": "A"}, {"title": "A"}, labels) == []


@pytest.mark.parametrize("seed", range(40))
def test_both_writings_can_be_read_out_of_any_comparison(seed):
    """Without what went it is the new text, without what came the old one: nothing is hidden, nothing invented."""
    import random

    draw = random.Random(seed)
    words = ["seat", "role", "the", "", "  ", "a\tb", "é", "card."]

    def text():
        return "\n".join(" ".join(draw.choices(words, k=draw.randint(0, 6))) for _ in range(draw.randint(0, 8)))

    before, after = text(), text()
    for change in compare({"a": before}, {"a": after}, {"a": "Body"}):
        if any(line.skipped for line in change.lines):
            continue
        for side, whole in ((How.GONE, before), (How.NEW, after)):
            read = [
                "".join(p.words for p in line.pieces if p.how in {How.SAME, side})
                for line in change.lines
                if any(p.how in {How.SAME, side} for p in line.pieces)
            ]
            assert [line for line in read if line] == [line for line in whole.split("\n") if line]


def test_a_moment_ago_is_not_the_future(app, people):
    tool = begin(app, people.cory)
    with app.app_context(), transaction():
        publishing.publish(db.session.get_one(Item, tool.id), by=again(people.cory), at=now() - timedelta(seconds=1))
    with app.app_context():
        assert db.session.get_one(Item, tool.id).appeared_at is not None
