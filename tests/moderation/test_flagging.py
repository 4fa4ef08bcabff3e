"""Flagging a post: once a member, with a reason, not one's own."""

from __future__ import annotations

import pytest
import time_machine
from sqlalchemy import func, select

from portal.core.clock import now
from portal.core.db import db, transaction
from portal.moderation import flagging, ruling
from portal.moderation.models import Flag, Reason
from tests.make import again, at_once


@pytest.fixture
def post(people, make):
    return make.reply(make.thread(by=people.alice), by=people.bob, body="Mr. Hale.")


def _count(app):
    with app.app_context():
        return db.session.scalar(select(func.count()).select_from(Flag))


def test_alice_flags_bobs_post_and_the_moderator_sees_it(browse, people, post):
    alice = browse(people.alice)
    assert "Flag this post" in alice.get(f"/posts/{post.id}/flag").text
    answer = alice.post(f"/posts/{post.id}/flag", data={"reason": "names_patient_or_employee", "words": "Line one."})
    assert answer.status_code == 303
    assert "Thank you." in alice.get(answer.location).text
    queue = browse(people.mo).get("/moderation").text
    for words in ("Mr. Hale.", "A patient, client or employee could be recognised", "Line one.", "Alice", "Bob"):
        assert words in queue


def test_bob_does_not_learn_who_flagged_him(browse, people, post):
    browse(people.alice).post(f"/posts/{post.id}/flag", data={"reason": "selling"})
    assert "flagged" not in browse(people.bob).get(f"/threads/{post.thread_id}").text.lower()


def test_one_flag_a_member_and_post_however_often_and_fast_it_is_sent(app, browse, people, post):
    windows = [browse(people.alice) for _ in range(8)]
    send = {"reason": "selling"}
    answers = at_once(8, lambda n: windows[n].post(f"/posts/{post.id}/flag", data=send))
    assert sorted(a.status_code for a in answers) == [303] + [409] * 7
    assert _count(app) == 1
    again = browse(people.alice).post(f"/posts/{post.id}/flag", data=send | {"words": "Really."})
    assert again.status_code == 409
    assert "You have flagged this post before." in again.text
    assert "Really.</textarea>" in again.text


def test_bob_cannot_flag_himself_nor_anybody_what_is_hidden(app, browse, people, post):
    assert browse(people.bob).get(f"/posts/{post.id}/flag").status_code == 409
    assert browse(people.bob).post(f"/posts/{post.id}/flag", data={"reason": "selling"}).status_code == 409
    with app.app_context(), transaction():
        ruling.hide(again(post), because="So.", by=again(people.mo))
    assert browse(people.alice).post(f"/posts/{post.id}/flag", data={"reason": "selling"}).status_code == 409
    assert _count(app) == 0


def test_flags_are_for_members(browse, people, post):
    for outsider in (people.lena, people.sam):
        assert browse(outsider).post(f"/posts/{post.id}/flag", data={"reason": "selling"}).status_code == 403
    assert browse(people.alice).post("/posts/999/flag", data={"reason": "selling"}).status_code == 404


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({}, "Choose the reason"),
        ({"reason": ""}, "Choose the reason"),
        ({"reason": "because"}, "Choose the reason"),
        ({"reason": "selling\x00"}, "Choose the reason"),
        ({"reason": "x" * 100_000}, "Choose the reason"),
        ({"reason": "other"}, "Say in a few words what is wrong."),
        ({"reason": "other", "words": " \u200b "}, "Say in a few words what is wrong."),
        ({"reason": "selling", "words": "x" * 1001}, "within 1,000 characters"),
    ],
)
def test_a_flag_that_cannot_be_taken_gets_a_sentence_and_comes_back(app, browse, people, post, typed, said):
    answer = browse(people.alice).post(f"/posts/{post.id}/flag", data=typed | {"more": "x"})
    assert answer.status_code == 422
    assert said in answer.text
    assert "<title>Error: " in answer.text
    assert typed.get("words", "").strip() in answer.text
    assert _count(app) == 0


@pytest.mark.parametrize("words", ["<script>alert(1)</script>", "a\x00b", "a\u202eb", "{{ 7*7 }}", "line\r\nline"])
def test_strange_words_harm_nobody(browse, people, post, words):
    answer = browse(people.alice).post(f"/posts/{post.id}/flag", data={"reason": "other", "words": words})
    assert answer.status_code == 303
    queue = browse(people.mo).get("/moderation")
    assert queue.status_code == 200
    assert "<script>alert" not in queue.text


def test_a_megabyte_is_too_large(browse, people, post):
    answer = browse(people.alice).post(f"/posts/{post.id}/flag", data={"reason": "other", "words": "x" * 1_100_000})
    assert answer.status_code == 413


def test_alice_may_flag_ten_posts_at_a_stretch_and_no_more(browse, people, make):
    thread, alice = make.thread(by=people.bob, posts=12), browse(people.alice)
    with make.app.app_context():
        from portal.conversations.models import Post

        ids = db.session.scalars(select(Post.id).where(Post.thread_id == thread.id)).all()
    with time_machine.travel(now(), tick=False):  # windows begin by the clock: none ends meanwhile
        answers = [alice.post(f"/posts/{n}/flag", data={"reason": "selling"}).status_code for n in ids]
    assert answers == [303] * 10 + [429] * 2


def test_reasons_of_confidence_come_first(app, people, post):
    with app.app_context(), transaction():
        flagging.flag(again(post), reason=Reason.BREACH_OF_CONFIDENCE, by=again(people.alice))
        flagging.flag(again(post), reason=Reason.SELLING, by=again(people.cory))
    with app.app_context():
        assert db.session.scalars(select(Flag.rank).order_by(Flag.id)).all() == [0, 1]
