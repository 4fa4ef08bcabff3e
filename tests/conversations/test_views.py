"""Pages of conversations: who finds what, and what becomes of what is typed."""

from __future__ import annotations

import base64
import re
from datetime import timedelta
from io import BytesIO

import pytest
from sqlalchemy import func, select

from portal.conversations.models import Post, Room, Thread
from portal.conversations.post_showing import HIDDEN
from portal.core.clock import now
from portal.core.db import db, transaction
from portal.core.web import cursor
from portal.moderation import ruling
from tests.make import again


@pytest.fixture
def rule(app, people):
    """`rule("hide", post, "why")`: Mo decides."""

    def decide(what, thing, because="It names a patient."):
        with app.app_context(), transaction():
            getattr(ruling, what)(again(thing), because=because, by=again(people.mo))

    return decide


# Reading and writing


def test_alice_starts_a_thread_and_bob_replies(browse, people, make):
    room = make.room("Leading people")
    alice, bob = browse(people.alice), browse(people.bob)
    answer = alice.post(
        f"/rooms/{room.slug}/threads/new", data={"title": "Who decides?", "body": "A *short* question."}
    )
    assert answer.status_code == 303
    thread = answer.location
    answer = bob.post(f"{thread}/posts", data={"body": "She does."})
    assert answer.status_code == 303
    page = alice.get(answer.location).text
    assert "A <em>short</em> question." in page
    assert "She does." in page
    assert "Who decides?" in bob.get(f"/rooms/{room.slug}").text
    assert room.title in bob.get("/rooms").text


def test_the_link_to_a_post_lands_on_its_page_and_on_itself(app, browse, people, make):
    thread = make.thread(by=people.alice, posts=45)
    with app.app_context():
        post_id = db.session.scalars(select(Post.id).where(Post.number == 41)).one()
    answer = browse(people.bob).get(f"/posts/{post_id}")
    assert (answer.status_code, answer.location) == (303, f"/threads/{thread.id}?page=3#post-{post_id}")
    assert f'id="post-{post_id}"' in browse(people.bob).get(answer.location).text


def test_page_one_thousand_of_a_long_thread_is_right_and_costs_what_page_one_costs(
    app, browse, people, make, count_queries
):
    thread, alice = make.thread(by=people.alice), browse(people.alice)
    with app.app_context(), transaction():
        words = {"thread_id": thread.id, "author_id": people.bob.id, "created_at": now()}
        rows = [
            words | {"number": n, "body": f"Number {n}.", "body_html": f"<p>Number {n}.</p>"} for n in range(2, 20_008)
        ]
        db.session.execute(Post.__table__.insert(), rows)
        again(thread).post_count = 20_007
    with count_queries() as first:
        alice.get(f"/threads/{thread.id}")
    with count_queries() as thousandth:
        page = alice.get(f"/threads/{thread.id}?page=1000").text
    assert "Number 19981." in page
    assert "Number 20000." in page
    assert "Number 20001." not in page
    assert len(thousandth) == len(first)
    assert "Number 20007." in alice.get(f"/threads/{thread.id}?page=999999").text


def test_the_middle_and_the_end_of_a_room_of_fifty_thousand_threads_cost_what_its_beginning_costs(
    app, browse, people, make, count_queries
):
    room, alice, many, start = make.room(), browse(people.alice), 50_000, now() - timedelta(days=300)
    moments = [start + timedelta(minutes=n) for n in range(many)]
    with app.app_context(), transaction():
        words = {"room_id": room.id, "author_id": people.bob.id, "post_count": 1}
        rows = [words | {"title": f"Thread {n:05}", "last_post_at": at} for n, at in enumerate(moments)]
        db.session.execute(Thread.__table__.insert(), rows)
        newest = db.session.scalar(select(func.max(Thread.id)))
    asked = {"first": "", "middle": "?older=" + cursor(moments[25_000], newest), "last": "?newer=" + cursor(start, 0)}
    cost, shown = {}, {}
    alice.get("/rooms")
    for name, place in asked.items():
        with count_queries() as queries:
            page = alice.get(f"/rooms/{room.slug}{place}").text
        cost[name], shown[name] = len(queries), [int(n) for n in re.findall(r">Thread (\d+)<", page)]
    assert set(cost.values()) == {cost["first"]}
    assert cost["first"] <= 8
    assert shown["first"] == list(range(49_999, 49_969, -1))
    assert shown["middle"] == list(range(25_000, 24_970, -1))
    assert shown["last"] == list(range(29, -1, -1))


