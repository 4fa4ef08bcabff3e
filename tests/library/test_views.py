"""The library as people meet it: lists, teasers, the item for those who may have it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from portal.core.clock import now
from portal.core.db import db
from portal.library.models import Item, Kind, Resource, Tool

INSIDE = "Spend longest on the third column."
TALK = """WEBVTT

NOTE made for a test

00:00:04.300 --> 00:00:06.250
<v Olga Brandt>Tell the one about the &amp; missed referral.

1
00:01:02.000 --> 00:01:09.000 align:start
<v Cory Whitfield>A veterinary
hospital, on a <i>Tuesday</i>.
"""
_WHO = ["nobody", "sam", "lena"]


def person(people, who):
    return None if who == "nobody" else getattr(people, who)


# Lists


def test_alice_narrows_by_kind_topic_and_both(browse, people, make):
    clarity, hiring = make.topic("Role clarity"), make.topic("Hiring and seats")
    make.tool("Role card", topics=[clarity])
    make.tool("Hiring scorecard", topics=[hiring])
    make.nugget("A story of roles", topics=[clarity])
    browser = browse(people.alice)
    assert titles(browser.get("/library")) == ["A story of roles", "Hiring scorecard", "Role card"]
    assert titles(browser.get("/library?kind=tool")) == ["Hiring scorecard", "Role card"]
    assert titles(browser.get("/library?topic=role-clarity")) == ["A story of roles", "Role card"]
    assert titles(browser.get("/library?topic=role-clarity&kind=tool")) == ["Role card"]
    assert titles(browser.get("/topics/hiring-and-seats")) == ["Hiring scorecard"]
    assert titles(browser.get("/nuggets")) == ["A story of roles"]
    assert titles(browser.get("/episodes")) == []


def titles(answer):
    import re

    assert answer.status_code == 200
    return re.findall(r'class="item__title"><a href="/library/[^"]+">([^<]+)</a>', answer.text)


def test_a_chosen_topic_stays_chosen_when_the_kind_changes(browse, make):
    make.topic("Role clarity")
    page = browse().get("/library?topic=role-clarity&q=seat").text
    assert 'href="/library?kind=tool&amp;topic=role-clarity&amp;q=seat"' in page
    assert 'aria-current="true">Role clarity' in page


@pytest.mark.parametrize(
    "query",
    [
        "kind=tools", "kind=", "kind=tool'--", "topic=nowhere", "topic=%00", "q=%00", "q=%22%22%22", "q=*", "q=NEAR(",
        "q=a*b-c:d",
        "q=AND OR NOT", "q='; DROP TABLE item; --", "q=" + "x" * 5000, "q=" + "a%20" * 200, "q=%F0%9F%92%A9", "q=_",
        "q=%E2%80%AE", "q=%FF%FE", "q=:*", "q=a%26b|c!(", "before=nonsense", "before=" + "A" * 64, "before=%00",
        "kind=tool&kind=nugget", "q=ß", "q=²", "q=ﬁ", "q=%5C", "q=%25_%25",
    ],
)  # fmt: skip
def test_nonsense_in_the_address_falls_back_and_never_breaks(browse, people, make, query):
    make.tool("Role card")
    for who in (None, people.alice):
        answer = browse(who).get(f"/library?{query}")
        assert answer.status_code == 200
        assert "<script" not in answer.text.split("</head>")[1]


def test_what_is_searched_comes_back_as_words_and_not_as_markup(browse, make):
    page = browse().get("/library?q=<script>alert(1)</script>").text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_twenty_a_page_and_the_next_page_goes_on_where_the_first_ended(browse, make):
    import re

    moment = now() - timedelta(days=1)
    for number in range(45):
        make.tool(f"Tool {number:02}", file=None, at=moment - timedelta(minutes=number // 3))  # some at the same moment
    browser, seen, path = browse(), [], "/library?kind=tool"
    while path:
        page = browser.get(path)
        seen.append(titles(page))
        older = re.search(r'rel="next" href="([^"]+)"', page.text)
        path = older.group(1).replace("&amp;", "&") if older else None
        assert path is None or "kind=tool" in path
    assert [len(rows) for rows in seen] == [20, 20, 5]
    assert len({title for rows in seen for title in rows}) == 45


@pytest.mark.parametrize(
    "path", ["/library", "/library?kind=tool", "/library?q=card", "/episodes", "/topics/role-clarity"]
)
def test_a_list_costs_the_same_for_two_rows_as_for_twenty(browse, people, make, count_queries, path):
    topic = make.topic("Role clarity")
    browser = browse(people.alice)

    def fill(many):
        for number in range(many):
            tool = make.tool(f"Card {number}", topics=[topic])
            make.episode(f"Card {number}", topics=[topic])
            browser.get(f"/library/{tool.slug}/file")

    fill(2)
    browser.get(path)
    with count_queries() as few:
        browser.get(path)
    fill(18)
    with count_queries() as many:
        browser.get(path)
    assert len(few) == len(many), many
    assert len(many) <= 8, many


def test_an_item_page_costs_the_same_however_much_hangs_on_it(browse, people, make, count_queries):
    topic = make.topic()
    tool = make.tool(topics=[topic])
    make.tool("Another", topics=[topic])
    browser = browse(people.alice)
    browser.get(f"/library/{tool.slug}")
    with count_queries() as few:
        browser.get(f"/library/{tool.slug}")
    for number in range(6):
        make.edition(tool)
        make.nugget(f"Story {number}", topics=[topic])
    with count_queries() as many:
        browser.get(f"/library/{tool.slug}")
    assert len(few) == len(many)
    assert len(many) <= 10, many


def test_drafts_and_scheduled_and_withdrawn_items_are_in_no_list_and_no_search(browse, people, make, app):
    from portal.accounts.models import Member
    from portal.library import publishing

    make.tool("Unfinished", published=False)
    make.tool("Upcoming", at=now() + timedelta(days=1))
    gone = make.tool("Withdrawn")
    with make._saved():
        publishing.withdraw(
            db.session.get_one(Item, gone.id), because="Out of date", by=db.session.get_one(Member, people.cory.id)
        )
    for who in (None, people.alice, people.cory):
        for path in (
            "/library",
            "/library?q=unfinished",
            "/library?q=upcoming",
            "/library?q=withdrawn",
            "/library?kind=tool",
        ):
            assert titles(browse(who).get(path)) == []
        assert browse(who).get(f"/library/{gone.slug}").status_code == 404


def test_a_scheduled_item_appears_at_its_moment_in_lists_and_in_search(browse, people, make, clock, work_off):
    tool = make.tool("Upcoming card", at=now() + timedelta(days=1))
    work_off()
    assert titles(browse(people.alice).get("/library?q=upcoming")) == []
    clock.shift(timedelta(days=1, minutes=1))
    work_off()
    assert titles(browse(people.alice).get("/library?q=upcoming")) == ["Upcoming card"]
    assert browse(people.alice).get(f"/library/{tool.slug}").status_code == 200


def test_an_empty_shelf_says_what_to_do_next(browse, people):
    page = browse().get("/library?kind=nugget").text
    assert "Nothing on this shelf yet" in page
    for who, may_write in ((people.alice, False), (people.cory, True)):
        page = browse(who).get("/library").text
        assert "Nothing is published yet" in page
        assert ("Write the first at the desk" in page) is may_write
    assert "Nothing holds all of these words" in browse().get("/library?q=zebra").text


# Search from the library


@pytest.mark.parametrize("who", _WHO)
def test_words_of_the_inside_neither_match_nor_show_for_those_outside(browse, people, make, who):
    make.tool("Role card", body=f"An introduction. {INSIDE}", summary="One page about a seat.")
    make.nugget("A surgeon's story", body="zanzibar")
    make.episode("What a seat is for", transcript=TALK, body="quibble notes")
    browser = browse(person(people, who))
    for words in ("longest third column", "zanzibar", "veterinary", "quibble"):
        assert titles(browser.get(f"/library?q={words}")) == []
        assert titles(browser.get(f"/library?q={words}&kind=tool")) == []
    page = browser.get("/library?q=seat").text
    assert titles(browser.get("/library?q=seat")) != []
    assert "third column" not in page
    assert "Tuesday" not in page


def test_alice_finds_a_tool_by_words_inside_it_and_an_episode_by_what_was_said(browse, people, make):
    make.tool("Role card", body=f"An introduction. {INSIDE}")
    make.episode("What a seat is for", transcript=TALK)
    browser = browse(people.alice)
    assert titles(browser.get("/library?q=longest+third")) == ["Role card"]
    assert "<mark>longest</mark>" in browser.get("/library?q=longest").text
    assert titles(browser.get("/library?q=VETERIN")) == ["What a seat is for"]
    assert titles(browser.get("/library?q=role+card")) == ["Role card"]  # teaser and inside both match, one line


def test_sam_finds_words_inside_a_free_item_and_a_visitor_does_not(browse, people, make):
    make.item(Resource, "Two ladders", body="zanzibar", is_free=True)
    assert titles(browse(people.sam).get("/library?q=zanzibar")) == ["Two ladders"]
    assert titles(browse().get("/library?q=zanzibar")) == []


def test_public_notes_are_found_by_everyone_and_the_transcript_is_not(browse, make):
    make.episode("What a seat is for", body="quibble notes", transcript=TALK, public_notes=True)
    assert titles(browse().get("/library?q=quibble")) == ["What a seat is for"]
    assert titles(browse().get("/library?q=veterinary")) == []


def test_a_search_inside_a_topic_finds_only_there(browse, people, make):
    clarity = make.topic("Role clarity")
    make.tool("Seat map", topics=[clarity])
    make.tool("Seat numbers")
    assert titles(browse(people.alice).get("/library?q=seat&topic=role-clarity")) == ["Seat map"]


# One item


@pytest.mark.parametrize("who", _WHO)
def test_an_honest_teaser_says_what_is_inside_and_not_one_word_of_it(browse, people, make, who):
    tool = make.tool("Role card", body=INSIDE, problem="Who answers for what?", file="Role card.pdf", minutes=40)
    page = browse(person(people, who)).get(f"/library/{tool.slug}").text
    for told in ("What Role card is for.", "Who answers for what?", "Role card.pdf", "PDF, 10 kB", "40 minutes"):
        assert told in page
    assert "Join to download" in page
    assert "$99 a month" in page
    assert "third column" not in page
    assert f"/library/{tool.slug}/file" not in page


@pytest.mark.parametrize("who", _WHO)
def test_the_story_of_a_nugget_is_for_members(browse, people, make, who):
    nugget = make.nugget(practice_type="Orthopedics", composite=True)
    outside, inside = (
        browse(person(people, who)).get(f"/library/{nugget.slug}"),
        browse(people.alice).get(f"/library/{nugget.slug}"),
    )
    assert "The situation of it." not in outside.text
    assert "Orthopedics" in outside.text
    for part in ("situation", "change", "result"):
        assert f"The {part} of it." in inside.text
    assert "A composite" in inside.text


@pytest.mark.parametrize("who", _WHO)
def test_an_episode_shows_public_notes_to_all_and_its_transcript_and_audio_to_members(browse, people, make, who):
    episode = make.episode(
        body="Notes for everyone.", public_notes=True, transcript=TALK, chapters=["0:00 Opening", "1:02 The referral"],
        hear=["Why it lay"], guests=[{"name": "Grace", "role": "administrator"}], step="Write the sentence.",
    )  # fmt: skip
    page = browse(person(people, who)).get(f"/library/{episode.slug}").text
    for told in (
        "Notes for everyone.",
        "0:01:02",
        "The referral",
        "Why it lay",
        "The guest",
        "administrator",
        "Join to listen",
    ):
        assert told in page
    for kept in ("veterinary", "missed referral", "<audio", "/audio", "Write the sentence."):
        assert kept not in page


def test_alice_reads_the_transcript_with_stamps_that_lead_to_the_moment(browse, people, make):
    episode = make.episode(transcript=TALK, chapters=["0:00 Opening", "1:02 The referral"])
    page = browse(people.alice).get(f"/library/{episode.slug}").text
    assert "Tell the one about the &amp; missed referral." in page
    assert "A veterinary hospital, on a Tuesday." in page
    assert "made for a test" not in page
    assert f'href="/library/{episode.slug}?t=62#listen"' in page  # the chapter
    assert f'href="/library/{episode.slug}?t=62#t=62"' in page  # the line
    assert "0:01:02" in page
    assert 'id="t=62"' in page
    assert f'<source src="/library/{episode.slug}/audio" type="audio/mpeg">' in page
    assert 'preload="none"' in page


def test_private_notes_stay_private(browse, make):
    episode = make.episode(body="Only for members.", public_notes=False)
    assert "Only for members." not in browse().get(f"/library/{episode.slug}").text


def test_a_free_item_is_open_with_an_account_and_says_so_without(browse, people, make):
    essay = make.item(Resource, "Two ladders", body=INSIDE, is_free=True)
    assert "third column" in browse(people.sam).get(f"/library/{essay.slug}").text
    assert "third column" in browse(people.lena).get(f"/library/{essay.slug}").text
    page = browse().get(f"/library/{essay.slug}").text
    assert "third column" not in page
    assert "Free with an account" in page
    assert "a month" not in page


def test_alice_is_told_that_a_tool_changed_since_she_downloaded_it_and_bob_is_not(browse, people, make):
    tool = make.tool("Role card")
    alice, bob = browse(people.alice), browse(people.bob)
    alice.get(f"/library/{tool.slug}/file")
    assert "Changed since" not in alice.get(f"/library/{tool.slug}").text
    make.edition(tool, note="A third column.")
    for path in ("/library", f"/library/{tool.slug}"):
        assert "Changed since you downloaded it" in alice.get(path).text
        assert "Changed since" not in bob.get(path).text
    assert "A third column." in alice.get(f"/library/{tool.slug}").text
    alice.get(f"/library/{tool.slug}/file")
    assert "Changed since" not in alice.get(f"/library/{tool.slug}").text


def test_earlier_editions_stay_reachable_from_the_page(browse, people, make):
    tool = make.tool("Role card", file="Role card.pdf")
    make.edition(tool, file="Role card.pdf")
    page = browse(people.alice).get(f"/library/{tool.slug}").text
    assert f"/library/{tool.slug}/file?version=1" in page


def test_related_items_share_a_topic_and_leave_out_drafts_and_the_item_itself(browse, people, make):
    clarity, hiring = make.topic("Role clarity"), make.topic("Hiring")
    tool = make.tool("Role card", topics=[clarity, hiring])
    make.tool("Shares one", topics=[hiring])
    make.tool("Shares two", topics=[clarity, hiring])
    make.tool("Shares none")
    make.tool("A draft about it", topics=[clarity], published=False)
    page = browse(people.alice).get(f"/library/{tool.slug}").text.split("On the same subject")[1]
    assert titles_of(page) == ["Shares two", "Shares one"]


def titles_of(html):
    import re

    return re.findall(r'class="item__title"><a href="/library/[^"]+">([^<]+)</a>', html)


def test_hostile_words_in_an_item_are_words(browse, people, make):
    hostile = "<img src=x onerror=alert(1)>"
    tool = make.item(Tool, hostile, body=hostile + " [x](javascript:alert(1))", summary=hostile, problem=hostile)
    for path in ("/library", f"/library/{tool.slug}", "/library?q=onerror"):
        page = browse(people.alice).get(path).text
        assert "<img src=x" not in page
        assert 'href="javascript' not in page


@pytest.mark.parametrize("slug", ["nothing", "%00", "..%2f..%2fetc", "<script>", "x" * 5000])
def test_an_unknown_item_or_topic_is_a_gentle_404(browse, people, slug):
    for path in (f"/library/{slug}", f"/library/{slug}/file", f"/topics/{slug}", f"/library/{slug}/thread"):
        assert browse(people.alice).get(path).status_code == 404


def test_a_get_writes_nothing_but_the_download(browse, people, make, count_queries):
    tool = make.tool(topics=[make.topic()])
    with count_queries() as queries:
        for path in (
            "/library",
            "/episodes",
            "/nuggets",
            f"/library/{tool.slug}",
            "/topics/role-clarity",
            f"/library/{tool.slug}/thread",
        ):
            browse(people.alice).get(path)
    assert not [
        q
        for q in queries
        if q.split()[0] in {"UPDATE", "DELETE"} or "INSERT INTO item" in q or "INSERT INTO download" in q
    ]


def test_every_kind_has_its_place(browse, people, make):
    make.item(Resource, "An essay", link="https://example.org/video")
    page = browse(people.alice).get("/library").text
    assert "An essay" in page
    assert {k.value for k in Kind} == {"tool", "resource", "nugget", "episode"}
