"""Roles are given and taken by an owner, count at once, and never leave the site without one."""

from __future__ import annotations

import pytest

from portal.accounts import roles
from portal.accounts.models import Member, Role
from portal.core.audit import Record
from portal.core.db import db, transaction
from tests.make import at_once


def _change(app, who: Member, role: Role, by: Member) -> None:
    with app.app_context(), transaction():
        roles.change(db.session.get_one(Member, who.id), role, by=db.session.get_one(Member, by.id))


def _role(app, who: Member) -> Role:
    with app.app_context():
        return db.session.get_one(Member, who.id).role


def test_olga_makes_alice_a_moderator_who_signs_in_anew_and_reads_why(app, browse, people, work_off, outbox):
    alice = browse(people.alice)
    assert alice.get("/moderation").status_code == 403
    answer = browse(people.olga).post("/desk/people/alice/role", data={"role": "moderator"})
    assert (answer.status_code, answer.location) == (303, "/desk/people")
    assert alice.get("/account").location.startswith("/sign-in"), "what she was before is over at once"
    assert browse(people.alice).get("/moderation").status_code == 200
    work_off()
    assert [(letter.recipients, letter.subject) for letter in outbox] == [
        (["alice@example.com"], "You are a moderator of Practice Freedom now")
    ]
    with app.app_context():
        line = db.session.query(Record).filter_by(action="member.role_changed").one()
        assert (line.by_id, line.ref_id) == (people.olga.id, people.alice.id)
        assert line.details == {"was": "member", "now": "moderator"}


def test_the_last_owner_stays_and_is_told_what_to_do_first(app, browse, people):
    olga = browse(people.olga)
    answer = olga.post("/desk/people/olga/role", data={"role": "member"})
    assert answer.status_code == 409
    assert "Make another member an owner first" in answer.text
    assert _role(app, people.olga) is Role.OWNER
    olga.post("/desk/people/cory/role", data={"role": "owner"})
    answer = olga.post("/desk/people/olga/role", data={"role": "member"})
    assert (answer.status_code, answer.location) == (303, "/")
    assert _role(app, people.olga) is Role.MEMBER
    assert olga.get("/account").status_code == 200, "whoever changes their own role stays signed in there"
    assert olga.get("/desk/people").status_code == 403


def test_of_two_owners_who_stop_at_once_one_stays(app, people):
    _change(app, people.cory, Role.OWNER, people.olga)
    owners = [people.olga, people.cory]
    results = at_once(2, lambda n: _change(app, owners[n], Role.MEMBER, owners[n]))
    assert sorted(type(result).__name__ for result in results) == ["LastOwner", "NoneType"]
    assert sorted(_role(app, owner) for owner in owners) == [Role.MEMBER, Role.OWNER]


def test_a_closed_account_does_not_count_as_an_owner(app, people, make):
    from portal.core.clock import now

    make.member("Odo Owner", role=Role.OWNER, closed_at=now())
    with pytest.raises(roles.LastOwner):
        _change(app, people.olga, Role.COACH, people.olga)


def test_an_address_nobody_has_shown_to_be_theirs_is_given_no_power(app, people, make):
    nina = make.member("Nina", confirmed_at=None)
    with pytest.raises(roles.NotConfirmed):
        _change(app, nina, Role.COACH, people.olga)
    assert _role(app, nina) is Role.MEMBER


@pytest.mark.parametrize("who", ["alice", "mo", "cory", "sam"])
def test_nobody_but_an_owner_changes_a_role(app, browse, people, who: str):
    person = browse(getattr(people, who))
    assert person.post("/desk/people/alice/role", data={"role": "owner"}).status_code == 403
    assert person.get("/desk/people").status_code == 403
    assert person.post("/desk/people/invitations", data={"email": "x@example.com", "role": "owner"}).status_code == 403
    assert _role(app, people.alice) is Role.MEMBER


@pytest.mark.parametrize("role", ["", "god", "OWNER", "member\x00"])
def test_a_role_that_is_none_changes_nothing(app, browse, people, role: str):
    assert browse(people.olga).post("/desk/people/alice/role", data={"role": role}).status_code == 422
    assert _role(app, people.alice) is Role.MEMBER