@pytest.mark.parametrize("page", ["0", "-1", "x", "1e9", "", "99999999999999999999", "%00", "2"])
def test_an_unknown_page_falls_back_and_does_not_fail(browse, people, make, page):
    thread = make.thread(by=people.alice)
    answer = browse(people.bob).get(f"/threads/{thread.id}?page={page}")
    assert answer.status_code == 200
    assert "What would you do?" in answer.text


@pytest.mark.parametrize(
    "path",
    [
        "/threads/999",
        "/threads/99999999999",
        "/posts/999",
        "/posts/99999999999999999999",
        "/rooms/nowhere",
        "/rooms/a%00b",
    ],
)
def test_what_is_not_there_is_a_gentle_404(browse, people, path):
    answer = browse(people.alice).get(path)
    assert answer.status_code == 404
    assert "Nothing here" in answer.text


def test_a_room_lists_its_threads_newest_first_and_pages_through_all_of_them(app, browse, people, make):
    room, alice = make.room(), browse(people.alice)
    moment = now() - timedelta(days=10)
    with app.app_context(), transaction():
        for n in range(75):  # three of each moment, so that the id has to decide
            at = moment + timedelta(hours=n // 3)
            words = {"room_id": room.id, "author_id": people.bob.id, "title": f"Thread {n:02}", "post_count": 1}
            db.session.add(Thread(**words, last_post_at=at))
    seen, address = [], f"/rooms/{room.slug}"
    while address:
        page = alice.get(address).text
        seen.append(re.findall(r"Thread (\d\d)", page))
        older = re.search(r'rel="next" href="([^"]+)"', page)
        address = older and older[1].replace("&amp;", "&")
    assert [len(page) for page in seen] == [30, 30, 15]
    assert [int(n) for page in seen for n in page] == list(range(74, -1, -1))
    newer = re.search(r'rel="prev" href="([^"]+)"', page)[1].replace("&amp;", "&")
    assert re.findall(r"Thread (\d\d)", alice.get(newer).text) == seen[1]


@pytest.mark.parametrize(
    "place", ["older=nonsense", "newer=%00", "older=" + "x" * 500, "newer=MjA5OTAxMDEwMDAwMDAwMDAwMDAtMQ"]
)
def test_a_broken_place_in_a_list_is_its_top(browse, people, make, place):
    thread = make.thread(by=people.alice, title="The only thread")
    with_room = make.reply(thread, by=people.bob)
    assert with_room.number == 2
    slug = _slug_of(make.app, thread)
    assert "The only thread" in browse(people.alice).get(f"/rooms/{slug}?{place}").text


def _slug_of(app, thread):
    with app.app_context():
        return db.session.get_one(Room, thread.room_id).slug


def test_an_empty_room_says_what_to_do_next(browse, people, make):
    room = make.room()
    assert "Start the first thread" in browse(people.alice).get(f"/rooms/{room.slug}").text


def test_a_thread_says_what_it_is_about(app, browse, people, make):
    from portal.conversations import posting

    topic, room = make.topic("Role clarity"), make.room()
    with app.app_context(), transaction():
        thread = posting.start(
            again(room),
            title="About the card",
            body="How do you use it?",
            by=again(people.alice),
            about_title="Role card",
            about_path="/library/role-card",
            topics=[again(topic)],
        )
    page = browse(people.bob).get(f"/threads/{thread.id}").text
    assert '<a href="/library/role-card">Role card</a>' in page
    assert "/topics/role-clarity" in page


# Who may


@pytest.mark.parametrize(
    "path", ["/rooms", "/rooms/{room}", "/rooms/{room}/threads/new", "/threads/{thread}", "/posts/{post}"]
)
def test_conversations_are_for_members(app, browse, people, make, path):
    room = make.room()
    thread = make.thread(by=people.alice, room=room)
    with app.app_context():
        post_id = db.session.scalars(select(Post.id)).one()
    path = path.format(room=room.slug, thread=thread.id, post=post_id)
    assert browse().get(path).status_code == 303
    for outsider in (people.lena, people.sam):
        answer = browse(outsider).get(path)
        assert answer.status_code == 403
        assert "What would you do?" not in answer.text
    for insider in (people.alice, people.bob, people.mo, people.cory, people.olga):
        assert browse(insider).get(path).status_code in {200, 303}


def test_lena_whose_membership_lapsed_still_reads_her_own_words(app, browse, people, make):
    from portal.conversations import posting

    thread = make.thread(by=people.alice, title="A private matter", body="Words of Alice.")
    with app.app_context(), transaction():
        posting.reply(again(thread), body="Words of *Lena*.", by=again(people.lena))
    lena = browse(people.lena)
    page = lena.get("/account/posts").text
    assert "Words of <em>Lena</em>." in page
    assert "A private matter" in page
    assert "Words of Alice." not in page
    assert f"/threads/{thread.id}" not in page
    assert lena.post(f"/threads/{thread.id}/posts", data={"body": "Let me in."}).status_code == 403


def test_own_posts_are_ones_own_and_come_a_page_at_a_time(browse, people, make):
    make.thread(by=people.alice, posts=25)
    make.thread(by=people.bob, body="Words of Bob.")
    alice = browse(people.alice)
    first = alice.get("/account/posts").text
    older = re.search(r'rel="next" href="([^"]+)"', first)[1]
    second = alice.get(older).text
    assert "Words of Bob." not in first + second
    assert len(re.findall("own-posts__title", first)) == 20
    assert len(re.findall("own-posts__title", second)) == 5


def test_who_has_not_confirmed_finds_the_way_to_do_it_instead_of_a_form(browse, people, make):
    newcomer = make.member("Nell", entitled=True, confirmed_at=None)
    thread = make.thread(by=people.alice)
    nell = browse(newcomer)
    page = nell.get(f"/threads/{thread.id}").text
    assert "confirm your e-mail address" in page
    assert 'name="body"' not in page
    answer = nell.post(f"/threads/{thread.id}/posts", data={"body": "Hello from Nell."})
    assert answer.status_code == 403
    assert "confirm your e-mail address" in answer.text
    assert "Hello from Nell." in answer.text


def test_who_has_not_confirmed_learns_it_before_writing_a_thread_and_not_after(browse, people, make):
    nell = browse(make.member("Nell", entitled=True, confirmed_at=None))
    room = make.room()
    for path in (f"/rooms/{room.slug}/threads/new", f"/library/{make.tool('Role card').slug}/thread"):
        page = nell.get(path).text
        assert 'href="/account/confirmation"' in page[page.index("<main") :]
        assert 'name="body"' not in page
        answer = nell.post(path, data={"title": "Hello", "body": "Hello from Nell.", "room": room.slug})
        assert (answer.status_code, "Hello from Nell." in answer.text) == (403, True)


def test_what_bob_typed_is_given_back_when_the_thread_was_closed_meanwhile(browse, people, make, rule):
    thread, bob = make.thread(by=people.alice), browse(people.bob)
    rule("lock", thread, "It is settled.")
    answer = bob.post(f"/threads/{thread.id}/posts", data={"body": "A long answer of mine."})
    assert answer.status_code == 409
    assert "This thread is closed to new replies." in answer.text
    assert "It is settled." in answer.text
    assert "A long answer of mine.</textarea>" in answer.text


def test_a_closed_thread_says_why_and_shows_no_form(browse, people, make, rule):
    thread = make.thread(by=people.alice)
    rule("lock", thread, "It is settled.")
    for person in (people.alice, people.bob):
        page = browse(person).get(f"/threads/{thread.id}").text
        assert "It is settled." in page
        assert 'name="body"' not in page
        assert "/edit" not in page


def test_bob_is_not_offered_to_edit_alices_post_and_is_refused(app, browse, people, make):
    thread = make.thread(by=people.alice, body="Words of Alice.")
    with app.app_context():
        post_id = db.session.scalars(select(Post.id)).one()
    bob = browse(people.bob)
    assert "/edit" not in bob.get(f"/threads/{thread.id}").text
    flag = f'href="/posts/{post_id}/flag"'
    assert flag in bob.get(f"/threads/{thread.id}").text
    assert flag not in browse(people.alice).get(f"/threads/{thread.id}").text, "nobody flags their own words"
    assert bob.get(f"/posts/{post_id}/edit").status_code == 403
    assert bob.post(f"/posts/{post_id}/edit", data={"body": "Words of Bob."}).status_code == 403
    assert "Words of Alice." in bob.get(f"/threads/{thread.id}").text


def test_alice_edits_her_post_and_it_says_so(app, browse, people, make):
    thread = make.thread(by=people.alice, body="First words.")
    alice, bob = browse(people.alice), browse(people.bob)
    edit = re.search(r"/posts/\d+/edit", alice.get(f"/threads/{thread.id}").text)[0]
    assert "First words.</textarea>" in alice.get(edit).text
    answer = alice.post(edit, data={"body": "Second words."})
    assert answer.status_code == 303
    page = bob.get(answer.location).text
    assert "Second words." in page
    assert "First words." not in page
    assert ">edited <time" in page


# Hidden things


def test_a_hidden_post_keeps_its_place_and_its_words_are_for_its_author_and_staff(app, browse, people, make, rule):
    thread = make.thread(by=people.alice)
    post = make.reply(thread, by=people.bob, body="Mr. Hale from the corner house.")
    rule("hide", post, "It names a patient.")
    path = f"/threads/{thread.id}"
    seen_by_alice = browse(people.alice).get(path).text
    assert HIDDEN in seen_by_alice
    assert f'id="post-{post.id}"' in seen_by_alice
    assert "Mr. Hale" not in seen_by_alice
    assert "It names a patient." not in seen_by_alice
    seen_by_bob = browse(people.bob).get(path).text
    assert "Mr. Hale" in seen_by_bob
    assert "It names a patient." in seen_by_bob
    seen_by_mo = browse(people.mo).get(path).text
    assert re.search(r"<details[^>]*><summary>Show what was hidden</summary><p>Mr. Hale", seen_by_mo)
    assert "Mr. Hale" in browse(people.bob).get("/account/posts").text


def test_a_hidden_thread_is_there_for_its_author_and_staff_alone(browse, people, make, rule):
    room = make.room()
    thread = make.thread(by=people.alice, room=room, title="The Hale case")
    reply = make.reply(thread, by=people.bob)
    rule("hide_thread", thread, "It is one practice's story.")
    for path in (f"/threads/{thread.id}", f"/posts/{reply.id}"):
        assert browse(people.bob).get(path).status_code == 404
    assert browse(people.bob).post(f"/threads/{thread.id}/posts", data={"body": "x"}).status_code == 404
    assert browse(people.bob).post(f"/threads/{thread.id}/following").status_code == 404
    assert "The Hale case" not in browse(people.bob).get(f"/rooms/{room.slug}").text
    for person in (people.alice, people.mo, people.cory):
        page = browse(person).get(f"/threads/{thread.id}")
        assert page.status_code == 200
        assert "It is one practice&#39;s story." in page.text
        assert 'name="body"' not in page.text
        assert "The Hale case" in browse(person).get(f"/rooms/{room.slug}").text


def test_posts_of_a_member_who_left_stay_without_a_name(app, browse, people, make):
    thread = make.thread(by=people.bob, body="Words that stay.")
    with app.app_context(), transaction():
        again(people.bob).closed_at = now()
    page = browse(people.alice).get(f"/threads/{thread.id}").text
    assert "Words that stay." in page
    assert "A former member" in page
    assert "/members/bob" not in page
    assert ">Bob<" not in page


# What is typed

ODD = {
    "nothing": ("", 422),
    "blanks": (" \r\n\t ", 422),
    "invisible signs": ("\u200b\u2060\x00", 422),
    "letters that are blank": ("\u3164 \u2800\ufe0f", 422),
    "too much": ("x" * 20_001, 422),
    "a megabyte": ("x" * 1_100_000, 413),
    "half a megabyte": ("x" * 600_000, 422),
}
FINE = {
    "a script": "<script>alert(1)</script>",
    "NUL": "a\x00b",
    "bidi": "a\u202eb\u2066c",
    "a formula": "=HYPERLINK(1)",
    "a template": "{{ 7*7 }}{% raw %}",
    "odd Unicode": "e\u0301 \U0001f469\u200d\U0001f3eb \ufffe",
    "line ends": "a\r\nb\rc",
    "as much as fits, in the browser's line ends": "\r\n".join(["x" * 99] * 200),
}


def _forms(make, people):
    room = make.room()
    thread = make.thread(by=people.alice, room=room)
    with make.app.app_context():
        post_id = db.session.scalars(select(Post.id).where(Post.thread_id == thread.id)).one()
    return {
        "reply": (f"/threads/{thread.id}/posts", {}),
        "thread": (f"/rooms/{room.slug}/threads/new", {"title": "A title"}),
        "edit": (f"/posts/{post_id}/edit", {}),
    }


@pytest.mark.parametrize("form", ["reply", "thread", "edit"])
@pytest.mark.parametrize("odd", ODD)
def test_a_body_that_cannot_be_posted_gets_a_sentence_and_comes_back(browse, people, make, form, odd):
    (path, more), (typed, status) = _forms(make, people)[form], ODD[odd]
    answer = browse(people.alice).post(path, data=more | {"body": typed})
    assert answer.status_code == status
    if status == 413:
        assert "That is too large" in answer.text
    else:
        assert "<title>Error: " in answer.text
        assert 'aria-describedby="body-hint body-error"' in answer.text
        assert (typed.strip("\x00 \r\n\t") or "<textarea") in answer.text
    with make.app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Post)) == 1


