"""Silence and suspension: what they take away, who may decide so, who was first, and that they end by themselves."""

from __future__ import annotations

from datetime import timedelta
from io import BytesIO

import pytest
from sqlalchemy import func, select

from portal.accounts.models import Role
from portal.billing.entitlements import audiences_of
from portal.conversations import posting
from portal.core.admission import Audience
from portal.core.audit import Record
from portal.core.db import db, transaction
from portal.core.errors import Refusal
from portal.moderation import sanctioning
from portal.moderation.person_models import Sanction
from tests.make import again, at_once

WHY = "Named an employee twice."


@pytest.fixture
def decide(app, people):
    """`decide("silence", bob)`: Mo decides for a week, or whoever is named."""

    def sanction(what, member, by=None, days=7, because=WHY):
        with app.app_context(), transaction():
            return getattr(sanctioning, what)(again(member), days=days, because=because, by=again(by or people.mo))

    return sanction


@pytest.fixture
def lift(app, people):
    def end(sanction, by=None, because="They apologised."):
        with app.app_context(), transaction():
            sanctioning.lift(again(sanction), because=because, by=again(by or people.mo))

    return end


def _log(app):
    with app.app_context():
        lines = db.session.scalars(select(Record).where(Record.ref_kind == "sanction").order_by(Record.id)).all()
        return [(line.by_id, line.action, line.because, line.details["member"]) for line in lines]


def test_bob_silenced_reads_on_and_is_told_why_he_does_not_write_until_it_ends_by_itself(
    app, browse, people, make, decide, clock
):
    thread = make.thread(by=people.alice)
    decide("silence", people.bob)
    bob = browse(people.bob)
    assert bob.get(f"/threads/{thread.id}").status_code == 200
    refused = bob.post(f"/threads/{thread.id}/posts", data={"body": "Hello"})
    assert refused.status_code == 403
    assert WHY in refused.text
    clock.shift(timedelta(days=7, seconds=1))
    with app.app_context(), transaction():
        assert posting.reply(again(thread), body="Hello again", by=again(people.bob)).id


def test_bob_suspended_keeps_his_account_and_loses_the_rest_until_it_ends_by_itself(app, people, decide, clock):
    decide("suspend", people.bob)
    with app.app_context():
        assert audiences_of(again(people.bob)) == {Audience.ANYONE, Audience.ACCOUNT, Audience.SIGNED_IN}
    clock.shift(timedelta(days=7, seconds=1))
    with app.app_context():
        assert Audience.ENTITLED in audiences_of(again(people.bob))


SAID = {"name": "Bob", "bio": "Two chairs.", "practice": "Baker Dental", "title": "", "listed": "y"}
SAID |= dict.fromkeys(("specialty", "part", "size", "region", "time_zone", "locale"), "")


@pytest.mark.parametrize("what", ["silence", "suspend"])
def test_bob_held_back_says_nothing_new_on_his_profile_and_can_take_words_down(app, browse, people, decide, what):
    bob = browse(people.bob)
    assert bob.post("/account/profile", data=SAID).status_code == 303
    decide(what, people.bob)
    for new in ({"bio": "Buy my course."}, {"name": "Buy my course"}, {"practice": "Buy"}, {"title": "Buy"}):
        refused = bob.post("/account/profile", data=SAID | new)
        assert refused.status_code == 403, new
        assert "nothing new can stand on your profile" in refused.text
    assert bob.post("/account/profile/photo", data={"photo": (BytesIO(b"x"), "x.png")}).status_code == 403
    assert bob.post("/account/profile", data=SAID | {"time_zone": "Europe/Berlin"}).status_code == 303
    assert bob.post("/account/profile", data=SAID | {"bio": ""}).status_code == 303
    with app.app_context():
        assert (again(people.bob).name, again(people.bob).bio) == ("Bob", None)


def test_where_bob_silenced_would_write_he_finds_why_not_and_until_when_and_nothing_once_it_is_over(
    browse, people, make, decide, clock
):
    room, item = make.room(), make.nugget()
    thread = make.thread(by=people.alice, room=room)
    decide("silence", people.bob)
    bob = browse(people.bob)
    pages = [f"/threads/{thread.id}", f"/rooms/{room.slug}", f"/rooms/{room.slug}/threads/new"]
    pages += ["/account", f"/library/{item.slug}/thread"]
    for path in pages:
        page = bob.get(path)
        assert page.status_code == 200, path
        assert "You cannot write to other members until" in page.text, path
        assert WHY in page.text, path
        assert 'name="body"' not in page.text, path
    assert "You cannot write to other members" not in browse(people.alice).get(pages[0]).text
    clock.shift(timedelta(days=7, seconds=1))
    for path in pages:
        assert "You cannot write to other members" not in bob.get(path).text, path


def test_mo_silenced_reads_on_and_rules_on_nothing(app, people, decide):
    decide("silence", people.mo, by=people.cory)
    with app.app_context():
        assert audiences_of(again(people.mo)) == {
            Audience.ANYONE,
            Audience.ACCOUNT,
            Audience.SIGNED_IN,
            Audience.ENTITLED,
        }


