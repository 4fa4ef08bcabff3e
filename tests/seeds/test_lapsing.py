"""With a sandbox beside it the demo has people for whom money does not simply run, so that the desk shows life."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from portal.accounts.models import Member
from portal.billing import comparing, prices, queries, reconciling
from portal.billing.entitlements import Why, entitlement_of
from portal.billing.gateway import Gateway
from portal.billing.models import EventState, StripeEvent
from portal.core.clock import now
from portal.core.db import db
from tests.sandbox import KEY, running_sandbox


@pytest.fixture
def sandbox(app, tmp_path, monkeypatch):
    with running_sandbox(tmp_path) as sandbox:
        monkeypatch.setitem(app.config, "STRIPE_API_BASE", sandbox.url)
        monkeypatch.setitem(app.extensions, "stripe_gateway", Gateway(KEY, api_base=sandbox.url))
        with app.app_context():
            prices.sync_prices()
        yield sandbox


def test_one_owes_one_is_leaving_and_one_left_each_with_their_reason(app, sandbox):
    answer = app.test_cli_runner().invoke(args=["seed"])
    assert answer.exit_code == 0, answer.output
    with app.app_context():
        whys = {m.handle: entitlement_of(m).why for m in db.session.scalars(select(Member))}
        assert (whys["joel"], whys["carl"], whys["vera"], whys["alice"]) == (
            Why.PAST_DUE,
            Why.ENDING,
            Why.LAPSED,
            Why.PAID,
        )
        failing = queries.held([row_id for _, row_id in queries.failing()])
        assert [each.member.handle for each in failing] == ["joel"]
        assert failing[0].sub.declined_because == "generic_decline"
        leaving = queries.held([row_id for _, row_id in queries.ending()])
        assert [(each.member.handle, each.sub.cancel_reason) for each in leaving] == [("carl", "unused")]
        left = queries.held([row_id for _, row_id in queries.left_since(now() - timedelta(days=21))])
        assert [(each.member.handle, each.sub.cancel_reason) for each in left] == [("vera", "switched_service")]
        events = db.session.scalars(select(StripeEvent)).all()
        assert {each.deliveries for each in events} == {1}
        assert {each.state for each in events} == {EventState.DONE}


def test_the_comparison_finds_nothing_to_mend_in_the_demo(app, sandbox):
    app.test_cli_runner().invoke(args=["seed"])
    with app.app_context():
        assert reconciling.fetch_missed_events() == 0
        report = comparing.compare_everything()
        assert (report.repaired, report.needs_a_person) == ([], [])
