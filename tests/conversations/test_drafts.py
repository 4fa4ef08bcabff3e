"""Words on their way into a conversation: kept for whoever types them, back in the form, gone when they are said."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import func, select

from portal.accounts import drafting
from portal.accounts.models import Draft
from portal.conversations import drafts
from portal.conversations.models import Post
from portal.core.clock import now
from portal.core.db import db, transaction
from tests.make import again, at_once

PLACES = ["/rooms/{room}/threads/new", "/threads/{thread}", "/posts/{post}/edit"]
SAVED_AT = {"/threads/{thread}": "/threads/{thread}/draft", "/posts/{post}/edit": "/posts/{post}/draft"}
SENT_TO = {"/threads/{thread}": "/threads/{thread}/posts"}


@pytest.fixture
def things(app, people, make):
    thread = make.thread(by=people.bob)
    mine = make.reply(thread, by=people.alice)
    with app.app_context():
        return {"room": again(thread).room.slug, "thread": thread.id, "post": mine.id}


def field(page):
    """What stands in the form's field for words."""
    return re.search(r'<textarea[^>]* name="body"[^>]*>\s*([^<]*)</textarea>', page)[1].strip()


@pytest.mark.parametrize("place", PLACES)
def test_alice_finds_her_words_on_another_device_until_they_are_sent(browse, people, things, place):
    alice, saved_at = browse(people.alice), SAVED_AT.get(place, place + "/draft").format(**things)
    path, was = place.format(**things), field(alice.get(place.format(**things)).text)
    answer = alice.post(saved_at, data={"title": "Hers", "body": "Our best hygienist", "kind": "story"})
    assert answer.status_code == 200
    other = browse(people.alice).get(path).text
    assert field(other) == "Our best hygienist"
    assert f'mark="{answer.json["mark"]}"' in other
    assert "Saved " in other
    assert field(browse(people.bob).get(PLACES[1].format(**things)).text) == ""
    sent = alice.post(SENT_TO.get(place, place).format(**things), data={"title": "Hers", "body": "Our best hygienist"})
    assert sent.status_code == 303
    assert "drafts_done" in sent.headers["Set-Cookie"]
    was = "Our best hygienist" if place.endswith("/edit") else was
    assert field(browse(people.alice).get(path).text) == was


@pytest.mark.parametrize(
    "sent", [{"body": "x" * 200_000}, {f"x{n}": "x" * 1_000 for n in range(200)}, {"y" * 200_000: "x"}]
)
def test_a_text_that_is_too_long_is_kept_to_be_shortened_and_no_draft_is_a_store_of_files(browse, people, things, sent):
    """Twenty thousand characters may be said at once; each of many threads took a megabyte to be kept."""
    alice = browse(people.alice)
    for place in SAVED_AT.values():
        place = place.format(**things)
        assert alice.post(place, data={"body": "Thirty thousand words. " * 1_300}).status_code == 200
        assert alice.post(place, data=sent, headers={"Accept": "application/json"}).status_code == 422
    assert field(alice.get(PLACES[1].format(**things)).text).startswith("Thirty thousand words.")


def test_a_page_that_her_browser_kept_is_not_shown_in_place_of_newer_words(browse, people, things):
    alice, path = browse(people.alice), f"/threads/{things['thread']}"
    tag = alice.get(path).headers["ETag"]
    assert alice.get(path, headers={"If-None-Match": tag}).status_code == 304
    browse(people.alice).post(path + "/draft", data={"body": "From her phone"})
    answer = alice.get(path, headers={"If-None-Match": tag})
    assert answer.status_code == 200
    assert field(answer.text) == "From her phone"


def test_a_browser_whose_draft_never_reached_us_is_told_that_the_words_were_sent(browse, people, things):
    """It keeps a copy of its own, and would put the words back into the empty form."""
    answer = browse(people.alice).post(f"/threads/{things['thread']}/posts", data={"body": "Quickly said."})
    assert answer.status_code == 303
    assert "drafts_done" in answer.headers["Set-Cookie"]


def test_a_draft_of_a_thread_brings_back_every_field(browse, people, things, make):
    topic = make.topic("Role clarity")
    path = f"/rooms/{things['room']}/threads/new"
    typed = {
        "title": "Hers",
        "body": "Why?",
        "kind": "story",
        "about": "Role card",
        "topics": [topic.slug],
        "safely": "y",
    }
    alice = browse(people.alice)
    alice.post(path + "/draft", data=typed)
    page = alice.get(path).text
    assert 'value="Hers"' in page
    assert 'value="Role card"' in page
    assert re.search(r'<input checked[^>]* value="story"', page)
    assert re.search(rf'<input checked[^>]* value="{topic.slug}"', page)
    assert re.search(r'<input [^>]*checked id="safely"', page)


