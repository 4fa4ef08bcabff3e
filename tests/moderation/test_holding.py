"""What cannot wait for the moderators waits for them out of sight, and whoever flagged it hears what became of it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from portal.accounts.models import Member
from portal.conversations import holding, taking_back
from portal.conversations.models import Hold, Post, Thread
from portal.conversations.reading import counts
from portal.conversations.thread_queries import opening_of
from portal.core.clock import now
from portal.core.db import db, transaction
from portal.core.search import SearchDoc
from portal.moderation import carrying_out, flagging, ruling
from portal.moderation.models import Flag, Outcome, Reason, Ruling
from tests.make import again, at_once

NAMED = "Mr. Hale came in on Monday."


@pytest.fixture
def post(people, make):
    return make.reply(make.thread(by=people.alice), by=people.bob, body=NAMED)


@pytest.fixture
def flag(app):
    def raise_one(thing, *, by, reason=Reason.BREACH_OF_CONFIDENCE):
        with app.app_context(), transaction():
            flagging.flag(again(thing), reason=reason, words="Please look.", by=again(by))

    return raise_one


@pytest.fixture
def rule(app):
    def decide(outcome, thing, *, by, because="We talked about it."):
        with app.app_context(), transaction():
            outcome(again(thing), because=because, by=again(by))

    return decide


def _shown(app, post):
    with app.app_context():
        found = again(post)
        indexed = select(func.count()).where(SearchDoc.ref_id == post.id, SearchDoc.kind == "post")
        return not found.is_hidden, found.is_held, db.session.scalar(indexed)


def _to(outbox, member):
    return [letter for letter in outbox if any(member.email in to for to in letter.recipients)]


def test_what_breaks_a_confidence_is_out_of_sight_at_once_and_its_author_hears_why(
    app, browse, people, post, flag, outbox, work_off
):
    flag(post, by=people.alice)
    assert _shown(app, post) == (False, True, 0)
    for who in (people.alice, people.lena):
        assert NAMED not in browse(who).get(f"/threads/{post.thread_id}").text
    assert "Waits for a moderator." in browse(people.alice).get(f"/threads/{post.thread_id}").text
    theirs = browse(people.bob).get(f"/threads/{post.thread_id}").text
    assert NAMED in theirs
    assert "A member was concerned that it breaks a confidence" in theirs
    assert "Alice was concerned" not in theirs
    assert NAMED in browse(people.mo).get(f"/threads/{post.thread_id}").text
    work_off()
    letter = _to(outbox, people.bob)[-1]
    assert letter.subject == "Your post waits for a moderator"
    assert "Alice" not in letter.body


def test_a_moderator_keeps_it_and_it_stands_as_if_it_had_never_waited(app, people, post, flag, rule, outbox, work_off):
    work_off()
    flag(post, by=people.alice)
    rule(ruling.keep, post, by=people.mo)
    assert _shown(app, post) == (True, False, 1)
    work_off()
    assert "Your post stands" in [letter.subject for letter in _to(outbox, people.bob)]
    of_the_post = [letter for letter in _to(outbox, people.alice) if "Mr. Hale" in letter.body]
    assert len(of_the_post) == 1, "she heard of it before it waited, and not again"


def test_a_moderator_hides_what_waited_and_the_reason_stands_in_its_place(app, browse, people, post, flag, rule):
    flag(post, by=people.alice)
    rule(ruling.hide, post, by=people.mo, because="It names a patient.")
    assert _shown(app, post) == (False, False, 0)
    assert "It names a patient." in browse(people.bob).get(f"/threads/{post.thread_id}").text
    assert "Hidden by a moderator." in browse(people.alice).get(f"/threads/{post.thread_id}").text


def test_a_thread_that_is_flagged_so_leaves_its_room_and_comes_back(app, browse, people, make, flag, rule):
    thread = make.thread(by=people.bob, title="About Mr. Hale")
    flag(thread, by=people.alice, reason=Reason.NAMES_PATIENT_OR_EMPLOYEE)
    with app.app_context():
        room = f"/rooms/{again(thread).room.slug}"
    assert "About Mr. Hale" not in browse(people.alice).get(room).text
    assert browse(people.alice).get(f"/threads/{thread.id}").status_code == 404
    assert "Waits for a moderator" in browse(people.bob).get(f"/threads/{thread.id}").text
    with app.app_context():
        assert again(thread).room.thread_count == 0
    rule(ruling.keep, thread, by=people.mo)
    assert "About Mr. Hale" in browse(people.alice).get(room).text
    with app.app_context():
        assert again(thread).room.thread_count == 1
    flag(thread, by=people.cory)
    rule(ruling.hide_thread, thread, by=people.mo)
    with app.app_context():
        assert (again(thread).room.thread_count, again(thread).is_held) == (0, False)
    rule(ruling.restore_thread, thread, by=people.mo)
    with app.app_context():
        assert again(thread).room.thread_count == 1


def test_other_reasons_take_three_members_of_different_practices_who_are_known_here(app, people, make, post, flag):
    old = now() - timedelta(days=60)
    three = [make.member(name) for name in ("Ina", "Joe", "Kim")]
    with app.app_context(), transaction():
        db.session.execute(update(Member).where(Member.id.in_([m.id for m in three[:2]])).values(created_at=old))
    for each in three:
        flag(post, by=each, reason=Reason.SELLING)
    assert _shown(app, post)[0], "Kim is new here, so her flag waits with the others"
    flag(post, by=people.cory, reason=Reason.SELLING)
    with app.app_context(), transaction():
        db.session.execute(update(Member).where(Member.id == three[2].id).values(created_at=old))
    known = make.member("Lou")
    with app.app_context(), transaction():
        db.session.execute(update(Member).where(Member.id == known.id).values(created_at=old))
    flag(post, by=known, reason=Reason.OFF_TOPIC)
    assert _shown(app, post) == (False, True, 0)


def test_whoever_cried_wolf_three_times_hides_nothing_any_more(app, people, make, flag, rule):
    thread = make.thread(by=people.bob)
    for _ in range(3):
        said = make.reply(thread, by=people.bob, body="Nobody is named here.")
        flag(said, by=people.alice)
        rule(ruling.keep, said, by=people.mo)
    last = make.reply(thread, by=people.bob, body="Nor here.")
    flag(last, by=people.alice)
    assert _shown(app, last)[0]
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Flag).where(Flag.post_id == last.id)) == 1


def test_a_sixth_urgent_flag_of_one_day_waits_for_the_moderator(app, people, make, flag):
    thread = make.thread(by=people.bob)
    said = [make.reply(thread, by=people.bob, body=f"Number {n}.") for n in range(6)]
    for each in said:
        flag(each, by=people.alice)
    assert [_shown(app, each)[0] for each in said] == [False] * 5 + [True]


def test_what_bob_takes_back_while_it_waits_stays_gone_when_it_is_kept_and_waits_again_when_he_undoes_it(
    app, people, post, flag, rule
):
    flag(post, by=people.alice)
    with app.app_context(), transaction():
        taking_back.take_back(again(post), by=again(people.bob))
    with app.app_context(), transaction():
        taking_back.undo(again(post), by=again(people.bob))
    assert _shown(app, post) == (False, True, 0)
    with app.app_context(), transaction():
        taking_back.take_back(again(post), by=again(people.bob))
    rule(ruling.keep, post, by=people.mo)
    with app.app_context():
        found = again(post)
        assert (found.is_hidden, found.is_deleted, found.is_held) == (True, True, False)


def test_twenty_flags_at_once_hold_once_and_twenty_rulings_release_once(app, people, make, post):
    members = [make.member(f"Member {n}") for n in range(8)]

    def flag_it(n):
        with app.app_context(), transaction():
            flagging.flag(again(post), reason=Reason.BREACH_OF_CONFIDENCE, by=again(members[n]))

    at_once(8, flag_it)

    def keep_it(_n):
        try:
            with app.app_context(), transaction():
                ruling.keep(again(post), because="Fine.", by=again(people.mo))
        except carrying_out.AlreadyRuled:
            return "told"
        return "ruled"

    assert sorted(at_once(8, keep_it)) == ["ruled"] + ["told"] * 7
    assert _shown(app, post) == (True, False, 1)
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Ruling).where(Ruling.outcome == Outcome.KEPT)) == 1


def test_alice_finds_in_her_inbox_what_became_of_her_flag_and_nothing_of_others(
    app, browse, people, post, flag, rule, outbox, work_off
):
    flag(post, by=people.alice)
    rule(ruling.hide, post, by=people.mo, because="It names a patient.")
    work_off()
    inbox = browse(people.alice).get("/notifications").text
    assert "looked at what you flagged in" in inbox
    assert "Members do not read it any more." in inbox
    assert "It names a patient." not in inbox
    assert "What became of what you flagged" in [letter.subject for letter in _to(outbox, people.alice)]
    assert "looked at what you flagged" not in browse(people.bob).get("/notifications").text


def test_a_thread_that_alice_took_back_while_it_waited_stays_gone_whatever_is_decided(
    app, browse, people, make, flag, rule, outbox, work_off
):
    room = make.room()
    thread = make.thread(by=people.alice, room=room, title="Wolpertshain and I")
    flag(thread, by=people.bob)
    with app.app_context():
        opening = opening_of(again(thread))
    assert browse(people.alice).post(f"/posts/{opening.id}/delete").status_code == 303
    rule(ruling.keep, thread, by=people.mo)
    work_off()
    bob = browse(people.bob)
    assert bob.get(f"/threads/{thread.id}").status_code == 404
    assert "Wolpertshain" not in bob.get(f"/rooms/{room.slug}").text
    assert "Wolpertshain" not in bob.get("/search?q=Wolpertshain").text.partition("<ol")[2]
    assert [letter.subject for letter in _to(outbox, people.alice)] == ["Your thread waits for a moderator"]
    assert browse(people.alice).post(f"/posts/{opening.id}/delete/undo").status_code == 303
    assert bob.get(f"/threads/{thread.id}").status_code == 200
    with app.app_context():
        assert again(room).thread_count == 1


def test_what_waits_counts_as_unread_to_nobody(app, people, post, flag):
    with app.app_context():
        before = sum(count.count for count in counts(again(people.alice)))
    flag(post, by=people.alice)
    with app.app_context():
        assert sum(count.count for count in counts(again(people.alice))) == before - 1


def test_what_waited_from_the_start_is_told_of_when_it_is_released(app, people, make, outbox, work_off):
    thread = make.thread(by=people.alice)
    work_off()
    before = len(_to(outbox, people.alice))
    said = make.reply(thread, by=people.bob, body="Good morning.")
    with app.app_context(), transaction():
        assert holding.hold(again(said), Hold.NEWCOMER)
    work_off()
    assert len(_to(outbox, people.alice)) == before
    with app.app_context(), transaction():
        assert holding.release(again(said))
        assert not holding.release(again(said))
    work_off()
    assert len(_to(outbox, people.alice)) == before + 1


def test_threads_and_posts_that_wait_are_counted_as_what_they_are(app, people, post, flag):
    flag(post, by=people.alice)
    with app.app_context():
        assert not db.session.get(Thread, post.thread_id).is_held
        assert db.session.get(Post, post.id).held_because is Hold.CONFIDENCE


def test_what_waits_in_a_thread_that_was_hidden_and_is_back_is_a_case_again(app, browse, people, post, flag, rule):
    flag(post, by=people.alice)
    with app.app_context():
        thread = db.session.get_one(Thread, post.thread_id)
    rule(ruling.hide_thread, thread, by=people.mo)
    assert NAMED not in browse(people.cory).get("/moderation").text
    rule(ruling.restore_thread, thread, by=people.cory)
    assert NAMED in browse(people.cory).get("/moderation").text
    assert NAMED not in browse(people.alice).get(f"/threads/{thread.id}").text
    rule(ruling.keep, post, by=people.cory)
    assert NAMED in browse(people.alice).get(f"/threads/{thread.id}").text


@pytest.mark.parametrize("kind", ["post", "thread"])
def test_restoring_what_waits_settles_its_flags_and_tells_bob_and_alice_as_keeping_it_does(
    app, browse, people, make, post, flag, kind, outbox, work_off
):
    thing = post if kind == "post" else make.thread(by=people.bob, title="Mr. Hale")
    flag(thing, by=people.alice)
    mo, path = browse(people.mo), f"/{kind}s/{thing.id}"
    assert mo.post(f"{path}/rulings", data={"outcome": "restore", "because": "A street."}).status_code == 303
    assert "Nothing waits" in mo.get("/moderation").text
    with app.app_context():
        decided = db.session.scalars(select(Ruling)).one()
        settled = db.session.scalars(select(Flag)).one()
        assert (decided.outcome, settled.ruling_id) == (Outcome.KEPT, decided.id)
        assert not again(thing).is_hidden
    work_off()
    assert f"Your {kind} stands" in [letter.subject for letter in _to(outbox, people.bob)]
    assert "decided that it stays" in browse(people.alice).get("/notifications").text
    again_ = mo.post(f"{path}/rulings", data={"outcome": "restore", "because": "Twice."})
    assert (again_.status_code, "Mo was first: it stays" in again_.text) == (409, True)


def test_what_waits_is_let_out_from_its_case_in_one_step_also_where_no_flag_is_open(app, browse, people, post):
    with app.app_context(), transaction():
        holding.hold(again(post), Hold.WORDS)
    mo = browse(people.mo)
    assert "Show the post" in mo.get(f"/moderation/cases/post/{post.id}").text
    rulings = [mo.post(f"/posts/{post.id}/rulings", data={"outcome": "keep", "because": "Fine."}) for _ in range(2)]
    assert [answer.status_code for answer in rulings] == [303, 409]
    assert _shown(app, post) == (True, False, 1)


def test_what_bob_took_back_and_undoes_after_its_thread_came_back_stands_in_the_queue(
    app, browse, people, post, flag, rule
):
    flag(post, by=people.alice)
    with app.app_context():
        thread = db.session.get_one(Thread, post.thread_id)
    with app.app_context(), transaction():
        taking_back.take_back(again(post), by=again(people.bob))
    rule(ruling.hide_thread, thread, by=people.mo)
    rule(ruling.restore_thread, thread, by=people.cory)
    with app.app_context(), transaction():
        taking_back.undo(again(post), by=again(people.bob))
    assert _shown(app, post) == (False, True, 0)
    form = {"outcome": "keep", "because": "Fine.", "next": "/moderation"}
    assert f'action="/posts/{post.id}/rulings"' in browse(people.cory).get("/moderation").text
    assert browse(people.cory).post(f"/posts/{post.id}/rulings", data=form).status_code == 303
    assert _shown(app, post) == (True, False, 1)
