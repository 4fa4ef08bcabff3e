"""The coaches' list of questions that nobody has answered."""

from __future__ import annotations

from datetime import timedelta

import pytest

from portal.accounts.models import Role
from portal.conversations import posting
from portal.conversations.models import ThreadKind
from portal.core.clock import now
from portal.core.db import transaction
from tests.make import again


@pytest.fixture
def ask(app, people, make):
    """A question in a room of all members, asked so long ago."""
    room = make.room()

    def asked(title, *, by=None, hours=0, safely=False):
        with app.app_context(), transaction():
            about = {"body": "What would you do?", "kind": ThreadKind.QUESTION, "safely": safely}
            thread = posting.start(again(room), title=title, by=again(by or people.alice), **about)
            thread.created_at = now() - timedelta(hours=hours)
        return thread

    return asked


def test_the_oldest_stands_first_and_what_is_past_its_time_says_so(browse, people, make, ask):
    answered = ask("Answered long ago", hours=80)
    make.reply(answered, by=people.bob)
    ask("Asked just now")
    ask("Asked last week", hours=170)
    cory = browse(people.cory)
    page = cory.get("/desk/unanswered").text
    assert page.index("Asked last week") < page.index("Asked just now")
    assert "Answered long ago" not in page
    assert page.count("Past its time") == 1
    late = cory.get("/desk/unanswered?which=late").text
    assert "Asked last week" in late
    assert "Asked just now" not in late


def test_cory_takes_a_question_and_the_other_coaches_see_that(browse, people, ask):
    thread = ask("Who decides?")
    cory, olga = browse(people.cory), browse(people.olga)
    assert cory.post(f"/desk/unanswered/{thread.id}/owner").location == "/desk/unanswered"
    assert "<span>Cory</span>" in olga.get("/desk/unanswered").text
    assert "<span>You</span>" in cory.get("/desk/unanswered?which=mine").text
    assert "Who decides?" not in olga.get("/desk/unanswered?which=nobody").text
    assert olga.post(f"/desk/unanswered/{thread.id}/owner").status_code == 409
    assert cory.post(f"/desk/unanswered/{thread.id}/owner/undo").status_code == 303
    assert "<span>Cory</span>" not in olga.get("/desk/unanswered").text


def test_olga_asks_cory_to_see_to_it_and_nobody_else_can_be_asked(browse, people, ask):
    thread, olga = ask("Who decides?"), browse(people.olga)
    data = {"coach": people.cory.handle, "which": "nobody"}
    assert olga.post(f"/desk/unanswered/{thread.id}/owner", data=data).location == "/desk/unanswered?which=nobody"
    assert "<span>Cory</span>" in olga.get("/desk/unanswered").text
    assert olga.post(f"/desk/unanswered/{thread.id}/owner", data={"coach": people.bob.handle}).status_code == 403
    assert olga.post(f"/desk/unanswered/{thread.id}/owner", data={"coach": "nobody"}).status_code == 404


def test_coaches_know_who_asked_safely_and_are_told_that_members_do_not(browse, people, ask):
    ask("In confidence", safely=True)
    page = browse(people.cory).get("/desk/unanswered").text
    assert "by Alice (safely: members do not see the name)" in page
    for other in (people.alice, people.mo):
        assert browse(other).get("/desk/unanswered").status_code == 403


def test_many_are_read_page_by_page_and_cost_what_one_costs(browse, people, make, ask, count_queries):
    cory = browse(people.cory)
    ask("Question 00", hours=100)
    cory.get("/desk/unanswered")
    with count_queries() as one:
        cory.get("/desk/unanswered")
    make.member("Carl", role=Role.COACH)
    for number in range(1, 52):
        ask(f"Question {number:02}", by=make.member(entitled=True), hours=100 - number)
    with count_queries() as many:
        page = cory.get("/desk/unanswered").text
    assert len(many) == len(one) <= 8
    assert "Question 49" in page
    assert "Question 50" not in page
    after = page.split("after=")[1].split('"')[0]
    rest = cory.get(f"/desk/unanswered?after={after}").text
    assert "Question 49" not in rest
    assert "Question 50" in rest
    assert "Question 51" in rest
