"""Rulings: what changes, who is told, what is written down, and who was first."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError

from portal.conversations.models import Post, Room, Thread
from portal.core.audit import Record
from portal.core.db import db, transaction
from portal.moderation import carrying_out, flagging, ruling
from portal.moderation.models import Flag, Outcome, Reason, Ruling
from tests.make import again, at_once


@pytest.fixture
def post(people, make):
    return make.reply(make.thread(by=people.alice, title="Who decides?"), by=people.bob, body="Mr. *Hale*.")


@pytest.fixture
def flag(app, people):
    """`flag(post)`: Alice flags it; returns the flag."""

    def raise_it(post, by=None, reason=Reason.SELLING):
        with app.app_context(), transaction():
            return flagging.flag(again(post), reason=reason, by=again(by or people.alice))

    return raise_it


@pytest.fixture
def rule(app, people):
    """`rule("hide", post)`: Mo decides, or whoever is named."""

    def decide(what, thing, by=None, because="It names a patient.", **more):
        with app.app_context(), transaction():
            return getattr(ruling, what)(again(thing), because=because, by=again(by or people.mo), **more)

    return decide


def _thread_of(app, post):
    with app.app_context():
        return db.session.get_one(Thread, post.thread_id)


def _log(app):
    with app.app_context():
        lines = db.session.scalars(select(Record).where(Record.action.like("%.%")).order_by(Record.id)).all()
        return [(r.by_id, r.action, r.ref_kind, r.ref_id, r.because) for r in lines if r.ref_kind in {"post", "thread"}]


def test_from_flag_to_ruling_to_letter(app, browse, people, make, post, flag, outbox, work_off):
    """Alice flags, Mo hides with a reason, Bob reads the reason on his post and in his letter, the log shows it."""
    flag(post, reason=Reason.NAMES_PATIENT_OR_EMPLOYEE)
    mo, bob = browse(people.mo), browse(people.bob)
    queue = mo.get("/moderation").text
    assert "Mr. Hale." in queue
    typed = {"outcome": "hide", "because": "It names a patient.", "next": "/moderation"}
    answer = mo.post(f"/posts/{post.id}/rulings", data=typed)
    assert (answer.status_code, answer.location) == (303, "/moderation")
    after = mo.get("/moderation").text
    assert "Hidden. Its author is told why." in after
    assert "Nothing waits" in after
    assert "It names a patient." in bob.get(f"/threads/{post.thread_id}").text
    work_off()
    letters = [m for m in outbox if "bob@example.com" in m.recipients]
    assert [m.subject for m in letters] == ["Your post waits for a moderator", "Your post was hidden"]
    for words in ("Who decides?", "It names a patient.", "Mr. Hale.", f"http://localhost/posts/{post.id}"):
        assert words in letters[1].body
        assert words in letters[1].html
    assert _log(app) == [
        (None, "post.held", "post", post.id, None),
        (people.mo.id, "post.hidden", "post", post.id, "It names a patient."),
    ]
    log = mo.get("/moderation/log").text
    for words in ("Hid a post", "It names a patient.", "Mo", f"/posts/{post.id}"):
        assert words in log


def test_a_kept_post_stays_and_its_author_never_hears_of_it(app, people, post, flag, rule, outbox, work_off):
    first, second = flag(post), flag(post, by=people.cory)
    rule("keep", post, because="It is a question.", answering=first.id)
    work_off()
    assert [m for m in outbox if "bob@example.com" in m.recipients] == []
    with app.app_context():
        assert not again(post).is_hidden
        flags = db.session.scalars(select(Flag)).all()
        assert {f.id for f in flags} == {first.id, second.id}
        assert all(f.ruled_at is not None and f.ruling.outcome is Outcome.KEPT for f in flags)


def test_what_mo_hid_and_restores_is_as_it_was_and_the_author_hears_of_both(app, people, post, rule, outbox, work_off):
    rule("hide", post)
    with app.app_context():
        hidden = again(post)
        assert (hidden.is_hidden, hidden.hidden_because) == (True, "It names a patient.")
    rule("restore", post, because="Bob took the name out.")
    with app.app_context():
        restored = again(post)
        assert (restored.is_hidden, restored.hidden_because) == (False, None)
    work_off()
    told = [m.subject for m in outbox if "bob@example.com" in m.recipients]
    assert told == ["Your post was hidden", "Your post is back"]
    assert [line[1] for line in _log(app)] == ["post.hidden", "post.restored"]


def test_closing_and_opening_a_thread(app, people, post, rule, outbox, work_off):
    with app.app_context():
        thread = db.session.get_one(Thread, post.thread_id)
    rule("lock", thread, because="It is settled.")
    with app.app_context():
        assert again(thread).locked_because == "It is settled."
    rule("unlock", thread, because="New facts.")
    with app.app_context():
        assert not again(thread).is_locked
    work_off()
    told = [m.subject for m in outbox if "alice@example.com" in m.recipients and m.subject.startswith("Your thread")]
    assert told == ["Your thread was closed to new replies", "Your thread is open again"]
    assert [line[1:4] for line in _log(app)] == [
        ("thread.locked", "thread", thread.id),
        ("thread.unlocked", "thread", thread.id),
    ]


def test_closing_the_thread_from_the_queue_settles_the_flag_it_came_from(app, people, make, post, flag, rule):
    other = make.reply(db_thread := make.thread(by=people.alice), by=people.bob)
    settled, open_still = flag(post), flag(other)
    with app.app_context():
        thread = db.session.get_one(Thread, post.thread_id)
    rule("lock", thread, answering=settled.id)
    with app.app_context():
        assert not again(settled).is_open
        assert again(open_still).is_open
    with pytest.raises(carrying_out.AlreadyRuled):
        rule("lock", db_thread, answering=settled.id)
    with app.app_context():
        assert not again(db_thread).is_locked


def test_hiding_a_thread_takes_it_out_of_the_count_and_settles_its_flags(app, people, make, flag, rule):
    room = make.room()
    thread = make.thread(by=people.alice, room=room)
    make.thread(by=people.alice, room=room)
    flags = [flag(make.reply(thread, by=people.bob)) for _ in range(2)]
    rule("hide_thread", thread)
    with app.app_context():
        assert db.session.get_one(Room, room.id).thread_count == 1
        assert not any(again(f).is_open for f in flags)
    rule("restore_thread", thread)
    with app.app_context():
        assert db.session.get_one(Room, room.id).thread_count == 2


@pytest.mark.parametrize("what", ["hide", "restore", "keep", "lock", "unlock", "hide_thread", "restore_thread"])
def test_what_was_decided_is_not_decided_again(app, people, post, flag, rule, what):
    with app.app_context():
        thread = db.session.get_one(Thread, post.thread_id)
    thing = post if what in {"hide", "restore", "keep"} else thread
    flag(post)
    if what in {"restore", "unlock", "restore_thread"}:
        rule({"restore": "hide", "unlock": "lock", "restore_thread": "hide_thread"}[what], thing)
    rule(what, thing, because="So.")
    before = len(_log(app))
    with pytest.raises(carrying_out.AlreadyRuled, match="Mo was first"):
        rule(what, thing, by=people.cory)
    assert len(_log(app)) == before


@pytest.mark.parametrize("pair", [("hide", "hide"), ("keep", "hide"), ("hide", "keep"), ("keep", "keep")])
def test_of_two_moderators_at_once_the_first_wins_and_the_second_is_told(app, browse, people, post, flag, pair):
    seen = flag(post)
    names = ("Mo", "Cory")
    windows = [browse(people.mo), browse(people.cory)]
    typed = [
        {"outcome": what, "because": f"Because of {name}.", "flag": seen.id}
        for what, name in zip(pair, names, strict=True)
    ]
    answers = at_once(2, lambda n: windows[n].post(f"/posts/{post.id}/rulings", data=typed[n]))
    assert sorted(a.status_code for a in answers) == [303, 409]
    first = 0 if answers[0].status_code == 303 else 1
    told = answers[1 - first].text
    assert f"{names[first]} was first" in told
    assert f"Because of {names[first]}." in told
    assert f"Because of {names[1 - first]}.</textarea>" in told
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Ruling)) == 1
        assert again(post).is_hidden == (pair[first] == "hide")
    assert len(_log(app)) == 1


def test_twenty_moderators_at_once_make_one_ruling(app, browse, people, make, post, flag):
    from portal.accounts.models import Role

    seen = flag(post)
    staff = [make.member(role=Role.MODERATOR) for _ in range(20)]
    windows = [browse(member) for member in staff]
    typed = {"outcome": "hide", "because": "So.", "flag": seen.id}
    answers = at_once(20, lambda n: windows[n].post(f"/posts/{post.id}/rulings", data=typed))
    assert sorted(a.status_code for a in answers) == [303] + [409] * 19
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Ruling)) == 1


def test_rulings_are_for_staff(browse, people, post):
    for path in (f"/posts/{post.id}/rulings", f"/threads/{post.thread_id}/rulings"):
        for person in (people.alice, people.bob, people.lena, people.sam):
            answer = browse(person).post(path, data={"outcome": "hide", "because": "I say so."})
            assert answer.status_code == 403
    for page in ("/moderation", "/moderation/log"):
        for person in (people.alice, people.lena):
            assert browse(person).get(page).status_code == 403


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"outcome": "hide"}, "Give your reason"),
        ({"outcome": "hide", "because": "  \u200b"}, "Give your reason"),
        ({"outcome": "hide", "because": "x" * 1001}, "within 1,000 characters"),
        ({"because": "So."}, "Choose what to decide."),
        ({"outcome": "explode", "because": "So."}, "Choose what to decide."),
        ({"outcome": "hide\x00", "because": "So."}, "Choose what to decide."),
        ({}, "Choose what to decide."),
    ],
)
@pytest.mark.parametrize("kind", ["posts", "threads"])
def test_a_ruling_that_cannot_be_taken_gets_a_sentence_and_comes_back(app, browse, people, post, kind, typed, said):
    path = f"/{kind}/{post.id if kind == 'posts' else post.thread_id}/rulings"
    answer = browse(people.mo).post(path, data=typed | {"flag": "x", "next": "https://evil.example/"})
    assert answer.status_code == 422
    assert said in answer.text
    assert typed.get("because", "").strip() in answer.text
    assert _log(app) == []


@pytest.mark.parametrize("because", ["<script>alert(1)</script>", "a\x00b", "a\u202eb", "{{ 7*7 }}", "=1+1"])
def test_a_strange_reason_harms_nobody(browse, people, post, because, work_off, outbox):
    answer = browse(people.mo).post(f"/posts/{post.id}/rulings", data={"outcome": "hide", "because": because})
    assert answer.status_code == 303
    work_off()
    page = browse(people.bob).get(f"/threads/{post.thread_id}").text
    log = browse(people.mo).get("/moderation/log").text
    for html in (page, log, *(m.html for m in outbox)):
        assert "<script>alert" not in html


def test_after_a_ruling_one_is_led_only_to_pages_of_ours(browse, people, post):
    typed = {"outcome": "hide", "because": "So.", "next": "https://evil.example/"}
    answer = browse(people.mo).post(f"/posts/{post.id}/rulings", data=typed)
    assert answer.location == f"/threads/{post.thread_id}?page=1#post-{post.id}"


def test_staff_find_what_they_may_decide_at_each_post_and_members_do_not(browse, people, post):
    path = f"/threads/{post.thread_id}"
    assert f'action="/posts/{post.id}/rulings"' in browse(people.mo).get(path).text
    assert f'action="{path}/rulings"' in browse(people.mo).get(path).text
    assert "/rulings" not in browse(people.alice).get(path).text


@pytest.mark.parametrize("change", ["UPDATE record SET because = 'nothing'", "DELETE FROM record"])
def test_no_line_of_the_log_can_be_changed_or_taken_out(app, people, post, rule, change):
    rule("hide", post)
    with app.app_context():
        with pytest.raises(DBAPIError, match="append-only"), transaction():
            db.session.execute(text(change))
        assert [r.because for r in db.session.scalars(select(Record)) if r.ref_kind == "post"] == [
            "It names a patient."
        ]


def test_a_ruling_that_fails_leaves_no_line_and_sends_no_letter(app, people, post, rule, outbox, work_off):
    rule("hide", post)
    with pytest.raises(carrying_out.AlreadyRuled):
        rule("hide", post, by=people.cory, because="Twice.")
    work_off()
    assert len(_log(app)) == 1
    assert [m.subject for m in outbox if "bob@example.com" in m.recipients] == ["Your post was hidden"]


def test_mo_who_closes_his_own_thread_gets_no_letter_about_it(people, make, rule, outbox, work_off):
    rule("lock", make.thread(by=people.mo))
    work_off()
    assert outbox == []


def test_the_rows_hold_what_was_decided(app, people, post, rule):
    made = rule("hide", post)
    with app.app_context():
        row = again(made)
        assert (row.outcome, row.because, row.by_id) == (Outcome.HIDDEN, "It names a patient.", people.mo.id)
        assert (row.post_id, row.thread_id) == (post.id, post.thread_id)
        assert db.session.scalar(select(Post.hidden_because).where(Post.id == post.id)) == row.because


def test_mo_neither_sees_nor_judges_flags_against_his_own_post(app, browse, people, make, flag):
    said = make.reply(make.thread(by=people.alice), by=people.mo, body="Mo went too far here.")
    flag(said)
    assert "Mo went too far here." not in browse(people.mo).get("/moderation").text
    answer = browse(people.mo).post(f"/posts/{said.id}/rulings", data={"outcome": "keep", "because": "I like it."})
    assert answer.status_code == 403
    assert "somebody else decides" in answer.text
    with app.app_context():
        assert db.session.scalar(select(Flag.ruled_at).where(Flag.post_id == said.id)) is None
    assert "Mo went too far here." in browse(people.cory).get("/moderation").text


def _is_open(app, flag):
    with app.app_context():
        return again(flag).is_open


@pytest.mark.parametrize("whose", ["his post", "his thread"])
@pytest.mark.parametrize("what", ["lock", "move", "hide"])
def test_no_decision_about_a_thread_settles_a_flag_on_mos_own_words(app, browse, people, make, flag, what, whose):
    thread, elsewhere = make.thread(by=people.alice if whose == "his post" else people.mo), make.room("Elsewhere")
    said = make.reply(thread, by=people.mo, body="It was Mr. Hale.") if whose == "his post" else thread
    raised = flag(said, reason=Reason.BREACH_OF_CONFIDENCE)
    mo, form = browse(people.mo), {"because": "So.", "flag": raised.id}
    if what == "move":
        answer = mo.post(f"/threads/{thread.id}/moving", data=form | {"room": elsewhere.slug})
    else:
        answer = mo.post(f"/threads/{thread.id}/rulings", data=form | {"outcome": what})
    assert answer.status_code in {403, 409}
    assert _is_open(app, raised)
    with app.app_context():
        assert again(said).is_held


def test_a_flag_on_mos_post_outlasts_that_he_hides_the_thread_around_it_and_brings_it_back(
    app, browse, people, make, post, flag
):
    said = make.reply(_thread_of(app, post), by=people.mo, body="It was Mr. Hale.")
    his, bobs = flag(said), flag(post)
    for outcome in ("hide", "restore"):
        form = {"outcome": outcome, "because": "So."}
        assert browse(people.mo).post(f"/threads/{post.thread_id}/rulings", data=form).status_code == 303
    assert _is_open(app, his)
    assert not _is_open(app, bobs)
    assert "It was Mr. Hale." in browse(people.cory).get("/moderation").text


@pytest.mark.parametrize(("done", "undo"), [("hide_thread", "restore"), ("lock", "unlock")])
def test_mo_takes_back_nothing_that_was_decided_about_his_own_thread(app, browse, people, make, rule, done, undo):
    thread = make.thread(by=people.mo)
    rule(done, thread, by=people.cory)
    answer = browse(people.mo).post(f"/threads/{thread.id}/rulings", data={"outcome": undo, "because": "I like it."})
    assert answer.status_code == 403
    with app.app_context():
        assert again(thread).is_hidden or again(thread).is_locked


def test_mo_opens_his_own_thread_again_if_it_was_he_who_closed_it(app, people, make, rule):
    thread = make.thread(by=people.mo)
    rule("lock", thread)
    rule("unlock", thread)
    with app.app_context():
        assert not again(thread).is_locked


def test_olga_who_may_be_alone_sees_flags_against_herself(browse, people, make, flag):
    flag(make.reply(make.thread(by=people.alice), by=people.olga, body="Olga was short with somebody."))
    assert "Olga was short with somebody." in browse(people.olga).get("/moderation").text
