"""When a rule says no or something breaks: plain words, the fitting status, no traceback, nothing half written."""

from __future__ import annotations

import pytest
from sqlalchemy.exc import OperationalError

from portal.core.db import db


@pytest.fixture
def breaking(app, monkeypatch):
    """Makes `/about` fail in a given way."""

    def arm(error: BaseException) -> None:
        def view():
            raise error

        view.__admits__ = app.view_functions["home.about"].__admits__
        monkeypatch.setitem(app.view_functions, "home.about", view)
        monkeypatch.setitem(app.config, "PROPAGATE_EXCEPTIONS", False)

    return arm


def test_a_bug_gives_a_gentle_500_without_a_traceback(browse, breaking):
    breaking(ZeroDivisionError("secret words of a member"))
    answer = browse().get("/about")
    assert answer.status_code == 500
    assert "Something broke on our side" in answer.text
    assert "ZeroDivisionError" not in answer.text
    assert "secret words" not in answer.text


def test_a_database_that_is_away_gives_503_and_says_when_to_come_back(browse, breaking):
    breaking(OperationalError("SELECT secret", {}, Exception("database is locked")))
    answer = browse().get("/about")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "30"
    assert "Nothing is lost" in answer.text


def test_a_full_disk_gives_503(browse, breaking):
    breaking(OSError(28, "No space left on device"))
    assert browse().get("/about").status_code == 503


def test_an_unknown_page_says_so_and_leads_on(browse):
    answer = browse().get("/no-such-page")
    assert answer.status_code == 404
    assert "Nothing here" in answer.text
    assert 'href="/library"' in answer.text


def test_a_wrong_method_is_not_an_error_of_ours(browse):
    assert browse().get("/sign-out").status_code == 405


def test_a_body_over_the_limit_is_refused(browse):
    answer = browse().post("/sign-in", data={"email": "a" * 1_200_000, "password": "x"})
    assert answer.status_code == 413
    assert "too large" in answer.text


def test_alice_is_told_kindly_that_the_desk_is_not_hers(browse, people):
    answer = browse(people.alice).get("/desk")
    assert answer.status_code == 403
    assert "This page is not open to you" in answer.text


def test_sam_is_told_how_to_become_a_member(browse, people):
    answer = browse(people.sam).get("/rooms")
    assert answer.status_code == 403
    assert 'href="/join"' in answer.text


def test_a_suspended_member_reads_why_and_until_when(browse, make, app):
    from datetime import timedelta

    from portal.core.clock import now

    dora = make.member(
        "Dora", entitled=True, suspended_until=now() + timedelta(days=3), suspended_because="Named an employee twice."
    )
    answer = browse(dora).get("/rooms")
    assert answer.status_code == 403
    assert "Named an employee twice." in answer.text
    assert browse(dora).get("/account").status_code == 200


def test_refused_requests_leave_the_session_usable(app, browse, people):
    alice = browse(people.alice)
    for path in ("/desk", "/threads/999999", "/no-such-page"):
        alice.get(path)
    with app.app_context():
        assert db.session.execute(db.text("SELECT 1")).scalar() == 1


def test_whoever_is_too_fast_is_told_how_long_to_wait_and_nobody_else_is(browse, people):
    sam = browse(people.sam)
    answers = [sam.post("/account/billing/portal") for _ in range(61)]
    assert {answer.status_code for answer in answers[:-1]} == {303}
    assert all("Retry-After" not in answer.headers for answer in answers[:-1]), "a 303 is followed at once"
    assert answers[-1].status_code == 429
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 3600
    assert "A little too fast" in answers[-1].text


def test_stripe_being_away_keeps_its_own_time_to_wait_on_a_limited_route(browse, people):
    """Nothing answers where the tests' Stripe should be."""
    from portal.billing.models import BillingCustomer
    from portal.core.db import db, transaction

    with browse().application.app_context(), transaction():
        db.session.add(
            BillingCustomer(member_id=people.sam.id, account="", livemode=False, customer_id="cus_1", create_key="k")
        )
    answer = browse(people.sam).post("/account/billing/portal")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60")
