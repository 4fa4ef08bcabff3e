"""The directory: who is in it, found by what, and that nothing hidden can be guessed through it."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

import pytest
from sqlalchemy import select

from portal.billing.models import Grant
from portal.core.clock import now
from portal.core.db import db, transaction
from portal.membership.directory import ROWS_A_PAGE
from portal.practices.models import Field, Part, Region, Size, Specialty

SAID = {
    "practice": "Zebra Orthodontics",
    "specialty": Specialty.VETERINARY,
    "part": Part.EXPERT,
    "title": "Chief of hooves",
    "size": Size.MORE,
    "region": Region.OCEANIA,
}
ASKS = {
    Field.PRACTICE: "q=zebra",
    Field.SPECIALTY: "specialty=veterinary",
    Field.ROLE: "role=expert",
    Field.SIZE: "size=50%2B",
    Field.REGION: "region=australia-new-zealand",
}
READS = {
    Field.PRACTICE: "Zebra Orthodontics",
    Field.SPECIALTY: "Veterinary medicine",
    Field.ROLE: "Chief of hooves",
    Field.SIZE: "50 people or more",
    Field.REGION: "Australia and New Zealand",
}


def _lists(page: str, handle: str) -> bool:
    return f'href="/members/{handle}"' in page.partition("<main")[2]


@pytest.fixture
def asked(browse, people):
    """What Bob finds: `asked("role=expert")`."""
    window = browse(people.bob)
    return lambda query="": window.get(f"/members?{query}").text


def test_alice_is_found_by_all_that_she_says(people, make, asked):
    make.profile(people.alice, **SAID)
    for query in [*ASKS.values(), "&".join(ASKS.values()), "q=alice", "q=ALI+ortho"]:
        assert _lists(asked(query), "alice"), query
    page = _list(asked())
    assert all(words in page for words in READS.values())
    assert "Chief of hooves, Zebra Orthodontics" in page


@pytest.mark.parametrize("field", list(ASKS))
def test_what_alice_keeps_back_is_neither_shown_nor_found_nor_guessed(people, make, asked, field):
    make.profile(people.alice, **SAID, shown=set(Field) - {field})
    assert READS[field] not in _list(asked())
    assert not _lists(asked(ASKS[field]), "alice")
    for other in set(ASKS) - {field}:
        assert _lists(asked(ASKS[other]), "alice")
        assert not _lists(asked(f"{ASKS[other]}&{ASKS[field]}"), "alice")


def test_staff_find_no_more_in_the_directory_than_members_do(people, make, browse):
    make.profile(people.alice, **SAID, shown=frozenset())
    for staff in (people.mo, people.cory, people.olga):
        for query in ASKS.values():
            assert not _lists(browse(staff).get(f"/members?{query}").text, "alice")


@pytest.mark.parametrize(
    "words", ["%", "_", "a%e", "\\", "'", "alice@example.com", "example.com", "member", "Two chairs"]
)
def test_search_looks_into_names_and_practices_and_nothing_else(people, make, asked, words):
    make.profile(people.alice, **SAID, bio="Two chairs")
    assert not _lists(asked(f"q={words.replace('%', '%25')}"), "alice")


def test_another_specialty_is_not_another_role(people, make, asked):
    make.profile(people.alice, specialty=Specialty.OTHER, part=Part.OTHER)
    page = _list(asked("q=alice"))
    assert "<p>Another role</p>" in page
    assert ">Another specialty</p>" in page


def test_no_address_of_anybody_is_on_the_page(people, make, asked):
    page = asked()
    for who in (people.alice, people.mo, people.cory, people.olga):
        assert who.email not in page


def test_whoever_does_not_want_to_be_listed_is_not(people, make, asked, browse):
    make.profile(people.alice, **SAID, listed=False)
    for query in ["", *ASKS.values(), "q=alice"]:
        assert not _lists(asked(query), "alice")
    assert "You are not listed here." in browse(people.alice).get("/members").text
    assert "You are not listed here." not in asked()


def test_uma_is_told_that_her_address_comes_first(make, browse):
    uma = make.member("Uma", confirmed_at=None, entitled=True)
    page = browse(uma).get("/members").text
    assert not _lists(page, "uma")
    assert "You are listed here as soon as your address is confirmed." in page


def test_members_and_staff_are_listed_and_nobody_else(app, people, make, asked):
    make.member("Uma", confirmed_at=None, entitled=True)
    make.member("Sid", suspended_until=now() + timedelta(days=2), entitled=True)
    make.member("Gone", closed_at=now(), entitled=True)
    back = make.member("Back", suspended_until=now() - timedelta(days=2), entitled=True)
    page = asked()
    for handle in ("alice", "bob", "mo", "cory", "olga", back.handle):
        assert _lists(page, handle), handle
    for name in ("Uma", "Sid", "Gone", "Lena", "Sam"):
        assert f">{name}<" not in page, name


def test_alice_leaves_the_directory_at_the_moment_her_membership_ends(app, people, make, asked):
    with app.app_context(), transaction():
        grant = db.session.scalars(select(Grant).where(Grant.member_id == people.alice.id)).one()
        grant.until = now() - timedelta(seconds=1)
    assert not _lists(asked(), "alice")


@pytest.mark.parametrize(
    "query",
    [
        "role=boss",
        "size=-1",
        "region=%00",
        "specialty=%F0%9F%90%8E",
        "after=%00",
        "before=%00",
        "q=%00",
        "q=" + "x" * 5000,
        "role=expert&role=owner",
        "after=~&before=~",
        "unknown=1",
    ],
)
def test_unknown_values_fall_back(people, browse, query):
    assert browse(people.bob).get(f"/members?{query}").status_code == 200


def test_pages_go_forth_and_back_and_show_everybody_once(people, make, browse):
    for number in range(ROWS_A_PAGE + 3):
        make.member(f"Nora {number:02}", entitled=True)
    window = browse(people.bob)
    seen, path = [], "/members?q=nora"
    while path:
        page = window.get(path).text
        found = _handles(page)
        assert len(found) <= ROWS_A_PAGE
        seen.append(found)
        path = _link(page, "next")
    assert [len(found) for found in seen] == [ROWS_A_PAGE, 3]
    assert len({handle for found in seen for handle in found}) == ROWS_A_PAGE + 3
    back = _link(page, "prev")
    assert "q=nora" in back
    assert _handles(window.get(back).text) == seen[0]


def test_the_directory_costs_the_same_queries_for_two_as_for_twenty(people, make, browse, count_queries):
    window = browse(people.bob)
    window.get("/members")
    with count_queries() as few:
        window.get("/members")
    for number in range(18):
        make.profile(make.member(f"Nora {number}", entitled=True), **SAID)
    with count_queries() as many:
        window.get("/members")
    assert len(few) == len(many) <= 6


def test_an_empty_answer_says_what_to_do_next(people, asked):
    page = asked("q=nobody-is-called-so")
    assert "Nobody fits all of that" in page
    assert 'href="/members"' in page


def test_the_directory_is_for_members(people, browse):
    assert browse(people.sam).get("/members").status_code == 403
    assert browse(people.lena).get("/members").status_code == 403
    assert browse().get("/members").location.startswith("/sign-in")


def _list(page: str) -> str:
    return page.partition('<ul class="people"')[2]


def _handles(page: str) -> list[str]:
    return re.findall(r'class="people__name" href="/members/([^"]+)"', page)


def _link(page: str, rel: str) -> str:
    found = re.search(rf'rel="{rel}" href="([^"]+)"', page)
    return unescape(found[1]) if found else ""
