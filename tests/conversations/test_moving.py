"""A thread that is moved or joined with another is found at every address it had, and nobody reads anything twice."""

from __future__ import annotations

import io
import zipfile
from itertools import permutations

import pytest
from sqlalchemy import select

from portal.accounts import drafting
from portal.accounts.models import Draft
from portal.conversations import drafts, moving, posting, reading, thread_queries
from portal.conversations.models import Post, Room, RoomKind, Thread
from portal.core import storage
from portal.core.audit import Record
from portal.core.clock import now
from portal.core.db import db, transaction
from portal.library.models import Item
from portal.membership import taking_along
from portal.membership.models import Export
from portal.moderation import ruling
from tests.make import PDF, again, at_once


@pytest.fixture
def unread(app):
    def ask(who, thread):
        with app.app_context():
            found = reading.thread_for(again(who), thread.id)[1]
            return found.count if found else 0

    return ask


@pytest.fixture
def place(browse, people):
    """`place(thread, room="slug")` or `place(thread, into=other)`: as Mo does it on the thread's page of the desk."""

    def press(thread, *, room=None, into=None, who=None):
        path = f"/desk/threads/{thread.id}"
        if room is not None:
            return browse(who or people.mo).post(f"{path}/room", data={"room": room.slug})
        return browse(who or people.mo).post(
            f"{path}/join", data={"into": f"http://localhost/threads/{into.id}?page=2"}
        )

    return press


def test_a_moved_thread_stands_in_its_new_room_with_all_that_was_unread_in_it(browse, people, make, place, unread):
    old, new = make.room("Old"), make.room("New")
    thread = make.thread(by=people.alice, room=old, posts=3)
    bob = browse(people.bob)
    bob.post(f"/threads/{thread.id}/read", data={"number": "1"})
    assert place(thread, room=new).location == f"/threads/{thread.id}"
    assert unread(people.bob, thread) == 2
    assert thread.title not in bob.get(f"/rooms/{old.slug}").text
    assert "2 new" in bob.get(f"/rooms/{new.slug}").text
    with make.app.app_context():
        assert [db.session.get_one(Room, room.id).thread_count for room in (old, new)] == [0, 1]
        assert db.session.get_one(Room, old.id).last_post_at is None


def test_marks_of_a_room_neither_follow_a_thread_nor_wait_for_it(app, people, make, place, unread):
    old, new = make.room("Old"), make.room("New")
    thread, other = (make.thread(by=people.alice, room=old, title=title) for title in ("Read", "Unread"))

    def mark(room):
        from portal.core.clock import now

        with app.app_context(), transaction():
            reading.mark_rooms([again(room)], until=now(), by=again(people.bob))

    mark(old)
    place(thread, room=new)
    assert unread(people.bob, thread) == 0
    make.reply(other, by=people.alice)
    mark(new)
    place(other, room=new)
    assert unread(people.bob, other) == 1


def test_what_bob_read_since_he_marked_the_room_stays_read_where_it_goes(browse, people, make, place, unread):
    old, new = make.room("Old"), make.room("New")
    thread, bob = make.thread(by=people.alice, room=old), browse(people.bob)
    bob.post(f"/rooms/{old.slug}/read", data={"until": now().isoformat()})
    for _ in range(2):
        make.reply(thread, by=people.alice)
    bob.post(f"/threads/{thread.id}/read", data={"number": "3"})
    place(thread, room=new)
    assert unread(people.bob, thread) == 0


def test_the_address_of_a_joined_thread_leads_to_its_first_post_where_it_stands_now(browse, people, make, place):
    gone = make.thread(by=people.alice, title="Twice asked", body="The second asking.")
    kept = make.thread(by=people.bob, posts=25, title="First asked")
    answer = make.reply(gone, by=people.bob, body="An answer there.")
    assert place(gone, into=kept).status_code == 303
    bob = browse(people.bob)
    led = bob.get(f"/threads/{gone.id}")
    assert led.status_code == 301
    page = bob.get(led.location).text
    assert "The second asking." in page
    assert led.location.split("#")[1] in page
    assert bob.get(f"/posts/{answer.id}").location == f"/threads/{kept.id}?page=2#post-{answer.id}"
    with make.app.app_context():
        room = db.session.get_one(Room, gone.room_id)
        assert room.thread_count == 0
        assert db.session.get_one(Thread, kept.id).post_count == 27
    assert "Twice asked" not in bob.get(f"/rooms/{room.slug}").text


