"""Speaking to somebody: who can be meant, who hears of it, and that nobody else learns who is where."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from portal.conversations import following, mentioning, posting
from portal.conversations.forgetting import forget
from portal.conversations.models import Level, Mention, RoomKind, RoomMember
from portal.core import markdown
from portal.core.clock import now
from portal.core.db import db, transaction
from portal.moderation import ruling
from tests.make import again


@pytest.fixture
def do(app):
    def done(what, *things, **more):
        with app.app_context(), transaction():
            return what(*(again(thing) if hasattr(thing, "id") else thing for thing in things), **more)

    return done


@pytest.fixture
def spoken_to(app):
    """`spoken_to(post)`: the ids of those who are written down for it."""

    def read(post):
        with app.app_context():
            return set(db.session.scalars(select(Mention.member_id).where(Mention.post_id == post.id)))

    return read


def _letters(outbox, who):
    return [letter.subject for letter in outbox if who.email in letter.recipients]


# Who can be meant


@pytest.mark.parametrize(
    ("words", "is_meant"),
    [
        ("@{h}, would you?", True),
        ("(@{H})", True),
        ("**@{h}**", True),
        ("Thank you @{h}.", True),
        ("`@{h}`", False),
        ("    @{h} in code", False),
        ("[@{h}](/rooms)", False),
        ("someone@{h}.example", False),
        ("https://example.com/@{h}", False),
        ("@{h}x", False),
        ("@nobody-here", False),
    ],
)
def test_a_sign_before_a_handle_means_somebody_where_words_stand(browse, people, make, spoken_to, words, is_meant):
    thread = make.thread(by=people.alice)
    handle = people.bob.handle
    post = make.reply(thread, by=people.alice, body=words.format(h=handle, H=handle.upper()))
    assert spoken_to(post) == ({people.bob.id} if is_meant else set())
    page = browse(people.cory).get(f"/threads/{thread.id}").text
    assert (f'<a href="/members/{handle}">@' in page) is is_meant


def test_only_who_sees_the_room_is_offered_and_can_be_meant(browse, people, make, spoken_to):
    circle = make.circle(people.alice, people.bob)
    coaches = make.room(kind=RoomKind.COACHES)
    members = make.room()
    wanted = {
        circle: ({"bob", "mo", "cory", "olga"}, people.alice),
        coaches: ({"cory", "olga"}, people.olga),
        members: ({"alice", "bob", "mo", "cory", "olga"}, people.alice),
    }
    for room, (inside, writer) in wanted.items():
        offered = set()
        for name in ("alice", "bob", "lena", "sam", "mo", "cory", "olga"):
            rows = browse(writer).get(f"/rooms/{room.slug}/people?q={name[:3]}").get_json()
            offered |= {row["name"].lower() for row in rows}
        assert offered - {writer.name.lower()} == inside - {writer.name.lower()}, room.title
        body = " ".join(f"@{getattr(people, name).handle}" for name in ("bob", "lena", "sam", "mo", "cory", "olga"))
        thread = make.thread(by=writer, room=room)
        post = make.reply(thread, by=writer, body=body)
        named = inside - {"alice", writer.name.lower()}
        assert spoken_to(post) == {getattr(people, name).id for name in named}, room.title


def test_whom_nobody_may_find_in_the_directory_is_not_offered(browse, people, make):
    make.profile(people.bob, listed=False)
    room = make.room()
    assert browse(people.alice).get(f"/rooms/{room.slug}/people?q=bob").get_json() == []


@pytest.mark.parametrize("how", ["suspended_until", "leaving_since", "closed_at"])
def test_whoever_is_suspended_leaving_or_gone_is_neither_offered_nor_meant(browse, people, make, spoken_to, how):
    room = make.room()
    make.member("Wilma", entitled=True, handle="wilma", **{how: now() + timedelta(days=9)})
    assert browse(people.alice).get(f"/rooms/{room.slug}/people?q=wilma").get_json() == []
    thread = make.thread(by=people.alice, room=room)
    assert spoken_to(make.reply(thread, by=people.alice, body="@wilma knows.")) == set()


def test_signs_of_patterns_are_words_and_nothing_typed_offers_nobody(browse, people, make):
    room, alice = make.room(), browse(people.alice)
    for typed in ("", "%25", "_", "%00", "%5C"):
        assert alice.get(f"/rooms/{room.slug}/people?q={typed}").get_json() == []
    assert browse(people.lena).get(f"/rooms/{room.slug}/people?q=bob").status_code == 403


# Who hears of it


def test_bob_finds_it_in_his_inbox_and_in_a_letter_that_says_so(browse, people, make, work_off, outbox):
    thread = make.thread(by=people.alice, title="Who decides?")
    post = make.reply(thread, by=people.alice, body=f"@{people.bob.handle} knows this.")
    work_off()
    assert _letters(outbox, people.bob) == ["Alice speaks to you in “Who decides?”"]
    page = browse(people.bob).get("/notifications").text
    assert "mentioned you in" in page
    assert browse(people.bob).get(f"/posts/{post.id}").status_code == 303


def test_whoever_is_quoted_hears_of_it(people, make, work_off, outbox):
    thread = make.thread(by=people.alice, title="Who decides?")
    first = make.reply(thread, by=people.bob)
    work_off()
    outbox.clear()
    make.reply(thread, by=people.cory, body=f"> [Bob wrote](/posts/{first.id}):\n>\n> I would ask her.\n\nSo would I.")
    work_off()
    assert _letters(outbox, people.bob) == ["Cory speaks to you in “Who decides?”"]


def test_a_line_that_looks_like_a_quotation_speaks_to_nobody_elsewhere_or_of_hidden_words(people, make, do, spoken_to):
    """Anybody may type the line with any number in it: that calls nobody out of a room that the writer does not see."""
    room = make.room()
    thread = make.thread(by=people.alice, room=room)
    there = make.reply(make.thread(by=people.cory, room=make.circle(people.bob)), by=people.bob)
    hidden = make.reply(thread, by=people.bob)
    do(ruling.hide, hidden, because="So.", by=people.mo)
    for quoted in (there, hidden):
        body = f"> [Bob wrote](/posts/{quoted.id}):\n>\n> I would.\n\nWould you?"
        assert spoken_to(make.reply(thread, by=people.alice, body=body)) == set()


def test_an_edit_tells_whom_it_newly_speaks_to_and_nobody_twice(people, make, do, work_off, outbox):
    thread = make.thread(by=people.alice, title="Who decides?")
    post = make.reply(thread, by=people.alice, body=f"@{people.bob.handle} knows.")
    work_off()
    outbox.clear()
    for words in ("Nobody knows.", f"@{people.bob.handle} and @{people.cory.handle} know."):
        do(posting.edit, post, body=words, by=people.alice)
    work_off()
    assert _letters(outbox, people.bob) == []
    assert _letters(outbox, people.cory) == ["Alice speaks to you in “Who decides?”"]


@pytest.mark.parametrize("how", ["muted", "silenced thread", "hidden", "taken back", "out of the circle"])
def test_who_will_not_or_may_not_hear_of_it_hears_nothing(browse, people, make, do, work_off, outbox, how):
    circle = make.circle(people.alice, people.bob)
    thread = make.thread(by=people.alice, room=circle)
    if how == "muted":
        do(following.choose_for_person, people.alice, Level.NONE, by=people.bob)
    if how == "silenced thread":
        do(following.choose, thread, Level.NONE, by=people.bob)
    post = make.reply(thread, by=people.alice, body=f"@{people.bob.handle} knows.")
    if how == "hidden":
        do(ruling.hide, post, because="So.", by=people.mo)
    if how == "taken back":
        browse(people.alice).post(f"/posts/{post.id}/delete")
    if how == "out of the circle":
        with make.app.app_context(), transaction():
            db.session.delete(db.session.scalars(select(RoomMember).where(RoomMember.member_id == people.bob.id)).one())
    work_off()
    assert _letters(outbox, people.bob) == []
    assert "knows." not in browse(people.bob).get("/notifications").text


def test_a_mention_by_somebody_who_asked_safely_names_nobody(browse, people, make, do, work_off, outbox):
    room = make.room()
    do(posting.start, room, title="May I?", body=f"@{people.bob.handle} knows.", by=people.alice, safely=True)
    work_off()
    assert _letters(outbox, people.bob) == ["A member speaks to you in “May I?”"]
    assert "Alice" not in browse(people.bob).get("/notifications").text


def test_twenty_people_can_be_meant_in_one_post_and_no_more(people, make, spoken_to):
    handles = [make.member(entitled=True).handle for _ in range(mentioning.MOST + 1)]
    post = make.reply(make.thread(by=people.alice), by=people.alice, body=" ".join(f"@{each}" for each in handles))
    assert len(spoken_to(post)) == mentioning.MOST


def test_a_hostile_text_full_of_signs_costs_no_more_than_another(app, people, make, count_queries):
    room = make.room()
    with app.app_context():
        html = markdown.render(" ".join(f"@nobody-{n}" for n in range(1_500)))
        with count_queries() as seen:
            same, found = mentioning.linked(html, again(room))
    assert (same, found) == (html, [])
    assert len(seen) <= 3


def test_alice_who_leaves_is_no_longer_written_down(app, people, make, spoken_to):
    post = make.reply(make.thread(by=people.bob), by=people.bob, body=f"@{people.alice.handle} knows.")
    assert spoken_to(post) == {people.alice.id}
    with app.app_context(), transaction():
        forget(again(people.alice), words_too=False)
    assert spoken_to(post) == set()
