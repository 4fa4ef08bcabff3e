"""Who reads which field where: every field, kept back or not, for every kind of reader."""

from __future__ import annotations

import pytest

from portal.practices.models import Field, Part, Region, Size, Specialty

SAID = {
    "practice": "Zebra Orthodontics",
    "specialty": Specialty.VETERINARY,
    "part": Part.EXPERT,
    "title": "Chief of hooves",
    "size": Size.MORE,
    "region": Region.OCEANIA,
    "bio": "A walrus in the waiting room.",
}
READS = {
    Field.PRACTICE: ["Zebra Orthodontics"],
    Field.SPECIALTY: ["Veterinary medicine"],
    Field.ROLE: ["Chief of hooves", "Expert contributor"],
    Field.SIZE: ["50 people or more"],
    Field.REGION: ["Australia and New Zealand"],
    Field.ABOUT: ["A walrus in the waiting room."],
}


def _page(browse, reader) -> str:
    return browse(reader).get("/members/alice").text


@pytest.mark.parametrize("field", list(READS))
def test_a_field_alice_keeps_back_is_read_by_herself_and_by_staff_alone(people, browse, make, field):
    make.profile(people.alice, **SAID, shown=set(Field) - {field})
    for words in READS[field]:
        assert words not in _page(browse, people.bob)
        assert words in _page(browse, people.alice)
        for staff in (people.mo, people.cory, people.olga):
            assert words in _page(browse, staff)
    for other in set(READS) - {field}:
        assert all(words in _page(browse, people.bob) for words in READS[other])


def test_staff_are_told_what_was_said_in_confidence(people, browse, make):
    make.profile(people.alice, **SAID, shown=set(Field) - {Field.SIZE, Field.REGION})
    assert "Members do not see this: region, size." in _page(browse, people.cory)
    assert "Members do not see your region, size." in _page(browse, people.alice)
    assert "Members do not see" not in _page(browse, people.bob)


def test_alice_who_never_chose_keeps_nothing_back(people, browse, make):
    make.profile(people.alice, **SAID)
    page = _page(browse, people.bob)
    assert all(words in page for said in READS.values() for words in said)


def test_a_members_page_holds_nothing_of_the_account(people, browse, make):
    make.profile(people.alice, **SAID | {"bio": "<b>Two</b> chairs"})
    page = _page(browse, people.bob)
    assert "&lt;b&gt;Two&lt;/b&gt; chairs" in page
    assert people.alice.email not in page
    assert browse(people.sam).get("/members/alice").status_code == 403
    assert browse(people.lena).get("/members/alice").status_code == 403
    assert browse().get("/members/alice").status_code == 303
    assert browse(people.bob).get("/members/nobody").status_code == 404


def test_a_post_carries_the_name_and_nothing_else_that_is_kept_back(people, browse, make):
    make.profile(people.alice, **SAID, shown=frozenset())
    thread = make.thread(by=people.alice)
    page = browse(people.bob).get(f"/threads/{thread.id}").text
    assert "Alice" in page
    assert not any(words in page for said in READS.values() for words in said)


@pytest.mark.parametrize("words", ["walrus", "hooves"])
def test_search_knows_nothing_of_profiles(people, browse, make, words):
    make.profile(people.alice, **SAID)
    assert "Nothing" in browse(people.bob).get(f"/search?q={words}").text


def test_search_finds_alice_by_her_practice_only_while_she_shows_it(people, browse, make):
    make.profile(people.alice, **SAID)
    assert "Alice" in browse(people.bob).get("/search?q=Zebra").text
    assert "Alice" not in browse().get("/search?q=Zebra").text
    make.profile(people.alice, **SAID, shown=set(Field) - {Field.PRACTICE})
    assert "Nothing" in browse(people.bob).get("/search?q=Zebra").text


def test_a_members_page_costs_the_same_queries_whoever_reads(people, browse, make, count_queries):
    make.profile(people.alice, **SAID)
    for reader in (people.bob, people.cory, people.alice):
        window = browse(reader)
        window.get("/members/alice")
        with count_queries() as queries:
            window.get("/members/alice")
        assert len(queries) <= 4
