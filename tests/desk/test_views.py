"""The desk opens for those who run the program, and for nobody else."""

from __future__ import annotations

import pytest


def test_cory_sees_how_many_may_come_in(browse, people):
    page = browse(people.cory).get("/desk")
    assert page.status_code == 200
    assert "Members" in page.text


@pytest.mark.parametrize("who", ["alice", "sam", "lena", "mo"])
def test_the_desk_is_for_coaches_and_the_owner(browse, people, who: str):
    assert browse(getattr(people, who)).get("/desk").status_code == 403


def test_a_figure_leads_to_a_list_that_its_reader_may_open(browse, people):
    for who in (people.cory, people.olga):
        browser = browse(who)
        page = browser.get("/desk").text.split('class="stats')[1]
        links = [part.split('"')[0] for part in page.split('<p class="stat__figure"><a href="')[1:]]
        assert {browser.get(link).status_code for link in links} == {200}
    assert "/desk/members" in links, "Olga's"


def test_the_page_of_components_opens(browse, people):
    page = browse(people.cory).get("/desk/components")
    assert page.status_code == 200
    assert "Every part that pages are made of" in page.text