@pytest.mark.parametrize("form", ["reply", "thread", "edit"])
@pytest.mark.parametrize("fine", FINE)
def test_a_body_that_is_only_strange_is_posted_and_harms_nobody(browse, people, make, form, fine):
    path, more = _forms(make, people)[form]
    alice = browse(people.alice)
    answer = alice.post(path, data=more | {"body": FINE[fine]})
    assert answer.status_code == 303
    page = alice.get(answer.location)
    assert page.status_code == 200
    assert "<script>alert" not in page.text
    assert "\u202e" not in page.text


@pytest.mark.parametrize("form", ["reply", "thread", "edit"])
@pytest.mark.parametrize("sent", ["nothing", "list", "file"])
def test_a_body_of_the_wrong_type_is_nothing_typed(browse, people, make, form, sent):
    path, more = _forms(make, people)[form]
    data = more | {"nothing": {}, "list": {"body[]": "x"}, "file": {"body": (BytesIO(b"x"), "body.txt")}}[sent]
    answer = browse(people.alice).post(path, data=data, content_type="multipart/form-data")
    assert answer.status_code == 422


@pytest.mark.parametrize(
    ("title", "said"),
    [
        ("", "Give it a title"),
        ("   ", "Give it a title"),
        ("\u202e\u200b", "Give it a title"),
        ("\u3164\u2800", "Give it a title"),
        ("x" * 161, "within 160 characters"),
        ("x" * 100_000, "within 160 characters"),
    ],
)
def test_a_title_that_cannot_stand_gets_a_sentence_and_the_text_is_kept(browse, people, make, title, said):
    path, _ = _forms(make, people)["thread"]
    answer = browse(people.alice).post(path, data={"title": title, "body": "A long question."})
    assert answer.status_code == 422
    assert said in answer.text
    assert "A long question.</textarea>" in answer.text


