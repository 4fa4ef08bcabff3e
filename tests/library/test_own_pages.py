"""What Alice does with an item for herself: saves it, downloads it, says whether it was useful."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from portal.core.db import db
from portal.library import publishing
from portal.library.models import Done, Download, File, Opinion, Saved
from tests.library.test_views import titles
from tests.make import again, at_once

WORDS = "The third column made us talk."


def rows(app, table) -> int:
    with app.app_context():
        return db.session.scalar(select(func.count()).select_from(table))


def withdraw(make, people, item) -> None:
    with make._saved():
        publishing.withdraw(again(item), because="Out of date", by=again(people.cory))


# Saving


def test_alice_saves_an_item_finds_it_on_her_list_and_takes_it_off(browse, people, make):
    tool = make.tool("Role card")
    alice = browse(people.alice)
    assert "Nothing saved yet" in alice.get("/account/saved").text
    assert alice.post(f"/library/{tool.slug}/saved").location == f"/library/{tool.slug}"
    assert "Saved: take it off my list" in alice.get(f"/library/{tool.slug}").text
    assert titles(alice.get("/account/saved")) == ["Role card"]
    assert titles(browse(people.bob).get("/account/saved")) == []
    off = alice.post(f"/library/{tool.slug}/saved/removal", data={"next": "/account/saved"})
    assert off.location == "/account/saved"
    assert titles(alice.get("/account/saved")) == []


@pytest.mark.parametrize(
    ("path", "table", "data"),
    [("saved", Saved, {}), ("done", Done, {}), ("opinion", Opinion, {"useful": "yes"})],
)
def test_twenty_equal_requests_make_one_row(app, browse, people, make, path, table, data):
    tool = make.tool()
    browsers = [browse(people.alice) for _ in range(20)]
    answers = at_once(20, lambda n: browsers[n].post(f"/library/{tool.slug}/{path}", data=dict(data)).status_code)
    assert answers == [303] * 20
    assert rows(app, table) == 1


def test_next_leads_nowhere_but_home_from_these_buttons_too(browse, people, make):
    tool = make.tool()
    for elsewhere in ("https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"):
        answer = browse(people.alice).post(f"/library/{tool.slug}/saved", data={"next": elsewhere})
        assert answer.location == f"/library/{tool.slug}"


def test_what_is_not_out_is_neither_saved_nor_ticked_nor_judged(app, browse, people, make):
    draft = make.tool(published=False)
    for path in ("saved", "saved/removal", "done", "done/removal", "opinion", "opinion/removal"):
        answer = browse(people.alice).post(f"/library/{draft.slug}/{path}", data={"useful": "yes"})
        assert answer.status_code == 404
    assert rows(app, Saved) == rows(app, Done) == rows(app, Opinion) == 0


def test_lena_whose_membership_lapsed_keeps_both_lists_and_gets_no_file(browse, people, make):
    tool = make.tool("Role card", file="Role card.pdf")
    with make._saved():
        file_id = db.session.scalars(select(File.id)).one()
        db.session.add_all(
            [Saved(member_id=people.lena.id, item_id=tool.id), Download(member_id=people.lena.id, file_id=file_id)]
        )
    make.edition(tool, note="A shorter second page")
    lena = browse(people.lena)
    assert titles(lena.get("/account/saved")) == ["Role card"]
    page = lena.get("/account/downloads")
    assert titles(page) == ["Role card"]
    assert "A shorter second page" in page.text
    assert "Get edition 2" not in page.text
    assert f"/library/{tool.slug}/file" not in page.text + lena.get("/account/saved").text
    assert lena.get(f"/library/{tool.slug}/file").status_code == 403
    assert lena.post(f"/library/{tool.slug}/saved/removal").status_code == 303


def test_what_was_withdrawn_is_counted_and_not_named(browse, people, make):
    tool = make.tool("Role card")
    alice = browse(people.alice)
    alice.post(f"/library/{tool.slug}/saved")
    alice.get(f"/library/{tool.slug}/file")
    withdraw(make, people, tool)
    for path, words in {"/account/saved": "you saved is", "/account/downloads": "you downloaded is"}.items():
        page = alice.get(path).text
        assert f"One thing {words} no longer in the library" in " ".join(page.split())
        assert "Role card" not in page


# Downloads


def test_alice_reads_what_changed_since_she_downloaded_it_and_gets_the_new_edition(browse, people, make):
    tool = make.tool("Role card")
    alice = browse(people.alice)
    assert "Nothing downloaded yet" in alice.get("/account/downloads").text
    alice.get(f"/library/{tool.slug}/file")
    assert "Changed since" not in alice.get("/account/downloads").text
    make.edition(tool, note="A fourth test")
    make.edition(tool, note="A shorter second page")
    for page in (alice.get("/account/downloads").text, alice.get(f"/library/{tool.slug}").text):
        assert page.index("A shorter second page") < page.index("A fourth test")
    assert "Get edition 3" in alice.get("/account/downloads").text
    alice.get(f"/library/{tool.slug}/file")
    assert "Changed since" not in alice.get("/account/downloads").text
    assert "Edition 3" in alice.get("/account/downloads").text


def test_listening_or_watching_in_place_is_no_download(browse, people, make):
    episode = make.episode("What a seat is for")
    alice = browse(people.alice)
    alice.get(f"/library/{episode.slug}/audio")
    assert titles(alice.get("/account/downloads")) == []


@pytest.mark.parametrize("path", ["/account/saved", "/account/downloads"])
def test_a_list_goes_on_where_its_page_ended_and_costs_the_same_for_two_as_for_twenty(
    browse, people, make, count_queries, clock, path
):
    alice = browse(people.alice)

    def add(many):
        for _ in range(many):
            tool = make.tool(f"Tool {len(made):02}", problem="What now?")
            made.append(tool.title)
            alice.post(f"/library/{tool.slug}/saved")
            alice.get(f"/library/{tool.slug}/file")
            make.edition(tool, note="Better")
            clock.shift(timedelta(seconds=1))

    made: list[str] = []
    add(2)
    alice.get(path)
    with count_queries() as few:
        alice.get(path)
    add(20)
    with count_queries() as many:
        first = alice.get(path)
    assert len(few) == len(many) <= 8, many
    older = re.search(r'rel="next" href="([^"]+)"', first.text).group(1)
    second = alice.get(older)
    assert titles(first) + titles(second) == made[::-1]
    assert len(titles(first)) == 20


# Useful or not


def test_alice_says_it_was_useful_adds_a_sentence_and_changes_her_mind(app, browse, people, make):
    tool = make.tool()
    alice, path = browse(people.alice), f"/library/{tool.slug}"
    assert "Was it useful to you?" in alice.get(path).text
    assert alice.post(f"{path}/opinion", data={"useful": "yes"}).location == path
    assert "You found it useful" in alice.get(path).text
    alice.post(f"{path}/opinion", data={"useful": "yes", "words": WORDS})
    assert WORDS in alice.get(path).text
    alice.post(f"{path}/opinion", data={"useful": "no"})
    page = alice.get(path).text
    assert "You did not find it useful" in page
    assert WORDS in page
    assert rows(app, Opinion) == 1
    alice.post(f"{path}/opinion/removal")
    assert rows(app, Opinion) == 0
    assert "Was it useful to you?" in alice.get(path).text


def test_coaches_alone_read_the_numbers_and_the_sentences(browse, people, make):
    tool = make.tool()
    path = f"/library/{tool.slug}"
    browse(people.alice).post(f"{path}/opinion", data={"useful": "yes", "words": WORDS})
    browse(people.bob).post(f"{path}/opinion", data={"useful": "no", "words": "<script>alert(1)</script>"})
    page = browse(people.cory).get(path).text
    assert "Useful to 1, not useful to 1" in page
    assert WORDS in page
    assert "<script>alert" not in page
    for who in (None, people.sam, people.lena, people.bob, people.mo):
        page = browse(who).get(path).text
        assert "What members answered" not in page
        assert WORDS not in page
        assert "Useful to" not in page


@pytest.mark.parametrize("said", [{"useful": "maybe"}, {}, {"useful": ""}, {"useful": "yes", "words": "x" * 501}])
def test_an_answer_that_is_none_gets_a_sentence_and_keeps_what_was_typed(app, browse, people, make, said):
    tool = make.tool()
    answer = browse(people.alice).post(f"/library/{tool.slug}/opinion", data=dict(said))
    assert answer.status_code == 422
    assert "error-summary" in answer.text
    assert said.get("words", "") in answer.text
    assert rows(app, Opinion) == 0


@pytest.mark.parametrize("who", ["sam", "lena"])
def test_who_is_no_member_is_not_asked_and_not_heard(app, browse, people, make, who):
    tool = make.tool(is_free=True)
    browser = browse(getattr(people, who))
    assert "Was it useful" not in browser.get(f"/library/{tool.slug}").text
    assert browser.post(f"/library/{tool.slug}/opinion", data={"useful": "yes"}).status_code == 403
    assert browser.post(f"/library/{tool.slug}/done").status_code == 403
    assert rows(app, Opinion) == rows(app, Done) == 0


def test_no_number_follows_alice_into_what_bob_sees(browse, people, make):
    """Whether she saved or ticked it is hers alone."""
    tool = make.tool()
    make.path(items=[tool])
    for path in ("saved", "done"):
        browse(people.alice).post(f"/library/{tool.slug}/{path}")
    page = browse(people.bob).get(f"/library/{tool.slug}").text
    assert "Save for later" in page
    assert "I have done this" in page
