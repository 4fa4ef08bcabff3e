"""News reaches those who want it, once, at the cost of one statement for whoever made them."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from portal.accounts.models import Member
from portal.core.clock import now
from portal.core.db import db, transaction
from portal.core.jobs import Job
from portal.core.letters import Letter
from portal.notifications import telling, unsubscribing
from portal.notifications.models import Rhythm, Stream


@pytest.fixture
def thread(make, people):
    return make.thread(by=people.cory, title="Who signs off?", posts=2)


def _tell(app, post, members, key="reply:1"):
    with app.app_context(), transaction():
        return telling.tell(
            members,
            Stream.REPLIES,
            letter="conversations/reply",
            about=post,
            key=key,
            thread_title="Who signs off?",
            author_name="Cory",
            excerpt="I would ask her.",
            link="http://localhost/posts/1",
        )


def _post(app, thread):
    from portal.conversations.models import Post

    with app.app_context():
        return db.session.scalars(select(Post).where(Post.thread_id == thread.id).order_by(Post.id.desc())).first()


def _work(app):
    from portal.core import jobs

    with app.app_context():
        jobs.work_off()


def _written_to(app):
    with app.app_context():
        return sorted(db.session.scalars(select(Letter.address).where(Letter.kind == "conversations/reply")))


@pytest.fixture
def quiet(app):
    """The jobs that making the thread asked for are done, and their letters forgotten."""

    def settle():
        _work(app)
        with app.app_context(), transaction():
            for letter in db.session.scalars(select(Letter)):
                db.session.delete(letter)

    return settle


def test_bob_and_alice_are_told_and_the_key_tells_nobody_twice(app, people, thread, quiet, outbox):
    quiet()
    outbox.clear()
    post = _post(app, thread)
    assert _tell(app, post, [people.alice, people.bob.id, people.bob])
    assert not _tell(app, post, [people.alice])
    _work(app)
    assert _written_to(app) == [people.alice.email, people.bob.email]
    assert sorted(m.recipients[0] for m in outbox) == [people.alice.email, people.bob.email]


def test_whoever_turned_the_stream_off_is_unconfirmed_leaving_or_gone_gets_no_letter(app, make, people, thread, quiet):
    quiet()
    nora = make.member("Nora", confirmed_at=None, entitled=True)
    gone = make.member("Gone", closed_at=now(), entitled=True)
    leaving = make.member("Leaving", leaving_since=now(), entitled=True)
    with app.app_context(), transaction():
        unsubscribing.choose(people.bob.id, Stream.REPLIES, Rhythm.OFF)
    _tell(app, _post(app, thread), [people.alice, people.bob, nora, gone, leaving])
    _work(app)
    assert _written_to(app) == [people.alice.email]


def test_telling_five_hundred_costs_no_more_than_telling_two(app, people, thread, quiet, count_queries):
    quiet()
    post = _post(app, thread)
    with count_queries() as few:
        _tell(app, post, [people.alice.id, people.bob.id], key="few")
    with count_queries() as many:
        _tell(app, post, range(1000, 1500), key="many")
    assert len(many) == len(few) <= 2


def test_many_are_told_in_portions_and_everyone_once(app, make, people, thread, quiet, monkeypatch):
    quiet()
    monkeypatch.setattr(telling, "AT_ONCE", 3)
    followers = [make.member(entitled=True) for _ in range(8)]
    _tell(app, _post(app, thread), followers)
    _work(app)
    assert _written_to(app) == sorted(f.email for f in followers)
    with app.app_context():
        assert len(db.session.scalars(select(Job).where(Job.key.like("tell:reply:1:%"))).all()) == 3


def test_a_portion_that_runs_twice_writes_no_second_letter(app, people, thread, quiet):
    quiet()
    _tell(app, _post(app, thread), [people.alice, people.bob])
    _work(app)
    with app.app_context(), transaction():
        db.session.scalars(select(Job).where(Job.key == "tell:reply:1:0")).one().try_again()
    _work(app)
    assert _written_to(app) == [people.alice.email, people.bob.email]


def test_nobody_is_told_of_what_is_gone(app, people, thread, quiet):
    quiet()
    post = _post(app, thread)
    _tell(app, post, [people.alice])
    with app.app_context(), transaction():
        from portal.conversations.models import Thread

        db.session.get_one(Thread, thread.id).last_post_at = now()
        db.session.delete(db.session.get_one(type(post), post.id))
    _work(app)
    assert _written_to(app) == []


def test_a_post_hidden_before_the_letter_leaves_is_told_to_nobody(app, people, thread, quiet, outbox):
    quiet()
    outbox.clear()
    post = _post(app, thread)
    _tell(app, post, [people.alice, people.bob])
    with app.app_context(), transaction():
        db.session.get_one(type(post), post.id).hidden_at = now()
    _work(app)
    assert outbox == []
    with app.app_context():
        letters = db.session.scalars(select(Letter).where(Letter.kind == "conversations/reply")).all()
        assert all(letter.dropped_at and letter.text is None for letter in letters)


def test_bob_who_lapsed_meanwhile_is_not_told(app, people, thread, quiet, outbox):
    from portal.billing.models import Grant

    quiet()
    outbox.clear()
    _tell(app, _post(app, thread), [people.alice, people.bob])
    with app.app_context(), transaction():
        db.session.scalars(select(Grant).where(Grant.member_id == people.bob.id)).one().until = now()
    _work(app)
    assert [m.recipients for m in outbox] == [[people.alice.email]]


def test_nobody_to_tell_is_no_work(app, people, thread, quiet):
    quiet()
    with app.app_context():
        before = len(db.session.scalars(select(Job)).all())
    assert _tell(app, _post(app, thread), [])
    with app.app_context():
        assert len(db.session.scalars(select(Job)).all()) == before


def test_a_change_rolled_back_tells_nobody(app, people, thread, quiet):
    quiet()
    post = _post(app, thread)
    with pytest.raises(RuntimeError), app.app_context(), transaction():  # noqa: PT012
        telling.tell([people.alice], Stream.REPLIES, letter="conversations/reply", about=post, key="undone")
        raise RuntimeError
    with app.app_context():
        assert db.session.scalar(select(Job.id).where(Job.key.like("tell:undone%"))) is None
        assert db.session.scalar(select(Member.id)) is not None
