"""Who sees a room sees what is said in it; for others it is not there: on no page, in no list, search or letter."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select

from portal.accounts.models import Role
from portal.conversations import finding, posting, queries
from portal.conversations.models import Post, Room, RoomKind, RoomMember, Thread
from portal.core.clock import now
from portal.core.db import db, transaction
from portal.moderation import flagging
from portal.moderation.models import Reason
from tests.make import again

READERS = ["visitor", "sam", "lena", "alice", "bob", "mo", "cory", "olga"]
SEES = {  # Alice is in the circle, Bob is not
    "members": ["alice", "bob", "mo", "cory", "olga"],
    "circle": ["alice", "mo", "cory", "olga"],
    "coaches": ["cory", "olga"],
    "public": READERS,
}
PLACES = ["/rooms/{room}", "/threads/{thread}", "/posts/{reply}", "/rooms/{room}/threads/new", "/posts/{reply}/flag"]
FOR_MEMBERS = PLACES[3:]  # also where anyone may read
SECRET = "Zinnia"


@pytest.fixture
def said(app, people, make):
    """`said("circle")`: a room of this kind where Cory began a thread, and answered in it."""

    def speak(kind):
        room = make.circle(people.alice) if kind == "circle" else make.room(kind=RoomKind(kind))
        thread = make.thread(by=people.cory, room=room, title=f"{SECRET} is the title")
        reply = make.reply(thread, by=people.cory, body=f"{SECRET} is in the reply.")
        return {"room": room.slug, "thread": thread.id, "reply": reply.id}

    return speak


@pytest.fixture
def person(people):
    return lambda name: None if name == "visitor" else getattr(people, name)


@pytest.mark.parametrize("kind", SEES)
@pytest.mark.parametrize("reader", READERS)
def test_each_address_of_a_room_is_there_for_exactly_those_who_see_it(browse, said, person, kind, reader):
    things, browser = said(kind), browse(person(reader))
    for place in PLACES:
        answer = browser.get(place.format(**things))
        told = f"{reader} at {place} of a room of kind {kind}: {answer.status_code}"
        is_in = reader in SEES["members"]
        if reader in SEES[kind] and (is_in or place not in FOR_MEMBERS):
            leads_on = place == "/posts/{reply}" or (answer.status_code == 403 and "your own" in answer.text)
            assert answer.status_code == 200 or leads_on or place.endswith("/flag"), told
            continue
        assert SECRET not in answer.text, told
        if is_in:
            assert answer.status_code == 404, told
        elif reader == "visitor":
            assert (answer.status_code, answer.location[:8]) == (303, "/sign-in"), told
        else:
            assert answer.status_code == 403, told


@pytest.mark.parametrize(("kind", "reader"), [("circle", "bob"), ("coaches", "mo"), ("members", "lena")])
def test_a_page_that_asks_by_itself_learns_nothing_of_a_thread_that_its_reader_does_not_see(
    browse, people, said, person, kind, reader
):
    """Not even that it is as it was, however well they know what it was."""
    path = f"/threads/{said(kind)['thread']}"
    page = browse(people.cory).get(path)
    known = {"Portal-Look": re.search(r'<live-thread version="(\d+)"', page.text)[1]}
    assert browse(people.cory).get(path, headers=known).status_code == 204
    for headers in (known, {"If-None-Match": page.headers["ETag"]}):
        answer = browse(person(reader)).get(path, headers=headers)
        assert (answer.status_code, SECRET in answer.text) == (403 if reader == "lena" else 404, False)


@pytest.mark.parametrize("kind", SEES)
def test_lists_and_search_tell_of_it_only_whom_it_is_open_to(browse, said, person, kind):
    things = said(kind)
    for reader in READERS:
        browser = browse(person(reader))
        pages = "".join(
            browser.get(path).text for path in ("/rooms", "/", f"/search?q={SECRET}", "/search?q=the+circle")
        )
        found = f"/threads/{things['thread']}" in pages, f"/rooms/{things['room']}" in pages
        assert found == (reader in SEES[kind], reader in SEES[kind]), reader


@pytest.mark.parametrize("kind", ["circle", "coaches"])
@pytest.mark.parametrize("path", ["/rooms/{room}/people?q=a", "/threads/{thread}/people?q=a"])
def test_bob_does_not_learn_who_is_in_a_room_that_he_does_not_see(browse, people, said, kind, path):
    assert browse(people.bob).get(path.format(**said(kind))).status_code == 404


@pytest.mark.parametrize("kind", ["circle", "coaches"])
@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("/rooms/{room}/threads/new", {"title": "Let me in", "body": "Please."}),
        ("/threads/{thread}/posts", {"body": "Let me in."}),
        ("/posts/{reply}/edit", {"body": "Let me in."}),
        ("/posts/{reply}/flag", {"reason": "selling"}),
        ("/rooms/{room}/threads/new/draft", {"body": "Let me in."}),
        ("/threads/{thread}/draft", {"body": "Let me in."}),
        ("/posts/{reply}/draft", {"body": "Let me in."}),
        ("/threads/{thread}/following", {"level": "all"}),
        ("/threads/{thread}/read", {"number": "2"}),
        ("/posts/{reply}/unread", {}),
        ("/rooms/{room}/following", {"level": "all"}),
        ("/rooms/{room}/read", {"until": "2099-01-01T00:00:00+00:00"}),
    ],
)
def test_bob_changes_nothing_in_a_room_that_he_does_not_see(app, browse, people, said, kind, path, data):
    things = said(kind)
    assert browse(people.bob).post(path.format(**things), data=data).status_code == 404
    with app.app_context():
        assert db.session.scalars(select(Post.body).order_by(Post.id)).all()[2:] == []


@pytest.mark.parametrize("kind", SEES)
def test_a_visitor_says_nothing_even_where_anyone_may_read(app, browse, people, said, kind):
    things = said(kind)
    for outsider, status in ((None, 303), (people.sam, 403), (people.lena, 403)):
        answer = browse(outsider).post(f"/threads/{things['thread']}/posts", data={"body": "Let me in."})
        assert answer.status_code == status
    with app.app_context():
        assert len(db.session.scalars(select(Post)).all()) == 2


def test_an_open_page_shows_a_visitor_words_and_names_and_nothing_to_press(browse, people, make):
    room = make.room(kind=RoomKind.PUBLIC, purpose="For everybody to read.")
    thread = make.thread(by=people.alice, room=room, title="What is a seat?")
    make.photo(people.alice)
    visitor = browse()
    answer = visitor.get(f"/threads/{thread.id}")
    main = answer.text[answer.text.index("<main") :]
    assert "What would you do?" in main
    assert "Alice" in main
    for kept_back in ("/members/alice", "/photos/", "<form", "/flag", "<aside"):
        assert kept_back not in main
    assert answer.headers["X-Robots-Tag"] == "noindex"
    assert visitor.get(f"/rooms/{room.slug}").headers["X-Robots-Tag"] == "noindex"
    assert visitor.get(f"/threads/{thread.id}", headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304


def test_without_an_open_room_a_visitor_is_led_to_sign_in(browse, people, make):
    make.room()
    assert browse().get("/rooms").location.startswith("/sign-in")
    assert browse(people.lena).get("/rooms").status_code == 403


def test_whoever_is_taken_out_of_a_circle_finds_none_of_it_any_more(app, browse, people, said):
    things, alice = said("circle"), browse(people.alice)
    assert alice.get(f"/threads/{things['thread']}").status_code == 200
    tag = alice.get(f"/threads/{things['thread']}").headers["ETag"]
    with app.app_context(), transaction():
        db.session.query(RoomMember).filter_by(member_id=people.alice.id).delete()
    assert alice.get(f"/threads/{things['thread']}", headers={"If-None-Match": tag}).status_code == 404
    assert f"/threads/{things['thread']}" not in alice.get(f"/search?q={SECRET}").text
    assert things["room"] not in alice.get("/rooms").text


@pytest.mark.parametrize("kind", ["circle", "coaches"])
def test_no_letter_leaves_to_a_follower_who_does_not_see_the_room_any_more(app, people, make, outbox, work_off, kind):
    thread = make.thread(by=people.alice)
    make.reply(thread, by=people.bob)
    with app.app_context(), transaction():
        db.session.get_one(Room, thread.room_id).kind = RoomKind(kind)
    work_off()
    assert outbox == []


def test_flags_of_a_circle_reach_moderators_and_those_of_the_coaches_only_coaches(app, browse, people, make):
    circle, coaches = make.circle(people.alice), make.room(kind=RoomKind.COACHES)
    for room, words in ((circle, "Words of the circle."), (coaches, "Words of the coaches.")):
        thread = make.thread(by=people.olga, room=room, body=words)
        with app.app_context(), transaction():
            post = db.session.scalars(select(Post).where(Post.thread_id == thread.id)).one()
            flagging.flag(post, reason=Reason.SELLING, by=again(people.cory))
    queues = {name: browse(getattr(people, name)).get("/moderation").text for name in ("mo", "cory", "olga")}
    assert ["Words of the circle." in queues[name] for name in queues] == [True, True, True]
    assert ["Words of the coaches." in queues[name] for name in queues] == [False, True, True]


def test_an_item_whose_conversation_went_into_a_closed_room_does_not_tell_of_it(app, browse, people, make):
    item, room = make.tool("Role card"), make.room()
    said = {"title": f"{SECRET} asks", "body": "How do you use it?", "room": room.slug}
    browse(people.alice).post(f"/library/{item.slug}/thread", data=said)
    assert f"{SECRET} asks" in browse(people.bob).get(f"/library/{item.slug}").text
    with app.app_context(), transaction():
        db.session.get_one(Room, room.id).kind = RoomKind.COACHES
    make.room("Another")
    page = browse(people.bob).get(f"/library/{item.slug}").text
    assert f"{SECRET} asks" not in page
    with app.app_context():
        before = len(db.session.scalars(select(Post)).all())
        open_room = db.session.scalars(select(Room.slug).where(Room.kind == RoomKind.MEMBERS)).one()
    answer = browse(people.bob).post(f"/library/{item.slug}/thread", data=said | {"room": open_room})
    assert (answer.status_code, "no longer open" in answer.text) == (409, True)
    with app.app_context():
        assert len(db.session.scalars(select(Post)).all()) == before


def test_a_conversation_for_everybody_does_not_begin_in_a_closed_or_archived_room(browse, people, make):
    make.circle(people.alice, title="Our circle")
    make.room("For coaches", kind=RoomKind.COACHES)
    make.room("The old room", archived_at=now())
    make.room("Open table", kind=RoomKind.PUBLIC)
    page = browse(people.alice).get(f"/library/{make.tool().slug}/thread").text
    assert [name in page for name in ("Our circle", "For coaches", "The old room", "Open table")] == [False] * 3 + [
        True
    ]


def test_a_room_that_opens_or_closes_is_found_at_once_by_nobody_else(app, browse, people, make, work_off):
    room = make.room()
    make.thread(by=people.cory, room=room, title=SECRET)
    bob = browse(people.bob)

    def bob_finds():
        return bob.get(f"/search?q={SECRET}").text.count("/threads/")

    assert bob_finds() == 1
    with app.app_context(), transaction():
        kept = db.session.get_one(Room, room.id)
        kept.kind = RoomKind.COACHES
        finding.find_room_again(kept)
    assert bob_finds() == 0
    work_off()
    assert bob_finds() == 0
    assert browse(people.cory).get(f"/search?q={SECRET}").text.count("/threads/") == 1


def test_an_archived_room_is_read_and_found_and_nothing_is_added(app, browse, people, make):
    room = make.room()
    thread = make.thread(by=people.alice, room=room, title=SECRET)
    alice = browse(people.alice)
    with app.app_context(), transaction():
        db.session.get_one(Room, room.id).archived_at = now()
    assert room.slug not in alice.get("/rooms").text
    assert SECRET in alice.get(f"/rooms/{room.slug}").text
    page = alice.get(f"/threads/{thread.id}").text
    assert "Its room is archived" in page
    assert 'name="body"' not in page
    assert alice.get(f"/rooms/{room.slug}/threads/new").status_code == 409
    assert alice.post(f"/threads/{thread.id}/posts", data={"body": "More."}).status_code == 409
    with app.app_context(), pytest.raises(posting.RoomArchived):
        posting.start(again(room), title="More", body="More.", by=again(people.alice))


def test_a_room_says_who_reads_it_and_whom_to_turn_to(browse, people, make):
    gone = make.member("Gone Host", role=Role.COACH, closed_at=now())
    room = make.circle(people.alice, hosts=[people.cory, gone])
    page = browse(people.alice).get(f"/rooms/{room.slug}").text
    assert "Gone Host" not in page
    assert "A closed circle" in page
    assert "Your host" in page
    assert '<a href="/members/cory">Cory</a>' in page


def test_the_statement_and_the_list_agree_on_who_sees_what(app, people, make, said):
    """`visible_to` is the one place; whatever asks it gets the same threads as the pages show."""
    made = {kind: said(kind)["thread"] for kind in SEES}
    with app.app_context():
        for reader in ("alice", "bob", "mo", "cory", "olga"):
            who = again(getattr(people, reader))
            seen = db.session.scalars(select(Thread.id).join(Thread.room).where(queries.visible_to(who))).all()
            assert set(seen) == {made[kind] for kind in SEES if reader in SEES[kind]}, reader
