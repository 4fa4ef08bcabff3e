"""Questions that wait: which they are, whom they wait for, and which coach sees to them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from portal.accounts.models import Role
from portal.conversations import answering, asking, following, moving, posting, taking_back
from portal.conversations.models import Level, QuestionOwner, Room, Thread, ThreadKind
from portal.conversations.veiling import A_MEMBER
from portal.core.audit import Record
from portal.core.clock import now
from portal.core.db import db, transaction
from portal.moderation import ruling
from portal.practices import describing
from portal.practices.models import Field, Specialty
from portal.topics.following import follow
from tests.make import again, at_once


@pytest.fixture
def ask(app, make):
    """A question in a room of all members."""
    room = make.room()

    def asked(by, title="Who decides?", *, safely=False, topics=(), kind=ThreadKind.QUESTION):
        with app.app_context(), transaction():
            return posting.start(
                again(room),
                title=title,
                body="What would you do?",
                by=again(by),
                kind=kind,
                safely=safely,
                topics=[again(topic) for topic in topics],
            )

    return asked


@pytest.fixture
def waits(app):
    """Whether a thread is an unanswered question."""

    def asked(thread):
        with app.app_context():
            found = select(Thread.id).join(Thread.room).where(asking.unanswered(), Thread.id == thread.id)
            return db.session.scalar(found) is not None

    return asked


@pytest.fixture
def waiting_for(app):
    def titles(member):
        with app.app_context():
            return [each.title for each in asking.waiting_for(again(member))]

    return titles


@pytest.fixture
def practises(app, people):
    """Says what somebody's practice practises, and whether only they see it."""

    def say(who, specialty, *, hidden=False):
        with app.app_context(), transaction():
            member = again(who)
            shown = frozenset(Field) - {Field.SPECIALTY} if hidden else frozenset(Field)
            describing.describe(member, name=member.name, specialty=specialty, shown=shown)

    return say


def test_a_question_waits_until_somebody_else_replies(people, make, ask, waits):
    thread = ask(people.alice)
    assert waits(thread)
    make.reply(thread, by=people.alice, body="One more thing.")
    assert waits(thread)
    make.reply(thread, by=people.bob)
    assert not waits(thread)


def test_a_reply_that_is_gone_is_none(app, people, make, ask, waits):
    thread = ask(people.alice)
    reply = make.reply(thread, by=people.bob)
    with app.app_context(), transaction():
        taking_back.take_back(again(reply), by=again(people.bob))
    assert waits(thread)


def test_alice_may_answer_herself(app, people, make, ask, waits):
    thread = ask(people.alice)
    solved = make.reply(thread, by=people.alice, body="We let the two of them decide.")
    with app.app_context(), transaction():
        answering.mark(again(solved), by=again(people.alice))
    assert not waits(thread)


@pytest.mark.parametrize("what", ["story", "hidden", "locked", "archived"])
def test_what_cannot_or_need_not_be_answered_does_not_wait(app, people, ask, waits, what):
    thread = ask(people.alice, kind=ThreadKind.STORY if what == "story" else ThreadKind.QUESTION)
    with app.app_context(), transaction():
        if what == "hidden":
            ruling.hide_thread(again(thread), because="It names a patient.", by=again(people.mo))
        if what == "locked":
            ruling.lock(again(thread), because="It is settled.", by=again(people.mo))
        if what == "archived":
            db.session.get_one(Room, thread.room_id).archived_at = now()
    assert not waits(thread)


def test_a_question_waits_for_whoever_follows_its_topic(app, people, make, ask, waiting_for):
    topic = make.topic("Role clarity")
    thread = ask(people.alice, topics=[topic])
    assert waiting_for(people.bob) == []
    with app.app_context(), transaction():
        follow(again(topic), by=again(people.bob))
        follow(again(topic), by=again(people.alice))
    assert waiting_for(people.bob) == ["Who decides?"]
    assert waiting_for(people.alice) == []
    with app.app_context():
        assert asking.waiting_for(again(people.bob))[0].topic == "Role clarity"
    make.reply(thread, by=people.bob)
    assert waiting_for(people.bob) == []


def test_a_question_waits_for_whoever_practises_the_same(people, ask, waiting_for, practises):
    practises(people.alice, Specialty.DENTAL)
    practises(people.bob, Specialty.DENTAL)
    ask(people.alice)
    assert waiting_for(people.bob) == ["Who decides?"]
    practises(people.bob, Specialty.LAW)
    assert waiting_for(people.bob) == []


