"""Who sees to a case and who has it open, so that two do not do the same work."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from portal.core.db import db, transaction
from portal.moderation import assigning, flagging, ruling
from portal.moderation.models import Handling, Reason
from tests.make import again, at_once


@pytest.fixture
def post(app, people, make):
    """One of Bob's that Alice flagged."""
    said = make.reply(make.thread(by=people.alice, title="Who decides?"), by=people.bob)
    with app.app_context(), transaction():
        flagging.flag(again(said), reason=Reason.SELLING, by=again(people.alice))
    return said


def test_mo_takes_a_case_and_gives_it_back(browse, people, post):
    mo, cory = browse(people.mo), browse(people.cory)
    path = f"/moderation/cases/post/{post.id}/owner"
    assert mo.post(path, data={"next": "/moderation?whose=nobody"}).location == "/moderation?whose=nobody"
    assert "You see to it" in mo.get("/moderation").text
    assert "Mo sees to it" in cory.get("/moderation").text
    assert "Every case has somebody" in cory.get("/moderation?whose=nobody").text
    assert "Nothing is yours to see to" in cory.get("/moderation?whose=mine").text
    assert "Nothing waits that fits" in cory.get("/moderation?whose=mine&kind=post").text
    assert mo.post(f"{path}/undo", data={}).status_code == 303
    assert "I see to it" in mo.get("/moderation?whose=nobody").text


def test_of_ten_who_take_it_at_once_one_has_it_and_nine_are_told_who(app, browse, people, make, post):
    from portal.accounts.models import Role

    staff = [make.member(f"Moderator {n}", role=Role.MODERATOR) for n in range(10)]
    windows = [browse(member) for member in staff]
    answers = at_once(10, lambda n: windows[n].post(f"/moderation/cases/post/{post.id}/owner", data={}))
    assert sorted(a.status_code for a in answers) == [303] + [409] * 9
    first = next(n for n, a in enumerate(answers) if a.status_code == 303)
    assert all(f"{staff[first].name} has taken this case" in a.text for a in answers if a.status_code == 409)
    with app.app_context():
        assert db.session.scalars(select(Handling.owner_id)).all() == [staff[first].id]


def test_another_moderator_cannot_take_it_from_mo_and_a_coach_can(browse, people, make, post):
    from portal.accounts.models import Role

    path = f"/moderation/cases/post/{post.id}/owner"
    browse(people.mo).post(path, data={})
    assert browse(make.member(role=Role.MODERATOR)).post(f"{path}/undo", data={}).status_code == 403
    assert browse(people.cory).post(f"{path}/undo", data={}).status_code == 303


def test_a_decided_case_is_nobodys_so_that_a_later_flag_waits_for_everybody(app, people, post):
    with app.app_context(), transaction():
        assigning.take(f"post:{post.id}", by=again(people.mo))
        ruling.keep(again(post), because="So.", by=again(people.cory))
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Handling)) == 0


def test_cory_sees_for_five_minutes_that_mo_has_it_open_and_mo_does_not_see_himself(browse, people, post, clock):
    mo, cory = browse(people.mo), browse(people.cory)
    assert mo.post(f"/moderation/cases/post/{post.id}/look", data={}).status_code == 204
    assert "Mo is looking at it now" in cory.get("/moderation").text
    assert "is looking at it now" not in mo.get("/moderation").text
    clock.shift(timedelta(minutes=6))
    assert "is looking at it now" not in cory.get("/moderation").text


def test_nobody_but_staff_takes_or_looks(browse, people, post):
    for path in ("owner", "owner/undo", "look"):
        assert browse(people.alice).post(f"/moderation/cases/post/{post.id}/{path}", data={}).status_code == 403
    assert timedelta(minutes=5) == assigning.LOOKS_FOR
