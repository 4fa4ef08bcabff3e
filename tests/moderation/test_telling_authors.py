"""Whoever was ruled on finds it in their inbox as well as in a letter: what, why, and the way to its page."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import func, select

from portal.conversations.models import Thread
from portal.core.db import db, transaction
from portal.moderation import appealing, carrying_out, editing_out, flagging, further_rulings, ruling, sanctioning
from portal.moderation.models import Reason, Verdict
from portal.notifications.models import Notification
from tests.make import again

WHY = "It names a patient."


@pytest.fixture
def post(people, make):
    return make.reply(make.thread(by=people.alice, title="Who decides?"), by=people.bob, body="Mr. Hale.")


@pytest.fixture
def do(app, people):
    """`do(ruling.hide, post)`: Mo decides, or whoever is named."""

    def decide(what, thing, *more, by=None, because=WHY, **words):
        with app.app_context(), transaction():
            return what(again(thing), *more, because=because, by=again(by or people.mo), **words)

    return decide


def _inbox(browse, who):
    """What the entries say, the newest first, and where each leads."""
    window = browse(who)
    page = window.get("/notifications").text
    said = re.findall(r'action="(/notifications/\d+/open)".*?type="submit">(.*?)</button>', page, re.DOTALL)
    return [(words, window.post(path).location) for path, words in said]


def test_bob_finds_that_his_post_was_hidden_and_why_and_comes_to_the_page_of_that_ruling(browse, people, post, do):
    hidden = do(ruling.hide, post)
    page = browse(people.bob).get("/notifications").text
    assert WHY in page
    assert "Mr. Hale" not in page
    assert _inbox(browse, people.bob) == [("A moderator hid your post in “Who decides?”", f"/rulings/{hidden.id}")]
    assert browse(people.bob).get(f"/rulings/{hidden.id}").status_code == 200


@pytest.mark.parametrize(
    ("what", "thing", "said"),
    [
        (further_rulings.delete, "post", "A moderator deleted your post in “Who decides?”"),
        (further_rulings.note, "post", "A moderator wrote to you about your post in “Who decides?”"),
        (ruling.lock, "thread", "A moderator closed your thread “Who decides?”"),
        (ruling.hide_thread, "thread", "A moderator hid your thread “Who decides?”"),
    ],
)
def test_each_decision_is_told_in_its_own_words(app, browse, people, post, do, what, thing, said):
    with app.app_context():
        whole = db.session.get_one(Thread, post.thread_id)
    made = do(what, post if thing == "post" else whole)
    who = people.bob if thing == "post" else people.alice
    assert _inbox(browse, who) == [(said, f"/rulings/{made.id}")]


def test_of_an_edit_of_an_emptied_profile_and_of_a_post_that_may_stand_one_is_told_as_well(
    app, browse, people, post, do
):
    edited = do(editing_out.edit_out, post, body="Somebody.")
    with app.app_context(), transaction():
        flagging.flag(again(people.bob), reason=Reason.SELLING, by=again(people.alice))
        flagging.flag(again(post), reason=Reason.BREACH_OF_CONFIDENCE, by=again(people.alice))
    do(ruling.clear, people.bob)
    do(ruling.keep, post)
    assert _inbox(browse, people.bob) == [
        ("A moderator let stand your post in “Who decides?”", f"/posts/{post.id}"),
        ("A moderator took down the words on “Your profile”", "/members/bob"),
        ("A moderator edited a part out of your post in “Who decides?”", f"/rulings/{edited.id}"),
    ]


@pytest.mark.parametrize("verdict", [Verdict.UPHELD, Verdict.OVERTURNED])
def test_bob_finds_what_became_of_his_appeal_and_one_entry_tells_of_it(app, browse, people, post, do, verdict):
    hidden = do(ruling.hide, post)
    with app.app_context(), transaction():
        asked = appealing.appeal(again(hidden), words="Hale is a street.", by=again(people.bob))
    do(appealing.decide, asked, verdict, by=people.cory, because="It is a street.")
    page = browse(people.bob).get("/notifications").text
    assert ("The decision stands." if verdict is Verdict.UPHELD else "The decision was taken back.") in page
    assert _inbox(browse, people.bob) == [
        ("A second person answered your appeal about “Who decides?”", f"/rulings/{hidden.id}"),
        ("A moderator hid your post in “Who decides?”", f"/rulings/{hidden.id}"),
    ]


def test_bob_silenced_finds_that_too_and_what_became_of_his_appeal_against_it(app, browse, people, do):
    made = do(sanctioning.silence, people.bob, days=7)
    with app.app_context(), transaction():
        asked = appealing.appeal_sanction(again(made), words="It was Dana.", by=again(people.bob))
    do(appealing.decide, asked, Verdict.UPHELD, by=people.cory)
    silenced = "“You cannot write to other members for a while”"
    assert _inbox(browse, people.bob) == [
        (f"A second person answered your appeal about {silenced}", f"/sanctions/{made.id}"),
        (f"A moderator decided: {silenced}", f"/sanctions/{made.id}"),
    ]


def test_alice_who_flagged_it_hears_the_outcome_and_not_the_reason(app, browse, people, post, do, work_off):
    with app.app_context(), transaction():
        flagging.flag(again(post), reason=Reason.SELLING, by=again(people.alice))
    do(ruling.hide, post)
    work_off()
    page = browse(people.alice).get("/notifications").text
    assert "looked at what you flagged in" in page
    assert WHY not in page


def test_nobody_can_turn_it_off_and_who_came_second_told_nobody(app, browse, people, post, do):
    assert "moderators decide" not in browse(people.bob).get("/account/mail").text
    do(ruling.hide, post)
    with pytest.raises(carrying_out.AlreadyRuled):
        do(ruling.hide, post, by=people.cory)
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Notification)) == 1


def test_the_inbox_costs_the_same_for_two_rulings_as_for_ten(browse, people, make, do, count_queries):
    bob, counts = browse(people.bob), []
    thread = make.thread(by=people.alice)
    for more in (2, 8):
        for _ in range(more):
            do(ruling.hide, make.reply(thread, by=people.bob))
        bob.get("/notifications")
        with count_queries() as queries:
            assert bob.get("/notifications").text.count("A moderator hid your post") >= more
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 8


@pytest.mark.parametrize(
    ("reason", "rule", "link"),
    [
        (Reason.BREACH_OF_CONFIDENCE, "What is said here stays here", "/rules/1#rule-1"),
        (Reason.NAMES_PATIENT_OR_EMPLOYEE, "No patients, clients or employees", "/rules/1#rule-2"),
        (Reason.SELLING, "Nobody sells", "/rules/1#rule-3"),
        (Reason.OFF_TOPIC, "Stay near the question", "/rules/1#rule-4"),
        (Reason.DISRESPECT, "Argue with ideas", "/rules/1#rule-5"),
        (Reason.UNSAFE_ADVICE, "Know where your craft ends", "/rules/1#rule-6"),
    ],
)
def test_the_rule_that_was_applied_is_linked_in_the_ruling_and_in_the_letter(
    app, browse, people, post, do, outbox, work_off, reason, rule, link
):
    with app.app_context(), transaction():
        flagging.flag(again(post), reason=reason, by=again(people.alice))
    hidden = do(ruling.hide, post)
    page = browse(people.bob).get(f"/rulings/{hidden.id}").text
    assert re.search(rf'<a href="{link}">{rule}', page)
    work_off()
    letter = next(m for m in outbox if m.subject == "Your post was hidden")
    assert re.search(rf'<a href="http://localhost{link}"[^>]*>{rule}', letter.html)
    assert f"http://localhost{link}\n" in letter.body
    assert f": {rule}" in letter.body


def test_what_is_in_no_rule_is_said_in_words(app, browse, people, post, do, outbox, work_off):
    with app.app_context(), transaction():
        flagging.flag(again(post), reason=Reason.OTHER, words="See.", by=again(people.alice))
    hidden = do(ruling.hide, post)
    assert "/rules/1" not in browse(people.bob).get(f"/rulings/{hidden.id}").text
    work_off()
    letter = next(m for m in outbox if m.subject == "Your post was hidden")
    assert "looked at" not in letter.body


def test_of_a_thread_that_is_hidden_now_bob_is_told_without_its_title_in_his_inbox_and_by_letter(
    app, browse, people, post, do, outbox, work_off
):
    with app.app_context():
        thread = db.session.get_one(Thread, post.thread_id)
    noted = do(further_rulings.note, post)
    do(ruling.hide_thread, thread)
    work_off()
    outbox.clear()
    hidden = do(ruling.hide, post)
    with app.app_context(), transaction():
        asked = appealing.appeal(again(hidden), words="Hale is a street.", by=again(people.bob))
        appealing.decide(asked, Verdict.UPHELD, because="He is a patient.", by=again(people.cory))
    work_off()
    letters = [letter for letter in outbox if "bob@example.com" in letter.recipients]
    assert len(letters) == 2
    for said in (*(letter.body + letter.html for letter in letters), browse(people.bob).get("/notifications").text):
        assert "a thread that is hidden now" in said
        assert "Who decides?" not in said
    assert (
        "A moderator wrote to you about your post in “a thread that is hidden now”",
        f"/rulings/{noted.id}",
    ) in _inbox(browse, people.bob)
    assert "Who decides?" in browse(people.alice).get("/notifications").text
