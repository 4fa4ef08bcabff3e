"""Appeals: who may ask for a second look, who gives it, what it changes, and who was first."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from portal.accounts.models import Member, Role
from portal.conversations import moving, taking_back
from portal.conversations.models import Post, Thread
from portal.core.audit import Record
from portal.core.clock import now
from portal.core.db import db, transaction
from portal.moderation import appealing, flagging, ruling, sanctioning
from portal.moderation.models import Reason, Ruling, Verdict
from portal.moderation.person_models import Appeal
from tests.make import again, at_once

OVERTURN = {"verdict": "overturned", "because": "It names nobody."}
UPHOLD = {"verdict": "upheld", "because": "Hale is a patient."}


@pytest.fixture
def post(people, make):
    return make.reply(make.thread(by=people.alice, title="Who decides?"), by=people.bob, body="Mr. *Hale*.")


@pytest.fixture
def rule(app, people):
    """`rule("hide", post)`: Mo decides, or whoever is named."""

    def decide(what, thing, by=None, because="It names a patient."):
        with app.app_context(), transaction():
            return getattr(ruling, what)(again(thing), because=because, by=again(by or people.mo))

    return decide


@pytest.fixture
def appeal(app, people):
    """`appeal(ruling)`: Bob appeals, or whoever is named."""

    def ask(against, by=None, words="Hale is a street."):
        with app.app_context(), transaction():
            return appealing.appeal(again(against), words=words, by=again(by or people.bob))

    return ask


@pytest.fixture
def decide(app, people):
    """`decide(appeal, "overturned")`: Cory decides, or whoever is named."""

    def judge(on, verdict, by=None, because="It names nobody."):
        with app.app_context(), transaction():
            appealing.decide(again(on), Verdict(verdict), because=because, by=again(by or people.cory))

    return judge


def test_from_the_letter_to_the_appeal_to_a_second_person_who_takes_it_back(
    app, browse, people, post, rule, outbox, work_off
):
    hidden = rule("hide", post)
    bob, mo, cory = browse(people.bob), browse(people.mo), browse(people.cory)
    work_off()
    letter = next(m for m in outbox if "bob@example.com" in m.recipients)
    assert f"http://localhost/rulings/{hidden.id}" in letter.body
    assert f"http://localhost/rulings/{hidden.id}" in letter.html
    assert f"/posts/{post.id}/ruling" in bob.get(f"/threads/{post.thread_id}").text
    assert bob.get(f"/posts/{post.id}/ruling").location == f"/rulings/{hidden.id}"
    page = bob.get(f"/rulings/{hidden.id}").text
    for words in ("Your post was hidden", "It names a patient.", "<em>Hale</em>", "Send the appeal"):
        assert words in page
    answer = bob.post(f"/rulings/{hidden.id}/appeal", data={"words": "Hale is a street."})
    assert (answer.status_code, answer.location) == (303, f"/rulings/{hidden.id}")
    assert "It waits for somebody who did not take the decision" in bob.get(f"/rulings/{hidden.id}").text

    assert "Waits for somebody else" in mo.get("/moderation/appeals").text
    shown = cory.get("/moderation/appeals").text
    for words in ("<em>Hale</em>", "It names a patient.", "Hale is a street.", "Mo", "Take the decision back"):
        assert words in shown
    with app.app_context():
        number = db.session.scalars(select(Appeal.id)).one()
    answer = cory.post(f"/moderation/appeals/{number}/decision", data=OVERTURN)
    assert (answer.status_code, answer.location) == (303, "/moderation/appeals")
    assert "Mr. <em>Hale</em>." in browse(people.alice).get(f"/threads/{post.thread_id}").text
    work_off()
    told = [m for m in outbox if "bob@example.com" in m.recipients]
    assert [m.subject for m in told] == ["Your post was hidden", "Your appeal was granted"]
    for words in ("It names nobody.", "Hale is a street.", "Who decides?"):
        assert words in told[1].body
        assert words in told[1].html
    assert "The decision was taken back" in bob.get(f"/rulings/{hidden.id}").text
    log = cory.get("/moderation/log").text
    for words in ("Hid a post", "Restored a post", "Took a decision back after an appeal", "It names nobody."):
        assert words in log
    with app.app_context():
        lines = db.session.execute(select(Record.by_id, Record.action).order_by(Record.id)).all()
    assert [tuple(line) for line in lines if line.action.startswith(("post", "appeal"))] == [
        (people.mo.id, "post.hidden"),
        (people.cory.id, "post.restored"),
        (people.cory.id, "appeal.overturned"),
    ]


def test_a_ruling_that_is_upheld_stays_and_its_author_hears_why(
    app, people, post, rule, appeal, decide, outbox, work_off
):
    made = appeal(rule("hide", post))
    decide(made, "upheld", because="Hale is a patient.")
    work_off()
    with app.app_context():
        assert again(post).is_hidden
        row = again(made)
        assert (row.verdict, row.because, row.decided_by_id) == (Verdict.UPHELD, "Hale is a patient.", people.cory.id)
    last = [m for m in outbox if "bob@example.com" in m.recipients][-1]
    assert last.subject == "Your appeal: the decision stands"
    assert "Hale is a patient." in last.body


@pytest.mark.parametrize("what", ["lock", "hide_thread"])
def test_a_thread_is_given_back_too(app, people, make, post, rule, appeal, decide, what, outbox, work_off):
    with app.app_context():
        thread = db.session.get_one(Thread, post.thread_id)
    made = appeal(rule(what, thread), by=people.alice)
    decide(made, "overturned")
    with app.app_context():
        assert not again(thread).is_hidden
        assert not again(thread).is_locked
    work_off()
    told = [m.subject for m in outbox if "alice@example.com" in m.recipients]
    assert "Your appeal was granted" in told
    assert not {"Your thread is back", "Your thread is open again"} & set(told)


def test_twenty_who_decide_at_once_make_one_decision_and_nineteen_are_told(app, browse, make, post, rule, appeal):
    made = appeal(rule("hide", post))
    windows = [browse(make.member(role=Role.MODERATOR)) for _ in range(20)]
    typed = [OVERTURN, UPHOLD] * 10
    answers = at_once(20, lambda n: windows[n].post(f"/moderation/appeals/{made.id}/decision", data=typed[n]))
    assert sorted(a.status_code for a in answers) == [303] + [409] * 19
    assert all("was first" in a.text for a in answers if a.status_code == 409)
    with app.app_context():
        overturned = again(made).verdict is Verdict.OVERTURNED
        assert again(post).is_hidden != overturned
        lines = select(func.count()).select_from(Record).where(Record.action.like("appeal.%"))
        assert db.session.scalar(lines) == 1


def test_twenty_equal_appeals_at_once_are_one(app, browse, people, post, rule):
    hidden = rule("hide", post)
    bob = [browse(people.bob) for _ in range(8)]
    answers = at_once(8, lambda n: bob[n].post(f"/rulings/{hidden.id}/appeal", data={"words": "Please."}))
    assert sorted(a.status_code for a in answers) == [303] + [409] * 7
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Appeal)) == 1


def test_mo_does_not_judge_his_own_ruling_a_second_time(app, browse, people, post, rule, appeal):
    made = appeal(rule("hide", post))
    answer = browse(people.mo).post(f"/moderation/appeals/{made.id}/decision", data=UPHOLD)
    assert answer.status_code == 403
    assert "Somebody else decides" in answer.text
    with app.app_context():
        assert again(made).is_open


def test_mo_neither_finds_nor_judges_his_own_appeal(app, browse, people, make, rule, appeal):
    said = make.reply(make.thread(by=people.alice), by=people.mo, body="Mo was short.")
    made = appeal(rule("hide", said, by=people.cory), by=people.mo)
    mo = browse(people.mo)
    assert "Mo was short." not in mo.get("/moderation/appeals").text
    assert mo.post(f"/moderation/appeals/{made.id}/decision", data=OVERTURN).status_code == 404
    assert "Mo was short." in browse(people.cory).get("/moderation/appeals").text


def test_olga_who_is_alone_in_the_house_decides_on_her_own_ruling_and_is_told_so(
    app, browse, people, post, rule, appeal
):
    made = appeal(rule("hide", post, by=people.olga))
    olga = browse(people.olga)
    assert "Waits for somebody else" in olga.get("/moderation/appeals").text
    assert olga.post(f"/moderation/appeals/{made.id}/decision", data=OVERTURN).status_code == 403
    with app.app_context(), transaction():
        for person in (people.mo, people.cory):
            again(person).role = Role.MEMBER
    assert "This is your own decision" in olga.get("/moderation/appeals").text
    assert olga.post(f"/moderation/appeals/{made.id}/decision", data=OVERTURN).status_code == 303
    with app.app_context():
        assert not again(post).is_hidden


def test_what_is_said_among_coaches_is_not_before_moderators(browse, people, make, rule, appeal):
    from portal.conversations.models import RoomKind

    said = make.thread(by=people.cory, room=make.room(kind=RoomKind.COACHES), title="Among us")
    made = appeal(rule("hide_thread", said, by=people.olga), by=people.cory)
    mo = browse(people.mo)
    assert "Among us" not in mo.get("/moderation/appeals").text
    assert mo.post(f"/moderation/appeals/{made.id}/decision", data=OVERTURN).status_code == 404


def test_suspended_and_lapsed_authors_reach_their_ruling_and_nothing_else_of_the_thread(
    app, browse, people, make, rule
):
    said = make.reply(make.thread(by=people.alice, body="Alice asks."), by=people.lena, body="Lena answers.")
    hidden = rule("hide", said)
    lena = browse(people.lena)
    page = lena.get(f"/rulings/{hidden.id}")
    assert "Lena answers." in page.text
    assert "Alice asks." not in page.text
    assert lena.get(f"/posts/{said.id}/ruling").status_code == 303
    with app.app_context(), transaction():
        again(people.lena).suspended_until = now() + timedelta(days=7)
    assert lena.post(f"/rulings/{hidden.id}/appeal", data={"words": "Please look."}).status_code == 303


def test_nobody_else_finds_bobs_ruling(browse, people, post, rule):
    hidden = rule("hide", post)
    for person in (people.alice, people.mo, people.olga):
        assert browse(person).get(f"/rulings/{hidden.id}").status_code == 404
        assert browse(person).post(f"/rulings/{hidden.id}/appeal", data={"words": "Mine!"}).status_code == 404


def test_bob_appeals_once_and_only_while_it_matters(app, browse, people, post, rule, appeal, decide, clock):
    hidden = rule("hide", post)
    decide(appeal(hidden), "upheld")
    with pytest.raises(appealing.AlreadyAppealed):
        appeal(hidden)
    restored = rule("restore", post, because="Mo thought again.")
    with pytest.raises(appealing.NothingToAppeal):
        appeal(restored)
    second = rule("hide", post)
    rule("restore", post)
    with pytest.raises(appealing.NoLongerStands):
        appeal(second)
    third = rule("hide", post)
    clock.shift(timedelta(days=31))
    with pytest.raises(appealing.TooLate):
        appeal(third)
    assert "those are over" in browse(people.bob).get(f"/rulings/{third.id}").text


def test_what_was_ruled_on_anew_is_not_brought_back_by_an_older_appeal(app, people, post, rule, appeal, decide):
    made = appeal(rule("hide", post))
    rule("restore", post)
    rule("hide", post, by=people.olga, because="It sells something.")
    decide(made, "overturned")
    with app.app_context():
        assert again(post).hidden_because == "It sells something."


def test_words_that_their_author_took_back_meanwhile_stay_gone(app, people, post, appeal, decide, make):
    """Bob takes his post back, a moderator hides it all the same; no appeal brings it to others again."""
    with app.app_context(), transaction():
        taking_back.take_back(again(post), by=again(people.bob))
        hidden = ruling.hide(again(post), because="It names a patient.", by=again(people.mo))
    with pytest.raises(appealing.NoLongerStands):
        appeal(hidden)


def test_moderators_do_not_learn_from_an_appeal_who_asked_safely(app, browse, people, make, rule, appeal):
    thread = make.thread(by=people.bob, title="Under no name")
    with app.app_context(), transaction():
        again(thread).author_hidden_at = now()
        for said in db.session.scalars(select(Post).where(Post.thread_id == thread.id)):
            said.veiled_at = now()
    appeal(rule("lock", thread))
    with app.app_context():
        bob = db.session.get_one(Member, people.bob.id).name
    page = browse(make.member(role=Role.MODERATOR)).get("/moderation/appeals").text
    assert "Under no name" in page
    assert bob not in page
    assert bob in browse(people.cory).get("/moderation/appeals").text


def test_the_second_person_reads_why_it_was_flagged_and_not_by_whom(app, browse, people, make, post, rule, appeal):
    reporter = make.member("Rita Reporter", entitled=True)
    with app.app_context(), transaction():
        flagging.flag(again(post), reason=Reason.SELLING, words="He sells lamps.", by=again(reporter))
    appeal(rule("hide", post))
    page = browse(people.cory).get("/moderation/appeals").text
    assert "It sells something." in page
    assert "He sells lamps." in page
    assert "Rita" not in page


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"verdict": "upheld"}, "Give your reason"),
        ({"because": "So."}, "Choose what to decide."),
        ({"verdict": "perhaps", "because": "<b>So.</b>"}, "Choose what to decide."),
    ],
)
def test_a_decision_that_cannot_be_taken_comes_back_with_what_was_typed(
    app, browse, people, post, rule, appeal, typed, said
):
    made = appeal(rule("hide", post))
    answer = browse(people.cory).post(f"/moderation/appeals/{made.id}/decision", data=typed)
    assert answer.status_code == 422
    assert said in answer.text
    assert "<b>" not in answer.text
    with app.app_context():
        assert again(made).is_open


@pytest.mark.parametrize("words", ["", " \u200b", "x" * 3001])
def test_an_appeal_without_words_or_with_too_many_is_not_sent(app, browse, people, post, rule, words):
    hidden = rule("hide", post)
    answer = browse(people.bob).post(f"/rulings/{hidden.id}/appeal", data={"words": words})
    assert answer.status_code == 422
    assert words.strip() in answer.text
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Appeal)) == 0


def test_the_list_costs_the_same_for_two_as_for_twenty(browse, people, make, rule, appeal, count_queries):
    olga, made, counts = browse(people.olga), [], []
    thread = make.thread(by=people.alice)
    for count in (2, 20):
        while len(made) < count:
            made.append(appeal(rule("hide", make.reply(thread, by=people.bob), by=people.olga)))
        olga.get("/moderation/appeals")
        with count_queries() as queries:
            assert olga.get("/moderation/appeals").text.count("Waits for somebody else") == count
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 8


@pytest.mark.parametrize("page", ["/desk", "/moderation"])
def test_desk_and_queue_say_that_an_appeal_waits_to_whoever_did_not_decide_it(
    browse, people, make, rule, appeal, decide, page
):
    def told():
        said = '<a href="/moderation/appeals">Read it and decide</a>'
        return [said in browse(who).get(page).text for who in (people.cory, people.olga)]

    thread = make.thread(by=people.alice)
    assert told() == [False, False]
    asked = appeal(rule("hide", make.reply(thread, by=people.bob)))
    assert told() == [True, True]
    decide(asked, "upheld")
    assert told() == [False, False]
    appeal(rule("hide", make.reply(thread, by=people.bob), by=people.cory))
    assert told() == [False, True], "Cory decided what it is against"


def test_nobody_is_told_of_an_appeal_of_their_own(browse, people, make, rule, appeal):
    said = make.reply(make.thread(by=people.alice), by=people.cory)
    appeal(rule("hide", said, by=people.olga), by=people.cory)
    assert "appeal waits" not in browse(people.cory).get("/desk").text
    assert "appeal waits" in browse(people.olga).get("/desk").text


def test_appeals_come_page_by_page_the_longest_waiting_first(browse, people, make, rule, appeal):
    thread = make.thread(by=people.alice)
    for number in range(21):
        appeal(rule("hide", make.reply(thread, by=people.bob, body=f"Word{number}.")))
    cory = browse(people.cory)
    first = cory.get("/moderation/appeals").text
    assert "Word0." in first
    assert "Word20." not in first
    later = first.split('href="/moderation/appeals?after=')[1].split('"')[0]
    assert "Word20." in cory.get(f"/moderation/appeals?after={later}").text


def test_an_appeal_past_its_time_says_so(browse, people, post, rule, appeal, clock):
    appeal(rule("hide", post))
    cory = browse(people.cory)
    assert "Past its time" not in cory.get("/moderation/appeals").text
    clock.shift(timedelta(days=3, minutes=1))
    assert "Past its time" in cory.get("/moderation/appeals").text


def test_olga_who_ruled_on_herself_has_nothing_to_appeal(app, people, make, rule, appeal):
    hidden = rule("hide", make.reply(make.thread(by=people.alice), by=people.olga), by=people.olga)
    with pytest.raises(appealing.NothingToAppeal):
        appeal(hidden, by=people.olga)
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Ruling)) == 1


@pytest.fixture
def suspend(app, people):
    """`suspend(bob)`: Mo suspends somebody for a week, or whoever is named."""

    def impose(member, by=None, what="suspend"):
        with app.app_context(), transaction():
            return getattr(sanctioning, what)(again(member), days=7, because="He sells.", by=again(by or people.mo))

    return impose


@pytest.mark.parametrize("what", ["suspend", "silence"])
def test_bob_appeals_against_a_sanction_and_cory_lifts_it(app, browse, people, suspend, what, outbox, work_off):
    made = suspend(people.bob, what=what)
    work_off()
    letter = next(m for m in outbox if "bob@example.com" in m.recipients)
    assert f"http://localhost/sanctions/{made.id}" in letter.body
    assert f"http://localhost/sanctions/{made.id}" in letter.html
    bob = browse(people.bob)
    assert bob.get("/sanction").location == f"/sanctions/{made.id}"
    page = bob.get(f"/sanctions/{made.id}").text
    for words in ("He sells.", "Send the appeal"):
        assert words in page
    answer = bob.post(f"/sanctions/{made.id}/appeal", data={"words": "I gave it away."})
    assert (answer.status_code, answer.location) == (303, f"/sanctions/{made.id}")
    assert bob.post(f"/sanctions/{made.id}/appeal", data={"words": "Again."}).status_code == 409
    assert "Waits for somebody else" in browse(people.mo).get("/moderation/appeals").text
    cory = browse(people.cory)
    shown = cory.get("/moderation/appeals").text
    for words in ("He sells.", "I gave it away.", "Mo", "Bob"):
        assert words in shown
    with app.app_context():
        number = db.session.scalars(select(Appeal.id)).one()
    typed = {"verdict": "overturned", "because": "He gave it away."}
    assert browse(people.mo).post(f"/moderation/appeals/{number}/decision", data=typed).status_code == 403
    assert cory.post(f"/moderation/appeals/{number}/decision", data=typed).status_code == 303
    with app.app_context():
        assert not again(people.bob).is_suspended
        assert not again(people.bob).is_silenced
        assert again(made).lifted_because == "He gave it away."
    work_off()
    told = [m.subject for m in outbox if "bob@example.com" in m.recipients]
    assert told[1:] == ["Your appeal was granted"]
    assert "The decision was taken back" in bob.get(f"/sanctions/{made.id}").text


def test_a_sanction_that_is_upheld_goes_on(app, people, suspend, decide, outbox, work_off):
    made = suspend(people.bob)
    with app.app_context(), transaction():
        asked = appealing.appeal_sanction(again(made), words="I gave it away.", by=again(people.bob))
    decide(asked, "upheld", because="He did not.")
    work_off()
    with app.app_context():
        assert again(people.bob).is_suspended
    assert "It stands, and" in [m for m in outbox if "bob@example.com" in m.recipients][-1].body


def test_nobody_else_finds_or_appeals_bobs_sanction_and_not_after_its_end(app, browse, people, suspend, clock):
    made = suspend(people.bob)
    for person in (people.alice, people.mo, people.olga):
        assert browse(person).get(f"/sanctions/{made.id}").status_code == 404
        assert browse(person).post(f"/sanctions/{made.id}/appeal", data={"words": "Mine!"}).status_code == 404
    assert browse(people.alice).get("/sanction").location == "/account"
    clock.shift(timedelta(days=8))
    assert browse(people.bob).post(f"/sanctions/{made.id}/appeal", data={"words": "Late."}).status_code == 409


def test_a_moderator_who_is_silenced_decides_on_no_appeal(app, browse, people, post, rule, appeal, suspend):
    made = appeal(rule("hide", post, by=people.cory))
    suspend(people.mo, by=people.olga, what="silence")
    answer = browse(people.mo).post(f"/moderation/appeals/{made.id}/decision", data=OVERTURN)
    assert answer.status_code == 403
    with app.app_context():
        assert again(made).is_open


def test_a_decision_that_was_replaced_after_its_thread_was_joined_with_another_does_not_stand(
    app, people, make, post, rule, appeal
):
    first, other = rule("hide", post), make.thread(by=people.alice)
    with app.app_context(), transaction():
        moving.merge(db.session.get_one(Thread, post.thread_id), into=again(other), by=again(people.cory))
    rule("restore", post)
    rule("hide", post, because="Something else.")
    with pytest.raises(appealing.NoLongerStands):
        appeal(first)
