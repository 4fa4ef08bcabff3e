"""The house rules: in versions, agreed to at joining, and again on change before somebody posts."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import func, select

from portal.accounts import house_rules
from portal.accounts.models import Draft
from portal.accounts.rules_models import HouseRules, RulesAcceptance
from portal.conversations.models import Post
from portal.core.audit import Record
from portal.core.db import db, transaction
from portal.membership import joining
from tests.make import again, at_once, browser


@pytest.fixture
def put_in_force(app, people):
    """`put_in_force("No phones.")`: Olga changes the rules."""

    def change(changed="No photographs of screens.", asks_again=True, body="1. **No photographs.**", over=None):
        with app.app_context(), transaction():
            return house_rules.put_in_force(
                body=body,
                changed=changed,
                asks_again=asks_again,
                written_over=over or house_rules.current().version,
                by=again(people.olga),
            ).version

    return change


def _posts(app):
    with app.app_context():
        return list(db.session.scalars(select(Post.body).order_by(Post.id)))


def _agreed(app, who):
    with app.app_context():
        kept = select(RulesAcceptance.version).where(RulesAcceptance.member_id == who.id)
        return sorted(db.session.scalars(kept))


def test_the_rules_that_came_with_the_portal_are_the_first_version(browse, people):
    page = browse().get("/rules").text
    assert "What is said here stays here." in page
    assert "The pledge." in page
    assert browse().get("/rules/1").status_code == 200
    assert browse().get("/rules/2").status_code == 404


def test_nobody_is_asked_while_nothing_has_changed(app, browse, people, make):
    thread = make.thread(by=people.bob)
    assert browse(people.alice).post(f"/threads/{thread.id}/posts", data={"body": "Good."}).status_code == 303


def test_alice_agrees_to_what_changed_and_her_words_go_out_with_the_same_press(app, browse, people, make, put_in_force):
    thread = make.thread(by=people.bob)
    alice = browse(people.alice)
    before = alice.get(f"/threads/{thread.id}").text
    key = re.search(r'name="send_key"[^>]*value="([^"]+)"', before)[1]
    put_in_force()
    typed = {"body": "Ask <her> first.", "send_key": key}
    answer = alice.post(f"/threads/{thread.id}/posts", data=typed)
    assert answer.status_code == 422
    assert "No photographs of screens." in answer.text
    assert "Ask &lt;her&gt; first." in answer.text
    assert f'value="{key}"' in answer.text
    assert "Accept and go on" in answer.text
    assert "Post the reply" not in answer.text
    assert "Ask <her> first." not in _posts(app)
    assert alice.post(f"/threads/{thread.id}/posts", data=typed | {"accept": "2"}).status_code == 303
    assert alice.post(f"/threads/{thread.id}/posts", data=typed | {"accept": "2"}).status_code == 303
    assert _posts(app).count("Ask <her> first.") == 1
    assert _agreed(app, people.alice) == [2]
    assert alice.post(f"/threads/{thread.id}/posts", data={"body": "And then him."}).status_code == 303


def test_a_new_thread_and_the_talk_about_an_item_ask_too(app, browse, people, make, put_in_force):
    room, item = make.room(), make.tool()
    put_in_force()
    alice = browse(people.alice)
    typed = {"title": "Who?", "body": "Who decides?", "kind": "question", "room": room.slug}
    for path in (f"/rooms/{room.slug}/threads/new", f"/library/{item.slug}/thread"):
        answer = alice.post(path, data=typed)
        assert (answer.status_code, "Accept and go on" in answer.text, "Who decides?" in answer.text) == (
            422,
            True,
            True,
        )
    assert _posts(app) == []
    for path in (f"/rooms/{room.slug}/threads/new", f"/library/{item.slug}/thread"):
        assert alice.post(path, data=typed | {"accept": "2"}).status_code == 303
    assert _posts(app) == ["Who decides?", "Who decides?"]


def test_whoever_reads_or_mends_their_words_is_not_held_up(browse, people, make, put_in_force):
    post = make.reply(make.thread(by=people.bob), by=people.alice, body="Dr. Who.")
    put_in_force()
    alice = browse(people.alice)
    assert alice.get(f"/threads/{post.thread_id}").status_code == 200
    assert alice.post(f"/posts/{post.id}/edit", data={"body": "A colleague."}).status_code == 303


def test_a_warning_about_names_and_changed_rules_are_each_answered_once(app, browse, people, make, put_in_force):
    thread = make.thread(by=people.bob)
    put_in_force()
    alice, where = browse(people.alice), f"/threads/{thread.id}/posts"
    typed = {"body": "Our receptionist Karen Miller quit."}
    warned = alice.post(where, data=typed)
    anyway = {"anyway": re.search(r'name="anyway" value="(\w+)"', warned.text)[1]}
    asked = alice.post(where, data=typed | anyway)
    assert f'<input type="hidden" name="anyway" value="{anyway["anyway"]}">' in asked.text
    assert alice.post(where, data=typed | anyway | {"accept": "2"}).status_code == 303
    other = alice.post(where, data={"body": "Our receptionist Lisa Hale quit.", "accept": "2"})
    assert '<input type="hidden" name="accept" value="2">' in other.text


def test_the_draft_stays_while_she_is_asked(app, browse, people, make, put_in_force):
    thread = make.thread(by=people.bob)
    alice = browse(people.alice)
    alice.post(f"/threads/{thread.id}/draft", data={"body": "Half a thought"})
    put_in_force()
    alice.post(f"/threads/{thread.id}/posts", data={"body": "Half a thought"})
    with app.app_context():
        assert db.session.scalar(select(func.count(Draft.id))) == 1


def test_a_mended_comma_asks_nobody_and_is_told_with_the_next_change(app, browse, people, make, put_in_force):
    thread = make.thread(by=people.bob)
    put_in_force("A comma.", asks_again=False, body="1. **A comma,**")
    alice = browse(people.alice)
    assert alice.post(f"/threads/{thread.id}/posts", data={"body": "Good."}).status_code == 303
    put_in_force("No photographs.")
    page = alice.post(f"/threads/{thread.id}/posts", data={"body": "Better."}).text
    assert "A comma." in page
    assert "No photographs." in page


def test_what_changed_again_meanwhile_is_asked_again_and_the_future_cannot_be_agreed_to(
    app, browse, people, make, put_in_force
):
    thread = make.thread(by=people.bob)
    put_in_force("One.", body="1. One")
    put_in_force("Two.", body="1. Two")
    alice, where = browse(people.alice), f"/threads/{thread.id}/posts"
    stale = alice.post(where, data={"body": "Good.", "accept": "2"})
    assert (stale.status_code, "Two." in stale.text) == (422, True)
    for nonsense in ("99", "0", "-1", "x", "3; drop table"):
        assert alice.post(where, data={"body": "Good.", "accept": nonsense}).status_code == 422
    assert alice.post(where, data={"body": "Good.", "accept": "3"}).status_code == 303


def test_twenty_equal_presses_agree_once_and_post_once(app, browse, people, make, put_in_force):
    thread = make.thread(by=people.bob)
    put_in_force()
    typed = {"body": "Twenty.", "send_key": "once", "accept": "2"}
    windows = [browser(app, people.alice) for _ in range(20)]
    answers = at_once(20, lambda number: windows[number].post(f"/threads/{thread.id}/posts", data=typed))
    assert {answer.status_code for answer in answers} == {303}
    assert _agreed(app, people.alice) == [2]
    assert _posts(app).count("Twenty.") == 1


def test_whoever_joins_agrees_to_what_is_in_force(app, people, put_in_force):
    put_in_force()
    with app.app_context(), transaction():
        newcomer = joining.join(name="Nora", email="nora@example.com", password="a calm and private place")
        db.session.flush()
        house_rules.check_accepted(newcomer)
    assert _agreed(app, newcomer) == [2]


def test_olga_changes_the_rules_and_the_old_ones_stay_to_be_read(app, browse, people):
    olga = browse(people.olga)
    page = olga.get("/desk/rules").text
    assert "What is said here stays here." in page
    typed = {"body": "1. **Be kind.**", "changed": "Only one rule is left.", "asks_again": "y", "written_over": "1"}
    look = olga.post("/desk/rules", data=typed | {"preview": "body"})
    assert "<strong>Be kind.</strong>" in look.text
    assert olga.post("/desk/rules", data=typed).location == "/rules"
    now = browse().get("/rules").text
    assert "<strong>Be kind.</strong>" in now
    assert "Only one rule is left." in now
    before = browse().get("/rules/1").text
    assert "What is said here stays here." in before
    assert "These were in force before." in before
    with app.app_context():
        line = db.session.scalars(select(Record).where(Record.action == "rules.changed")).one()
        assert (line.by_id, line.because) == (people.olga.id, "Only one rule is left.")
        assert line.details == {"version": 2, "asks_again": True}


def test_what_the_owner_left_out_or_wrote_over_another_version_comes_back_with_words(browse, people, put_in_force):
    olga = browse(people.olga)
    typed = {"body": "1. Be kind.", "changed": "One rule.", "written_over": "1"}
    for without in ({"body": " "}, {"changed": ""}, {"changed": "x" * 301}, {"body": "\u200b"}):
        assert olga.post("/desk/rules", data=typed | without).status_code == 422
    put_in_force()
    late = olga.post("/desk/rules", data=typed)
    assert (late.status_code, "Somebody else put other rules in force" in late.text) == (409, True)
    assert "1. Be kind." in late.text
    same = olga.post("/desk/rules", data=typed | {"body": "1. **No photographs.**", "written_over": "2"})
    assert (same.status_code, "what the rules say already" in same.text) == (422, True)


def test_only_owners_change_the_rules(browse, people):
    for who in (people.alice, people.mo, people.cory):
        assert browse(who).get("/desk/rules").status_code == 403
        assert browse(who).post("/desk/rules", data={"body": "Mine.", "changed": "Mine."}).status_code == 403


def test_rules_cannot_carry_script_and_a_reply_costs_one_statement_for_them(
    app, browse, people, make, put_in_force, count_queries
):
    put_in_force(body="1. Hello <script>alert(1)</script><img src=x onerror=alert(1)>")
    page = browse().get("/rules").text
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    with app.app_context():
        alice = again(people.alice)
        house_rules.accept(alice, 2)
        with count_queries() as queries:
            house_rules.check_accepted(alice)
        assert len(queries) == 1
        assert db.session.scalar(select(func.count(HouseRules.id))) == 1