def test_a_title_is_one_plain_line(app, browse, people, make):
    path, _ = _forms(make, people)["thread"]
    typed = " Who\r\n\u202edecides\x00 <script>alert(1)</script>?\u2066 "
    answer = browse(people.alice).post(path, data={"title": typed, "body": "A question."})
    assert answer.status_code == 303
    page = browse(people.bob).get(answer.location).text
    assert "<h1>Whodecides &lt;script&gt;alert(1)&lt;/script&gt;?</h1>" in page


def test_a_name_or_a_reason_with_markup_in_it_is_shown_as_it_was_typed(app, browse, people, make, rule):
    villain = make.member("<b onmouseover=alert(1)>Vic", entitled=True)
    thread = make.thread(by=villain, body="Hello.")
    with app.app_context():
        post = db.session.scalars(select(Post)).one()
    rule("hide", post, "<img src=x onerror=alert(1)>")
    page = browse(villain).get(f"/threads/{thread.id}").text
    assert "&lt;b onmouseover" in page
    assert "<b onmouseover" not in page
    assert "<img" not in page


def test_no_form_is_taken_without_its_token(browse, people, make):
    forms = _forms(make, people)
    for path, more in forms.values():
        answer = browse(people.alice).post(path, data=more | {"body": "Hello."}, csrf=False)
        assert answer.status_code == 400


