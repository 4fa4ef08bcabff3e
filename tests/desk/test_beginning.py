"""What an empty portal lacks stands on the desk, with the way to it, and is gone when it is there."""

from __future__ import annotations

import re

import pytest

from portal.accounts import inviting
from portal.accounts.models import Role
from portal.billing.gateway import is_live, own_account
from portal.billing.models import Plan, PlanPrice, PriceStanding
from portal.core.db import db, transaction
from tests.make import again

pytestmark = pytest.mark.one_database


@pytest.fixture
def alone(make):
    """The owner of a portal in which there is nothing and nobody else."""
    return make.member("Olga", role=Role.OWNER)


def _steps(browser):
    """Which are listed, and whether each is done."""
    found = re.findall(r'first__step( first__step--done)?".*?<h3>(.*?)(?:<span|</h3>)', browser.get("/desk").text, re.S)
    return {title: bool(done) for done, title in found}


def test_the_owner_of_an_empty_portal_sees_what_to_do_and_each_way_leads_somewhere(browse, alone):
    olga = browse(alone)
    assert _steps(olga) == {
        "Publish the first tool": False,
        "Open the first room": False,
        "Put a plan on sale": False,
        "Invite somebody": False,
    }
    ways = re.findall(r'<div class="first__way"><a href="([^"]+)"', olga.get("/desk").text)
    assert len(ways) == 4
    assert {olga.get(way).status_code for way in ways} == {200}


def test_each_step_is_done_by_what_is_there_and_the_list_goes_when_all_are(app, browse, alone, make):
    olga = browse(alone)
    with app.app_context(), transaction():
        inviting.invite("ann@example.com", Role.COACH, by=again(alone))
    assert _steps(olga)["Invite somebody"]
    make.tool()
    make.room()
    assert [title for title, is_done in _steps(olga).items() if not is_done] == ["Put a plan on sale"]
    with app.app_context(), transaction():
        plan = Plan(key="monthly", name="Monthly", interval="month", price_minor=4900, currency="usd", lookup_key="m")
        db.session.add(plan)
        db.session.flush()
        account = {"account": own_account(), "livemode": is_live()}
        db.session.add(PlanPrice(**account, price_id="price_1", plan_id=plan.id, standing=PriceStanding.CURRENT))
    assert _steps(olga) == {}


def test_a_coach_sees_only_what_a_coach_can_do(browse, people):
    assert set(_steps(browse(people.cory))) == {"Publish the first tool", "Open the first room"}


def test_a_room_of_the_coaches_and_a_draft_are_nothing_to_a_member(browse, alone, make):
    make.room(kind="coaches")
    make.tool(published=False)
    assert not any(_steps(browse(alone)).values())
