"""Editing a part out, deleting, moving, and only writing to an author: what changes, who is told, and who was first."""

from __future__ import annotations

import re
from functools import partial

import pytest
from sqlalchemy import func, select, update

from portal.accounts.models import Role
from portal.conversations import taking_back
from portal.conversations.models import Post, PostRevision, Thread
from portal.conversations.posting import NotYours, mark_of
from portal.core.audit import Record
from portal.core.clock import now
from portal.core.db import db, transaction
from portal.core.letters import Letter
from portal.core.search import SearchDoc
from portal.moderation import appealing, carrying_out, editing_out, flagging, further_rulings, ruling
from portal.moderation.models import Flag, Outcome, Reason, Ruling, Verdict
from tests.make import again, at_once

WHY = "It names a patient."


@pytest.fixture
def post(people, make):
    return make.reply(make.thread(by=people.alice, title="Who decides?"), by=people.bob, body="Ask Mr. Hale about it.")


@pytest.fixture
def flag(app, people):
    """`flag(post)`: Alice flags it; returns the flag."""

    def raise_it(thing, reason=Reason.NAMES_PATIENT_OR_EMPLOYEE):
        with app.app_context(), transaction():
            return flagging.flag(again(thing), reason=reason, by=again(people.alice))

    return raise_it


@pytest.fixture
def edit_out(app, people):
    """`edit_out(post)`: Mo leaves these words of it."""

    def rewrite(post, body="Ask a patient about it.", by=None, **more):
        with app.app_context(), transaction():
            return editing_out.edit_out(again(post), body=body, because=WHY, by=again(by or people.mo), **more)

    return rewrite


@pytest.fixture
def decide(app, people):
    """`decide("delete", post)`: Mo decides, or whoever is named."""

    def rule(what, thing, by=None, because=WHY, **more):
        with app.app_context(), transaction():
            return getattr(further_rulings, what)(again(thing), because=because, by=again(by or people.mo), **more)

    return rule


def _told(outbox, who="bob@example.com"):
    return [m for m in outbox if who in m.recipients]


def test_mo_edits_a_name_out_and_bob_is_told_what_and_why(app, browse, people, post, flag, outbox, work_off):
    seen = flag(post)
    mo, alice = browse(people.mo), browse(people.alice)
    page = mo.get(f"/posts/{post.id}/editing-out").text
    for words in (
        "Ask Mr. Hale about it.",
        "The look at names noticed",
        "A patient, client or employee could be recognised.",
    ):
        assert words in page
    with app.app_context():
        mark = mark_of(again(post))
    typed = {"body": "Ask a patient about it.", "because": WHY, "seen": mark, "flag": seen.id}
    answer = mo.post(f"/posts/{post.id}/editing-out", data=typed)
    assert (answer.status_code, answer.location) == (303, f"/threads/{post.thread_id}?page=1#post-{post.id}")
    for path in (f"/threads/{post.thread_id}", f"/posts/{post.id}/history"):
        assert "Ask a patient about it." in alice.get(path).text
        for reader in (alice, browse(people.bob)):
            assert "Hale" not in reader.get(path).text
    assert "Ask Mr. Hale about it." in mo.get(f"/posts/{post.id}/history").text
    work_off()
    letter = _told(outbox)[-1]
    assert letter.subject == "Your post was edited by a moderator"
    for words in (WHY, "No patients, clients or employees that anyone could recognise", "/rulings/"):
        assert words in letter.body
        assert words in letter.html
    assert "Hale" not in letter.body
    assert "Edited a part out of a post" in mo.get("/moderation/log").text
    with app.app_context():
        row = db.session.scalars(select(Ruling)).one()
        assert (row.outcome, row.reason) == (Outcome.EDITED, Reason.NAMES_PATIENT_OR_EMPLOYEE)
        assert not again(seen).is_open


def test_what_was_edited_out_is_in_no_search_and_no_letter_that_waits(app, people, post, edit_out):
    with app.app_context(), transaction():
        waits = Letter(
            kind="conversations/reply",
            key="waits",
            member_id=people.alice.id,
            address="alice@example.com",
            subject="Bob",
            text="Ask Mr. Hale about it.",
            html="",
            about_kind="post",
            about_id=post.id,
        )
        db.session.add(waits)
    edit_out(post)
    with app.app_context():
        assert again(waits).dropped_at is not None
        assert again(waits).text is None
        assert not any("hale" in body for body in db.session.scalars(select(SearchDoc.folded_body)))


