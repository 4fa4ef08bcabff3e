"""The page of an episode and its small window, the place that is kept, the step, and the list of all episodes."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from portal.core.clock import now
from portal.core.db import db
from portal.library import introducing, listening
from portal.library.models import Episode, Item, Listening, StepDone

TALK = """WEBVTT

00:00:04.000 --> 00:00:06.000
<v Olga Brandt>Tell the one about the missed référral.

00:00:08.000 --> 00:00:09.000
<v Olga Brandt>It lay.

00:01:02.000 --> 00:01:09.000
<v Cory Whitfield>A veterinary hospital, on a Tuesday & <nobody>.
"""
_OUTSIDE = ["nobody", "sam", "lena"]


@pytest.fixture
def episode(make):
    return make.episode(
        "What a seat is for", transcript=TALK, seconds=170, chapters=["0:00 A quarrel", "1:02 The referral"],
        step="Write the sentence.", hear=["Why it lay"], body="Notes.",
    )  # fmt: skip


@pytest.fixture
def path(episode):
    return f"/library/{episode.slug}"


def person(people, who):
    return None if who == "nobody" else getattr(people, who)


def marked(page):
    """The passage that is marked, by its second."""
    return re.findall(r'<li id="t=(\d+)"[^>]* aria-current="true"', page)


# The page


def test_a_talk_without_a_guest_has_no_empty_place_for_one(browse, people, make, path):
    page = browse(people.alice).get(path).text
    for empty in ("The guest", "Listen on", "Also on", "The tool for it"):
        assert empty not in page


def test_an_episode_names_its_guest_one_tool_one_step_one_thread_and_where_else_it_is(app, browse, people, make):
    grace = {"name": "Grace Adeyemi", "role": "Administrator", "link": "https://stonebridge.example.com"}
    tool, thread = make.tool("Role card"), make.thread(by=people.bob, title="How we wrote ours")
    episode = make.episode(guests=[grace], tool_id=tool.id, step="Write it.", thread_id=thread.id)
    with make._saved():
        introducing.is_heard_on("Overcast", address="https://overcast.example.com/practice")
        introducing.link(db.session.get_one(Episode, episode.id), {"Apple Podcasts": "https://apple.example.com/2"})
    page = browse(people.alice).get(f"/library/{episode.slug}").text
    assert '<a href="https://stonebridge.example.com" rel="noopener noreferrer">Grace Adeyemi' in page
    for told in ("Administrator", f"/library/{tool.slug}", "Write it.", f"/threads/{thread.id}", "How we wrote ours"):
        assert told in page
    for address in ("https://overcast.example.com/practice", "https://apple.example.com/2"):
        assert f'<a href="{address}" rel="noopener noreferrer">' in page
        assert f'<a href="{address}" rel="noopener noreferrer">' in browse().get(f"/library/{episode.slug}").text


def test_without_a_mark_the_notes_are_the_members_and_with_it_everybodys(browse, make):
    closed, open_ = make.episode("Closed", body="Notes."), make.episode("Open", body="Notes.", public_notes=True)
    assert "<p>Notes.</p>" not in browse().get(f"/library/{closed.slug}").text
    page = browse().get(f"/library/{open_.slug}").text
    assert "<p>Notes.</p>" in page
    assert "<audio" not in page


def test_a_memo_is_sent_to_the_mailbox_of_the_program_or_to_the_page_it_names(app, browse, people, path, monkeypatch):
    alice = browse(people.alice)
    assert "mailto:hello@example.com?subject=Voice%20memo%20on%20episode" in alice.get(path).text
    monkeypatch.setitem(app.config, "VOICE_MEMO", "https://memo.example.com/practice")
    assert 'href="https://memo.example.com/practice"' in alice.get(path).text


@pytest.mark.parametrize(
    ("query", "second", "passage"),
    [
        ("t=8", 8, ["4"]), ("t=62", 62, ["62"]), ("t=0:01:30", 90, ["62"]), ("t=90s", 90, ["62"]), ("t=0", 0, []),
        ("t=99999", 169, ["62"]), ("t=3", 3, []),
    ],
)  # fmt: skip
def test_an_address_with_a_second_opens_there(browse, people, path, query, second, passage):
    page = browse(people.alice).get(f"{path}?{query}").text
    assert f'second="{second}"' in page
    assert (f"/audio#t={second}" in page) == (second > 0)
    assert marked(page) == passage
    assert page.count("autofocus") == len(passage)


@pytest.mark.parametrize("query", ["t=-5", "t=x", "t=", "t=1e9", "t=٣", "t=1:2:3:4", "t=" + "9" * 40, "find=%00&t=%00"])
def test_a_second_that_is_none_opens_at_the_beginning(browse, people, path, query):
    page = browse(people.alice).get(f"{path}?{query}")
    assert page.status_code == 200
    assert 'second="0"' in page.text
    assert marked(page.text) == []


def test_search_in_the_transcript_shows_the_places_and_marks_the_words(browse, people, path):
    alice = browse(people.alice)
    page = alice.get(f"{path}?find=MISSED refer").text
    assert "One place: “MISSED refer”" in page
    assert "the <mark>missed</mark> <mark>référral</mark>." in page
    assert "veterinary" not in page
    page = alice.get(f"{path}?find=<zebra>").text
    assert "Nowhere: “&lt;zebra&gt;”" in page
    assert "veterinary" in page
    assert "data-found></p>" in alice.get(f"{path}?find=,").text


def test_words_of_a_transcript_are_words(browse, people, path):
    page = browse(people.alice).get(f"{path}?find=tuesday").text
    assert "<mark>Tuesday</mark> &amp; " in page


def test_what_one_looks_for_and_where_one_is_tells_outsiders_nothing(browse, people, path):
    for query in ("", "?find=veterinary", "?t=62"):
        for who in _OUTSIDE:
            page = browse(person(people, who)).get(path + query).text
            for kept in ("veterinary", "One place", "<audio", "/position", "/player"):
                assert kept not in page.split("</header>")[1].split("<keep-listening>")[0], (who, query)


def test_an_episode_page_costs_as_much_for_one_guest_as_for_many(browse, people, make, count_queries):
    few, many = make.episode("Few", guests=["One"], step="x"), make.episode("Many", guests=list("ABCDEFGH"), step="x")
    alice = browse(people.alice)
    alice.get(f"/library/{few.slug}")
    with count_queries() as first:
        alice.get(f"/library/{few.slug}")
    with count_queries() as second:
        alice.get(f"/library/{many.slug}")
    assert len(first) == len(second) <= 10, second


def test_on_paper_stands_every_word_for_members_and_for_others_only_the_notes(browse, people, make):
    episode = make.episode("On paper", transcript=TALK, body="Notes.", public_notes=True)
    page = browse(people.alice).get(f"/library/{episode.slug}/print").text
    assert "0:01:02 <strong>Cory Whitfield</strong> A veterinary hospital" in page
    for who in _OUTSIDE:
        page = browse(person(people, who)).get(f"/library/{episode.slug}/print").text
        assert "Notes." in page
        assert "veterinary" not in page


# Where the reader is


def test_alice_goes_on_where_she_was_and_bob_begins(browse, people, path):
    alice = browse(people.alice)
    assert alice.post(f"{path}/position", data={"second": "62", "heard": "20", "age": "0"}).status_code == 204
    page = alice.get(path).text
    assert 'second="62"' in page
    assert "You were at 0:01:02." in page
    assert alice.get(f"{path}/position").json["second"] == 62
    assert 'second="0"' in browse(people.bob).get(path).text
    assert browse(people.bob).get(f"{path}/position").json == {"second": 0, "age": None}


def test_whoever_heard_it_to_the_end_is_told_so_and_begins_anew(browse, people, path):
    alice = browse(people.alice)
    alice.post(f"{path}/position", data={"second": "168", "heard": "20"})
    page = alice.get(path).text
    assert "You heard it to the end" in page
    assert 'second="0"' in page


def test_a_report_that_came_late_does_not_move_her_back(browse, people, path):
    alice = browse(people.alice)
    alice.post(f"{path}/position", data={"second": "100", "age": "0"})
    alice.post(f"{path}/position", data={"second": "10", "age": "3600"})
    assert alice.get(f"{path}/position").json["second"] == 100


@pytest.mark.parametrize(
    "data",
    [{}, {"second": "-1"}, {"second": "x"}, {"second": ""}, {"second": "1.5"}, {"second": "٣"}, {"second": "9" * 30}],
)
def test_a_place_that_is_none_is_not_kept(app, browse, people, path, data):
    assert browse(people.alice).post(f"{path}/position", data=data).status_code == 422
    with app.app_context():
        assert db.session.scalar(select(func.count(Listening.id))) == 0


@pytest.mark.parametrize("who", _OUTSIDE)
@pytest.mark.parametrize("part", ["position", "step", "player"])
def test_outsiders_have_no_place_no_step_and_no_window(app, browse, people, path, who, part):
    outsider = browse(person(people, who))
    answers = [outsider.get(f"{path}/{part}")] if part != "step" else []
    answers += [outsider.post(f"{path}/{part}", data={"second": "5", "done": "yes"})] if part != "player" else []
    for answer in answers:
        assert answer.status_code == 403 or answer.location.startswith("/sign-in")
    with app.app_context():
        assert db.session.scalar(select(func.count(Listening.id))) == 0
        assert db.session.scalar(select(func.count(StepDone.id))) == 0


def test_what_is_no_episode_or_not_out_has_no_player(browse, people, make):
    alice, tool, draft = browse(people.alice), make.tool(), make.episode("Soon", published=False)
    for slug in (tool.slug, draft.slug, "nothing"):
        assert alice.get(f"/library/{slug}/player").status_code == 404
        assert alice.get(f"/library/{slug}/position").status_code == 404
        assert alice.post(f"/library/{slug}/position", data={"second": "5"}).status_code == 404
        assert alice.post(f"/library/{slug}/step", data={"done": "yes"}).status_code == 404


def test_a_place_needs_the_token_of_a_form(browse, people, path):
    assert browse(people.alice).post(f"{path}/position", data={"second": "5"}, csrf=False).status_code == 400


def test_keeping_a_place_is_one_small_write(browse, people, path, count_queries):
    alice = browse(people.alice)
    alice.post(f"{path}/position", data={"second": "5"})
    with count_queries() as queries:
        alice.post(f"{path}/position", data={"second": "6"})
    assert len(queries) <= 5, queries
    assert "transcript" not in " ".join(queries)


def test_the_small_window_goes_on_at_the_second_it_is_given(browse, people, path):
    page = browse(people.alice).get(f"{path}/player?t=62").text
    assert 'second="62"' in page
    assert "<nav" not in page
    assert f'{path}/player?t=62"' in page


# The step


def test_alice_ticks_the_step_and_takes_the_tick_back(browse, people, path):
    alice = browse(people.alice)
    assert "I have done it" in alice.get(path).text
    assert alice.post(f"{path}/step", data={"done": "yes"}).location == f"{path}#step"
    assert "You did it" in alice.get(path).text
    assert "I have done it" in browse(people.bob).get(path).text
    alice.post(f"{path}/step", data={"done": "no"})
    assert "I have done it" in alice.get(path).text


def test_an_episode_without_a_step_has_nothing_to_tick(browse, people, make):
    episode = make.episode("Only talk")
    alice = browse(people.alice)
    assert "I have done it" not in alice.get(f"/library/{episode.slug}").text
    assert alice.post(f"/library/{episode.slug}/step", data={"done": "yes"}).status_code == 404


# The list


def titles(answer):
    assert answer.status_code == 200
    return re.findall(r'class="item__title"><a href="/library/[^"]+">([^<]+)</a>', answer.text)


def test_170_episodes_are_read_page_by_page_each_once(browse, people, make):
    moment = now() - timedelta(days=1)
    with make._saved():
        for number in range(170):
            at = moment - timedelta(days=7 * (number // 2))
            db.session.add(
                Episode(
                    number=number, slug=f"talk-{number}", title=f"Talk {number}", summary="x", aired_on=at.date(),
                    published_at=at,
                )
            )  # fmt: skip
    alice, seen, path = browse(people.alice), [], "/episodes"
    while path:
        page = alice.get(path)
        seen += titles(page)
        older = re.search(r'rel="next" href="([^"]+)"', page.text)
        path = older.group(1).replace("&amp;", "&") if older else None
    assert len(seen) == len(set(seen)) == 170


def test_talks_with_and_without_a_guest_can_be_told_apart(browse, make):
    make.episode("With two", guests=["Grace Adeyemi", "Ruth"])
    make.episode("Alone")
    assert titles(browse().get("/episodes?company=guest")) == ["With two"]
    assert titles(browse().get("/episodes?company=solo")) == ["Alone"]
    for nonsense in ("company=both", "company=%00", "before=x"):
        assert titles(browse().get(f"/episodes?{nonsense}")) == ["Alone", "With two"]
    assert "Grace Adeyemi" in browse().get("/episodes").text


def test_the_list_says_where_alice_is_and_offers_to_go_on(browse, people, make, clock):
    first, second, third = (make.episode(f"Talk {n}", seconds=600) for n in (1, 2, 3))
    alice = browse(people.alice)
    for episode, at in ((first, 300), (second, 595), (third, 2)):
        clock.shift(timedelta(minutes=1))
        alice.post(f"/library/{episode.slug}/position", data={"second": str(at)})
    page = alice.get("/episodes").text
    assert "Go on at 0:05:00" in page
    assert page.count("You are at") == 1
    assert page.count("</svg>Heard") == 1
    assert "Go on at" not in browse(people.bob).get("/episodes").text
    assert "Go on at" not in browse().get("/episodes").text


def test_a_withdrawn_episode_is_not_offered(browse, people, make, episode, path):
    alice = browse(people.alice)
    alice.post(f"{path}/position", data={"second": "60"})
    with make._saved():
        db.session.get_one(Item, episode.id).withdrawn_at = now()
    assert titles(alice.get("/episodes")) == []
    assert "Go on at" not in alice.get("/episodes").text


def test_listens_are_counted_through_the_player(app, browse, people, episode, path):
    browse(people.alice).post(f"{path}/position", data={"second": "30", "heard": "30"})
    browse(people.bob).post(f"{path}/position", data={"second": "30", "heard": "2"})
    with app.app_context():
        assert listening.listens(episode.id) == 1
