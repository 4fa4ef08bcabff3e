"""Coaches open rooms and say who is in them; what was said among few is never opened to more."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from portal.conversations.models import Room, RoomKind, RoomMember
from portal.core.audit import Record
from portal.core.db import db

SAID = {"title": "The owners’ table", "purpose": "Time and money.", "kind": "members", "rules": "Be *kind*."}


@pytest.fixture
def kept(app):
    """`kept("slug")`: the room as the database has it."""

    def ask(slug):
        with app.app_context():
            return db.session.scalars(select(Room).where(Room.slug == slug)).one_or_none()

    return ask


def test_cory_opens_a_room_and_members_find_it_with_its_rules(browse, people, kept):
    answer = browse(people.cory).post("/desk/rooms/new", data=SAID)
    assert answer.location == "/desk/rooms/the-owners-table"
    page = browse(people.alice).get("/rooms/the-owners-table").text
    assert "Time and money." in page
    assert "Be <em>kind</em>." in page
    assert browse(people.cory).post("/desk/rooms/new", data=SAID).location == "/desk/rooms/the-owners-table-2"
    assert kept("the-owners-table").notes == "Be *kind*."


def test_names_that_are_addresses_already_get_another(browse, people):
    for title, slug in (("Read", "read-room"), ("New!", "new-room"), ("日本", "room")):
        assert (
            browse(people.cory).post("/desk/rooms/new", data=SAID | {"title": title}).location == f"/desk/rooms/{slug}"
        )


def test_only_coaches_and_the_owner_reach_the_rooms_of_the_desk(browse, people, make):
    room = make.room()
    for who in (people.alice, people.mo):
        for path in ("/desk/rooms", "/desk/rooms/new", f"/desk/rooms/{room.slug}"):
            assert browse(who).get(path).status_code == 403
        assert browse(who).post(f"/desk/rooms/{room.slug}/archive").status_code == 403


def test_only_the_owner_lets_anyone_read_along(browse, people, kept):
    public = SAID | {"kind": "public"}
    answer = browse(people.cory).post("/desk/rooms/new", data=public)
    assert (answer.status_code, "Only the owner" in answer.text) == (403, True)
    assert browse(people.olga).post("/desk/rooms/new", data=public).status_code == 303
    assert kept("the-owners-table").kind is RoomKind.PUBLIC


@pytest.mark.parametrize("spoken", [True, False])
def test_a_room_opens_to_more_people_only_while_nobody_has_spoken_in_it(browse, people, make, kept, spoken):
    room = make.circle(people.alice)
    if spoken:
        make.thread(by=people.alice, room=room)
    answer = browse(people.cory).post(f"/desk/rooms/{room.slug}", data=SAID)
    assert answer.status_code == (422 if spoken else 303)
    assert kept(room.slug).kind is (RoomKind.CIRCLE if spoken else RoomKind.MEMBERS)


def test_a_room_closes_at_any_time_and_others_find_nothing_of_it_at_once(browse, people, make, work_off):
    room = make.room()
    thread = make.thread(by=people.alice, room=room, title="Zinnia")
    browse(people.cory).post(f"/desk/rooms/{room.slug}", data=SAID | {"kind": "coaches"})
    work_off()
    bob = browse(people.bob)
    assert [bob.get(path).status_code for path in (f"/rooms/{room.slug}", f"/threads/{thread.id}")] == [404, 404]
    assert "/threads/" not in bob.get("/search?q=Zinnia").text
    assert f"/threads/{thread.id}" in browse(people.cory).get("/search?q=Zinnia").text


def test_people_come_into_a_circle_by_name_or_handle_and_leave_it_again(app, browse, people, make):
    room, cory = make.circle(), browse(people.cory)
    path = f"/desk/rooms/{room.slug}/people"
    assert browse(people.bob).get(f"/rooms/{room.slug}").status_code == 404
    assert cory.post(path, data={"who": "bob"}).status_code == 303
    assert cory.post(path, data={"who": "@alice", "host": "y"}).status_code == 303
    assert browse(people.bob).get(f"/rooms/{room.slug}").status_code == 200
    assert "Your host" in browse(people.bob).get(f"/rooms/{room.slug}").text
    again_ = cory.post(path, data={"who": "Bob"})
    assert (again_.status_code, "named in this room already" in again_.text) == (422, True)
    assert cory.post(f"{path}/bob/end").status_code == 303
    assert browse(people.bob).get(f"/rooms/{room.slug}").status_code == 404
    with app.app_context():
        actions = db.session.scalars(
            select(Record.action).where(Record.action.like("room.%")).order_by(Record.id)
        ).all()
        assert actions == ["room.named", "room.named", "room.taken_out"]
        assert len(db.session.scalars(select(RoomMember)).all()) == 1


def test_a_name_that_means_nobody_or_several_is_asked_again(browse, people, make):
    room = make.circle()
    make.member("Robin Vale"), make.member("Robin Vale")
    for typed, words in (("Nobody", "Nobody by that name"), ("robin vale", "Several people"), ("", "Say whom")):
        answer = browse(people.cory).post(f"/desk/rooms/{room.slug}/people", data={"who": typed})
        assert (answer.status_code, words in answer.text) == (422, True)


def test_rooms_stand_in_the_order_the_coach_gives_them(browse, people, make):
    first, second, third = (make.room(title, position=n) for n, title in enumerate(["One", "Two", "Three"]))
    cory = browse(people.cory)
    cory.post(f"/desk/rooms/{third.slug}/order", data={"to": "up"})
    cory.post(f"/desk/rooms/{first.slug}/order", data={"to": "down"})
    page = browse(people.alice).get("/rooms").text
    assert sorted([first, second, third], key=lambda room: page.index(f"/rooms/{room.slug}")) == [third, first, second]
    cory.post(f"/desk/rooms/{third.slug}/order", data={"to": "up"})
    page = browse(people.alice).get("/rooms").text
    assert page.index(f"/rooms/{third.slug}") < page.index(f"/rooms/{first.slug}")


def test_an_archived_room_leaves_the_list_and_comes_back(browse, people, make):
    room = make.room()
    cory = browse(people.cory)
    cory.post(f"/desk/rooms/{room.slug}/archive")
    assert room.slug not in browse(people.alice).get("/rooms").text
    assert "Archived" in cory.get("/desk/rooms").text
    cory.post(f"/desk/rooms/{room.slug}/reopen")
    assert room.slug in browse(people.alice).get("/rooms").text


@pytest.mark.parametrize(("field", "typed"), [("title", ""), ("title", "x" * 121), ("purpose", " "), ("kind", "loud")])
def test_what_cannot_be_a_room_comes_back_with_a_sentence(browse, people, kept, field, typed):
    answer = browse(people.cory).post("/desk/rooms/new", data=SAID | {field: typed})
    assert answer.status_code == 422
    assert "<title>Error: " in answer.text
    assert "Be *kind*." in answer.text
    assert kept("the-owners-table") is None
