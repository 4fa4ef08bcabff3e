"""The queue holds everything that was flagged, can be narrowed, and says what whoever decides needs to know."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy import select

from portal.conversations import posting
from portal.conversations.models import Post, RoomKind
from portal.conversations.thread_queries import opening_of
from portal.core.clock import now
from portal.core.db import db, transaction
from portal.moderation import appealing, assigning, cases, flagging, ruling, sanctioning
from portal.moderation.models import Flag, Reason, Verdict, about
from portal.moderation.narrowing_queue import EVERYTHING, Narrowing
from tests.make import again, at_once


@pytest.fixture
def flag(app, people):
    def raise_it(thing, reason=Reason.SELLING, by=None, ago=timedelta()):
        with app.app_context(), transaction():
            raised = flagging.flag(again(thing), reason=reason, by=again(by or people.alice))
            raised.created_at = now() - ago
            return raised

    return raise_it


@pytest.fixture
def four(people, make, flag):
    """One open case of each kind, in the order in which they wait."""
    make.profile(people.bob, practice="Bob & Sons", title="Surgeon", bio="Call me at noon.")
    thread = make.thread(by=people.bob, title="What do you pay?", body="We pay Dana 40 an hour.")
    things = {
        "post": make.reply(thread, by=people.bob, body="Mr. Hale."),
        "thread": thread,
        "member": people.bob,
        "item": make.nugget("A calm front desk", summary="How they did it."),
    }
    for hours, thing in enumerate(things.values()):
        flag(thing, ago=timedelta(hours=9 - hours))
    return things


def _anchors(page):
    return re.findall(r'id="case-(\w+-\d+)"', page)


def _cases(app, reader, narrowed=EVERYTHING):
    with app.app_context():
        return [(c.kind, c.id) for c in cases.queue(None, reader=again(reader), most=20, narrowed=narrowed).rows]


def test_one_queue_for_all_that_can_be_flagged(browse, people, four):
    page = browse(people.mo).get("/moderation").text
    assert _anchors(page) == [f"{kind}-{thing.id}" for kind, thing in four.items()]
    assert "4 cases" in page
    for words in (
        "Mr. Hale.",
        "We pay Dana 40 an hour.",
        "Surgeon, Bob &amp; Sons. Call me at noon.",
        "How they did it.",
    ):
        assert words in page
    for decision in ("Keep the post", "Hide the thread", "Take text and photo down", "A coach can withdraw it."):
        assert decision in page
    assert "Withdraw the nugget" not in page
    assert "Withdraw the nugget" in browse(people.cory).get("/moderation").text


@pytest.mark.parametrize(
    ("kind", "outcome", "who"),
    [("member", "clear", "mo"), ("member", "keep", "mo"), ("item", "withdraw", "cory"), ("item", "keep", "mo")],
)
def test_twenty_decide_about_a_profile_or_a_nugget_at_once_and_one_ruling_is_made(
    app, browse, people, four, kind, outcome, who
):
    with app.app_context():
        seen = db.session.scalars(select(Flag.id).where(Flag.about == about(four[kind]))).one()
    windows = [browse(getattr(people, who)) for _ in range(20)]
    typed = {"outcome": outcome, "because": "So.", "flag": seen}
    path = f"/moderation/cases/{kind}/{four[kind].id}/rulings"
    answers = at_once(20, lambda n: windows[n].post(path, data=typed))
    assert sorted(a.status_code for a in answers) == [303] + [409] * 19
    assert all("was first" in a.text for a in answers if a.status_code == 409)
    assert (kind, four[kind].id) not in _cases(app, people.olga)


def test_twenty_hide_a_thread_at_once_and_one_ruling_is_made(app, browse, people, four):
    with app.app_context():
        seen = db.session.scalars(select(Flag.id).where(Flag.thread_id == four["thread"].id)).one()
    windows = [browse(people.mo) for _ in range(20)]
    typed = {"outcome": "hide", "because": "So.", "flag": seen}
    answers = at_once(20, lambda n: windows[n].post(f"/threads/{four['thread'].id}/rulings", data=typed))
    assert sorted(a.status_code for a in answers) == [303] + [409] * 19


def test_a_moderator_cannot_withdraw_a_nugget_even_by_hand(browse, people, four):
    answer = browse(people.mo).post(
        f"/moderation/cases/item/{four['item'].id}/rulings", data={"outcome": "withdraw", "because": "So."}
    )
    assert answer.status_code == 403
    assert "Only a coach takes something out of the library." in answer.text


@pytest.mark.parametrize("kind", ["post", "thread", "member", "item"])
def test_the_queue_narrows_to_one_kind(app, people, four, kind):
    assert _cases(app, people.mo, Narrowing(kind=kind)) == [(kind, four[kind].id)]


def test_the_queue_narrows_by_reason_room_owner_and_age(app, people, make, four, flag, clock):
    other = make.reply(make.thread(by=people.bob, room=make.room("Hiring")), by=people.bob)
    flag(other, ago=timedelta(hours=30))
    flag(four["post"], reason=Reason.BREACH_OF_CONFIDENCE, by=people.cory)
    with app.app_context(), transaction():
        assigning.take(about(four["thread"]), by=again(people.mo))
        assigning.take(about(other), by=again(people.cory))
        room_id = again(other).thread.room_id
    said = {
        "reason": _cases(app, people.mo, Narrowing(reason=Reason.BREACH_OF_CONFIDENCE)),
        "room": _cases(app, people.mo, Narrowing(room=room_id)),
        "mine": _cases(app, people.mo, Narrowing(whose="mine")),
        "nobody": _cases(app, people.mo, Narrowing(whose="nobody")),
        "late": _cases(app, people.mo, Narrowing(is_late=True)),
        "two": _cases(app, people.mo, Narrowing(is_late=True, kind="thread")),
    }
    assert said == {
        "reason": [("post", four["post"].id)],
        "room": [("post", other.id)],
        "mine": [("thread", four["thread"].id)],
        "nobody": [("post", four["post"].id), ("member", people.bob.id), ("item", four["item"].id)],
        "late": [("post", other.id)],
        "two": [],
    }


def test_what_waits_too_long_says_so_even_when_a_fresh_flag_moved_it_up(browse, people, four, flag):
    flag(four["post"], reason=Reason.NAMES_PATIENT_OR_EMPLOYEE, by=people.cory)
    mo = browse(people.mo)
    assert "Past its time" not in mo.get("/moderation").text
    flag(four["post"], by=people.olga, ago=timedelta(hours=25))
    assert "Past its time" in mo.get("/moderation?late=1&kind=post").text
    assert _anchors(mo.get("/moderation?late=1").text) == [f"post-{four['post'].id}"]


@pytest.mark.parametrize("asked", ["reason=x", "kind=x&room=x", "whose=%00", "late=2", "room=999999999999", "kind="])
def test_what_the_address_asks_for_and_nobody_knows_narrows_nothing(browse, people, four, asked):
    assert len(_anchors(browse(people.mo).get(f"/moderation?{asked}").text)) == 4


def test_mo_sees_neither_a_thread_nor_a_profile_of_his_own_nor_what_stands_in_the_coaches_room(app, people, make, flag):
    flag(make.thread(by=people.mo))
    flag(people.mo)
    flag(make.thread(by=people.cory, room=make.room(kind=RoomKind.COACHES)), by=people.olga)
    assert _cases(app, people.mo) == []
    assert len(_cases(app, people.olga)) == 3


def test_what_stands_around_a_post_and_what_was_decided_before_is_there(app, browse, people, make, flag):
    thread = make.thread(by=people.alice, body="Whom do you mean?")
    post, later = make.reply(thread, by=people.bob, body="Dana."), make.reply(thread, by=people.cory, body="No names!")
    for n, what in enumerate(("hide", "keep", "keep")):
        earlier = make.reply(make.thread(by=people.alice), by=people.bob, body=f"Earlier {n}.")
        flag(earlier)
        with app.app_context(), transaction():
            getattr(ruling, what)(again(earlier), because="So.", by=again(people.olga))
    flag(post)
    for page in ("/moderation", f"/moderation/cases/post/{post.id}"):
        text = " ".join(re.sub(r"<[^>]+>", " ", browse(people.mo).get(page).text).split())
        assert "Before, Alice: Whom do you mean?" in text
        assert "After, Cory: No names!" in text
        assert "Decided before: 1 against them, 2 kept." in text
    assert later.id != post.id


def test_what_was_taken_back_on_appeal_does_not_stand_against_bob(app, browse, people, make, flag):
    first, second = (make.reply(make.thread(by=people.alice), by=people.bob) for _ in range(2))
    with app.app_context(), transaction():
        made = ruling.hide(again(first), because="So.", by=again(people.mo))
        asked = appealing.appeal(made, words="Please look again.", by=again(people.bob))
        appealing.decide(asked, Verdict.OVERTURNED, because="He is right.", by=again(people.cory))
    flag(second)
    assert "Nothing was decided about them before." in browse(people.mo).get("/moderation").text


def test_that_bob_was_silenced_is_remembered_and_what_was_lifted_is_not(app, browse, people, make, flag):
    flag(make.reply(make.thread(by=people.alice), by=people.bob))
    with app.app_context(), transaction():
        given = sanctioning.silence(again(people.bob), days=3, because="So.", by=again(people.olga))
    assert "0 kept; silenced or suspended once." in browse(people.mo).get("/moderation").text
    with app.app_context(), transaction():
        sanctioning.lift(again(given), because="It was a mistake.", by=again(people.olga))
    assert "Nothing was decided about them before." in browse(people.mo).get("/moderation").text


def test_who_asked_safely_is_known_to_the_coach_and_not_to_mo_in_any_part_of_the_case(app, browse, people, make, flag):
    thread = make.thread(by=people.bob)
    with app.app_context(), transaction():
        again(thread).author_hidden_at = now()
        db.session.execute(Post.__table__.update().where(Post.thread_id == thread.id).values(veiled_at=now()))
    answer = make.reply(thread, by=people.cory, body="Tell us more.")
    flag(thread)
    flag(answer)
    for page in ("/moderation", f"/moderation/cases/thread/{thread.id}", f"/moderation/cases/post/{answer.id}"):
        mo, cory = (browse(who).get(page).text for who in (people.mo, people.cory))
        assert "Bob" not in mo, page
        assert "/members/bob" not in mo, page
    assert "Bob" in browse(people.olga).get("/moderation").text
    assert cory


@pytest.mark.parametrize("what", ["post", "thread"])
def test_what_mo_decides_about_a_question_asked_safely_shows_at_no_name(app, browse, people, make, flag, what):
    named = make.reply(make.thread(by=people.alice), by=people.bob, body="Under my name.")
    flag(named)
    with app.app_context(), transaction():
        asked = posting.start(again(make.room()), title="Asked", body="What now?", by=again(people.bob), safely=True)
        if what == "post":
            ruling.hide(opening_of(asked), because="So.", by=again(people.mo))
        else:
            ruling.lock(asked, because="So.", by=again(people.mo))
    assert "Nothing was decided about them before." in browse(people.mo).get("/moderation").text
    assert "Decided before: 1 against them" in browse(people.cory).get("/moderation").text


def test_a_case_without_a_flag_can_be_looked_at_and_one_that_is_not_there_cannot(browse, people, make, four):
    post = make.reply(four["thread"], by=people.alice)
    mo = browse(people.mo)
    assert "No flag on it waits." in mo.get(f"/moderation/cases/post/{post.id}").text
    for path in ("post/999999", "member/999999", "item/999999", "room/1"):
        assert mo.get(f"/moderation/cases/{path}").status_code == 404


def test_the_queue_costs_the_same_for_fifty_cases_and_five_thousand_at_its_front_middle_and_end(
    app, browse, people, make, count_queries
):
    mo = browse(people.mo)
    _fill(app, people, make, 50)
    with count_queries() as fifty:
        mo.get("/moderation")
    _fill(app, people, make, 4_950)
    places = {"": "", "middle": _cursor_at(app, 2_500), "end": _cursor_at(app, 4_990)}
    for name, place in places.items():
        for narrowed in ("", "&reason=off_topic", "&kind=post&whose=nobody", "&late=1"):
            with count_queries() as many:
                page = mo.get(f"/moderation?after={place}{narrowed}")
            assert len(many) == len(fifty) <= 8, (name, narrowed)
            assert _anchors(page.text), (name, narrowed)


def _fill(app, people, make, number):
    thread = make.thread(by=people.bob)
    with app.app_context(), transaction():
        common = {"thread_id": thread.id, "author_id": people.bob.id, "created_at": now()}
        common |= {"body": "Words.", "body_html": "<p>Words.</p>"}
        db.session.execute(Post.__table__.insert(), [common | {"number": n} for n in range(2, number + 2)])
        ids = db.session.scalars(select(Post.id).where(Post.thread_id == thread.id, Post.number > 1)).all()
        common = {"by_id": people.alice.id, "reason": Reason.OFF_TOPIC, "rank": 1, "words": ""}
        flags = [common | {"post_id": n, "created_at": now() - timedelta(days=2, minutes=n)} for n in ids]
        db.session.execute(Flag.__table__.insert(), flags)


def _cursor_at(app, number):
    from portal.core.web import cursor

    with app.app_context():
        flag = db.session.scalars(select(Flag).order_by(Flag.created_at, Flag.id).offset(number).limit(1)).one()
        return f"1{cursor(flag.created_at, flag.id)}"


def test_what_bob_was_warned_of_and_posted_anyway_is_shown_to_whoever_decides_and_to_nobody_else(
    app, browse, people, make, flag
):
    thread, bob = make.thread(by=people.alice), browse(people.bob)
    words = {"body": "I fired Jake Morrison last Friday. Write to jake@example.org."}
    warned = bob.post(f"/threads/{thread.id}/posts", data=words).text
    seen = warned.split('name="anyway" value="')[1].split('"')[0]
    assert bob.post(f"/threads/{thread.id}/posts", data=words | {"anyway": seen}).status_code == 303
    with app.app_context():
        post = db.session.scalars(select(Post).order_by(Post.id.desc())).first()
    flag(post)
    shown = "its author was shown <strong>1 name and 1 mail address</strong> in it and posted it as it is"
    assert shown in browse(people.mo).get("/moderation").text
    alone = browse(people.mo).get(f"/moderation/cases/post/{post.id}").text
    assert shown in alone
    assert "<mark>Jake Morrison</mark> may be a name." in alone
    assert "<mark>jake@example.org</mark> may be a mail address." in alone
    for who in (people.alice, people.bob):
        assert "was shown" not in browse(who).get(f"/threads/{thread.id}").text
    assert bob.post(f"/posts/{post.id}/edit", data={"body": "I let somebody go last Friday."}).status_code == 303
    after = browse(people.mo).get(f"/moderation/cases/post/{post.id}").text
    assert "was shown" not in after
    assert "<mark>" not in after
