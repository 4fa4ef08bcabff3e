"""The first steps: they differ by part, tick themselves by what somebody did, and go away and come back."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest
from sqlalchemy import select

from portal.core.db import db
from portal.library import feeds
from portal.library.feed_showing import FeedAddress
from portal.practices.models import Affiliation, Beginning, Part
from tests.make import at_once


def _page(browse, who) -> str:
    return browse(who).get("/").text


def _done(page: str) -> list[str]:
    return re.findall(r"<h3>([^<]+)<span[^>]*>: done", page)


@pytest.fixture
def tools(make) -> dict[str, object]:
    return {
        slug: make.tool(title, slug=slug)
        for slug, title in [
            ("monday-numbers", "Monday numbers"),
            ("surgical-team-expectations", "Expectations agreement"),
            ("contributor-or-manager", "Path guide"),
            ("role-card", "Role card"),
        ]
    }


@pytest.mark.parametrize(
    ("part", "slug"),
    [
        (Part.OWNER, "monday-numbers"),
        (Part.MANAGER, "surgical-team-expectations"),
        (Part.EXPERT, "contributor-or-manager"),
        (Part.OTHER, "role-card"),
        (None, "role-card"),
    ],
)
def test_the_last_step_is_the_tool_for_what_alice_is(people, browse, make, tools, part, slug):
    make.profile(people.alice, part=part)
    page = _page(browse, people.alice)
    assert "Your first steps" in page
    assert f'href="/library/{slug}"' in page.partition('id="first-steps"')[2].partition("</section>")[0]
    for other in set(tools) - {slug}:
        assert f'href="/library/{other}"' not in page.partition('id="first-steps"')[2].partition("</section>")[0]


def test_without_the_starter_content_the_newest_tool_of_the_topic_takes_its_place(people, browse, make):
    topic = make.topic("Owner’s numbers", slug="owners-numbers")
    make.tool("Something else")
    numbers = make.tool("Our own figures", topics=[topic])
    make.tool("Newer, of no topic")
    make.tool("Not out yet", topics=[topic], published=False)
    make.profile(people.alice, part=Part.OWNER)
    page = _page(browse, people.alice)
    assert f'href="/library/{numbers.slug}">Get “Our own figures”' in page


def test_with_an_empty_library_the_step_leads_to_it_and_nothing_breaks(people, browse):
    assert 'href="/library">Open the library' in _page(browse, people.alice)


def test_each_step_ticks_itself_when_it_was_really_done(app, people, browse, make, tools):
    alice = browse(people.alice)
    assert _done(alice.get("/").text) == []
    alice.post("/first-steps/part", data={"part": "manager"})
    assert _done(alice.get("/").text) == ["Say who you are"]
    alice.get(f"/library/{tools['role-card'].slug}/file")
    assert _done(alice.get("/").text) == ["Say who you are", "Get your first tool"]
    make.thread(by=people.alice)
    assert len(_done(alice.get("/").text)) == 3
    alice.get(f"/library/{tools['surgical-team-expectations'].slug}/file")
    alice.post("/account/feed")
    assert len(_done(alice.get("/").text)) == 4
    with app.app_context():
        address = urlsplit(FeedAddress(feeds.token_of(feeds.feed_of(people.alice))).feed).path
    app.test_client(use_cookies=False).get(address)
    page = alice.get("/").text
    assert len(_done(page)) == 5
    assert "Well begun" in page
    assert _done(_page(browse, people.bob)) == []


def test_alice_is_asked_once_and_may_skip(app, people, browse):
    alice = browse(people.alice)
    assert "What are you in your practice?" in alice.get("/").text
    answer = alice.post("/first-steps/part", data={"skip": "1"})
    assert (answer.status_code, answer.location) == (303, "/#first-steps")
    page = alice.get("/").text
    assert "What are you in your practice?" not in page
    assert _done(page) == []
    with app.app_context():
        assert db.session.scalars(select(Affiliation)).all() == []


@pytest.mark.parametrize("data", [{}, {"part": "boss"}, {"part": ""}, {"part": "\x00"}, {"part": "owner' --"}])
def test_another_answer_is_asked_again_and_changes_nothing(app, people, browse, data):
    assert browse(people.alice).post("/first-steps/part", data=data).status_code == 303
    with app.app_context():
        assert db.session.scalars(select(Affiliation)).all() == []
        assert db.session.scalars(select(Beginning)).all() == []


def test_the_answer_leaves_the_rest_of_the_profile_alone(people, browse, make):
    make.profile(people.alice, practice="Adams Orthodontics", title="Partner")
    browse(people.alice).post("/first-steps/part", data={"part": "owner"})
    page = browse(people.bob).get("/members/alice").text
    assert "Partner, Adams Orthodontics" in page
    assert "Owner or partner" in page


def test_put_away_it_stays_away_and_comes_back_from_the_account_with_its_ticks(people, browse):
    alice = browse(people.alice)
    alice.post("/first-steps/part", data={"part": "owner"})
    assert alice.post("/first-steps/put-away").status_code == 303
    assert 'id="first-steps"' not in alice.get("/").text
    assert 'action="/first-steps/bring-back"' in alice.get("/account").text
    assert alice.post("/first-steps/bring-back").location == "/#first-steps"
    assert _done(alice.get("/").text) == ["Say who you are"]


def test_twenty_clicks_at_once_put_it_away_once(app, people, browse):
    windows = [browse(people.alice) for _ in range(20)]
    tokens = [window.csrf_token() for window in windows]
    answers = at_once(20, lambda n: windows[n].post("/first-steps/put-away", data={"csrf_token": tokens[n]}))
    assert {getattr(answer, "status_code", answer) for answer in answers} == {303}
    with app.app_context():
        assert len(db.session.scalars(select(Beginning)).all()) == 1


def test_whoever_cannot_go_these_steps_does_not_see_them(people, browse):
    for who in (people.sam, people.lena, people.mo, people.cory, people.olga):
        assert 'id="first-steps"' not in _page(browse, who)
    assert "/first-steps/" not in browse(people.sam).get("/account").text
    assert browse(people.sam).post("/first-steps/put-away").status_code == 403


def test_the_list_costs_two_queries_and_one_when_put_away(people, browse, tools, count_queries):
    alice = browse(people.alice)
    alice.get("/")
    with count_queries() as seen:
        alice.get("/")
    alice.post("/first-steps/put-away")
    alice.get("/")
    with count_queries() as away:
        alice.get("/")
    assert len(seen) == len(away) + 1
    assert len(seen) <= 12


def test_only_what_a_tool_is_ticks_the_step(people, browse, make):
    episode = make.episode()
    browse(people.alice).get(f"/library/{episode.slug}/audio")
    assert _done(_page(browse, people.alice)) == []
