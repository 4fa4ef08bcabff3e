"""What a person finds: only what they may open, of every kind, on the page as in the dialog that is made of it."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy import select

from portal.accounts.models import Member
from portal.conversations import posting
from portal.conversations.models import Thread, ThreadKind
from portal.core.admission import audience_of
from portal.core.clock import now
from portal.core.db import db, transaction
from portal.core.found_nothing import most_missed
from portal.core.search import SearchDoc
from portal.home.searching import PLACES, WAYS
from portal.library.models import Nugget, Resource
from portal.practices.models import Discretion
from tests.make import again

WORD = "zanzibar"
EVERYONE = ("alice", "lena", "sam", "mo", "cory", "olga")


@pytest.fixture
def everything(make, people):
    """One of each kind that says the word only inside, where members may read it, and one that is free."""
    parts = {"situation": {"source": WORD, "html": f"<p>{WORD}</p>"}}
    items = {
        "tool": make.tool("A tool", body=WORD),
        "resource": make.item(Resource, "A resource", body=WORD),
        "nugget": make.item(Nugget, "A nugget", body="", parts=parts),
        "episode": make.episode("An episode", transcript=f"WEBVTT\n\n01:02.000 --> 01:05.000\n{WORD} speaks\n"),
        "free": make.item(Resource, "A free resource", body=WORD, is_free=True),
    }
    thread = make.thread(by=people.bob, title="A thread", body=WORD)
    make.reply(thread, by=people.bob, body=f"A reply with {WORD}")
    make.item(Resource, "A draft", body=WORD, published=False)
    return items


def found_by(browser, query: str = WORD) -> set[str]:
    """The addresses found, without what leads into them."""
    page = browser.get(f"/search?q={query}").text
    _, _, part = page.partition('id="found"')
    return set(re.findall(r'href="([^"#?]+)', part.partition("</main>")[0]))


@pytest.mark.parametrize("who", ["visitor", *EVERYONE])
def test_everyone_finds_of_all_kinds_what_they_may_open_and_nothing_else(browse, people, everything, who: str):
    browser = browse() if who == "visitor" else browse(getattr(people, who))
    paths = {name: item.path for name, item in everything.items()}
    found = found_by(browser)
    conversations = {path for path in found if path.startswith(("/threads/", "/posts/"))}
    if who == "visitor":
        assert found == {"/library"}  # the way on from finding nothing
    elif who in {"lena", "sam"}:
        assert found == {paths["free"]}
    else:
        assert found - conversations == set(paths.values())
        assert len(conversations) == 2
    for path in found - {"/library"}:
        assert browser.get(path, follow_redirects=True).status_code == 200


def test_alice_suspended_finds_what_any_account_finds(app, browse, people, everything, make):
    with app.app_context(), transaction():
        db.session.get_one(Member, people.alice.id).suspended_until = now() + timedelta(days=3)
    assert found_by(browse(people.alice)) == {everything["free"].path}


def test_the_word_of_a_talk_opens_at_its_second(browse, people, everything):
    page = browse(people.alice).get(f"/search?q={WORD}&in=episodes").text
    assert f'href="{everything["episode"].path}?t=62#t=62"' in page
    assert "0:01:02" in page


@pytest.mark.parametrize("who", ["visitor", *EVERYONE])
def test_each_page_and_thing_to_do_that_is_offered_opens(app, browse, people, who: str):
    browser = browse() if who == "visitor" else browse(getattr(people, who))
    adapter = app.url_map.bind("portal")
    for way in WAYS:
        found = found_by(browser, way.title)
        audience = audience_of(app, adapter.match(way.path)[0])
        answer = browser.get(way.path)
        if way.path in found:
            assert answer.status_code in {200, 303}, way
            assert "/sign-in" not in answer.headers.get("Location", "") or way.path == "/sign-in", way
        elif way.unless is None and way.only is None:
            assert answer.status_code != 200, f"{who} may open {way.path} ({audience}) and does not find it"


def test_alice_finds_how_to_cancel_and_what_she_pays_and_a_visitor_does_not(browse, people):
    assert "/account/billing/cancellation" in found_by(browse(people.alice), "canc")
    assert "/account/billing" in found_by(browse(people.alice), "billing")
    assert found_by(browse(), "cancel") == {"/library"}  # the way on from finding nothing
    assert "/join" not in found_by(browse(people.alice), "join")
    assert "/join" in found_by(browse(people.sam), "join")


def test_people_are_found_by_members_and_as_the_directory_shows_them(app, browse, people, make):
    make.member("Jürgen Müller", handle="jurgen-muller", entitled=True)
    hidden = make.member("Jurgen Hidden", entitled=True)
    with app.app_context(), transaction():
        db.session.add(Discretion(member_id=hidden.id, is_unlisted=True))
    for typed in ("Jürgen", "muller", "mull"):
        page = browse(people.alice).get(f"/search?q={typed}").text
        assert "Müller" in re.sub(r"</?mark>", "", page)
        assert "Hidden" not in page
    for other in (browse(), browse(people.lena), browse(people.sam)):
        assert "Müller" not in re.sub(r"</?mark>", "", other.get("/search?q=Jürgen&in=people").text)


def test_topic_and_place_narrow_and_nonsense_narrows_nothing(browse, people, make):
    seats, hiring = make.topic("Seats"), make.topic("Hiring")
    one = make.tool("First card", topics=[seats])
    two = make.item(Resource, "Second card", topics=[hiring])
    alice = browse(people.alice)
    assert found_by(alice, "card&topic=seats") == {one.path}
    assert found_by(alice, "card&topic=hiring&in=tools") == {"/library"}
    assert found_by(alice, "card&in=resources") == {two.path}
    assert found_by(alice, "card&topic=nowhere&in=%00") >= {one.path, two.path}


def test_a_conversation_and_its_replies_are_found_by_their_topic(app, browse, people, make, work_off):
    seats, room = make.topic("Seats"), make.room()
    with app.app_context(), transaction():
        asks = posting.start(
            again(room), title="Who sits where?", body="card", by=again(people.bob), topics=[again(seats)]
        )
        reply = posting.reply(asks, body="a card too", by=again(people.bob))
    make.thread(by=people.bob, title="Another card")
    work_off()
    found = found_by(browse(people.alice), "card&topic=seats")
    assert found == {f"/threads/{asks.id}", f"/posts/{reply.id}"}


def test_every_place_has_its_tab_and_says_what_it_holds(browse, people, everything):
    alice = browse(people.alice)
    for place, kinds in PLACES.items():
        page = alice.get(f"/search?q={WORD}&in={place}")
        assert page.status_code == 200
        assert ("found-hits" in page.text) is bool(kinds)


def test_what_the_dialog_fetches_counts_as_no_miss(app, browse, people):
    browse(people.alice).get("/search?q=zepp", headers={"Sec-Fetch-Dest": "empty"})
    browse(people.alice).get("/search?q=zepp", headers={"Sec-Fetch-Dest": "document", "Sec-Purpose": "prefetch"})
    browse(people.alice).get("/search?q=zeppelin", headers={"Sec-Fetch-Dest": "document"})
    with app.app_context():
        assert [miss.words for miss in most_missed(since=now().date())] == ["zeppelin"]


def test_the_page_costs_few_queries_however_much_is_found(browse, people, make, everything, count_queries):
    alice = browse(people.alice)
    alice.get("/search?q=a")
    with count_queries() as few:
        assert alice.get(f"/search?q={WORD}").status_code == 200
    for number in range(12):
        make.episode(f"Talk {number}", transcript=f"WEBVTT\n\n01:02.000 --> 01:05.000\n{WORD} speaks\n")
    with count_queries() as many:
        assert alice.get(f"/search?q={WORD}").status_code == 200
    assert len(few) == len(many) <= 8


# Narrowing what is found in the rooms


@pytest.fixture
def talk(app, people, make):
    """Word for word the same, in two rooms, by two people, on two days; one question waits."""
    first, second = make.room("Leading people"), make.room("The owner's table")
    old = make.thread(by=people.bob, room=first, title="Long ago", body=WORD)
    new = make.thread(by=people.alice, room=second, title="Today", body=WORD)
    with app.app_context(), transaction():
        question = posting.start(
            again(second), title="Who knows?", body=WORD, by=again(people.cory), kind=ThreadKind.QUESTION
        )
        safely = posting.start(again(second), title="May I?", body=WORD, by=again(people.bob), safely=True)
        ids = {"old": old.id, "new": new.id, "question": question.id, "safely": safely.id}
        doc = db.session.scalars(select(SearchDoc).where(SearchDoc.kind == "thread", SearchDoc.ref_id == old.id)).one()
        doc.at = now() - timedelta(days=400)
    return ids, first, second


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        ("", {"old", "new", "question", "safely"}),
        ("room={second}", {"new", "question", "safely"}),
        ("by={bob}", {"old"}),
        ("by=@{alice}", {"new"}),
        ("by=nobody", set()),
        ("by=%00", set()),
        ("since={lately}", {"new", "question", "safely"}),
        ("until={lately}", {"old"}),
        ("until={today}", {"old", "new", "question", "safely"}),
        ("since=nonsense&until=0000-00-00&room=nowhere", {"old", "new", "question", "safely"}),
        ("unanswered=1", {"question"}),
        ("unanswered=1&room={first}", set()),
        ("by={cory}&room={second}&since={lately}", {"question"}),
    ],
)
def test_what_is_found_in_rooms_is_narrowed_and_nobody_who_asked_safely_is_found_by_name(
    browse, people, talk, asked, wanted
):
    ids, first, second = talk
    said = {"first": first.slug, "second": second.slug, "lately": (now() - timedelta(days=30)).date().isoformat()}
    said |= {"today": now().date().isoformat()}
    said |= {name: getattr(people, name).handle for name in ("alice", "bob", "cory")}
    found = found_by(browse(people.olga), f"{WORD}&in=rooms&{asked.format(**said)}")
    assert {name for name, number in ids.items() if f"/threads/{number}" in found} == wanted


def test_an_answered_question_waits_no_more(app, browse, people, make, talk):
    ids, _, _ = talk
    make.reply(_row(app, ids["question"]), by=people.bob)
    assert f"/threads/{ids['question']}" not in found_by(browse(people.alice), f"{WORD}&in=rooms&unanswered=1")


def test_whoever_is_not_in_narrows_nothing(browse, people, talk):
    page = browse(people.lena).get(f"/search?q={WORD}&in=rooms&by={people.bob.handle}").text
    assert "Narrow it down" not in page
    assert "/threads/" not in page


def _row(app, thread_id):
    with app.app_context():
        return db.session.get_one(Thread, thread_id)
