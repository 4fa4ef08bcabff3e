"""Finding stories by the practice they come from, and those closest to one's own."""

from __future__ import annotations

import re

import pytest

from portal.practices.models import Region, Size, Specialty


@pytest.fixture
def stories(make):
    """Three stories: of a law firm, of one in the South, and of a hospital of the same size."""
    clarity = make.topic("Role clarity")
    make.nugget("A hospital", specialty=Specialty.VETERINARY, size=Size.SOME, region=Region.WEST)
    make.nugget("A firm", specialty=Specialty.LAW, size=Size.FEW, topics=[clarity])
    make.nugget("A firm in the South", specialty=Specialty.LAW, size=Size.SOME, region=Region.SOUTH)


def titles(page):
    return re.findall(r'class="item__title"><a href="/library/[^"]+">([^<]+)</a>', page)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["A firm in the South", "A firm", "A hospital"]),
        ("specialty=law", ["A firm in the South", "A firm"]),
        ("size=10-24", ["A firm in the South", "A hospital"]),
        ("region=us-west", ["A hospital"]),
        ("topic=role-clarity", ["A firm"]),
        ("specialty=law&size=10-24&region=us-south", ["A firm in the South"]),
        ("specialty=dental", []),
        ("specialty=nonsense&size=%00&region=;", ["A firm in the South", "A firm", "A hospital"]),
    ],
)
def test_a_visitor_narrows_nuggets_by_the_practice_they_come_from(browse, stories, query, found):
    assert titles(browse().get(f"/nuggets?{query}").text) == found


def test_alice_finds_the_stories_closest_to_her_own_practice_first_and_why(browse, people, make, stories):
    make.profile(people.alice, specialty=Specialty.LAW, size=Size.SOME, region=Region.SOUTH)
    page = browse(people.alice).get("/nuggets?like=mine").text
    assert titles(page) == ["A firm in the South", "A firm", "A hospital"]
    assert page.count("Your specialty") == 2
    assert page.count("Your size") == 2
    assert page.count("Your region") == 1


def test_a_profile_that_says_nothing_is_told_so_with_one_link(browse, people, stories):
    page = browse(people.alice).get("/nuggets?like=mine").text
    assert "We do not know your practice yet" in page
    assert page.count('href="/account/profile"') == 2  # in the menu, and here
    assert titles(page) == []


def test_what_alice_keeps_from_others_still_counts_for_herself(browse, people, make, stories):
    make.profile(people.alice, specialty=Specialty.LAW, shown=[])
    assert titles(browse(people.alice).get("/nuggets?like=mine").text) == ["A firm in the South", "A firm"]


def test_stories_that_are_not_out_are_close_to_nobody(browse, people, make):
    make.profile(people.alice, specialty=Specialty.LAW)
    make.nugget("A draft", specialty=Specialty.LAW, published=False)
    assert titles(browse(people.alice).get("/nuggets?like=mine").text) == []


def test_closeness_costs_no_more_for_many_stories(browse, people, make, count_queries):
    make.profile(people.alice, specialty=Specialty.LAW)
    alice = browse(people.alice)
    for number in range(2):
        make.nugget(f"Story {number}", specialty=Specialty.LAW)
    alice.get("/nuggets?like=mine")
    with count_queries() as few:
        alice.get("/nuggets?like=mine")
    for number in range(8):
        make.nugget(f"Story {number}", specialty=Specialty.LAW)
    with count_queries() as many:
        alice.get("/nuggets?like=mine")
    assert len(few) == len(many) <= 8, many
