"""Following a topic begins and ends with a button of one's own."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from portal.core.db import db
from portal.topics.following import followers_of, follows
from portal.topics.models import TopicFollow
from tests.make import at_once


def _followers(app, *topics):
    with app.app_context():
        return followers_of(topics)


def test_alice_follows_from_the_topics_page_and_stops_again(app, browse, people, make):
    topic, alice = make.topic("Role clarity"), browse(people.alice)
    assert "Follow this topic" in alice.get("/topics/role-clarity").text
    assert alice.post("/topics/role-clarity/follow").location == "/topics/role-clarity"
    assert _followers(app, topic) == [people.alice.id]
    page = alice.get("/topics/role-clarity").text
    assert "You will hear of what is new about Role clarity." in page
    assert "Follow this topic" not in page
    assert alice.post("/topics/role-clarity/unfollow").location == "/topics/role-clarity"
    assert _followers(app, topic) == []
    assert "Follow this topic" in alice.get("/topics/role-clarity").text


def test_twenty_equal_requests_make_one_follow(app, browse, people, make):
    topic = make.topic("Role clarity")
    browsers = [browse(people.alice) for _ in range(20)]
    answers = at_once(20, lambda number: browsers[number].post("/topics/role-clarity/follow").status_code)
    assert answers == [303] * 20
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(TopicFollow)) == 1
    assert _followers(app, topic) == [people.alice.id]


def test_whoever_follows_two_topics_of_an_item_is_counted_once_in_one_statement(
    app, browse, people, make, count_queries
):
    clarity, hiring, other = make.topic("Role clarity"), make.topic("Hiring"), make.topic("Numbers")
    for who, slugs in {
        people.alice: ["role-clarity", "hiring"],
        people.bob: ["hiring"],
        people.mo: ["numbers"],
    }.items():
        for slug in slugs:
            browse(who).post(f"/topics/{slug}/follow")
    with count_queries() as queries:
        assert _followers(app, clarity, hiring) == [people.alice.id, people.bob.id]
    assert len(queries) == 1
    assert _followers(app, other) == [people.mo.id]
    assert _followers(app) == []
    with app.app_context():
        assert follows(people.alice) == {clarity.id, hiring.id}


@pytest.mark.parametrize("who", ["sam", "lena"])
def test_who_is_no_member_is_offered_no_follow_and_may_always_stop_one(app, browse, people, make, who):
    topic, person = make.topic("Role clarity"), getattr(people, who)
    browser = browse(person)
    assert "Follow this topic" not in browser.get("/topics/role-clarity").text
    assert browser.post("/topics/role-clarity/follow").status_code == 403
    with make._saved():
        db.session.add(TopicFollow(topic_id=topic.id, member_id=person.id))
    assert "Stop following" in browser.get("/topics/role-clarity").text
    assert browser.post("/topics/role-clarity/unfollow").status_code == 303
    assert _followers(app, topic) == []


def test_a_visitor_sees_no_button_and_an_unknown_topic_is_nowhere(browse, people, make):
    make.topic("Role clarity")
    assert "Follow" not in browse().get("/topics/role-clarity").text.split("<main")[1].split("</main>")[0]
    assert browse(people.alice).post("/topics/nowhere/follow").status_code == 404