@pytest.mark.parametrize(
    ("what", "subject", "billing"),
    [
        ("silence", "You cannot write to other members for a while", "nothing changes"),
        ("suspend", "Your account is suspended for a while", "its charges go on"),
    ],
)
def test_bob_is_told_what_why_how_long_and_what_it_means_for_billing(
    people, decide, outbox, work_off, what, subject, billing
):
    decide(what, people.bob)
    work_off()
    (letter,) = [m for m in outbox if "bob@example.com" in m.recipients]
    assert letter.subject == subject
    for words in (WHY, billing, "Nothing is refunded by itself", "/rules", "/account/billing"):
        assert words.lower() in letter.body.lower()
        assert words.lower() in letter.html.lower()


def test_lifted_by_a_coach_with_a_reason_bob_writes_again_and_hears_of_it(
    app, people, make, decide, lift, outbox, work_off
):
    made = decide("silence", people.bob)
    lift(made, by=people.cory)
    with app.app_context():
        assert not again(people.bob).is_silenced
        assert (again(made).lifted_by_id, again(made).lifted_because) == (people.cory.id, "They apologised.")
    with pytest.raises(sanctioning.Over):
        lift(made)
    work_off()
    assert [m.subject for m in outbox if "bob@example.com" in m.recipients] == [
        "You cannot write to other members for a while",
        "You can write to other members again",
    ]
    assert _log(app) == [
        (people.mo.id, "sanction.silenced", WHY, people.bob.id),
        (people.cory.id, "sanction.lifted", "They apologised.", people.bob.id),
    ]


def test_what_has_ended_by_itself_is_not_lifted(people, decide, lift, clock):
    made = decide("silence", people.bob, days=1)
    clock.shift(timedelta(days=1, seconds=1))
    with pytest.raises(sanctioning.Over):
        lift(made)


@pytest.mark.parametrize(
    ("by", "whom"),
    [
        ("mo", "mo"),
        ("olga", "olga"),
        ("mo", "cory"),
        ("mo", "olga"),
        ("cory", "olga"),
        ("alice", "bob"),
        ("cory", "another coach"),
    ],
)
def test_nobody_decides_about_themselves_or_about_an_equal_or_somebody_above(app, people, make, decide, by, whom):
    member = make.member("Colin", role=Role.COACH) if whom == "another coach" else getattr(people, whom)
    with pytest.raises(sanctioning.NotYoursToJudge):
        decide("suspend", member, by=getattr(people, by))
    with app.app_context():
        assert not again(member).is_suspended


@pytest.mark.parametrize("whom", ["mo", "cory", "alice"])
def test_olga_may_about_everybody_else_and_about_another_owner(app, people, make, decide, whom):
    decide("suspend", getattr(people, whom), by=people.olga)
    owner = make.member("Otto", role=Role.OWNER)
    decide("suspend", owner, by=people.olga)
    with app.app_context():
        assert again(getattr(people, whom)).is_suspended
        assert again(owner).is_suspended


def test_two_owners_who_suspend_each_other_at_once_leave_one_who_can_end_it(app, people, make, decide):
    otto = make.member("Otto", role=Role.OWNER)
    pair = [(people.olga, otto), (otto, people.olga)]

    def one(n):
        try:
            decide("suspend", pair[n][1], by=pair[n][0])
        except Refusal as no:
            return type(no)
        return None

    assert sorted(map(str, at_once(2, one))) == sorted(map(str, [None, sanctioning.NotYoursToJudge]))
    with app.app_context():
        assert [again(people.olga).is_suspended, again(otto).is_suspended].count(True) == 1


def test_of_ten_staff_who_suspend_bob_at_once_one_does_and_nine_are_told_who(app, people, make, decide):
    staff = [make.member(f"Moderator {n}", role=Role.MODERATOR) for n in range(10)]

    def one(n):
        try:
            decide("suspend", people.bob, by=staff[n], because=f"Reason {n}.")
        except sanctioning.AlreadySanctioned as no:
            return no.message
        return None

    told = at_once(10, one)
    assert told.count(None) == 1
    first = told.index(None)
    assert all(f"Moderator {first} was first" in words and f"Reason {first}." in words for words in told if words)
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Sanction)) == 1
        assert again(people.bob).suspended_because == f"Reason {first}."


def test_bob_can_be_silenced_and_suspended_at_once_and_each_is_lifted_by_itself(app, people, decide, lift):
    decide("silence", people.bob)
    suspension = decide("suspend", people.bob)
    lift(suspension)
    with app.app_context():
        bob = again(people.bob)
        assert (bob.is_silenced, bob.is_suspended) == (True, False)


@pytest.mark.parametrize(
    ("days", "because", "refusal"), [(2, WHY, sanctioning.NoSuchLength), (7, "  ", sanctioning.NoReason)]
)
def test_a_length_of_the_list_and_a_reason_are_asked_for(app, people, decide, days, because, refusal):
    with pytest.raises(refusal):
        decide("silence", people.bob, days=days, because=because)
    with app.app_context():
        assert not again(people.bob).is_silenced
