"""The first owner is made by whoever can run commands on the server, and the log says so."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from portal.accounts.models import Member, Role
from portal.core.audit import Record
from portal.core.db import db, transaction


def make_owner(app, email: str):
    return app.test_cli_runner().invoke(args=["accounts", "make-owner", email])


def role_of(app, member: Member) -> Role:
    with app.app_context():
        return db.session.get_one(Member, member.id).role


def records(app) -> list[tuple]:
    with app.app_context():
        found = db.session.scalars(select(Record).where(Record.action == "member.made_owner"))
        return [(record.ref_id, record.by_id, record.details) for record in found]


def test_sam_becomes_an_owner_once_sees_the_desk_and_the_log_has_one_line(app, people, browse):
    assert browse(people.sam).get("/desk").status_code == 403
    assert "is an owner now" in make_owner(app, f" {people.sam.email.upper()} ").output
    assert browse(people.sam).get("/desk").status_code == 200
    assert "already" in make_owner(app, people.sam.email).output
    assert records(app) == [(people.sam.id, None, {"was": "member"})]


def test_sam_with_an_address_that_nobody_confirmed_stays_what_sam_is(app, people):
    with app.app_context(), transaction():
        db.session.get_one(Member, people.sam.id).confirmed_at = None
    answer = make_owner(app, people.sam.email)
    assert answer.exit_code == 1
    assert "not confirmed" in answer.output
    assert role_of(app, people.sam) is Role.MEMBER
    assert records(app) == []


@pytest.mark.parametrize("typed", ["nobody@example.com", "not an address"])
def test_an_address_without_an_account_makes_nobody_an_owner(app, people, typed: str):
    assert make_owner(app, typed).exit_code == 1
    assert records(app) == []