# What it costs


def test_a_room_costs_the_same_for_two_threads_and_for_thirty(browse, people, make, count_queries):
    small, large, bob = make.room(), make.room(), browse(people.bob)
    for room, threads in ((small, 2), (large, 30)):
        for _ in range(threads):
            make.thread(by=people.alice, room=room)
    with count_queries() as two:
        bob.get(f"/rooms/{small.slug}")
    with count_queries() as thirty:
        bob.get(f"/rooms/{large.slug}")
    assert len(two) == len(thirty) <= 8


def test_the_list_of_rooms_says_when_each_was_last_spoken_in_and_costs_the_same_for_two_and_for_twenty(
    browse, people, make, count_queries
):
    bob, coach = browse(people.bob), browse(people.cory)
    counted = []
    for rooms in (2, 18):
        for _ in range(rooms):
            make.thread(by=people.alice, room=make.room())
        with count_queries() as asked:
            assert bob.get("/rooms").text.count("<time") == len(counted) * 18 + 2
        with count_queries() as asked_by_coach:
            coach.get("/desk/rooms")
        counted.append((len(asked), len(asked_by_coach)))
    assert counted[0] == counted[1] <= (8, 8)


def test_a_room_was_last_spoken_in_by_the_threads_that_stand_in_it(app, people, make, rule):
    room = make.room()
    earlier, later = (make.thread(by=people.alice, room=room) for _ in range(2))
    make.reply(later, by=people.bob)
    rule("hide_thread", later)
    with app.app_context():
        assert again(room).last_post_at == again(earlier).last_post_at


