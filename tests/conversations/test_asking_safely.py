"""Whoever asks safely is known to the coaches, and to nobody else: on no page, in no search, letter or export."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass

import pytest
from sqlalchemy import select

from portal.accounts.models import Member
from portal.conversations import following, moving, posting, reading
from portal.conversations.models import Level, Post, RoomKind, Thread
from portal.conversations.veiling import A_MEMBER
from portal.core.admission import Audience, audience_of
from portal.core.clock import now
from portal.core.db import db, transaction
from portal.membership.models import Export
from portal.moderation import flagging
from portal.moderation.models import Reason
from tests.crawling import forms_on, walk
from tests.make import again

NAME = "Zebulon Quixworth"
TITLE = "My manager reads my mail"
SAID = "Larkspur"  # stands in each post of his, and is found by it
ELSEWHERE = {"/members"}  # where members are named as members, whatever they write


@dataclass
class Asked:
    """What Zebulon asked, and by what he could be recognised."""

    author: Member
    thread: Thread
    posts: list[int]
    marks: list[str]
    room: str

    def named_in(self, text: str) -> list[str]:
        return [mark for mark in self.marks if mark.casefold() in text.casefold()]


@pytest.fixture
def asked(app, make, people, browse):
    """`asked()`: Zebulon asks, Alice answers, he answers her and mends his words; a moderator has a flag to look at."""

    def ask(kind=RoomKind.MEMBERS) -> Asked:
        author = make.member(NAME, entitled=True)
        photo, room = make.photo(author), make.room(kind=kind)
        browser = browse(author)
        form = {"title": TITLE, "body": f"{SAID}: what would you do?", "safely": "y", "kind": "question"}
        answer = browser.post(f"/rooms/{room.slug}/threads/new", data=form)
        assert answer.status_code == 303, answer.text
        thread_id = int(answer.location.rpartition("/")[2])
        with app.app_context():
            thread = db.session.get_one(Thread, thread_id)
        make.reply(thread, by=people.alice, body="Tell her so.")
        browser.post(f"/threads/{thread_id}/posts", data={"body": f"{SAID} again: I did."})
        with app.app_context(), transaction():
            mine = db.session.scalars(select(Post).where(Post.author_id == author.id).order_by(Post.id)).all()
            posting.edit(mine[1], body=f"{SAID} again: I have done so.", by=again(author))
            flagging.flag(mine[0], reason=Reason.OTHER, by=again(people.bob))
            posts = [post.id for post in mine]
        first, last = NAME.split()
        return Asked(author, thread, posts, [first, last, author.handle, photo], room.slug)

    return ask


def test_the_form_says_before_who_will_know(browse, people, make):
    page = browse(people.alice).get(f"/rooms/{make.room().slug}/threads/new").text
    assert "Ask safely" in page
    assert "Members, moderators among them, read “A member”" in page
    assert "The coaches and the owner see your name" in page
    outside = browse(people.alice).get(f"/rooms/{make.room(kind=RoomKind.PUBLIC).slug}/threads/new").text
    assert "Visitors and members, moderators among them" in outside


def test_the_author_and_the_coaches_know_and_nobody_else(browse, people, asked):
    what = asked()
    path = f"/threads/{what.thread.id}"
    for person in (people.cory, people.olga):
        page = browse(person).get(path).text
        assert f'href="/members/{what.author.handle}">{NAME}</a>' in page
        assert page.count("Asked safely: members read “A member”. Please do not name them.") == 2
    own = browse(what.author).get(path).text
    assert own.count("Only coaches see that this is yours.") == 2
    assert "as from “A member”: only coaches see your name" in own
    assert browse(what.author).get("/account/posts").text.count("Only coaches see that this is yours.") == 2
    for person in (people.alice, people.mo):
        page = browse(person).get(path).text
        assert page.count(f'<span class="post__author">{A_MEMBER}</span>') == 2
        assert what.named_in(page) == []
        assert "Only coaches see" not in page
        assert "Asked safely" not in page


@pytest.mark.parametrize("reader", ["alice", "bob", "mo", "lena", "visitor"])
def test_a_peer_who_walks_every_page_finds_no_trace_of_the_author(app, browse, people, asked, reader):
    """Bob has muted the author, Alice follows them: neither may show."""
    what = asked(RoomKind.PUBLIC if reader in {"lena", "visitor"} else RoomKind.MEMBERS)
    with app.app_context(), transaction():
        following.choose_for_person(again(what.author), Level.NONE, by=again(people.bob))
        following.choose_for_person(again(what.author), Level.ALL, by=again(people.alice))
    person = browse(getattr(people, reader, None))
    seen, read = set(), 0
    for path, html in [*walk(app, person, most=400), *_every_route(app, person, what)]:
        seen.add(path.split("?")[0])
        read += TITLE in html
        _names_nobody(what, path, html)
    assert f"/threads/{what.thread.id}" in seen
    assert read > (1 if reader in {"lena", "visitor"} else 4)


def _every_route(app, person, what: Asked):
    """All addresses there are, with this thread, these posts and their author put in; as page, part and data."""
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: rule.rule):
        if "GET" not in (rule.methods or set()) or audience_of(app, rule.endpoint) not in set(Audience):
            continue
        for values in (
            {"thread_id": what.thread.id, "post_id": what.posts[0], "slug": what.room, "handle": what.author.handle},
            {"thread_id": what.thread.id, "post_id": what.posts[1], "slug": what.room, "handle": what.author.handle},
        ):
            values |= {"kind": "post", "thing_id": values["post_id"]}  # a case before the moderators
            given = {name: values.get(name, 1 if "id" in name or name == "number" else "x") for name in rule.arguments}
            path = app.url_map.bind("localhost").build(rule.endpoint, given)
            for headers in ({}, {"HX-Request": "true"}, {"Accept": "application/json"}):
                answer = person.get(path, headers=headers, follow_redirects=True)
                yield path, answer.text
            if not rule.arguments:
                break
    for words in (SAID, "Zebulon", "Quixworth", what.author.handle, f"{SAID} {NAME}"):
        for more in ("", "&in=rooms"):
            answer = person.get(f"/search?q={words}{more}")
            yield "/search", answer.text.partition('<ol class="hits"')[2]  # before it stands what they typed
            if "Zebulon" in words or "Quixworth" in words:
                assert f"/threads/{what.thread.id}" not in answer.text, "found by the author's name"


def _names_nobody(what: Asked, path: str, html: str) -> None:
    if what.author.handle in path or path.split("?", maxsplit=1)[0] in ELSEWHERE:
        assert TITLE not in html, path
        assert f"/threads/{what.thread.id}" not in html, path
        assert SAID not in html, path
    else:
        assert what.named_in(html) == [], path


@pytest.mark.parametrize("reader", ["alice", "mo"])
def test_nothing_that_a_peer_does_there_is_answered_with_the_author(app, browse, people, asked, reader):
    what = asked()
    person = browse(getattr(people, reader))
    path, tried = f"/threads/{what.thread.id}", 0
    for form in forms_on(path, person.get(path).text):
        if form.method != "post" or form.action == "/sign-out":
            continue
        for more in ({}, {"body": "Well said.", "because": "It is over", "outcome": "hide", "level": "all"}):
            answer = person.post(form.action, data=dict(form.standing | more), follow_redirects=True)
            assert what.named_in(answer.text) == [], form.action
            tried += 1
    assert tried >= 6


def test_no_letter_and_no_follower_is_told(app, browse, people, asked, work_off, outbox):
    """Alice follows the author, which gets her no letter for this; Mo follows the room, and reads of a member."""
    what = asked()
    with app.app_context(), transaction():
        following.choose_for_person(again(what.author), Level.ALL, by=again(people.alice))
        following.choose(again(what.thread), Level.MINE, by=again(people.alice))
        following.choose_for_room(again(what.thread).room, Level.ALL, by=again(people.mo))
    browse(what.author).post(f"/threads/{what.thread.id}/posts", data={"body": f"{SAID} once more."})
    browse(people.bob).post(f"/threads/{what.thread.id}/posts", data={"body": "I see."})
    work_off()
    told = {to: message for message in outbox for to in message.recipients if SAID in message.body}
    assert told["mo@example.com"].subject == f"A member replied in “{TITLE}”"
    assert "alice@example.com" not in told
    for message in outbox:
        if what.author.email not in message.recipients:
            assert what.named_in(f"{message.subject} {message.sender} {message.body} {message.html}") == []


def test_muting_the_author_hides_nothing_of_it(app, browse, people, asked):
    """Else whoever mutes one person after the other would learn who asked."""
    what = asked()
    with app.app_context(), transaction():
        before = reading.thread_for(again(people.bob), what.thread.id)[1]
        following.choose_for_person(again(what.author), Level.NONE, by=again(people.bob))
    with app.app_context():
        assert reading.thread_for(again(people.bob), what.thread.id)[1] == before
    assert "you muted them" not in browse(people.bob).get(f"/threads/{what.thread.id}").text


def test_a_peers_archive_says_nothing_and_the_authors_own_says_that_it_was_safely(app, browse, people, asked, work_off):
    what = asked()

    def archive(who):
        browser = browse(who)
        browser.post("/account/data/exports")
        work_off()
        with app.app_context():
            newest = db.session.scalars(select(Export.id).order_by(Export.id.desc())).first()
        found = zipfile.ZipFile(io.BytesIO(browser.get(f"/account/data/exports/{newest}/file").data))
        return "\n".join(found.read(name).decode("utf-8", "replace") for name in found.namelist())

    for peer in (people.alice, people.bob, people.mo):
        assert what.named_in(archive(peer)) == []
    own = archive(what.author)
    assert "asked_safely_at" in own
    assert "under_no_name_since" in own


def test_what_was_joined_with_another_thread_stays_under_no_name(app, browse, people, asked, make):
    what = asked()
    into = make.thread(by=people.alice, room=again_in(app, what.thread).room)
    with app.app_context(), transaction():
        moving.merge(again(what.thread), into=again(into), by=again(people.cory))
    browse(what.author).post(f"/threads/{into.id}/posts", data={"body": f"{SAID} here too."})
    page = browse(people.bob).get(f"/threads/{into.id}").text
    assert page.count(SAID) == 3
    assert what.named_in(page) == []
    assert what.named_in(browse(people.bob).get(f"/rooms/{what.room}").text) == []


def test_whoever_asked_safely_and_left_is_a_member_still(app, browse, people, asked):
    """ "A former member" would tell who: the one who left that week."""
    what = asked()
    with app.app_context(), transaction():
        again(what.author).closed_at = now()
    page = browse(people.bob).get(f"/threads/{what.thread.id}").text
    assert page.count(f'<span class="post__author">{A_MEMBER}</span>') == 2
    assert "former" not in page
    assert "former" not in browse(people.bob).get(f"/rooms/{what.room}").text


def test_what_somebody_else_says_there_bears_their_name(browse, people, asked):
    what = asked()
    browse(people.bob).post(f"/threads/{what.thread.id}/posts", data={"body": "I see."})
    page = browse(people.alice).get(f"/threads/{what.thread.id}").text
    assert f'href="/members/{people.bob.handle}">Bob</a>' in page
    room = browse(people.alice).get(f"/rooms/{what.room}").text
    assert "by a member" in room
    assert "the last by Bob" in room


def test_a_coach_who_looks_through_a_members_eyes_is_not_told(browse, people, asked):
    what = asked()
    cory = browse(people.cory)
    cory.post("/desk/seeing-as", data={"kind": "member"})
    page = cory.get(f"/threads/{what.thread.id}").text
    assert A_MEMBER in page
    assert what.named_in(page) == []


def test_the_page_an_author_keeps_is_not_given_to_a_peer(browse, people, asked):
    what = asked()
    path = f"/threads/{what.thread.id}"
    tags = {browse(person).get(path).headers["ETag"] for person in (what.author, people.cory, people.bob)}
    assert len(tags) == 3


def again_in(app, thread: Thread) -> Thread:
    with app.app_context():
        found = again(thread)
        assert found.room is not None
        return found