@pytest.mark.parametrize("place", PLACES)
def test_without_script_preview_shows_the_words_and_sends_nothing(app, browse, people, things, place):
    alice = browse(people.alice)
    typed = {"title": "Hers", "body": "Not *yet*", "preview": "body"}
    answer = alice.post(SENT_TO.get(place, place).format(**things), data=typed)
    assert answer.status_code == 200
    assert "<p>Not <em>yet</em></p>" in answer.text
    assert field(answer.text) == "Not *yet*"
    assert "<title>Error" not in answer.text
    with app.app_context():
        assert "Not *yet*" not in db.session.scalars(select(Post.body)).all()


def test_a_page_with_a_draft_asks_as_few_queries_as_one_without(app, browse, people, things, count_queries):
    alice, path = browse(people.alice), f"/threads/{things['thread']}"
    alice.get(path)
    with count_queries() as without:
        alice.get(path)
    with app.app_context(), transaction():
        drafting.save(again(people.alice), drafts.of_thread(things["thread"]), {"body": ["Hm"]})
    with count_queries() as with_it:
        assert field(alice.get(path).text) == "Hm"
    assert len(with_it) == len(without) <= 8


def test_bob_saves_nothing_about_a_post_of_alice(browse, people, things):
    assert browse(people.bob).post(f"/posts/{things['post']}/draft", data={"body": "Mine"}).status_code == 403


def test_whoever_was_signed_out_while_writing_comes_back_to_the_form(browse, people, things):
    """The form lies in their browser; here it is the way that counts."""
    path, alice = f"/threads/{things['thread']}?page=1", browse(people.alice)
    alice.post("/sign-out")
    answer = alice.post(
        f"/threads/{things['thread']}/posts", data={"body": "Hm"}, headers={"Referer": f"http://localhost{path}"}
    )
    assert (answer.status_code, answer.location) == (303, f"/sign-in?next=/threads/{things['thread']}?page%3D1")
    elsewhere = alice.post(f"/threads/{things['thread']}/posts", headers={"Referer": "http://evil.example/x"})
    assert elsewhere.location == "/sign-in"


@pytest.fixture
def many_kept(app, people):
    """Alice has begun as many texts as are kept, but for one."""
    with app.app_context(), transaction():
        for number in range(drafting.MOST - 1):
            new = {"thing": f"thread:{10_000 + number}", "fields": {"body": ["Hm"]}, "mark": "m", "saved_at": now()}
            db.session.add(Draft(member_id=people.alice.id, **new))


def _count(app):
    with app.app_context():
        return db.session.scalar(select(func.count()).select_from(Draft))


def test_twenty_new_texts_at_once_stay_within_what_is_kept(app, browse, people, make, many_kept):
    threads = [make.thread(by=people.bob) for _ in range(20)]
    windows = [browse(people.alice) for _ in threads]

    def save(number):
        path = f"/threads/{threads[number].id}/draft"
        return windows[number].post(path, data={"body": f"Text {number}"}).status_code

    assert sorted(at_once(20, save)) == [200] + [422] * 19
    assert _count(app) == drafting.MOST


def test_at_the_limit_alice_is_told_where_her_new_words_are_and_no_older_ones_go(
    app, browse, people, make, things, many_kept
):
    alice, new = browse(people.alice), make.thread(by=people.bob)
    path = f"/threads/{things['thread']}"
    mark = alice.post(path + "/draft", data={"body": "The last that fits"}).json["mark"]
    answer = alice.post(f"/threads/{new.id}/draft", data={"body": "One too many"})
    assert answer.status_code == 422
    assert "This one is kept in this browser alone" in answer.json["message"]
    assert _count(app) == drafting.MOST
    assert alice.post(path + "/draft", data={"body": "The last, mended", "after": mark}).status_code == 200
    assert alice.post(path + "/posts", data={"body": "The last, mended"}).status_code == 303
    assert alice.post(f"/threads/{new.id}/draft", data={"body": "Now it fits"}).status_code == 200
    assert browse(people.bob).post(f"/threads/{new.id}/draft", data={"body": "Bob’s own"}).status_code == 200
