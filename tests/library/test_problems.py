"""A question that a leader has, as the way to what answers it."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape
from urllib.parse import quote_plus

import pytest

from portal.core.clock import now
from tests.library.test_views import titles
from tests.make import again

STAR = "A star clinician was promoted. Now what?"
NUMBERS = "What do I look at on Monday?"


def questions(answer) -> list[str]:
    assert answer.status_code == 200
    return [unescape(q) for q in re.findall(r'<li><a href="[^"]*problem=[^"]*">([^<]+)</a><span', answer.text)]


def answers(answer) -> list[str]:
    """The titles that answer, without those beside them."""
    return re.findall(r'<h2 class="item__title"><a[^>]*>([^<]+)</a>', answer.text)


def asking(words: str, **more: str) -> str:
    return f"/library?problem={quote_plus(words)}" + "".join(f"&{name}={value}" for name, value in more.items())


def test_alice_starts_from_her_question_and_finds_all_that_answers_it(browse, people, make):
    make.tool("Path guide", problem=STAR)
    make.nugget("The surgeon's title", problem=STAR)
    make.tool("Monday numbers", problem=NUMBERS)
    make.tool("Seat map")
    alice = browse(people.alice)
    first = alice.get("/library")
    assert set(questions(first)) == {STAR, NUMBERS}
    href = unescape(re.search(r'href="([^"]*problem=A\+star[^"]*)"', first.text).group(1))
    page = alice.get(href)
    assert set(answers(page)) == {"Path guide", "The surgeon&#39;s title"}
    assert f"<h1>{STAR}</h1>" in page.text
    assert questions(page) == []


def test_question_kind_topic_and_words_narrow_together(browse, people, make):
    clarity, hiring = make.topic("Role clarity"), make.topic("Hiring")
    make.tool("Path guide", problem=STAR, topics=[clarity])
    make.nugget("A story", problem=STAR, topics=[hiring])
    make.tool("Scorecard", problem=NUMBERS, topics=[hiring])
    alice = browse(people.alice)
    assert answers(alice.get(asking(STAR, kind="nugget"))) == ["A story"]
    assert answers(alice.get(asking(STAR, topic="role-clarity"))) == ["Path guide"]
    assert answers(alice.get(asking(STAR, topic="hiring", kind="nugget"))) == ["A story"]
    assert answers(alice.get(asking(STAR, q="guide"))) == ["Path guide"]
    empty = alice.get(asking(STAR, topic="hiring", kind="tool"))
    assert answers(empty) == []
    assert "Nothing here answers it in that way" in empty.text
    assert questions(alice.get("/library?kind=nugget")) == [STAR]
    assert questions(alice.get("/library?topic=hiring&kind=tool")) == [NUMBERS]


@pytest.mark.parametrize("words", ["Nobody asks this", "", "%00", "<script>alert(1)</script>", "x" * 3000, "'; --"])
def test_a_question_nobody_asked_narrows_nothing(browse, make, words):
    make.tool("Path guide", problem=STAR)
    page = browse().get(f"/library?problem={words}")
    assert titles(page) == ["Path guide"]
    assert "<script>alert" not in page.text


def test_what_is_not_out_asks_nothing(browse, make):
    make.tool("Unfinished", problem="A draft's question", published=False)
    make.tool("Upcoming", problem="Tomorrow's question", at=now() + timedelta(days=1))
    gone = make.tool("Withdrawn", problem="Yesterday's question")
    with make._saved():
        again(gone).withdrawn_at = now()
    for path in ("/library", "/problems", asking("A draft's question"), asking("Tomorrow's question")):
        assert questions(browse().get(path)) == []
    assert "No question yet" in browse().get("/problems").text


def test_all_questions_stand_by_topic_in_the_coachs_order_each_once(browse, make):
    hiring, clarity = make.topic("Hiring", position=2), make.topic("Role clarity", position=1)
    make.tool("Path guide", problem=STAR, topics=[hiring, clarity])
    make.nugget("A story", problem=STAR, topics=[hiring])
    make.tool("Scorecard", problem=NUMBERS, topics=[hiring])
    make.tool("Loose", problem="And what about the rest?")
    page = browse().get("/problems")
    assert questions(page) == [STAR, NUMBERS, "And what about the rest?"]
    assert re.findall(r"<h2[^>]*>([^<]+)</h2>", page.text) == ["Role clarity", "Hiring", "Everything else"]
    assert "2 answers" in page.text


def test_beside_the_answers_stands_what_shares_their_subject_and_no_answer_twice(browse, make):
    clarity = make.topic("Role clarity")
    make.tool("Path guide", problem=STAR, topics=[clarity])
    make.nugget("A story", problem=STAR, topics=[clarity])
    make.tool("Seat map", topics=[clarity])
    beside = browse().get(asking(STAR)).text.split("On the same subject")[1]
    assert "Seat map" in beside
    assert "A story" not in beside


def test_questions_cost_the_same_for_two_as_for_twenty(browse, people, make, count_queries):
    topic = make.topic("Role clarity")
    for number in range(2):
        make.tool(f"Tool {number}", problem=f"Question {number}?", topics=[topic])
    alice = browse(people.alice)
    for path in ("/library", "/problems", asking("Question 0?")):
        alice.get(path)
        with count_queries() as few:
            alice.get(path)
        for number in range(2, 20):
            make.tool(f"Tool {number}", problem=f"Question {number}?", topics=[topic])
        with count_queries() as many:
            alice.get(path)
        assert len(few) == len(many) <= 8, many
