"""A ruling that also silences or suspends whoever wrote the words: both or neither, and for those who may."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from portal.accounts.models import Role
from portal.conversations import posting
from portal.conversations.models import Post, RoomKind
from portal.conversations.thread_queries import opening_of
from portal.core.audit import Record
from portal.core.db import db, transaction
from portal.moderation import appealing, flagging, ruling, sanctioning
from portal.moderation.models import Flag, Outcome, Reason, Ruling
from portal.moderation.person_models import Sanction, SanctionKind
from tests.make import again, at_once

WHY = "Named an employee twice."
SILENCE = {"because": WHY, "sanction": "silence", "days": "7", "whom": "bob"}


@pytest.fixture
def post(people, make):
    return make.reply(make.thread(by=people.alice, title="Who decides?"), by=people.bob, body="Dana was late.")


@pytest.fixture
def seen(app, people, post):
    """The number of Alice's flag on Bob's post."""
    with app.app_context(), transaction():
        return flagging.flag(again(post), reason=Reason.DISRESPECT, by=again(people.alice)).id


def _count(app, row):
    with app.app_context():
        return db.session.scalar(select(func.count()).select_from(row))


def test_mo_hides_bobs_post_and_silences_him_in_one_go_and_bob_hears_of_both(
    app, browse, people, post, seen, outbox, work_off
):
    mo, bob = browse(people.mo), browse(people.bob)
    assert "Also silence or suspend Bob" in mo.get("/moderation").text
    sent = SILENCE | {"outcome": "hide", "flag": seen, "next": "/moderation"}
    assert mo.post(f"/posts/{post.id}/rulings", data=sent).status_code == 303
    assert "Hidden. Its author is told why. Bob is silenced for 1 week, and told so." in mo.get("/moderation").text
    with app.app_context():
        ruling, sanction = db.session.scalars(select(Ruling)).one(), db.session.scalars(select(Sanction)).one()
        assert (sanction.ruling_id, sanction.kind, sanction.because) == (ruling.id, SanctionKind.SILENCE, WHY)
        assert (again(post).is_hidden, again(people.bob).is_silenced) == (True, True)
        actions = db.session.scalars(select(Record.action).where(Record.by_id == people.mo.id).order_by(Record.id))
        assert actions.all() == ["post.hidden", "sanction.silenced"]
        own = f"/rulings/{ruling.id}", f"/sanctions/{sanction.id}"
    work_off()
    about_post, about_bob = [m for m in outbox if "bob@example.com" in m.recipients]
    assert about_post.subject == "Your post was hidden"
    assert about_bob.subject == "You cannot write to other members for a while"
    for words in ("It comes with", "one of your posts", f"http://localhost{own[0]}", f"http://localhost{own[1]}", WHY):
        assert words in about_bob.body
        assert words in about_bob.html
    assert f'href="{own[1]}"' in bob.get(own[0]).text
    assert f'href="{own[0]}"' in bob.get(own[1]).text


@pytest.mark.parametrize(
    ("kind", "outcome", "becomes"),
    [
        ("post", "delete", Outcome.DELETED),
        ("post", "note", Outcome.NOTED),
        ("thread", "hide", Outcome.HIDDEN),
        ("thread", "lock", Outcome.LOCKED),
        ("profile", "clear", Outcome.CLEARED),
        ("editing", None, Outcome.EDITED),
    ],
)
def test_every_outcome_against_bob_can_bring_his_suspension(app, browse, people, make, post, kind, outcome, becomes):
    thread = make.thread(by=people.bob)
    with app.app_context(), transaction():
        flagging.flag(again(people.bob), reason=Reason.SELLING, by=again(people.alice))
    path = {
        "post": f"/posts/{post.id}/rulings",
        "thread": f"/threads/{thread.id}/rulings",
        "profile": f"/moderation/cases/member/{people.bob.id}/rulings",
        "editing": f"/posts/{post.id}/editing-out",
    }[kind]
    sent = SILENCE | {"sanction": "suspension", "days": "30"}
    sent |= {"outcome": outcome} if outcome else {"body": "Somebody was late."}
    assert browse(people.mo).post(path, data=sent).status_code == 303
    with app.app_context():
        sanction = db.session.scalars(select(Sanction)).one()
        assert (sanction.kind, sanction.ruling.outcome) == (SanctionKind.SUSPENSION, becomes)
        assert again(people.bob).is_suspended


def test_bob_who_made_it_end_is_silenced_when_mo_closes_alices_thread_and_not_alice(app, browse, people, post, seen):
    sent = SILENCE | {"outcome": "lock", "flag": seen}
    assert browse(people.mo).post(f"/threads/{post.thread_id}/rulings", data=sent).status_code == 303
    with app.app_context():
        assert (again(people.bob).is_silenced, again(people.alice).is_silenced) == (True, False)


def test_of_twenty_who_hide_and_suspend_at_once_one_does_both_and_nineteen_are_told(
    app, browse, people, make, post, seen
):
    windows = [browse(make.member(role=Role.MODERATOR)) for _ in range(20)]
    sent = SILENCE | {"outcome": "hide", "sanction": "suspension", "flag": seen}
    answers = at_once(20, lambda n: windows[n].post(f"/posts/{post.id}/rulings", data=sent))
    assert sorted(a.status_code for a in answers) == [303] + [409] * 19
    assert all("was first" in a.text for a in answers if a.status_code == 409)
    assert (_count(app, Ruling), _count(app, Sanction)) == (1, 1)


def test_mo_who_only_hides_and_cory_who_also_silences_at_once_leave_one_ruling(app, browse, people, post, seen):
    windows, hides = [browse(people.mo), browse(people.cory)], {"outcome": "hide", "flag": seen}
    sent = [{"because": "So."} | hides, SILENCE | hides]
    answers = at_once(2, lambda n: windows[n].post(f"/posts/{post.id}/rulings", data=sent[n]))
    assert sorted(a.status_code for a in answers) == [303, 409]
    assert _count(app, Ruling) == 1
    assert _count(app, Sanction) == (1 if answers[1].status_code == 303 else 0)


def test_where_bob_is_silenced_already_nothing_is_decided_and_the_choice_is_still_there(
    app, browse, people, post, seen
):
    with app.app_context(), transaction():
        sanctioning.silence(again(people.bob), days=3, because="Sold a course.", by=again(people.cory))
    mo = browse(people.mo)
    sent = SILENCE | {"outcome": "hide", "flag": seen}
    answer = mo.post(f"/posts/{post.id}/rulings", data=sent)
    assert answer.status_code == 409
    for words in ("Cory was first: Bob is silenced until", WHY, "Bob is silenced already"):
        assert words in answer.text
    assert '<option value="silence"' not in answer.text
    with app.app_context():
        assert not again(post).is_hidden
        assert db.session.get_one(Flag, seen).is_open
    assert _count(app, Ruling) == 0
    assert mo.post(f"/posts/{post.id}/rulings", data=sent | {"sanction": "suspension"}).status_code == 303


@pytest.mark.parametrize("outcome", ["keep", "restore"])
def test_whoever_keeps_bobs_words_does_not_silence_him_for_them(app, browse, people, post, seen, outcome):
    mo = browse(people.mo)
    if outcome == "restore":
        mo.post(f"/posts/{post.id}/rulings", data={"outcome": "hide", "because": "So."})
    before = _count(app, Ruling)
    answer = mo.post(f"/posts/{post.id}/rulings", data=SILENCE | {"outcome": outcome})
    assert answer.status_code == 409
    assert "it brings no silence or suspension" in answer.text
    assert '<option value="silence" selected>' in answer.text
    assert (_count(app, Ruling), _count(app, Sanction)) == (before, 0)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"sanction": "banishment"}, "Not a valid choice"),
        ({"days": "8"}, "Not a valid choice"),
        ({"days": "x"}, "Invalid Choice"),
        ({"because": " "}, "Give your reason"),
    ],
)
def test_what_is_no_choice_is_said_and_nothing_is_decided(app, browse, people, post, wrong, told):
    answer = browse(people.mo).post(f"/posts/{post.id}/rulings", data=SILENCE | {"outcome": "hide"} | wrong)
    assert answer.status_code == 422
    assert told in answer.text
    assert (_count(app, Ruling), _count(app, Sanction)) == (0, 0)


@pytest.mark.parametrize("whom", ["cory", "olga"])
def test_mo_is_not_offered_to_silence_a_coach_or_the_owner_and_is_refused(app, browse, people, make, whom):
    said = make.reply(make.thread(by=people.alice), by=getattr(people, whom))
    mo = browse(people.mo)
    page = mo.get(f"/moderation/cases/post/{said.id}").text
    assert "Hide the post" in page
    assert "Also silence or suspend" not in page
    answer = mo.post(f"/posts/{said.id}/rulings", data=SILENCE | {"outcome": "hide", "whom": whom})
    assert answer.status_code == 403
    assert "somebody of the same role or a higher one" in answer.text
    with app.app_context():
        assert not db.session.get_one(Post, said.id).is_hidden


@pytest.mark.parametrize("whom", ["alice", "lena", "nobody", "", "nobody\x00"])
def test_a_ruling_on_bobs_post_silences_nobody_else(app, browse, people, post, whom):
    answer = browse(people.mo).post(f"/posts/{post.id}/rulings", data=SILENCE | {"outcome": "hide", "whom": whom})
    assert answer.status_code == 403
    assert "these are not the words of somebody whom you can silence" in answer.text
    assert (_count(app, Ruling), _count(app, Sanction)) == (0, 0)


def test_who_asked_under_no_name_is_not_found_out_by_guessing_and_a_coach_can_decide(app, browse, people, make):
    room = make.room()
    with app.app_context(), transaction():
        asked = posting.start(again(room), title="May I?", body="Dana.", by=again(people.bob), safely=True)
        db.session.flush()
        post_id = db.session.scalars(select(Post.id).where(Post.thread_id == asked.id)).one()
    mo = browse(people.mo)
    assert "Also silence or suspend" not in mo.get(f"/moderation/cases/post/{post_id}").text
    for path in (f"/posts/{post_id}/rulings", f"/threads/{asked.id}/rulings"):
        answers = [mo.post(path, data=SILENCE | {"outcome": "hide", "whom": whom}) for whom in ("bob", "alice")]
        assert [a.status_code for a in answers] == [403, 403]
        assert all("these are not the words of somebody" in a.text for a in answers)
    sent = SILENCE | {"outcome": "hide"}
    assert browse(people.cory).post(f"/posts/{post_id}/rulings", data=sent).status_code == 303
    page = mo.get("/moderation/members/bob").text
    assert "Silenced until" in page
    assert f"/moderation/cases/post/{post_id}" not in page
    assert f"/moderation/cases/post/{post_id}" in browse(people.cory).get("/moderation/members/bob").text


@pytest.mark.parametrize("what", ["asked under no name", "among the coaches"])
def test_what_a_silence_came_with_is_read_nowhere_by_mo_who_is_not_told_of_it(app, browse, people, make, what):
    room = make.room(kind=RoomKind.COACHES if what == "among the coaches" else RoomKind.MEMBERS)
    with app.app_context(), transaction():
        safely = what == "asked under no name"
        asked = posting.start(again(room), title="May I?", body="Dana.", by=again(people.bob), safely=safely)
        hidden = ruling.hide(opening_of(asked), because=WHY, by=again(people.cory))
        given = sanctioning.silence(again(people.bob), days=7, because=WHY, by=again(people.cory), after=hidden)
        made = appealing.appeal_sanction(given, words="I only asked about Dana.", by=again(people.bob))
    mo, olga = browse(people.mo), browse(people.olga)
    for page in ("/moderation/log?about=bob", "/moderation/members/bob", "/moderation/appeals"):
        assert WHY not in mo.get(page).text, page
        assert "I only asked" not in mo.get(page).text, page
    anew = {"kind": "silence", "days": "1", "because": "So."}
    assert WHY not in mo.post("/moderation/members/bob/sanctions", data=anew).text
    decision = {"verdict": "overturned", "because": "He may."}
    assert mo.post(f"/moderation/appeals/{made.id}/decision", data=decision).status_code == 404
    for page in ("/moderation/log", "/moderation/members/bob", "/moderation/appeals"):
        assert WHY in olga.get(page).text, page
    assert olga.post(f"/moderation/appeals/{made.id}/decision", data=decision).status_code == 303
    assert "He may." not in mo.get("/moderation/log").text + mo.get("/moderation/members/bob").text


def test_several_at_once_are_kept_or_hidden_and_nobody_is_silenced_with_them(app, browse, people, post, seen):
    sent = SILENCE | {"case": f"post:{post.id}:{seen}", "outcome": "hide"}
    assert browse(people.mo).post("/moderation/rulings", data=sent).status_code == 303
    assert (_count(app, Ruling), _count(app, Sanction)) == (1, 0)


@pytest.fixture
def appealed(app, people):
    """`appealed(post, by=mo)`: it is hidden with a silence, and Bob appeals against the hiding; both."""

    def ask(thing, *, by, kind="silence"):
        with app.app_context(), transaction():
            hidden = ruling.hide(again(thing), because=WHY, by=again(by))
            given = getattr(sanctioning, kind)(again(people.bob), days=7, because=WHY, by=again(by), after=hidden)
            return appealing.appeal(hidden, words="Dana is a cat.", by=again(people.bob)), given

    return ask


TAKEN_BACK = {"verdict": "overturned", "because": "She is a cat."}


@pytest.mark.parametrize(
    ("kind", "ended"), [("silence", "you can write to other members again"), ("suspend", "The suspension that came")]
)
def test_cory_who_takes_a_ruling_back_ends_what_it_brought_unless_he_unchecks_that(
    app, browse, people, post, appealed, kind, ended, outbox, work_off
):
    made, given = appealed(post, by=people.mo, kind=kind)
    cory = browse(people.cory)
    assert '<input type="checkbox" name="with_sanction" value="y" checked>' in cory.get("/moderation/appeals").text
    left_open = cory.post(f"/moderation/appeals/{made.id}/decision", data={"with_sanction": "y", "because": "So."})
    assert (left_open.status_code, 'value="y" checked' in left_open.text) == (422, True)
    decided = TAKEN_BACK | {"with_sanction": "y"}
    assert cory.post(f"/moderation/appeals/{made.id}/decision", data=decided).status_code == 303
    with app.app_context():
        bob, lifted = again(people.bob), again(given)
        assert (again(post).is_hidden, bob.is_silenced, bob.is_suspended) == (False, False, False)
        assert (lifted.lifted_by_id, lifted.lifted_because) == (people.cory.id, "She is a cat.")
        done = db.session.scalars(select(Record.action).where(Record.by_id == people.cory.id).order_by(Record.id))
        assert done.all() == ["post.restored", "sanction.lifted", "appeal.overturned"]
    work_off()
    told = [m for m in outbox if "bob@example.com" in m.recipients]
    assert told[-1].subject == "Your appeal was granted"
    assert ended in told[-1].body.replace("\n", " ")
    assert ended in told[-1].html
    assert "before its time" not in "".join(m.body for m in told)


def test_a_silence_that_cory_lets_go_on_when_he_takes_the_ruling_back_is_named_in_bobs_letter(
    app, browse, people, post, appealed, outbox, work_off
):
    made, given = appealed(post, by=people.mo)
    assert browse(people.cory).post(f"/moderation/appeals/{made.id}/decision", data=TAKEN_BACK).status_code == 303
    with app.app_context():
        assert (again(post).is_hidden, again(people.bob).is_silenced) == (False, True)
    work_off()
    letter = [m for m in outbox if "bob@example.com" in m.recipients][-1]
    for words in ("The silence that came with it goes on until", f"http://localhost/sanctions/{given.id}"):
        assert words in letter.body
        assert words in letter.html


@pytest.mark.parametrize("why", ["it stands", "it ended before", "it befell somebody else", "mo is not told of it"])
def test_nothing_is_ended_that_is_not_to_be_and_no_choice_is_offered_for_it(app, browse, people, make, appealed, why):
    thing = make.reply(make.thread(by=people.alice), by=people.bob)
    if why == "mo is not told of it":
        with app.app_context(), transaction():
            thing = opening_of(
                posting.start(again(make.room()), title="May I?", body="So?", by=again(people.bob), safely=True)
            )
    made, given = appealed(thing, by=people.cory)
    with app.app_context(), transaction():
        if why == "it ended before":
            sanctioning.lift(again(given), because="Enough.", by=again(people.olga))
        elif why == "it befell somebody else":
            again(given).member_id = people.alice.id
    offered = 'name="with_sanction"' in browse(people.mo).get("/moderation/appeals").text
    assert offered is (why == "it stands")
    verdict = TAKEN_BACK | {"with_sanction": "y"} | ({"verdict": "upheld"} if why == "it stands" else {})
    assert browse(people.mo).post(f"/moderation/appeals/{made.id}/decision", data=verdict).status_code == 303
    with app.app_context():
        assert again(given).is_in_force is (why != "it ended before")
        assert again(given).lifted_by_id == (people.olga.id if why == "it ended before" else None)
