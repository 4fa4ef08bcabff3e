"""The first pages: the promise to a visitor, what is new to a member, search within what one may see."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from portal.core import indexing
from portal.core.admission import Audience
from portal.core.clock import now
from portal.core.db import transaction
from tests.make import again


@pytest.fixture
def words(app):
    """In the index: a tool, whose inside only members may read, and a thread."""
    with app.app_context(), transaction():
        indexing.index(
            "tool",
            1,
            audience=Audience.ANYONE,
            title="Role card",
            path="/library/role-card",
            body="One page on a seat",
            inside={Audience.ENTITLED: "Begin with the seat and its purpose"},
        )
        indexing.index(
            "thread",
            9,
            audience=Audience.ENTITLED,
            title="Who holds the seat?",
            path="/threads/9",
            body="Our seat is empty",
        )


@pytest.mark.parametrize("path", ["/terms", "/privacy"])
def test_what_an_owner_has_to_do_before_opening_is_said_to_owners_only(people, browse, path):
    assert "before you open" in browse(people.olga).get(path).text
    for page in (browse().get(path), browse(people.alice).get(path)):
        assert page.status_code == 200
        assert "before you open" not in page.text


def test_a_visitor_reads_the_promise_and_the_way_in(browse):
    page = browse().get("/")
    assert page.status_code == 200
    assert 'href="/join' in page.text
    assert "Stripe" in page.text


def test_a_visitor_is_shown_what_is_inside_once_something_is(browse, make):
    assert "What is inside" not in browse().get("/").text
    make.tool("Role card")
    assert "What is inside" in browse().get("/").text


def test_alice_is_greeted_by_name_and_sees_the_rooms(browse, people):
    page = browse(people.alice).get("/").text
    assert "Good to see you, Alice" in page
    assert "In the rooms" in page


def test_lena_who_lapsed_is_told_plainly_and_sees_no_threads(browse, people):
    page = browse(people.lena).get("/").text
    assert "No membership is running" in page
    assert "Your membership ended on" in page
    assert "Choose a plan" in page
    assert "In the rooms" not in page


def test_alice_whose_account_is_suspended_is_told_so_and_not_that_she_should_pay(app, browse, people):
    with app.app_context(), transaction():
        alice = again(people.alice)
        alice.suspended_until, alice.suspended_because = now() + timedelta(days=7), "She sells."
    page = browse(people.alice).get("/").text
    assert "Your account is suspended until" in page
    assert "She sells." in page
    assert 'href="/sanction"' in page
    assert "No membership is running" not in page
    assert 'href="/join"' not in page
    assert 'href="/sanction"' in browse(people.alice).get("/rooms").text


def test_bob_who_is_leaving_finds_the_way_back_and_no_plan_to_choose(app, browse, people):
    with app.app_context(), transaction():
        again(people.bob).leaving_since = now()
    page = browse(people.bob).get("/").text
    assert "Your account is being deleted" in page
    assert 'href="/account/data"' in page
    assert 'href="/join"' not in page


@pytest.mark.parametrize(
    ("who", "desk"), [("cory", "/desk"), ("olga", "/desk"), ("mo", "/moderation"), ("alice", None)]
)
def test_staff_find_their_desk_on_the_first_page(browse, people, who, desk):
    page = browse(getattr(people, who)).get("/").text
    way = re.search(r'href="([^"]+)">Your desk', page)
    assert (way and way[1]) == desk


@pytest.mark.parametrize("path", ["/about", "/rules", "/privacy", "/terms", "/search"])
def test_standing_pages_are_open_to_all(browse, people, path: str):
    assert browse().get(path).status_code == 200
    assert browse(people.alice).get(path).status_code == 200


def test_a_visitor_finds_teasers_and_never_what_members_say(browse, words):
    page = browse().get("/search?q=seat").text
    assert "/library/role-card" in page
    assert "/threads/9" not in page
    assert "purpose" not in page


def test_alice_finds_the_tool_once_and_the_thread(browse, people, words):
    page = browse(people.alice).get("/search?q=seat").text
    assert page.count('<a href="/library/role-card">') == 1
    assert page.count('<a href="/threads/9">') == 1


def test_search_can_be_narrowed_and_odd_places_fall_back(browse, people, words):
    alice = browse(people.alice)
    assert "/library/role-card" not in alice.get("/search?q=seat&in=rooms").text
    assert "/threads/9" not in alice.get("/search?q=seat&in=library").text
    assert alice.get("/search?q=seat&in=%00nowhere").status_code == 200


@pytest.mark.parametrize(
    "q", ["'", '"', "*", "seat*", "NEAR(", "a AND", "🦷", "%00", "-" * 500, "(" * 300, "\\", "seat:", "!&|"]
)
def test_hostile_words_are_just_words(browse, people, words, q: str):
    from urllib.parse import quote

    assert browse(people.alice).get("/search?q=" + quote(q)).status_code == 200


def test_the_landing_page_costs_few_queries(browse, count_queries):
    browser = browse()
    with count_queries() as queries:
        assert browser.get("/").status_code == 200
    assert len(queries) <= 8
