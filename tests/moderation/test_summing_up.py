"""What the moderators did of late, for members to read: numbers that are right, and none that points at somebody."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

import pytest

from portal.core.clock import now
from portal.core.db import db, transaction
from portal.moderation import appealing, flagging, ruling, sanctioning
from portal.moderation.models import Flag, Reason, Verdict
from portal.moderation.person_models import Sanction, SanctionKind
from tests.make import again

PAGE = "/rules/summary"
A_DAY = timedelta(days=1)


@pytest.fixture
def posts(people, make):
    """`posts(3)`: so many posts of Bob's, in one thread of Alice's."""
    thread = make.thread(by=people.alice)
    return lambda many: [make.reply(thread, by=people.bob, body=f"Post {n}.") for n in range(many)]


@pytest.fixture
def flag(app, people):
    """`flag(posts)`: Alice flagged each of them two days ago, or when it is said."""

    def raise_them(things, reason=Reason.SELLING, by=None, ago=2 * A_DAY):
        with app.app_context(), transaction():
            for thing in things:
                raised = flagging.flag(again(thing), reason=reason, by=again(by or people.alice))
                raised.created_at = now() - ago

    return raise_them


@pytest.fixture
def rule(app, people):
    """`rule("hide", post, took=hours)`: Mo decided yesterday, so long after it was flagged; or when it is said."""

    def decide(what, thing, took=timedelta(hours=5), ago=A_DAY):
        with app.app_context(), transaction():
            made = getattr(ruling, what)(again(thing), because="So.", by=again(people.mo))
            made.created_at = now() - ago
            for settled in db.session.query(Flag).filter_by(ruling_id=made.id):
                settled.ruled_at = made.created_at
                settled.created_at = made.created_at - took
            return made

    return decide


@pytest.fixture
def appeal(app, people):
    """`appeal(ruling, "overturned")`: Bob appealed yesterday, and Cory said so an hour later; or it waits."""

    def ask(against, verdict=None):
        with app.app_context(), transaction():
            made = appealing.appeal(again(against), words="Look again.", by=again(people.bob))
            if verdict:
                appealing.decide(made, Verdict(verdict), because="So.", by=again(people.cory))
                made.decided_at = now() - A_DAY
            made.created_at = now() - A_DAY - timedelta(hours=1)

    return ask


@pytest.fixture
def said(browse, people):
    """What the page says to Alice: each row and each figure with its number."""

    def read():
        page = browse(people.alice).get(PAGE).text
        rows = re.findall(r'<th scope="row">(.*?)</th><td[^>]*>(.*?)</td>', page)
        figures = re.findall(r'stat__label">(.*?)</p>\s*<p class="stat__figure">(.*?)</p>', page)
        return {unescape(what): number for what, number in [*rows, *figures]}

    return read


def test_alice_reads_how_many_flags_rulings_and_appeals_there_were(posts, flag, rule, appeal, said):
    sold, harsh = posts(4), posts(3)
    flag(sold)
    flag(harsh, reason=Reason.DISRESPECT)
    hidden = [rule("hide", post) for post in sold]
    for post in harsh:
        rule("keep", post)
    for each, verdict in zip(hidden, ["upheld", "upheld", "upheld", None], strict=True):
        appeal(each, verdict)
    assert said() == {
        "It is disrespectful": "3",
        "It sells something": "4",
        "It stays as it is": "3",
        "Hidden": "4",
        "From flag to ruling": "About 5 hours",
        "Appeals": "4",
        "Appeals granted": "None",
        "Silences": "None",
        "Suspensions": "None",
    }


@pytest.mark.parametrize("many", [1, 2])
def test_one_or_two_are_fewer_than_three_whatever_is_counted(app, people, posts, flag, rule, appeal, said, many):
    some = posts(many)
    flag(some, reason=Reason.NAMES_PATIENT_OR_EMPLOYEE)
    for post in some:
        appeal(rule("hide", post), "overturned")
    _sanction(app, people, SanctionKind.SILENCE, many)
    _sanction(app, people, SanctionKind.SUSPENSION, many)
    numbers = said()
    assert numbers.pop("From flag to ruling") == "Too few to say"
    assert set(numbers.values()) == {"Fewer than 3"}
    told = {"A patient, client or employee could be recognised", "Hidden", "Appeals granted", "Silences"}
    assert told <= set(numbers)


def test_three_are_told_and_so_is_who_was_held_back(app, people, said):
    _sanction(app, people, SanctionKind.SILENCE, 3)
    _sanction(app, people, SanctionKind.SUSPENSION, 4)
    assert (said()["Silences"], said()["Suspensions"]) == ("3", "4")


def test_nobody_works_out_the_one_appeal_that_was_not_granted(posts, rule, appeal, said):
    for post, verdict in zip(posts(4), ["overturned", "overturned", "overturned", "upheld"], strict=True):
        appeal(rule("hide", post), verdict)
    assert (said()["Appeals"], said()["Appeals granted"]) == ("4", "All but fewer than 3")


def test_small_numbers_stand_in_one_order_and_beside_no_total(browse, people, posts, flag, said):
    flag(posts(1), reason=Reason.SELLING)
    flag(posts(2), reason=Reason.OFF_TOPIC)
    flag(posts(5), reason=Reason.UNSAFE_ADVICE)
    rows = [(what, number) for what, number in said().items() if what.startswith("It")]
    few = "Fewer than 3"
    assert rows == [
        ("Its advice could harm somebody", "5"),
        ("It sells something", few),
        ("It does not belong in this room", few),
    ]
    assert not re.search(r">\s*8\b", browse(people.alice).get(PAGE).text)


def test_what_the_portal_put_before_the_moderators_is_one_line_and_not_in_the_median(app, posts, flag, rule, said):
    raised, flagged = posts(3), posts(3)
    with app.app_context(), transaction():
        reasons = (Reason.NEWCOMER, Reason.WATCHED_WORDS, Reason.LINKS)
        for post, reason in zip(raised, reasons, strict=True):
            db.session.add(Flag(post_id=post.id, reason=reason, rank=1, created_at=now() - A_DAY))
    flag(flagged)
    for post in raised:
        rule("keep", post, took=timedelta(minutes=1))
    for post in flagged:
        rule("keep", post, took=timedelta(days=6))
    numbers = said()
    assert numbers["Nobody flagged it; the portal had it looked at first"] == "3"
    assert numbers["From flag to ruling"] == "About 6 days"


@pytest.mark.parametrize(
    ("minutes", "words"),
    [
        ([1, 5, 4000], "Within an hour"),
        ([1, 70, 4000], "About an hour"),
        ([60, 120, 240, 6000], "About 3 hours"),
        ([9000, 9, 47 * 60], "About 47 hours"),
        ([1, 2880, 2880, 9000], "About 2 days"),
    ],
)
def test_the_median_is_that_of_the_middle_one_or_two(posts, flag, rule, said, minutes, words):
    some = posts(len(minutes))
    flag(some)
    for post, each in zip(some, minutes, strict=True):
        rule("keep", post, took=timedelta(minutes=each))
    assert said()["From flag to ruling"] == words


def test_neither_today_nor_what_is_longer_ago_is_counted(browse, people, posts, flag, rule, said):
    flag(posts(3), ago=timedelta())
    flag(posts(3), ago=92 * A_DAY)
    for post in posts(3):
        rule("hide", post, ago=timedelta())
    assert said() == {}
    page = browse(people.alice).get(PAGE).text
    assert "A quiet time" in page
    flag(posts(3), ago=89 * A_DAY)
    assert said()["It sells something"] == "3"


def test_the_page_names_nobody_and_quotes_nothing(browse, people, posts, flag, rule, appeal):
    some = posts(3)
    flag(some)
    for post in some:
        appeal(rule("hide", post), "upheld")
    page = browse(people.alice).get(PAGE).text
    main = page[page.index("<main") : page.index("</main>")]
    for word in ("Bob", "Mo<", "Cory", "Post 1", "Look again", "So."):
        assert word not in main


@pytest.mark.parametrize("who", ["alice", "bob", "mo", "cory", "olga"])
def test_members_and_staff_find_it_from_the_house_rules(browse, people, who):
    person = browse(getattr(people, who))
    assert f'href="{PAGE}"' in person.get("/rules").text
    assert person.get(PAGE).status_code == 200


def test_lena_who_lapsed_sam_who_never_paid_and_visitors_are_not_let_in(app, browse, people):
    with app.app_context(), transaction():
        sanctioning.suspend(again(people.bob), days=7, because="So.", by=again(people.mo))
    for who in (people.lena, people.sam, people.bob):
        assert browse(who).get(PAGE).status_code == 403
        assert PAGE not in browse(who).get("/rules").text
    assert browse().get(PAGE).location.startswith("/sign-in")
    assert PAGE not in browse().get("/rules").text


def test_fifty_flags_cost_what_five_cost(browse, people, posts, flag, rule, count_queries):
    alice, counts = browse(people.alice), []
    for many in (5, 45):
        some = posts(many)
        flag(some)
        for post in some[: many // 2]:
            rule("hide", post)
        alice.get(PAGE)
        with count_queries() as queries:
            assert alice.get(PAGE).status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 8


def _sanction(app, people, kind, many):
    with app.app_context(), transaction():
        for _ in range(many):
            made = Sanction(member_id=people.bob.id, kind=kind, until=now(), because="So.", by_id=people.mo.id)
            made.created_at = now() - A_DAY
            db.session.add(made)
