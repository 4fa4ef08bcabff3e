"""A preview shows what the post will show: mentions and cards as the room has them, and nothing that it would not."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from portal.conversations.models import Mention
from portal.core.clock import now
from portal.core.db import db, transaction
from tests.make import again

SECRET = "Zinnia is the title"


@pytest.fixture
def words(people, make):
    """Something to each of whom Alice may speak and not, and what she may know and not."""
    tool, circle = make.tool(), make.circle(people.bob)
    secret = make.thread(by=people.bob, room=circle, title=SECRET)
    links = f"[here](/library/{tool.slug})\n\n[there](/threads/{secret.id})"
    return f"@bob, @lena and @nobody:\n\n{links}"


def _said(page):
    """The words in the preview, or of the last post, without what stands around them."""
    found = re.findall(r'<div class="prose">(.*?)</div>\s*(?:$|</div>)', page, re.S)
    return found[-1].strip()


@pytest.mark.parametrize("place", ["reply", "room", "edit"])
def test_alice_sees_what_her_post_will_look_like_with_script_and_without(browse, people, make, words, place):
    alice, room = browse(people.alice), make.room()
    post = make.reply(make.thread(by=people.alice, room=room), by=people.alice)
    form, look = {
        "reply": (f"/threads/{post.thread_id}/posts", f"/threads/{post.thread_id}/preview"),
        "room": (f"/rooms/{room.slug}/threads/new", f"/rooms/{room.slug}/preview"),
        "edit": (f"/posts/{post.id}/edit", f"/threads/{post.thread_id}/preview"),
    }[place]
    shown = _said(alice.post(look, data={"body": words}).text)
    assert '<a href="/members/bob">@bob</a>' in shown
    assert shown.count('class="own-card"') == 1
    assert SECRET not in shown
    assert "/members/lena" not in shown, "has lapsed, so does not read there"
    data = {"body": words, "title": "Who decides?", "kind": "discussion"}
    assert shown in alice.post(form, data=data | {"preview": "body"}).text
    posted = alice.post(form, data=data)
    assert posted.status_code == 303
    assert shown in alice.get(posted.location.split("#")[0]).text


def test_each_page_on_which_one_writes_gives_the_script_the_look_of_its_own_room(browse, people, make):
    alice, room = browse(people.alice), make.room()
    post = make.reply(make.thread(by=people.alice, room=room), by=people.alice)
    of_thread = f'preview="/threads/{post.thread_id}/preview"'
    assert of_thread in alice.get(f"/threads/{post.thread_id}").text
    assert of_thread in alice.get(f"/posts/{post.id}/edit").text
    assert f'preview="/rooms/{room.slug}/preview"' in alice.get(f"/rooms/{room.slug}/threads/new").text


def test_a_look_tells_nobody_and_keeps_nothing(app, browse, people, make, words, work_off, outbox):
    thread = make.thread(by=people.alice)
    browse(people.alice).post(f"/threads/{thread.id}/preview", data={"body": words})
    work_off()
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Mention)) == 0
    assert outbox == []


def test_in_a_circle_the_preview_knows_nobody_outside(browse, people, make):
    circle = make.circle(people.alice)
    shown = browse(people.alice).post(f"/rooms/{circle.slug}/preview", data={"body": "@bob and @cory"}).text
    assert "/members/bob" not in shown
    assert "/members/cory" in shown
    assert browse(people.bob).post(f"/rooms/{circle.slug}/preview", data={"body": "@alice"}).status_code == 404


def test_whoever_may_not_write_there_is_not_shown_whose_handles_are_read_there(app, browse, people, make):
    room = make.room()
    looks = [f"/threads/{make.thread(by=people.alice, room=room).id}/preview", f"/rooms/{room.slug}/preview"]
    for who in (people.lena, people.sam):
        assert {browse(who).post(look, data={"body": "@bob"}).status_code for look in looks} == {403}
    with app.app_context(), transaction():
        again(people.bob).silenced_until = now() + timedelta(days=365)
    for look in looks:
        answer = browse(people.bob).post(look, data={"body": "@alice"})
        assert answer.status_code == 403
        assert "/members/alice" not in answer.text


def test_hostile_words_are_as_harmless_as_in_a_post_and_too_many_are_refused(browse, people, make):
    look = f"/threads/{make.thread(by=people.alice).id}/preview"
    alice = browse(people.alice)
    page = alice.post(look, data={"body": "<script>alert(1)</script> @bob\x00 [x](javascript:alert)"}).text
    assert "<script" not in page
    assert 'href="javascript' not in page
    assert alice.post(look, data={"body": "[" * 20_001}).status_code == 422
    assert "nothing to show" in alice.post(look, data={}).text
