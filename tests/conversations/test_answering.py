"""What helped: whoever asked says so, coaches stand behind a post, any member thanks for one."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from portal.conversations import answering
from portal.conversations.models import Post, Thanks, ThreadKind
from portal.core.audit import Record
from portal.core.db import db, transaction
from tests.make import again, at_once


@pytest.fixture
def question(app, people, make):
    """Alice asks."""
    thread = make.thread(by=people.alice, title="Who decides?")
    with app.app_context(), transaction():
        again(thread).kind = ThreadKind.QUESTION
    return thread


@pytest.fixture
def reply(people, make, question):
    """Bob replies."""
    return make.reply(question, by=people.bob, body="Ask the nurse who is there at night.")


@pytest.fixture
def does(app):
    def do(what, post, by):
        with app.app_context(), transaction():
            what(again(post), by=again(by))

    return do


def test_only_whoever_asked_says_what_helped(app, people, reply, does):
    for other in (people.bob, people.cory, people.olga):
        with pytest.raises(answering.NotTheAsker):
            does(answering.mark, reply, other)
    does(answering.mark, reply, people.alice)
    with app.app_context():
        assert again(reply).helped_at is not None
    does(answering.unmark, reply, people.alice)
    with app.app_context():
        assert again(reply).helped_at is None


def test_neither_the_question_nor_what_is_gone_is_marked(app, people, question, reply, does):
    with app.app_context():
        opening = db.session.scalars(select(Post).where(Post.thread_id == question.id, Post.number == 1)).one()
    with pytest.raises(answering.NotToBeMarked):
        does(answering.mark, opening, people.alice)
    with app.app_context(), transaction():
        again(reply).hidden_at = again(reply).created_at
    for what, by in ((answering.mark, people.alice), (answering.endorse, people.cory), (answering.thank, people.alice)):
        with pytest.raises(answering.NotToBeMarked):
            does(what, reply, by)


def test_twenty_presses_at_once_are_one(app, people, question, reply, does):
    def press(number):
        with app.app_context(), transaction():
            answering.thank(again(reply), by=again(people.alice))
            answering.mark(again(reply), by=again(people.alice))
            answering.endorse(again(reply), by=again(people.cory))

    at_once(20, press)
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Thanks)) == 1
        assert db.session.scalar(select(func.count()).where(Record.action == "post.endorsed")) == 1


def test_only_coaches_stand_behind_a_post_and_the_log_keeps_it(app, people, reply, does):
    for other in (people.alice, people.bob, people.mo):
        with pytest.raises(answering.NotACoach):
            does(answering.endorse, reply, other)
    does(answering.endorse, reply, people.cory)
    does(answering.endorse, reply, people.olga)
    with app.app_context():
        assert again(reply).endorsed_by_id == people.cory.id
    does(answering.end_endorsement, reply, people.olga)
    with app.app_context():
        assert (again(reply).endorsed_at, again(reply).endorsed_by_id) == (None, None)
        actions = db.session.scalars(select(Record.action).where(Record.action.startswith("post.endorse"))).all()
        assert sorted(actions) == ["post.endorsed", "post.endorsement_ended"]


def test_nobody_thanks_themselves_and_thanks_are_taken_back(app, people, reply, does):
    with pytest.raises(answering.NotToBeMarked):
        does(answering.thank, reply, people.bob)
    does(answering.thank, reply, people.alice)
    does(answering.take_thanks_back, reply, people.alice)
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Thanks)) == 0


def test_a_thread_leads_to_what_helped_until_that_is_hidden(app, people, make, question, reply, does):
    does(answering.mark, reply, people.alice)
    does(answering.endorse, reply, people.cory)
    with app.app_context():
        [top] = answering.on_top(question.id)
        assert (top.id, top.name, top.coach) == (reply.id, "Bob", "Cory")
    with app.app_context(), transaction():
        again(reply).hidden_at = again(reply).created_at
    with app.app_context():
        assert answering.on_top(question.id) == []