def test_all_that_a_post_said_before_is_out_of_its_history_with_it(app, browse, people, post, edit_out):
    bob = browse(people.bob)
    bob.post(f"/posts/{post.id}/edit", data={"body": "Ask Mr. Hale of Dover about it.", "anyway": "x"})
    with app.app_context(), transaction():
        from portal.conversations import posting

        posting.edit(again(post), body="Ask Mr. Hale, of Dover.", by=again(people.bob))
    edit_out(post)
    assert "Hale" not in bob.get(f"/posts/{post.id}/history").text
    with app.app_context():
        revisions = select(func.count()).select_from(PostRevision).where(PostRevision.removed_at.is_(None))
        assert db.session.scalar(revisions) == 0


def test_a_hidden_post_is_read_again_without_the_part(app, browse, people, post, edit_out):
    with app.app_context(), transaction():
        ruling.hide(again(post), because="First look.", by=again(people.cory))
    edit_out(post)
    assert "Ask a patient about it." in browse(people.alice).get(f"/threads/{post.thread_id}").text


def test_of_twenty_who_edit_at_once_one_is_first(app, browse, make, post):
    with app.app_context():
        mark = mark_of(again(post))
    windows = [browse(make.member(role=Role.MODERATOR)) for _ in range(20)]

    def save(n):
        typed = {"body": f"Ask a patient, said {n}.", "because": WHY, "seen": mark}
        return windows[n].post(f"/posts/{post.id}/editing-out", data=typed)

    answers = at_once(20, save)
    assert sorted(a.status_code for a in answers) == [303] + [409] * 19
    assert all("It was changed while you read it" in a.text for a in answers if a.status_code == 409)
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Ruling)) == 1
        assert db.session.scalar(select(func.count()).select_from(PostRevision)) == 1


def test_an_edit_of_other_words_than_mo_read_is_not_carried_out(app, browse, people, post):
    typed = {"body": "Ask a patient about it.", "because": WHY, "seen": "something else"}
    answer = browse(people.mo).post(f"/posts/{post.id}/editing-out", data=typed)
    assert answer.status_code == 409
    assert "Ask a patient about it.</textarea>" in answer.text
    with app.app_context():
        assert again(post).body == "Ask Mr. Hale about it."


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"body": "Ask Mr. Hale about it.", "because": WHY}, "It says the same as before"),
        ({"body": " ", "because": WHY}, "Leave something to read"),
        ({"body": "Ask.", "because": ""}, "Give your reason"),
    ],
)
def test_an_edit_that_cannot_be_saved_comes_back(app, browse, people, post, typed, said):
    with app.app_context():
        typed = typed | {"seen": mark_of(again(post))}
    answer = browse(people.mo).post(f"/posts/{post.id}/editing-out", data=typed)
    assert answer.status_code == 422
    assert said in answer.text


def test_an_appeal_puts_back_what_was_edited_out_unless_bob_changed_it_since(app, browse, people, post, edit_out):
    edited = edit_out(post)
    with app.app_context(), transaction():
        asked = appealing.appeal(again(edited), words="Hale is a street.", by=again(people.bob))
    shown = browse(people.cory).get("/moderation/appeals").text
    assert "Ask Mr. Hale about it." in shown
    assert "Ask a patient about it." in shown
    with app.app_context(), transaction():
        appealing.decide(again(asked), Verdict.OVERTURNED, because="It is a street.", by=again(people.cory))
    assert "Ask Mr. Hale about it." in browse(people.alice).get(f"/threads/{post.thread_id}").text
    second = edit_out(post)
    with app.app_context(), transaction():
        from portal.conversations import posting

        posting.edit(again(post), body="Ask anybody.", by=again(people.bob))
    with app.app_context(), pytest.raises(appealing.NoLongerStands):
        appealing.appeal(again(second), words="Hale is a street.", by=again(people.bob))