def test_a_chain_of_joined_threads_leads_to_the_last(browse, people, make, place):
    first, second, third = (make.thread(by=people.alice, title=f"Thread {n}", body=f"Words {n}.") for n in (1, 2, 3))
    place(first, into=second)
    place(second, into=third)
    for thread, words in ((first, "Words 1."), (second, "Words 2.")):
        address = browse(people.bob).get(f"/threads/{thread.id}").location
        anchor = address.split("#")[1]
        page = browse(people.bob).get(address).text
        assert words in page[page.index(f'id="{anchor}"') :][:2500]
        assert address.startswith(f"/threads/{third.id}")


def test_a_reply_typed_into_a_joined_thread_goes_where_it_stands_now(browse, people, make, place):
    gone, kept = make.thread(by=people.alice), make.thread(by=people.alice)
    place(gone, into=kept)
    answer = browse(people.bob).post(f"/threads/{gone.id}/posts", data={"body": "Typed before."})
    assert answer.location.startswith(f"/threads/{kept.id}?")
    assert "Typed before." in browse(people.alice).get(answer.location).text


@pytest.mark.parametrize("read", ["both", "neither", "the gone one", "the kept one"])
def test_joining_makes_nothing_unread_and_nothing_read(browse, people, make, place, unread, read):
    gone, kept = make.thread(by=people.alice, posts=3), make.thread(by=people.alice, posts=2)
    bob = browse(people.bob)
    if read in {"both", "the gone one"}:
        bob.post(f"/threads/{gone.id}/read", data={"number": "2"})
    if read in {"both", "the kept one"}:
        bob.post(f"/threads/{kept.id}/read", data={"number": "2"})
    before = unread(people.bob, gone) + unread(people.bob, kept)
    place(gone, into=kept)
    assert unread(people.bob, kept) == before
    bob.post(f"/threads/{kept.id}/read", data={"number": "5"})
    assert unread(people.bob, kept) == 0


def test_what_came_along_read_can_be_put_back_to_unread(app, browse, people, make, place, unread):
    gone, kept = make.thread(by=people.alice, posts=2), make.thread(by=people.alice, posts=2)
    bob = browse(people.bob)
    bob.post(f"/threads/{gone.id}/read", data={"number": "2"})
    place(gone, into=kept)
    assert unread(people.bob, kept) == 2
    with app.app_context():
        opening = thread_queries.opening_of(again(kept))
    bob.post(f"/posts/{opening.id}/unread")
    assert unread(people.bob, kept) == 4


def test_who_followed_either_hears_of_both(app, people, make, place):
    from portal.conversations.following import who_hears_of

    gone, kept = make.thread(by=people.alice), make.thread(by=people.bob)
    place(gone, into=kept)
    reply = make.reply(kept, by=people.cory)
    with app.app_context():
        told = [one for some in who_hears_of(again(reply)).values() for one in some]
        assert sorted(told) == [people.alice.id, people.bob.id]


def test_nothing_is_carried_out_of_a_closed_room(app, people, make):
    rooms = {
        "coaches": make.room(kind=RoomKind.COACHES),
        "circle": make.circle(people.alice),
        "other circle": make.circle(people.bob),
        "members": make.room(),
        "public": make.room(kind=RoomKind.PUBLIC),
    }
    order = list(rooms)
    for source, target in permutations(rooms, 2):
        thread, other = (make.thread(by=people.cory, room=rooms[name]) for name in (source, target))
        wider = order.index(target) > order.index(source) or {source, target} == {"circle", "other circle"}
        with app.app_context(), transaction():
            thread, other = again(thread), again(other)
            assert moving.may_go(thread, again(rooms[target])) is not wider, (source, target)
            if wider:
                with pytest.raises(moving.OpensWider):
                    moving.move(thread, to=again(rooms[target]), by=again(people.cory))
                with pytest.raises(moving.OpensWider):
                    moving.merge(thread, into=other, by=again(people.cory))
            else:
                moving.move(thread, to=again(rooms[target]), by=again(people.cory))