def test_nobody_is_found_by_what_they_keep_to_themselves(people, ask, waiting_for, practises):
    practises(people.bob, Specialty.DENTAL)
    practises(people.alice, Specialty.DENTAL, hidden=True)
    ask(people.alice)
    assert waiting_for(people.bob) == []


def test_a_question_asked_safely_is_found_by_its_topic_and_never_by_its_asker(
    app, people, make, ask, waiting_for, practises
):
    topic = make.topic("Role clarity")
    practises(people.alice, Specialty.DENTAL)
    practises(people.bob, Specialty.DENTAL)
    ask(people.alice, "In confidence", safely=True, topics=[topic])
    assert waiting_for(people.bob) == []
    with app.app_context(), transaction():
        follow(again(topic), by=again(people.bob))
        following.choose_for_person(again(people.alice), Level.NONE, by=again(people.bob))
    assert waiting_for(people.bob) == ["In confidence"]  # muting her would tell that it is not hers
    with app.app_context():
        assert asking.waiting_for(again(people.bob))[0].asker == A_MEMBER
        assert asking.waiting_for(again(people.bob))[0].topic == "Role clarity"


@pytest.mark.parametrize("why", ["long ago", "thread silenced", "asker muted"])
def test_no_question_waits_for_bob_that_is_old_or_that_he_wants_to_hear_nothing_of(
    app, people, make, ask, waiting_for, why
):
    topic = make.topic("Role clarity")
    thread = ask(people.alice, topics=[topic])
    with app.app_context(), transaction():
        follow(again(topic), by=again(people.bob))
    assert waiting_for(people.bob) == ["Who decides?"]
    with app.app_context(), transaction():
        if why == "long ago":
            again(thread).created_at = now() - asking.ASKED_LATELY - timedelta(minutes=1)
        elif why == "thread silenced":
            following.choose(again(thread), Level.NONE, by=again(people.bob))
        else:
            following.choose_for_person(again(people.alice), Level.NONE, by=again(people.bob))
    assert waiting_for(people.bob) == []


def test_one_statement_however_many_wait(app, people, make, ask, count_queries):
    topic = make.topic()
    with app.app_context(), transaction():
        follow(again(topic), by=again(people.bob))
    for number in range(4):
        ask(people.alice, f"Number {number}", topics=[topic])
    with app.app_context():
        bob = again(people.bob)
        with count_queries() as queries:
            assert len(asking.waiting_for(bob)) == 4
    assert len(queries) == 1


def test_of_twenty_presses_at_once_one_coach_has_it(app, people, make, ask):
    thread, carl = ask(people.alice), make.member("Carl Coach", role=Role.COACH)

    def press(number):
        with app.app_context(), transaction():
            try:
                asking.take(again(thread), by=again(people.cory if number % 2 else carl))
                return "has it"
            except asking.TakenAlready:
                return "too late"

    assert sorted(at_once(20, press)) == ["has it"] * 10 + ["too late"] * 10
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(QuestionOwner)) == 1


def test_a_coach_is_asked_to_see_to_it_and_the_log_says_by_whom(app, people, ask):
    thread = ask(people.alice)
    with app.app_context(), transaction():
        asking.take(again(thread), by=again(people.cory))
        asking.assign(again(thread), again(people.olga), by=again(people.cory))
    with app.app_context():
        assert db.session.scalars(select(QuestionOwner.member_id)).all() == [people.olga.id]
        assert db.session.scalar(select(func.count()).where(Record.action == "question.assigned")) == 1
    with app.app_context(), transaction(), pytest.raises(asking.NotACoach):
        asking.assign(again(thread), again(people.bob), by=again(people.cory))
    with app.app_context(), transaction(), pytest.raises(asking.NotACoach):
        asking.take(again(thread), by=again(people.mo))


def test_what_alice_said_under_her_name_and_a_join_brought_to_her_question_tells_nobody_that_it_is_hers(
    app, people, make, ask, waits
):
    question, named = ask(people.alice, safely=True), make.thread(by=people.alice)
    assert waits(question)
    with app.app_context(), transaction():
        moving.merge(again(named), into=again(question), by=again(people.cory))
    assert not waits(question)
