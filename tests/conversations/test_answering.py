"""What helped: whoever asked says so, coaches stand behind a post, any member thanks for one."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import func, select

from portal.conversations import answering, moving, post_queries, posting
from portal.conversations.models import POSTS_A_PAGE, Post, Thanks, ThreadKind
from portal.conversations.post_showing import HELPED
from portal.core.audit import Record
from portal.core.db import db, transaction
from tests.make import again, at_once


@pytest.fixture
def question(app, people, make):
    """Alice asks."""
    thread = make.thread(by=people.alice, room=make.room("Leading", slug="leading"), title="Who decides?")
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


def test_in_a_hidden_thread_nothing_is_marked_and_of_a_story_nobody_is_the_asker(app, people, question, reply, does):
    with app.app_context(), transaction():
        again(question).kind = ThreadKind.STORY
    with pytest.raises(answering.NotTheAsker):
        does(answering.mark, reply, people.alice)
    with app.app_context(), transaction():
        again(question).kind, again(question).hidden_at = ThreadKind.QUESTION, again(question).created_at
    with pytest.raises(answering.NotTheAsker):
        does(answering.mark, reply, people.alice)
    for what, by in ((answering.endorse, people.cory), (answering.thank, people.alice)):
        with pytest.raises(answering.NotToBeMarked):
            does(what, reply, by)


def test_twenty_presses_at_once_are_one(app, people, question, reply, does):
    def press(number):
        with app.app_context(), transaction():
            answering.thank(again(reply), by=again(people.alice))
            answering.mark(again(reply), by=again(people.alice))
            answering.endorse(again(reply), by=again(people.cory))

    assert at_once(20, press) == [None] * 20
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
    for other in (people.alice, people.bob, people.mo):
        with pytest.raises(answering.NotACoach):
            does(answering.end_endorsement, reply, other)
    does(answering.end_endorsement, reply, people.olga)
    with app.app_context():
        assert (again(reply).endorsed_at, again(reply).endorsed_by_id) == (None, None)
        actions = db.session.scalars(select(Record.action).where(Record.action.startswith("post.endorse"))).all()
        assert sorted(actions) == ["post.endorsed", "post.endorsement_ended"]


def test_nobody_thanks_themselves_and_thanks_are_taken_back(app, people, reply, does):
    with pytest.raises(answering.NotToBeMarked):
        does(answering.thank, reply, people.bob)
    does(answering.thank, reply, people.alice)
    does(answering.thank, reply, people.cory)
    does(answering.take_thanks_back, reply, people.alice)
    with app.app_context():
        assert db.session.scalars(select(Thanks.member_id)).all() == [people.cory.id]


def test_alice_marks_what_helped_and_the_thread_leads_to_it(browse, people, question, reply):
    alice, bob = browse(people.alice), browse(people.bob)
    assert f"/posts/{reply.id}/helped" not in bob.get(f"/threads/{question.id}").text
    assert f'formaction="/posts/{reply.id}/helped"' in alice.get(f"/threads/{question.id}").text
    answer = alice.post(f"/posts/{reply.id}/helped")
    assert (answer.status_code, answer.location) == (303, reply.path)
    page = bob.get(f"/threads/{question.id}").text
    assert "What helped the asker, by Bob" in page
    assert HELPED in page
    assert "Answered" in bob.get("/rooms/leading").text
    alice.post(f"/posts/{reply.id}/helped/undo")
    assert HELPED not in bob.get(f"/threads/{question.id}").text
    assert "Answered" not in bob.get("/rooms/leading").text


def test_a_coach_stands_behind_bobs_words_and_their_own_are_the_coachs_take(browse, people, make, question, reply):
    cory, alice, own = (
        browse(people.cory),
        browse(people.alice),
        make.reply(question, by=people.cory, body="Ask twice."),
    )
    cory.post(f"/posts/{reply.id}/endorsement")
    cory.post(f"/posts/{own.id}/endorsement")
    page = alice.get(f"/threads/{question.id}").text
    assert "Cory endorses what Bob wrote" in page
    assert "Coach’s take, by Cory" in page
    assert "Ask twice." in page.split('class="posts"')[0]
    cory.post(f"/posts/{own.id}/endorsement/undo")
    assert "Coach’s take, by Cory" not in alice.get(f"/threads/{question.id}").text


def test_the_coachs_take_stands_first_also_where_much_helped_since(app, browse, people, question, make):
    """Each page leads to a few posts: those that coaches stand behind are among them, and first."""
    with app.app_context(), transaction():
        for _ in range(POSTS_A_PAGE):
            posting.reply(again(question), body="And then?", by=again(people.alice))
    take = make.reply(question, by=people.cory, body="Ask twice.")
    browse(people.cory).post(f"/posts/{take.id}/endorsement")
    alice = browse(people.alice)
    for post in [make.reply(question, by=people.bob) for _ in range(post_queries.ON_TOP)]:
        alice.post(f"/posts/{post.id}/helped")
    top = alice.get(f"/threads/{question.id}").text.split('class="posts"')[0]
    assert 0 < top.index("Coach’s take, by Cory") < top.index("What helped the asker, by Bob")


def test_of_many_that_helped_each_page_leads_to_the_latest_that_are_still_read(
    app, browse, people, make, question, reply
):
    posts = [reply, *(make.reply(question, by=people.bob) for _ in range(post_queries.ON_TOP + 2))]
    with app.app_context(), transaction():
        for each in posts:
            again(each).helped_at = again(each).created_at
    browse(people.bob).post(f"/posts/{posts[-1].id}/delete")
    top = browse(people.alice).get(f"/threads/{question.id}").text.split('class="posts"')[0]
    led_to = re.findall(r"#post-(\d+)", top)
    assert led_to == [str(each.id) for each in posts[-1 - post_queries.ON_TOP : -1]]


def test_words_of_somebody_whom_alice_muted_are_not_led_to_either(browse, people, question, reply):
    browse(people.cory).post(f"/posts/{reply.id}/endorsement")
    browse(people.alice).post("/members/bob/following", data={"level": "none"})
    for who, reads in ((people.alice, False), (people.mo, True)):
        top = browse(who).get(f"/threads/{question.id}").text.split('class="posts"')[0]
        assert "Cory endorses what Bob wrote" in top
        assert ("Ask the nurse" in top) is reads


def test_thanks_are_counted_where_the_post_stands(browse, people, make, question, reply):
    alice, bob, carol = browse(people.alice), browse(people.bob), browse(make.member("Carol", entitled=True))
    page = carol.get(f"/threads/{question.id}")
    assert f'formaction="/posts/{reply.id}/thanks" aria-pressed="false"' in page.text
    carol.post(f"/posts/{reply.id}/thanks")
    assert f'formaction="/posts/{reply.id}/thanks/undo" aria-pressed="true"' in carol.get(reply.path).text
    assert "Helped 1 person" in bob.get(reply.path).text
    assert "Helped 1 person" not in carol.get(reply.path).text, "for others the number stands on the button"
    assert bob.get(f"/posts/{reply.id}/thanks").status_code == 405
    assert carol.get(f"/threads/{question.id}", headers={"If-None-Match": page.headers["ETag"]}).status_code == 200
    assert alice.post(f"/posts/{reply.id}/endorsement").status_code == 403


def test_under_no_name_marks_tell_nobody_who_asked_or_who_stands_behind_what(app, browse, people, make):
    """Alice asks safely, replies to herself and marks it; Cory asked safely too and endorses his own words."""
    room = make.room()
    with app.app_context(), transaction():
        asked = {"body": "Between us.", "kind": ThreadKind.QUESTION, "safely": True}
        hers = posting.start(again(room), title="In confidence", by=again(people.alice), **asked)
        his = posting.start(again(room), title="In confidence too", by=again(people.cory), **asked)
    own, coachs = make.reply(hers, by=people.alice, body="It was me."), make.reply(his, by=people.cory, body="Mine.")
    browse(people.alice).post(f"/posts/{own.id}/helped")
    browse(people.cory).post(f"/posts/{coachs.id}/endorsement")
    page = browse(people.bob).get(f"/threads/{hers.id}").text
    assert "What helped the asker, by a member" in page
    assert "Alice" not in page
    page = browse(people.bob).get(f"/threads/{his.id}").text
    assert "Cory endorses what a member wrote" in page
    assert "Coach’s take" not in page


def test_words_that_are_gone_leave_the_top_and_lose_their_marks(browse, people, make, question, reply):
    make.reply(question, by=people.alice, body="Thank you.")
    browse(people.alice).post(f"/posts/{reply.id}/helped")
    browse(people.bob).post(f"/posts/{reply.id}/delete")
    page = browse(people.alice).get(f"/threads/{question.id}").text
    assert HELPED not in page
    assert "What helped the asker" not in page
    assert browse(people.alice).post(f"/posts/{reply.id}/helped").status_code == 409


def test_marks_cost_a_thread_nothing_more_however_many(browse, people, make, question, count_queries):
    alice, posts = browse(people.alice), [make.reply(question, by=people.bob) for _ in range(12)]
    alice.post(f"/posts/{posts[0].id}/helped")
    with count_queries() as one:
        alice.get(f"/threads/{question.id}")
    for post in posts:
        alice.post(f"/posts/{post.id}/helped")
    with count_queries() as many:
        alice.get(f"/threads/{question.id}")
    assert len(many) == len(one)
    assert len(many) <= 8


def test_marks_go_along_when_threads_are_joined(app, browse, people, make, question, reply):
    browse(people.cory).post(f"/posts/{reply.id}/endorsement")
    other = make.thread(by=people.bob, room=make.room(), title="Who else decides?")
    with app.app_context(), transaction():
        moving.merge(again(question), into=again(other), by=again(people.mo))
    page = browse(people.alice).get(f"/threads/{other.id}").text
    assert "Cory endorses what Bob wrote" in page
    assert f'href="/threads/{other.id}?page=1#post-{reply.id}"' in page
