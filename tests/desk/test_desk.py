"""The desk: figures that count what they say, health that names the cure, and the demo's outbox."""

from __future__ import annotations

import pytest

from portal.core.db import db, transaction


def test_cory_sees_how_many_may_come_in(browse, people):
    page = browse(people.cory).get("/desk")
    assert page.status_code == 200
    assert "Members" in page.text


def test_members_counts_alice_and_bob_but_neither_lena_nor_staff(app, people):
    from portal.desk.figures import figures

    with app.app_context():
        found = {f.label: f.value for f in figures()}
    assert found["Members"] == 2
    assert found["New accounts"] == 4  # Alice, Bob, Lena, Sam


@pytest.mark.parametrize("who", ["alice", "sam", "lena", "mo"])
def test_the_desk_is_for_coaches_and_the_owner(browse, people, who: str):
    assert browse(getattr(people, who)).get("/desk").status_code == 403


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


def test_the_page_of_components_opens(browse, people):
    page = browse(people.cory).get("/desk/components")
    assert page.status_code == 200
    assert "Every part that pages are made of" in page.text


def test_health_is_live_without_the_database_and_ready_with_it(browse):
    assert browse().get("/health/live").status_code == 200
    assert browse().get("/health/ready").text == "ready\n"


def test_a_pending_migration_makes_it_unready(browse, monkeypatch):
    monkeypatch.setattr("portal.desk.health.newest_migration", lambda: "9999")
    assert browse().get("/health/ready").status_code == 503


@pytest.mark.parametrize("name", ["../portal.sqlite", "..%2fportal.sqlite", "x.eml", ".eml", "%00.eml"])
def test_the_outbox_shows_letters_and_no_other_file(browse, name: str):
    assert browse().get(f"/outbox/{name}").status_code == 404


def test_the_outbox_shows_the_letter_that_left(app, browse, make, work_off):
    from portal.core.mail import Message, send

    with app.app_context():
        send(Message(subject="Welcome, Alice", recipients=["alice@example.com"], body="Hello", html="<p>Hello</p>"))
    page = browse().get("/outbox").text
    assert "Welcome, Alice" in page
    name = page.split('href="/outbox/')[1].split('"')[0]
    assert "Hello" in browse().get(f"/outbox/{name}").text
    framed = browse().get(f"/outbox/{name}/html")
    assert "sandbox" in framed.headers["Content-Security-Policy"]
