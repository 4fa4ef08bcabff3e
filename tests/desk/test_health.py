"""Health names the cure, and tells the operator's tools the truth."""

from __future__ import annotations

from portal.core.db import db, transaction


def test_work_that_gave_up_stands_first_with_its_cure(app, browse, people):
    from portal.core.jobs import Job, JobState

    with app.app_context(), transaction():
        db.session.add(Job(work="letters.send", args={}, state=JobState.DEAD))
    page = browse(people.olga).get("/desk").text
    assert "1 piece of work gave up" in page
    assert page.index("Background work") < page.index("Letters")
    assert "flask jobs retry" in page


def test_olga_reads_on_the_desk_that_no_plan_is_open_and_what_opens_one(browse, people):
    page = browse(people.olga).get("/desk").text
    assert "no plan is known yet" in page
    assert "flask billing sync-prices" in page


def test_health_is_live_without_the_database_and_ready_with_it(browse):
    assert browse().get("/health/live").status_code == 200
    assert browse().get("/health/ready").text == "ready\n"


def test_a_pending_migration_makes_it_unready(browse, monkeypatch):
    monkeypatch.setattr("portal.desk.health.newest_migration", lambda: "9999")
    assert browse().get("/health/ready").status_code == 503