def test_nothing_goes_into_an_archived_room_or_where_it_stands_already(app, people, make):
    thread, archived = make.thread(by=people.alice), make.room()
    with app.app_context(), transaction():
        again(archived).archived_at = now()
    for room_id in (archived.id, thread.room_id):
        with app.app_context(), transaction():
            there = db.session.get_one(Room, room_id)
            assert not moving.may_go(again(thread), there)
            with pytest.raises(moving.NotThere):
                moving.move(again(thread), to=there, by=again(people.mo))


def test_the_log_keeps_who_moved_and_who_joined_what(app, people, make):
    thread, other, room = make.thread(by=people.alice), make.thread(by=people.bob), make.room()
    came_from = thread.room_id
    with app.app_context(), transaction():
        moving.move(again(thread), to=again(room), by=again(people.mo), because="It fits there.")
        moving.merge(again(other), into=again(thread), by=again(people.cory))
    with app.app_context():
        wanted = select(Record).where(Record.action.in_(["thread.moved", "thread.merged"])).order_by(Record.id)
        moved, joined = db.session.scalars(wanted)
        assert (moved.by_id, moved.ref_id) == (people.mo.id, thread.id)
        assert (joined.by_id, joined.ref_id) == (people.cory.id, other.id)
        assert moved.because == "It fits there."
        assert moved.details == {"from_room": came_from, "to_room": room.id}
        assert joined.details == {"into": thread.id}


def test_what_moved_into_a_closed_room_is_found_by_its_people_alone(browse, people, make, work_off):
    circle = make.circle(people.alice)
    thread = make.thread(by=people.cory, title="Zinnia")
    with make.app.app_context(), transaction():
        moving.move(again(thread), to=again(circle), by=again(people.cory))
    assert browse(people.bob).get("/search?q=Zinnia").text.count("/threads/") == 0
    work_off()
    found = [browse(who).get("/search?q=Zinnia").text.count("/threads/") for who in (people.bob, people.alice)]
    assert found == [0, 1]


@pytest.mark.parametrize("what", ["itself", "hidden", "gone", "nothing", "words"])
def test_two_that_do_not_go_together_are_left_alone(app, browse, people, make, place, rule_thread, what):
    thread, other = make.thread(by=people.alice), make.thread(by=people.alice)
    into = other
    if what == "itself":
        into = thread
    elif what == "hidden":
        rule_thread(other)
    elif what == "gone":
        place(other, into=make.thread(by=people.alice))
    if what in {"nothing", "words"}:
        typed = "/threads/99999" if what == "nothing" else "that one"
        answer = browse(people.mo).post(f"/desk/threads/{thread.id}/join", data={"into": typed})
    else:
        answer = place(thread, into=into)
    assert answer.status_code == 409
    with app.app_context():
        assert db.session.get_one(Thread, thread.id).merged_into_id is None


@pytest.fixture
def rule_thread(app, people):
    from portal.moderation import ruling

    def hide(thread):
        with app.app_context(), transaction():
            ruling.hide_thread(again(thread), because="So.", by=again(people.mo))

    return hide


def test_a_room_whose_name_no_database_takes_is_not_there(browse, people, make):
    thread = make.thread(by=people.alice)
    assert browse(people.mo).post(f"/desk/threads/{thread.id}/room", data={"room": "a\x00b"}).status_code == 404


def test_only_staff_move_threads(browse, people, make, place):
    thread, room, other = make.thread(by=people.alice), make.room(), make.thread(by=people.alice)
    assert place(thread, room=room, who=people.alice).status_code == 403
    assert place(thread, into=other, who=people.alice).status_code == 403
    assert f"/desk/threads/{thread.id}" not in browse(people.alice).get(f"/threads/{thread.id}").text
    assert f"/desk/threads/{thread.id}" in browse(people.mo).get(f"/threads/{thread.id}").text