def test_what_mo_deletes_leaves_a_line_and_bob_cannot_undo_it(app, browse, people, post, outbox, work_off):
    mo, bob, alice = browse(people.mo), browse(people.bob), browse(people.alice)
    answer = mo.post(f"/posts/{post.id}/rulings", data={"outcome": "delete", "because": WHY})
    assert answer.status_code == 303
    path = f"/threads/{post.thread_id}"
    assert "Deleted by a moderator." in alice.get(path).text
    assert WHY in bob.get(path).text
    assert "Ask Mr. Hale about it." in mo.get(path).text
    for page in (path, "/account/posts", f"/posts/{post.id}/ruling"):
        for reader in (alice, bob):
            assert "Hale" not in reader.get(page, follow_redirects=True).text
    assert bob.get(f"/posts/{post.id}/history").status_code == 404
    with app.app_context(), pytest.raises(NotYours):
        taking_back.undo(again(post), by=again(people.bob))
    work_off()
    letter = _told(outbox)[-1]
    assert letter.subject == "Your post was deleted by a moderator"
    assert WHY in letter.body
    assert "Hale" not in letter.body
    assert "Deleted a post" in mo.get("/moderation/log").text


def test_an_appeal_brings_a_deleted_post_back_whole(app, browse, people, post, decide):
    gone = decide("delete", post)
    with app.app_context(), transaction():
        asked = appealing.appeal(again(gone), words="Hale is a street.", by=again(people.bob))
        appealing.decide(again(asked), Verdict.OVERTURNED, because="It is.", by=again(people.cory))
    assert "Ask Mr. Hale about it." in browse(people.alice).get(f"/threads/{post.thread_id}").text
    with app.app_context():
        assert again(post).removed_at is None


@pytest.mark.parametrize("what", ["delete", "edit"])
def test_nobody_deletes_or_edits_their_own_post_as_a_ruling(app, people, make, decide, edit_out, what):
    said = make.reply(make.thread(by=people.alice), by=people.mo, body="Mo was short.")
    with pytest.raises(carrying_out.OwnWords):
        decide("delete", said) if what == "delete" else edit_out(said)


def test_of_two_who_delete_the_second_is_told(people, post, decide):
    decide("delete", post)
    with pytest.raises(carrying_out.AlreadyRuled, match="Mo was first: it is deleted"):
        decide("delete", post, by=people.cory)


def test_mo_moves_a_flagged_thread_and_alice_is_told_where(app, browse, people, make, post, flag, outbox, work_off):
    seen, room = flag(post, reason=Reason.OFF_TOPIC), make.room("Money matters")
    mo = browse(people.mo)
    case = mo.get(f"/moderation/cases/post/{post.id}").text
    assert f"/threads/{post.thread_id}/moving?flag={seen.id}" in case
    page = mo.get(f"/threads/{post.thread_id}/moving?flag={seen.id}").text
    assert "Money matters" in page
    typed = {"room": room.slug, "because": "It is about money.", "flag": seen.id}
    assert mo.post(f"/threads/{post.thread_id}/moving", data=typed).status_code == 303
    with app.app_context():
        assert db.session.get_one(Thread, post.thread_id).room_id == room.id
        assert not again(seen).is_open
        line = db.session.scalars(select(Record).where(Record.action == "thread.moved")).one()
        assert line.because == "It is about money."
    work_off()
    letter = next(m for m in _told(outbox, "alice@example.com") if "another room" in m.subject)
    for words in ("Money matters", "It is about money."):
        assert words in letter.body
        assert words in letter.html


def test_a_thread_is_moved_once_from_where_it_was_seen(app, browse, people, make, post, flag):
    seen, rooms = flag(post), [make.room(f"Room {n}") for n in range(2)]
    windows = [browse(people.mo), browse(people.cory)]
    path = f"/threads/{post.thread_id}/moving"
    answers = at_once(
        2, lambda n: windows[n].post(path, data={"room": rooms[n].slug, "because": "So.", "flag": seen.id})
    )
    assert sorted(a.status_code for a in answers) == [303, 409]
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Ruling)) == 1


def test_a_note_reaches_its_author_and_changes_nothing_but_the_flags(app, browse, people, post, flag, outbox, work_off):
    seen = flag(post, reason=Reason.OFF_TOPIC)
    typed = {"outcome": "note", "because": "Next time in the other room, please.", "flag": seen.id}
    assert browse(people.mo).post(f"/posts/{post.id}/rulings", data=typed).status_code == 303
    work_off()
    letter = _told(outbox)[-1]
    assert letter.subject == "A note from a moderator"
    assert "Next time in the other room, please." in letter.body
    assert "appeal" not in letter.body
    with app.app_context():
        assert (again(post).body, again(post).is_hidden) == ("Ask Mr. Hale about it.", False)
        assert db.session.scalar(select(Flag.ruled_at)) is not None
    again_typed = browse(people.cory).post(f"/posts/{post.id}/rulings", data=typed)
    assert again_typed.status_code == 409
    assert "Mo was first" in again_typed.text