def test_a_thread_costs_the_same_for_two_posts_and_for_twenty_and_at_most_eight(browse, people, make, count_queries):
    short, long = make.thread(by=people.alice, posts=2), make.thread(by=people.alice, posts=19)
    members = [make.member(entitled=True) for _ in range(3)]
    for member in members:
        make.reply(short if member is members[0] else long, by=member)
    for person in (people.bob, people.mo):
        reader = browse(person)
        with count_queries() as two:
            reader.get(f"/threads/{short.id}")
        with count_queries() as twenty:
            reader.get(f"/threads/{long.id}")
        assert len(two) == len(twenty) <= 8


def test_own_posts_cost_the_same_for_two_and_for_twenty(browse, people, make, count_queries):
    make.thread(by=people.alice, posts=2)
    make.thread(by=people.bob, posts=20)
    with count_queries() as two:
        browse(people.alice).get("/account/posts")
    with count_queries() as twenty:
        browse(people.bob).get("/account/posts")
    assert len(two) == len(twenty)


def test_a_reply_costs_the_same_for_one_follower_and_for_thirty(browse, people, make, count_queries):
    quiet, lively, bob = make.thread(by=people.alice), make.thread(by=people.alice), browse(people.bob)
    for _ in range(30):
        make.reply(lively, by=make.member(entitled=True))
    with count_queries() as one:
        bob.post(f"/threads/{quiet.id}/posts", data={"body": "Hello."})
    with count_queries() as thirty:
        bob.post(f"/threads/{lively.id}/posts", data={"body": "Hello."})
    assert len(one) == len(thirty)


# What a thread is, and what it is about


