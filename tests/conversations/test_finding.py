"""What search finds of conversations: everything members may read, nothing that is hidden."""

from __future__ import annotations

from time import sleep

import pytest
from sqlalchemy import select

from portal.conversations import finding, posting
from portal.conversations.models import Post
from portal.core.admission import Audience
from portal.core.db import db, transaction
from portal.core.search import search
from portal.moderation import ruling
from tests.make import again, at_once


@pytest.fixture
def found(app):
    """`found("scalpel")`: what a member finds."""

    def find(words, audiences=frozenset(Audience)):
        with app.app_context():
            return sorted((hit.kind, hit.path) for hit in search(words, audiences=audiences))

    return find


@pytest.fixture
def rule(app, people):
    def decide(what, thing):
        with app.app_context(), transaction():
            getattr(ruling, what)(again(thing), because="So.", by=again(people.mo))

    return decide


def test_a_thread_is_found_by_title_and_opening_words_and_a_reply_by_itself(people, make, found):
    thread = make.thread(by=people.alice, title="The scalpel", body="About **hygienists**.")
    reply = make.reply(thread, by=people.bob, body="About anaesthetists.")
    assert found("scalpel") == [("post", f"/posts/{reply.id}"), ("thread", f"/threads/{thread.id}")]
    assert found("hygienists") == [("thread", f"/threads/{thread.id}")]
    assert found("anaesthetists") == [("post", f"/posts/{reply.id}")]


def test_only_members_find_it(people, make, found):
    make.thread(by=people.alice, title="The scalpel")
    assert found("scalpel", {Audience.ANYONE, Audience.SIGNED_IN}) == []


def test_after_an_edit_only_the_new_words_are_found(app, people, make, found):
    make.thread(by=people.alice, body="About hygienists.")
    with app.app_context(), transaction():
        posting.edit(db.session.scalars(select(Post)).one(), body="About anaesthetists.", by=again(people.alice))
    assert found("hygienists") == []
    assert len(found("anaesthetists")) == 1


def test_a_hidden_post_is_not_found_until_it_is_restored(people, make, found, rule):
    thread = make.thread(by=people.alice)
    reply = make.reply(thread, by=people.bob, body="Mr. Hale.")
    rule("hide", reply)
    assert found("Hale") == []
    rule("restore", reply)
    assert found("Hale") == [("post", f"/posts/{reply.id}")]


@pytest.fixture
def just_said(app, people, make):
    """A reply of Bob's that search has not seen yet, and his row of it."""
    thread = make.thread(by=people.alice)
    with app.app_context(), transaction():
        return posting.reply(again(thread), body="Words of Mr. Hale.", by=again(people.bob))


def test_a_reply_that_is_hidden_before_search_has_seen_it_is_never_found(just_said, found, rule, work_off):
    assert found("Hale") == []
    rule("hide", just_said)
    work_off()
    assert found("Hale") == []


def test_a_reply_that_is_edited_before_search_has_seen_it_is_found_as_it_reads_now(
    app, people, just_said, found, work_off
):
    with app.app_context(), transaction():
        posting.edit(again(just_said), body="Words of nobody.", by=again(people.bob))
    work_off()
    assert (found("Hale"), found("nobody")) == ([], [("post", f"/posts/{just_said.id}")])


def test_search_may_see_a_reply_twice(app, just_said, found, work_off):
    work_off()
    with app.app_context():
        finding.find_post(just_said.id)
    assert found("Hale") == [("post", f"/posts/{just_said.id}")]


def test_a_hidden_opening_post_leaves_its_title_to_be_found(app, people, make, found, rule):
    thread = make.thread(by=people.alice, title="The scalpel", body="Mr. Hale.")
    with app.app_context():
        opening = db.session.scalars(select(Post)).one()
    rule("hide", opening)
    assert found("Hale") == []
    assert found("scalpel") == [("thread", f"/threads/{thread.id}")]


def test_nothing_in_a_hidden_thread_is_found_until_it_is_restored(people, make, found, rule, work_off):
    thread = make.thread(by=people.alice, title="The scalpel")
    kept = make.reply(thread, by=people.bob, body="Words of the scalpel.")
    hidden = make.reply(thread, by=people.bob, body="More of the scalpel.")
    rule("hide", hidden)
    rule("hide_thread", thread)
    work_off()
    assert found("scalpel") == []
    rule("restore", hidden)
    assert found("scalpel") == []
    rule("hide", hidden)
    rule("restore_thread", thread)
    work_off()
    assert found("scalpel") == [("post", f"/posts/{kept.id}"), ("thread", f"/threads/{thread.id}")]


def test_what_is_hidden_while_its_thread_is_indexed_anew_is_found_by_nobody(app, people, make, found):
    """On PostgreSQL the two really meet; a longer wait each time, so that some do in the middle of it."""
    thread = make.thread(by=people.alice)
    with app.app_context(), transaction():
        for number in range(120):
            posting.reply(again(thread), body="word " * 300 + f"Quarzenfels{number}", by=again(people.bob))
        last = db.session.scalars(select(Post).where(Post.thread_id == thread.id).order_by(Post.number)).all()[-5:]

    def meet(which):
        if which is None:
            with app.app_context():
                finding.index_thread(thread.id)
            return
        sleep(0.04 * which)
        with app.app_context(), transaction():
            ruling.hide(again(last[which]), because="So.", by=again(people.mo))

    for number in range(5):
        assert at_once(2, lambda n, number=number: meet(number if n else None)) == [None, None]
        assert found(f"Quarzenfels{115 + number}") == []
