"""Grants: who, why, until when, and that they stop when they should."""

from __future__ import annotations

from datetime import timedelta

import pytest

from portal.accounts.models import Member
from portal.billing import granting
from portal.billing.entitlements import Why, entitlement_of
from portal.billing.models import Grant
from portal.core.audit import Record
from portal.core.clock import now
from portal.core.db import db, transaction


def give(app, member: Member, by: Member, **more) -> Grant:
    with app.app_context(), transaction():
        values = {"because": "speaker at the spring event", "until": now() + timedelta(days=30)} | more
        return granting.give(db.session.get_one(Member, member.id), by=db.session.get_one(Member, by.id), **values)


def why(app, member: Member) -> Why:
    with app.app_context():
        return entitlement_of(db.session.get_one(Member, member.id)).why


def test_olga_gives_sam_a_month_and_takes_it_back(app, people):
    grant = give(app, people.sam, people.olga)
    assert why(app, people.sam) is Why.GRANT
    with app.app_context(), transaction():
        olga = db.session.get_one(Member, people.olga.id)
        granting.take(db.session.get_one(Grant, grant.id), because="the event was cancelled", by=olga)
    assert why(app, people.sam) is Why.NEVER
    with app.app_context():
        records = db.session.query(Record).filter(Record.ref_kind == "grant").all()
        assert [(r.action, r.by_id, r.because) for r in records] == [
            ("grant.given", people.olga.id, "speaker at the spring event"),
            ("grant.taken", people.olga.id, "the event was cancelled"),
        ]
    with pytest.raises(granting.TakenAlready):
        take_again(app, grant, people.olga)


def take_again(app, grant: Grant, by: Member) -> None:
    with app.app_context(), transaction():
        olga = db.session.get_one(Member, by.id)
        granting.take(db.session.get_one(Grant, grant.id), because="again", by=olga)


def test_a_grant_ends_by_itself(app, people, clock):
    give(app, people.sam, people.olga)
    clock.shift(timedelta(days=31))
    assert why(app, people.sam) is Why.LAPSED


def test_a_grant_wants_a_reason_and_an_end_that_lies_ahead(app, people):
    with pytest.raises(granting.NoReason):
        give(app, people.sam, people.olga, because="  ")
    with pytest.raises(granting.EndsInThePast):
        give(app, people.sam, people.olga, until=now() - timedelta(minutes=1))
    assert why(app, people.sam) is Why.NEVER