def test_alice_brings_a_story_about_a_tool_and_each_list_says_so(browse, people, make):
    room, tool, topic = make.room(), make.tool("Role card"), make.topic("Role clarity")
    alice = browse(people.alice)
    typed = {
        "title": "How we used it",
        "body": "We *tried*.",
        "kind": "story",
        "about": "role CARD",
        "topics": [topic.slug],
    }
    answer = alice.post(f"/rooms/{room.slug}/threads/new", data=typed)
    assert answer.status_code == 303
    page = browse(people.bob).get(answer.location).text
    assert f'About <a href="{tool.path}">Role card</a>' in page
    assert f'href="/topics/{topic.slug}"' in page
    assert ">Story<" in page
    make.thread(by=people.bob, room=room, title="Anything else?")
    assert "Story by Alice" in alice.get(f"/rooms/{room.slug}").text
    stories, questions = (alice.get(f"/rooms/{room.slug}?kind={kind}").text for kind in ("story", "question"))
    assert "How we used it" in stories
    assert "Anything else?" not in stories
    assert "How we used it" not in questions
    assert "Nothing of this kind here yet" in questions
    assert "Anything else?" in alice.get(f"/rooms/{room.slug}?kind=nonsense").text


@pytest.mark.parametrize("typed", ["/library/{slug}", "http://localhost/library/{slug}?x=1", "Role card"])
def test_a_thing_of_the_library_is_named_by_title_or_address(browse, people, make, typed):
    room, tool = make.room(), make.tool("Role card")
    answer = browse(people.alice).post(
        f"/rooms/{room.slug}/threads/new",
        data={"title": "Well?", "body": "Does it work?", "kind": "question", "about": typed.format(slug=tool.slug)},
    )
    assert f'href="{tool.path}"' in browse(people.alice).get(answer.location).text


def test_an_address_that_is_none_is_told_beside_its_field(browse, people, make):
    said = {"title": "Well?", "body": "Does it work?", "kind": "question", "about": "https://[example.org/x"}
    answer = browse(people.alice).post(f"/rooms/{make.room().slug}/threads/new", data=said)
    assert (answer.status_code, "Nothing in the library is called that." in answer.text) == (422, True)


def test_a_title_that_nothing_has_brings_back_the_form_with_what_comes_near(app, browse, people, make):
    room = make.room()
    make.tool("Role card for a surgeon")
    make.tool("Pay card, not out yet", published=False)
    answer = browse(people.alice).post(
        f"/rooms/{room.slug}/threads/new",
        data={"title": "Well?", "body": "Does it work?", "kind": "question", "about": "surgeon"},
    )
    assert answer.status_code == 422
    assert "Did you mean “Role card for a surgeon”?" in answer.text
    assert "Does it work?" in answer.text
    assert "Pay card" not in answer.text
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Thread)) == 0


def test_a_page_that_asks_by_itself_learns_cheaply_that_nothing_is_new_and_swallows_no_message(
    app, browse, people, make, count_queries
):
    thread = make.thread(by=people.alice)
    alice = browse(people.alice)
    version = re.search(r'<live-thread version="(\d+)"', alice.get(f"/threads/{thread.id}").text)[1]
    again_by_itself = {"Portal-Look": version}
    with count_queries() as seen:
        answer = alice.get(f"/threads/{thread.id}", headers=again_by_itself)
    assert (answer.status_code, answer.text) == (204, "")
    assert len(seen) <= 3
    make.reply(thread, by=people.bob, body="While she looked.")
    answer = alice.get(f"/threads/{thread.id}", headers=again_by_itself)
    assert "While she looked." in answer.text
    assert browse(people.lena).get(f"/threads/{thread.id}", headers=again_by_itself).status_code == 403
    with app.app_context():
        newest = db.session.scalars(select(Post.id).order_by(Post.id.desc())).first()
    alice.post(f"/posts/{newest}/unread")  # it says something on the next page
    assert alice.get(f"/threads/{thread.id}", headers=again_by_itself).status_code == 204
    assert "Unread from there on" in alice.get(f"/threads/{thread.id}").text


@pytest.mark.parametrize("number", [2**31, 2**62, 2**63])
def test_a_place_in_a_list_that_no_database_can_count_to_is_the_top(browse, people, make, number):
    room = make.room()
    make.thread(by=people.alice, room=room, title="The first of all")
    place = base64.urlsafe_b64encode(f"20200101000000000000-{number}".encode()).decode()
    for side in ("older", "newer"):
        for page in (f"/rooms/{room.slug}", "/account/posts"):
            assert "The first of all" in browse(people.alice).get(page, query_string={side: place}).text
