"""The queue and the log: their order, their pages, and what a page of them costs."""

from __future__ import annotations

import ast
import html
import re
from datetime import timedelta

import pytest
from sqlalchemy import select

from config import ROOT
from portal.accounts import inviting, roles
from portal.accounts.models import Role
from portal.billing import changes, granting
from portal.billing.models import ReversalKind
from portal.conversations.models import Post
from portal.core import audit
from portal.core.clock import now
from portal.core.db import db, transaction
from portal.moderation import cases, flagging, ruling
from portal.moderation.models import Flag, Reason
from portal.moderation.views import ACTIONS
from tests.make import again


def _read(page):
    """The words of a page as they are read, a space between two."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


@pytest.fixture
def flag(app, people):
    def raise_it(post, reason=Reason.SELLING, by=None, ago=timedelta()):
        with app.app_context(), transaction():
            raised = flagging.flag(again(post), reason=reason, by=again(by or people.alice))
            raised.created_at = now() - ago

    return raise_it


@pytest.fixture
def long_queue(app, people, make):
    """Two flags on each of so many posts of Bob's."""

    def fill(posts):
        thread = make.thread(by=people.bob)
        with app.app_context(), transaction():
            common = {"thread_id": thread.id, "author_id": people.bob.id, "created_at": now()}
            common |= {"body": "Words.", "body_html": "<p>Words.</p>"}
            db.session.execute(Post.__table__.insert(), [common | {"number": n} for n in range(2, posts + 2)])
            ids = db.session.scalars(select(Post.id).where(Post.thread_id == thread.id, Post.number > 1)).all()
            flags = [
                {
                    "post_id": post_id,
                    "by_id": by.id,
                    "reason": Reason.SELLING,
                    "rank": 1,
                    "words": "",
                    "created_at": now() - timedelta(minutes=n // 3),
                }
                for n, post_id in enumerate(ids)
                for by in (people.alice, people.cory)
            ]
            db.session.execute(Flag.__table__.insert(), flags)
        return ids

    return fill


def _posts(page):
    return [int(n) for n in re.findall(r'id="case-post-(\d+)"', page)]


def test_what_breaks_a_confidence_stands_first_then_whoever_waited_longest(browse, people, make, flag):
    thread = make.thread(by=people.bob)
    fresh, old, names, breach = (make.reply(thread, by=people.bob) for _ in range(4))
    flag(fresh, ago=timedelta(minutes=1))
    flag(old, ago=timedelta(days=2))
    flag(names, Reason.NAMES_PATIENT_OR_EMPLOYEE, ago=timedelta(minutes=2))
    flag(breach, Reason.BREACH_OF_CONFIDENCE, ago=timedelta(minutes=3))
    page = browse(people.mo).get("/moderation").text
    assert _posts(page) == [breach.id, names.id, old.id, fresh.id]


def test_a_post_stands_once_with_all_its_flags_and_moves_up_when_one_is_urgent(browse, people, make, flag):
    thread = make.thread(by=people.bob)
    other, post = make.reply(thread, by=people.bob), make.reply(thread, by=people.bob)
    flag(other, ago=timedelta(days=1))
    flag(post, by=people.cory)
    assert _posts(browse(people.mo).get("/moderation").text) == [other.id, post.id]
    flag(post, Reason.BREACH_OF_CONFIDENCE)
    page = browse(people.mo).get("/moderation").text
    assert _posts(page) == [post.id, other.id]
    assert "It repeats what was said in confidence" in page
    assert page.count("It sells something.<") == 2


def test_a_decided_flag_leaves_the_queue_and_a_later_one_brings_the_post_back(app, browse, people, make, flag):
    post = make.reply(make.thread(by=people.bob), by=people.bob)
    flag(post)
    with app.app_context(), transaction():
        ruling.keep(again(post), because="So.", by=again(people.mo))
    assert _posts(browse(people.mo).get("/moderation").text) == []
    flag(post, by=people.cory)
    page = browse(people.mo).get("/moderation").text
    assert _posts(page) == [post.id]
    assert "Alice" not in page


def test_the_queue_pages_through_every_post_once(browse, people, long_queue):
    ids, mo = long_queue(47), browse(people.mo)
    seen, address = [], "/moderation"
    while address:
        page = mo.get(address).text
        seen.append(_posts(page))
        older = re.search(r'rel="next" href="([^"]+)"', page)
        address = older and older[1]
    assert [len(page) for page in seen] == [20, 20, 7]
    assert sorted(n for page in seen for n in page) == sorted(ids)


@pytest.mark.parametrize("after", ["x", "1", "1nonsense", "9MjAy", "%00", "0" + "x" * 500])
def test_a_broken_place_in_the_queue_is_its_front(browse, people, long_queue, after):
    ids = long_queue(1)
    assert _posts(browse(people.mo).get(f"/moderation?after={after}").text) == ids


def test_the_queue_costs_the_same_for_two_posts_and_for_twenty(browse, people, long_queue, count_queries):
    mo = browse(people.mo)
    long_queue(2)
    with count_queries() as two:
        mo.get("/moderation")
    long_queue(30)
    with count_queries() as twenty:
        mo.get("/moderation")
    assert len(two) == len(twenty) <= 8


def test_a_queue_of_five_thousand_flags_can_be_walked_to_its_end(app, people, long_queue):
    long_queue(2500)
    with app.app_context():
        page, steps = cases.queue(None, reader=people.cory, most=20), 0
        while page.later:
            page, steps = cases.queue(page.later, reader=people.cory, most=200), steps + 1
        assert steps == 13
        assert len(page.rows) == 80


def test_the_log_is_newest_first_and_pages_both_ways(app, browse, people, make):
    thread = make.thread(by=people.alice)
    with app.app_context(), transaction():
        for n in range(120):
            audit.record(again(people.mo), "post.hidden", again(thread), because=f"Reason {n:03}.")
    mo = browse(people.mo)
    seen, address = [], "/moderation/log"
    while address:
        page = mo.get(address).text
        seen.append(re.findall(r"Reason (\d+)\.", page))
        older = re.search(r'rel="next" href="([^"]+)"', page)
        address = older and older[1]
    assert [len(page) for page in seen] == [50, 50, 20]
    assert [int(n) for page in seen for n in page] == list(range(119, -1, -1))
    newer = re.search(r'rel="prev" href="([^"]+)"', page)[1]
    assert re.findall(r"Reason (\d+)\.", mo.get(newer).text) == seen[1]


def test_the_log_can_be_narrowed_to_one_kind_of_decision(app, browse, people, make):
    post = make.reply(make.thread(by=people.alice), by=people.bob)
    with app.app_context(), transaction():
        ruling.hide(again(post), because="First reason.", by=again(people.mo))
        ruling.restore(again(post), because="Second reason.", by=again(people.cory))
    mo = browse(people.mo)
    hidden = mo.get("/moderation/log?action=hidden").text
    assert "First reason." in hidden
    assert "Second reason." not in hidden
    for unknown in ("nonsense", "%00", "x" * 1000, "post.hidden'--"):
        assert "Second reason." in mo.get(f"/moderation/log?action={unknown}&older=x&newer=-1").text


def test_moderators_do_not_read_about_money_and_the_owner_does(app, browse, people):
    with app.app_context(), transaction():
        line = audit.record(None, "subscription.refunded", again(people.alice), because="Bank said so.")
        line.ref_kind = "subscription"
    assert "Bank said so." not in browse(people.mo).get("/moderation/log").text
    assert "Bank said so." not in browse(people.cory).get("/moderation/log").text
    assert "Bank said so." in browse(people.olga).get("/moderation/log").text


def test_moderators_do_not_read_who_lapsed_or_changed_a_password_and_the_owner_reads_it_in_words(app, browse, people):
    with app.app_context(), transaction():
        audit.record(None, "access.changed", again(people.alice), because="Alice lapsed.")
        audit.record(again(people.alice), "password.changed", again(people.alice))
    for staff in (people.mo, people.cory):
        log = browse(staff).get("/moderation/log").text
        assert "Alice" not in log
        assert f"(member {people.alice.id})" not in log
    log = _read(browse(people.olga).get("/moderation/log").text)
    assert "Access changed: Alice The portal Alice lapsed." in log
    assert "Changed a password Alice –" in log


def test_the_owner_reads_in_words_who_was_invited_whose_role_changed_and_which_list_was_taken_along(
    app, browse, people
):
    with app.app_context(), transaction():
        olga = again(people.olga)
        invitation = inviting.invite("nora@example.com", Role.COACH, by=olga)
        roles.change(again(people.mo), Role.COACH, by=olga)
        inviting.withdraw(again(invitation), by=olga)
        audit.record(olga, "list.exported", olga, list="failing", rows=3)
        granting.give(again(people.bob), because="Speaks here.", until=None, by=olga)
    log = _read(browse(people.olga).get("/moderation/log").text)
    for line in (
        "Invited somebody (invitation 1) Olga As coach",
        "Changed a role: Mo Olga moderator to coach",
        "Took an invitation back (invitation 1) Olga",
        "Took a list along as a file Olga Failing, 3 rows",
        "Gave access: Bob Olga Speaks here.",
    ):
        assert line in log


def test_everything_that_is_recorded_has_words_in_the_log():
    named, computed = set(), []
    for path in sorted((ROOT / "portal").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "audit.record":
                action = node.args[1]
                if isinstance(action, ast.Constant):
                    named.add(action.value)
                else:
                    computed.append(ast.unparse(action))
    expected = ["action", "action", "f'payment.{row.kind}'"]  # a client's answer, a change of plan, money back
    assert sorted(computed) == expected
    named |= {f"payment.{kind}" for kind in ReversalKind} | set(changes._RECORDED.values())
    named |= {"consent.agreed", "consent.chosen_anew"}
    assert named - set(ACTIONS) == set()


def test_the_log_costs_the_same_for_two_lines_and_for_fifty(app, browse, people, make, count_queries):
    mo, thread = browse(people.mo), make.thread(by=people.alice)

    def decide(times):
        with app.app_context(), transaction():
            for _ in range(times):
                audit.record(again(people.mo), "post.hidden", again(thread), because="So.")

    decide(2)
    with count_queries() as two:
        mo.get("/moderation/log")
    decide(50)
    with count_queries() as fifty:
        mo.get("/moderation/log")
    assert len(two) == len(fifty) <= 6