def test_an_item_is_talked_about_where_its_conversation_went(app, browse, people, make, place):
    item, room = make.tool("Role card"), make.room()
    said = {"title": "About the card", "body": "How?", "room": room.slug}
    browse(people.alice).post(f"/library/{item.slug}/thread", data=said)
    with app.app_context():
        began = db.session.get_one(Item, item.id).thread
    kept = make.thread(by=people.bob, room=room, title="All about cards")
    place(began, into=kept)
    page = browse(people.bob).get(f"/library/{item.slug}").text
    assert f'<a href="/threads/{kept.id}">All about cards</a>' in page


def test_replies_and_a_join_at_the_same_moment_lose_no_word(app, people, make):
    gone, kept = make.thread(by=people.alice), make.thread(by=people.alice)

    def act(number):
        with app.app_context(), transaction():
            if number == 3:
                moving.merge(again(gone), into=again(kept), by=again(people.mo))
            else:
                posting.reply(again(gone if number % 2 else kept), body=f"Word {number}.", by=again(people.bob))

    done = at_once(8, act)
    refused = [error for error in done if error is not None]
    assert all(isinstance(error, posting.ThreadLocked) for error in refused)
    with app.app_context():
        numbers = db.session.scalars(select(Post.number).where(Post.thread_id == kept.id).order_by(Post.number)).all()
        assert numbers == list(range(1, 2 + 1 + 7 - len(refused)))
        assert db.session.get_one(Thread, kept.id).post_count == len(numbers)
        assert db.session.scalars(select(Post.id).where(Post.thread_id == gone.id)).all() == []


SECRET = "The Zinnoberbach affair"


def _into_the_coaches_room(app, people, make, thread):
    room = make.room("The quiet corner", kind=RoomKind.COACHES)
    other = make.thread(by=people.cory, room=room, title=SECRET)
    with app.app_context(), transaction():
        moving.merge(again(thread), into=again(other), by=again(people.cory))


def _hide(app, people, _make, thread):
    with app.app_context(), transaction():
        ruling.hide_thread(again(thread), because="So.", by=again(people.mo))


@pytest.mark.parametrize("becomes_unseen", [_into_the_coaches_room, _hide])
def test_bob_keeps_his_words_and_learns_no_title_of_a_thread_that_he_does_not_see(
    app, browse, people, make, work_off, becomes_unseen
):
    thread = make.thread(by=people.alice, title=SECRET if becomes_unseen is _hide else "Plain")
    make.reply(thread, by=people.bob, body="Words of Bob.")
    bob = browse(people.bob)
    assert f"{'Plain' if becomes_unseen is not _hide else SECRET}</a>" in bob.get("/account/posts").text
    becomes_unseen(app, people, make, thread)
    with app.app_context(), transaction():
        taking_along.ask(again(people.bob))
    work_off()
    with app.app_context():
        export = db.session.scalars(select(Export)).one()
        with storage.opened(export.storage_key) as file, zipfile.ZipFile(io.BytesIO(file.read())) as packed:
            archive = "\n".join(packed.read(name).decode("utf-8", "replace") for name in packed.namelist())
    for told in (bob.get("/account/posts").text, archive):
        assert "Words of Bob." in told
        assert SECRET not in told
        assert "The quiet corner" not in told
    if becomes_unseen is _hide:
        assert SECRET in browse(people.alice).get("/account/posts").text


def _save(app, who, thread, body, **more):
    with app.app_context(), transaction():
        drafting.save(again(who), drafts.of_thread(thread.id), {"body": [body]} | more)


def test_replies_on_their_way_follow_to_the_thread_that_stays_and_no_word_of_them_is_lost(
    app, browse, people, make, place
):
    gone, kept = make.thread(by=people.alice), make.thread(by=people.alice)
    _save(app, people.bob, gone, "Typed into the one that goes.", **{"alt-7": ["A card"]})
    _save(app, people.bob, kept, "Typed into the one that stays.")
    _save(app, people.cory, gone, "Cory’s words.")
    _save(app, people.alice, kept, "Alice’s words.")
    _save(app, people.olga, gone, "Twice the same.")
    _save(app, people.olga, kept, "Twice the same.")
    assert place(gone, into=kept).status_code == 303
    page = browse(people.bob).get(f"/threads/{kept.id}").text
    assert ">\nTyped into the one that stays.\n\nTyped into the one that goes.</textarea>" in page.replace("\r", "")
    assert "Cory’s words.</textarea>" in browse(people.cory).get(f"/threads/{kept.id}").text
    with app.app_context():
        left = db.session.execute(select(Draft.member_id, Draft.thing, Draft.fields)).all()
    assert {thing for _, thing, _ in left} == {drafts.of_thread(kept.id)}
    fields = {who: fields for who, _, fields in left}
    assert fields[people.bob.id]["alt-7"] == ["A card"]
    assert fields[people.alice.id] == {"body": ["Alice’s words."]}
    assert fields[people.olga.id]["body"] == ["Twice the same."]