def test_a_note_about_a_thread_reaches_whoever_began_it(app, people, post, decide, outbox, work_off):
    with app.app_context():
        thread = db.session.get_one(Thread, post.thread_id)
    decide("note", thread, because="A fine question.")
    work_off()
    assert "A note from a moderator" in [m.subject for m in _told(outbox, "alice@example.com")]


@pytest.mark.parametrize("what", ["delete", "edit"])
def test_what_staff_took_out_is_not_in_what_bob_takes_along(app, people, post, decide, edit_out, what):
    from portal.conversations.taking_along import parts_of

    decide("delete", post) if what == "delete" else edit_out(post)
    with app.app_context():
        for part in parts_of(again(people.bob)):
            assert "Hale" not in str(list(part.rows)), part.name


@pytest.mark.parametrize("what", ["edit", "restore"])
def test_what_bob_takes_back_while_mo_decides_stays_gone(app, people, post, flag, decide, what):
    flag(post) if what == "edit" else decide("delete", post)
    with app.app_context(), transaction():
        seen = again(post)  # as Mo has it before him
        taken_back = update(Post).where(Post.id == post.id).values(hidden_at=now(), deleted_at=now())
        db.session.execute(taken_back.execution_options(synchronize_session=False))
        by_what = {
            "edit": partial(editing_out.edit_out, body="Ask a patient about it."),
            "restore": ruling.restore,
        }
        with pytest.raises(editing_out.ChangedMeanwhile if what == "edit" else carrying_out.AlreadyRuled):
            by_what[what](seen, because=WHY, by=again(people.mo))


def test_what_bob_takes_back_while_it_waits_and_mo_restores_it_stays_gone(app, people, post, flag):
    flag(post)
    with app.app_context(), transaction():
        seen = again(post)  # as Mo has it before him
        taken_back = update(Post).where(Post.id == post.id).values(deleted_at=now())
        db.session.execute(taken_back.execution_options(synchronize_session=False))
        ruling.restore(seen, because=WHY, by=again(people.mo))
    with app.app_context():
        assert (again(post).is_hidden, again(post).is_held) == (True, False)


def test_bob_reads_of_a_ruling_on_his_post_without_the_title_of_a_thread_that_is_hidden_now(
    app, browse, people, post, decide
):
    made = decide("note", post)
    assert "Who decides?" in browse(people.bob).get(f"/rulings/{made.id}").text
    with app.app_context(), transaction():
        ruling.hide_thread(db.session.get_one(Thread, post.thread_id), because="So.", by=again(people.mo))
    page = browse(people.bob).get(f"/rulings/{made.id}")
    assert (page.status_code, "Who decides?" in page.text) == (200, False)


def _hidden(page, name):
    return re.search(rf'name="{name}"[^>]*value="([^"]*)"', page)[1]


def test_a_form_that_stood_open_does_not_bring_back_what_was_edited_out(app, browse, people, post, edit_out):
    bob, form = browse(people.bob), f"/posts/{post.id}/edit"
    opened = _hidden(bob.get(form).text, "seen")
    edit_out(post)
    typed = {"body": "Ask the man with the cane, please."}
    answer = bob.post(form, data=typed | {"seen": opened})
    assert answer.status_code == 409
    assert "a moderator changed it, or you did in another window" in answer.text
    assert "Ask the man with the cane, please.</textarea>" in answer.text
    assert "Ask a patient about it." in browse(people.alice).get(f"/threads/{post.thread_id}").text
    meant = _hidden(answer.text, "seen")
    assert bob.post(form, data={"body": "Ask a patient, please.", "seen": meant}).status_code == 303
    assert "Ask a patient, please." in browse(people.alice).get(f"/threads/{post.thread_id}").text


def test_what_bob_saves_twice_from_one_form_is_saved_once_and_without_a_word(browse, people, post):
    bob, form = browse(people.bob), f"/posts/{post.id}/edit"
    typed = {"body": "Ask somebody.", "seen": _hidden(bob.get(form).text, "seen")}
    assert [bob.post(form, data=typed).status_code for _ in range(2)] == [303, 303]
