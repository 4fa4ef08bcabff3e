"""What is looked at before others read it: words of the list, first posts, links of newcomers."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from portal.core.db import db, transaction
from portal.moderation import appealing, editing_out, ruling, watching
from portal.moderation.models import Flag, Reason, Ruling, Verdict, WatchedWords
from tests.make import again

THREE_LINKS = " ".join(f"[see](https://elsewhere.example/{n})" for n in range(3))


@pytest.fixture
def watch(app, people):
    def add(words):
        with app.app_context(), transaction():
            return watching.add(words, by=again(people.cory))

    return add


def _reason(app, **thing):
    with app.app_context():
        return db.session.scalar(select(Flag.reason).filter_by(**thing))


@pytest.mark.parametrize(
    ("entry", "said", "waits"),
    [
        ("crypto*", "I made a lot with CRYPTOCURRENCY.", True),
        ("crypto", "I made a lot with cryptocurrency.", False),
        ("buy now", "You can buy, now or never.", True),
        ("buy now", "Now buy it.", False),
        ("café", "At the cafe.", True),
        ("(a+)+$", "aaaaaaaaaaaaaaaaaaaaaaaa!", False),
    ],
)
def test_words_of_the_list_are_found_as_people_write_them(app, people, make, watch, entry, said, waits):
    if entry.startswith("("):
        with pytest.raises(watching.NothingToWatch):
            watch(entry)
    else:
        watch(entry)
    post = make.reply(make.thread(by=people.alice), by=people.bob, body=said)
    with app.app_context():
        assert again(post).is_held is waits


def test_bob_reads_that_his_words_wait_and_nobody_else_reads_them_until_mo_shows_them(
    app, browse, people, make, watch, outbox, work_off
):
    thread = make.thread(by=people.alice)
    watch("crypto*")
    work_off()
    before = len(outbox)
    bob, mo = browse(people.bob), browse(people.mo)
    answer = bob.post(f"/threads/{thread.id}/posts", data={"body": "Buy my cryptocoin."})
    assert answer.status_code == 303
    page = bob.get(f"/threads/{thread.id}").text
    assert "Buy my cryptocoin." in page
    assert "It has words that we look at before others read them." in page
    assert "Buy my cryptocoin." not in browse(people.alice).get(f"/threads/{thread.id}").text
    work_off()
    assert len(outbox) == before
    queue = mo.get("/moderation").text
    assert "It has words from the list" in queue
    assert "The portal" in queue
    with app.app_context():
        post_id = db.session.scalar(select(Flag.post_id))
    data = {"outcome": "keep", "because": "A joke among friends.", "next": "/moderation"}
    assert mo.post(f"/posts/{post_id}/rulings", data=data).status_code == 303
    assert "Buy my cryptocoin." in browse(people.alice).get(f"/threads/{thread.id}").text
    work_off()
    assert [m for m in outbox[before:] if "alice@example.com" in m.recipients]


def test_an_edit_is_looked_at_too(app, browse, people, make, watch):
    post = make.reply(make.thread(by=people.alice), by=people.bob, body="Good morning.")
    watch("crypto*")
    assert browse(people.bob).post(f"/posts/{post.id}/edit", data={"body": "Cryptocoin!"}).status_code == 303
    with app.app_context():
        assert again(post).is_held


def test_first_posts_wait_as_many_as_the_house_says_and_those_of_staff_do_not(app, people, make, monkeypatch):
    monkeypatch.setitem(app.config, "HOLD_FIRST_POSTS", 2)
    begun = make.thread(by=people.bob)
    with app.app_context():
        assert again(begun).is_held
    assert _reason(app, thread_id=begun.id) is Reason.NEWCOMER
    by_coach = make.thread(by=people.cory)
    with app.app_context():
        assert not again(by_coach).is_held
    for _ in range(2):
        said = make.reply(by_coach, by=people.bob)
        with app.app_context():
            assert again(said).is_held
        with app.app_context(), transaction():
            ruling.keep(again(said), because="Fine.", by=again(people.mo))
    third = make.reply(by_coach, by=people.bob)
    with app.app_context():
        assert not again(third).is_held


def test_a_newcomer_may_lead_elsewhere_twice_and_somebody_known_as_often_as_they_like(app, people, make):
    thread = make.thread(by=people.alice)
    said = make.reply(thread, by=people.bob, body=THREE_LINKS)
    with app.app_context():
        assert again(said).is_held
    assert _reason(app, post_id=said.id) is Reason.LINKS
    for _ in range(5):
        make.reply(thread, by=people.bob, body="Good morning.")
    last = make.reply(thread, by=people.bob, body=THREE_LINKS)
    with app.app_context():
        assert not again(last).is_held


def test_cory_keeps_the_list_and_mo_does_not(app, browse, people):
    cory = browse(people.cory)
    assert cory.post("/moderation/words", data={"words": "Buy  Now!"}).status_code == 303
    assert "buy now" in cory.get("/moderation/words").text
    again_ = cory.post("/moderation/words", data={"words": "buy now"})
    assert (again_.status_code, "These words are on the list." in again_.text) == (409, True)
    assert cory.post("/moderation/words", data={"words": "a*"}).status_code == 409
    with app.app_context():
        entry_id = db.session.scalar(select(WatchedWords.id))
    assert browse(people.mo).get("/moderation/words").status_code == 403
    assert cory.post(f"/moderation/words/{entry_id}/removal").status_code == 303
    with app.app_context():
        assert db.session.scalar(select(WatchedWords.id)) is None
    log = browse(people.olga).get("/moderation/log").text
    assert "Put words on the list" in log
    assert "Took words off the list" in log


@pytest.mark.parametrize(
    "sign", ["\u200b", "\u00ad", "\u2060", "\u200d", "&shy;", "&#8203;", "\ufe0f", "\u034f", "\u3164"]
)
def test_a_sign_that_nobody_sees_hides_no_word_of_the_list(app, people, make, watch, sign):
    watch("crypto")
    post = make.reply(make.thread(by=people.alice), by=people.bob, body=f"Buy cry{sign}pto now.")
    with app.app_context():
        assert again(post).is_held


def test_a_thread_whose_title_was_looked_at_goes_on_without_each_reply_waiting(app, people, make, watch):
    watch("fee")
    thread = make.thread(by=people.alice, title="What fee do you ask?")
    with app.app_context(), transaction():
        assert again(thread).is_held
        ruling.keep(again(thread), because="Fair.", by=again(people.mo))
    replies = [make.reply(thread, by=people.bob, body=words) for words in ("None.", "A small fee.")]
    with app.app_context():
        assert [again(reply).is_held for reply in replies] == [False, True]


@pytest.fixture
def edited(app, people, make):
    """Bob's post, from which Mo edited a client's name out."""
    post = make.reply(make.thread(by=people.alice), by=people.bob, body="On Monday Hale was late, and the team too.")
    with app.app_context(), transaction():
        editing_out.edit_out(
            again(post), body="On Monday somebody was late, and the team too.", because="A name.", by=again(people.mo)
        )
    return post


@pytest.mark.parametrize("body", ["It was HALE, I say.", "On Monday Hale was late, and the team too."])
def test_what_mo_edited_out_and_bob_writes_again_waits_until_mo_has_looked_and_then_stands(
    app, browse, people, edited, body
):
    bob, mo, path = browse(people.bob), browse(people.mo), f"/threads/{edited.thread_id}"
    assert bob.post(f"/posts/{edited.id}/edit", data={"body": body}).status_code == 303
    assert "It says again what a moderator had edited out of it." in bob.get(path).text
    assert body not in browse(people.alice).get(path).text
    assert "It says again what was edited out" in mo.get("/moderation").text
    kept = {"outcome": "keep", "because": "She agreed to it.", "next": "/moderation"}
    assert mo.post(f"/posts/{edited.id}/rulings", data=kept).status_code == 303
    assert bob.post(f"/posts/{edited.id}/edit", data={"body": f"{body} So be it."}).status_code == 303
    assert f"{body} So be it." in browse(people.alice).get(path).text


def test_bob_mends_what_was_edited_without_waiting_as_long_as_the_name_stays_out(app, browse, people, edited):
    for body in ("On Monday somebody was late, and the team was too.", "Nobody was late. On the team!"):
        assert browse(people.bob).post(f"/posts/{edited.id}/edit", data={"body": body}).status_code == 303
        with app.app_context():
            assert not again(edited).is_held


def test_what_an_appeal_brought_back_does_not_wait_when_bob_changes_something_else(app, browse, people, edited):
    with app.app_context(), transaction():
        made = db.session.scalars(select(Ruling)).one()
        asked = appealing.appeal(made, words="Hale is a street.", by=again(people.bob))
        appealing.decide(asked, Verdict.OVERTURNED, because="A street.", by=again(people.cory))
    said = {"body": "On Tuesday Hale was late, and the team too."}
    assert browse(people.bob).post(f"/posts/{edited.id}/edit", data=said).status_code == 303
    with app.app_context():
        assert not again(edited).is_held