def test_bobs_window_that_stood_open_puts_nothing_in_place_of_what_came_to_his_draft(app, browse, people, make, place):
    gone, kept = make.thread(by=people.alice), make.thread(by=people.alice)
    bob = browse(people.bob)
    mark = bob.post(f"/threads/{kept.id}/draft", data={"body": "In the one that stays"}).json["mark"]
    bob.post(f"/threads/{gone.id}/draft", data={"body": "In the other"})
    place(gone, into=kept)
    saved = bob.post(f"/threads/{kept.id}/draft", data={"body": "In the one that stays, more", "after": mark})
    assert saved.status_code == 409
    with app.app_context():
        assert "In the other" in db.session.scalars(select(Draft.fields)).one()["body"][0]


def test_files_that_wait_for_bobs_reply_follow_too(app, browse, people, make, place):
    gone, kept = make.thread(by=people.alice), make.thread(by=people.alice)
    bob = browse(people.bob)
    file = {"files": (io.BytesIO(PDF), "Roles.pdf", "application/pdf")}
    sent = bob.post(f"/threads/{gone.id}/files", data=file, content_type="multipart/form-data")
    assert sent.status_code == 200
    place(gone, into=kept)
    assert "Roles.pdf" in bob.get(f"/threads/{kept.id}").text


@pytest.mark.parametrize(
    ("page", "sent", "left"),
    [
        ("gone", "About the rota.", "About the rent."),
        ("stays", "About the rent.", "About the rota."),
        ("stays", "About the rent.\r\n\r\nAbout the rota.", ""),
        ("gone", "Something else.", "About the rent.\n\nAbout the rota."),
    ],
)
def test_what_alice_did_not_send_from_a_page_of_before_the_joining_is_in_the_form_after_it(
    app, browse, people, make, page, sent, left
):
    gone, stays = (make.thread(by=people.bob) for _ in range(2))
    alice = browse(people.alice)
    alice.post(f"/threads/{gone.id}/draft", data={"body": "About the rota."})
    alice.post(f"/threads/{stays.id}/draft", data={"body": "About the rent."})
    with app.app_context(), transaction():
        moving.merge(again(gone), into=again(stays), by=again(people.cory))
    path = f"/threads/{gone.id if page == 'gone' else stays.id}/posts"
    assert alice.post(path, data={"body": sent}).status_code == 303
    assert _waiting(app, people.alice, stays) == left


def test_a_reply_from_an_open_page_leaves_the_words_that_were_carried_there(app, browse, people, make):
    gone, stays, third = (make.thread(by=people.bob) for _ in range(3))
    alice = browse(people.alice)
    alice.post(f"/threads/{gone.id}/draft", data={"body": "About the rota."})
    with app.app_context(), transaction():
        moving.merge(again(gone), into=again(stays), by=again(people.cory))
        moving.merge(again(stays), into=again(third), by=again(people.cory))
    assert alice.post(f"/threads/{third.id}/posts", data={"body": "Quickly said."}).status_code == 303
    assert _waiting(app, people.alice, third) == "About the rota."
    shown = alice.get(f"/threads/{third.id}").text
    mark = shown.split('mark="')[1].split('"')[0]
    alice.post(f"/threads/{third.id}/draft", data={"body": "About the rota, in short.", "after": mark})
    assert alice.post(f"/threads/{third.id}/posts", data={"body": "Shorter."}).status_code == 303
    assert _waiting(app, people.alice, third) == "", "the form had shown her these words"


def _waiting(app, member, thread):
    with app.app_context():
        draft = drafting.kept(again(member), drafts.of_thread(thread.id))
        return draft.fields["body"][0] if draft else ""
