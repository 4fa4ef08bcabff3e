"""The zone and the manner that somebody chose hold at once, on pages and in letters."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from jinja2 import ChoiceLoader, DictLoader
from sqlalchemy import select

from portal.accounts.models import Member
from portal.billing.wording import day_for, money_for
from portal.core import letters, web
from portal.core.db import db, transaction
from portal.core.letters import Letter
from tests.make import PASSWORD


def _choose(browse, who, **chosen: str) -> None:
    answer = browse(who).post("/account/profile", data={"name": who.name, "time_zone": "", "locale": ""} | chosen)
    assert answer.status_code == 303


@pytest.fixture
def may(clock) -> None:
    clock.move_to(datetime(2026, 5, 3, 20, 0, tzinfo=UTC))


def test_the_next_page_is_in_the_manner_just_chosen(may, people, browse, make):
    thread = make.thread(by=people.bob)
    page = browse(people.alice).get(f"/threads/{thread.id}").text
    assert "Sunday, 3 May 2026, 3:00 PM CDT" in page
    _choose(browse, people.alice, time_zone="Pacific/Auckland", locale="en_NZ")
    page = browse(people.alice).get(f"/threads/{thread.id}").text
    assert "Monday, 4 May 2026, 8:00 am NZST" in page
    assert "Sunday" in browse(people.bob).get(f"/threads/{thread.id}").text


def test_an_unchanged_thread_is_drawn_anew_for_another_manner(may, people, browse, make):
    thread = make.thread(by=people.bob)
    window = browse(people.alice)
    tag = window.get(f"/threads/{thread.id}").headers["ETag"]
    assert window.get(f"/threads/{thread.id}", headers={"If-None-Match": tag}).status_code == 304
    _choose(browse, people.alice, locale="en_GB")
    assert window.get(f"/threads/{thread.id}", headers={"If-None-Match": tag}).status_code == 200


def test_the_library_writes_its_days_as_the_reader_does(may, people, browse, make):
    make.tool(at=datetime(2025, 3, 9, 12, tzinfo=UTC))
    assert "9 Mar 2025" in browse(people.alice).get("/library").text
    _choose(browse, people.alice, locale="en_US")
    assert "Mar 9, 2025" in browse(people.alice).get("/library").text


def test_prices_are_written_as_the_reader_writes_money(people, browse, make):
    tool = make.tool()
    assert "$99 a month" in browse(people.sam).get(f"/library/{tool.slug}").text
    _choose(browse, people.sam, locale="de_DE")
    assert "99\xa0$ a month" in browse(people.sam).get(f"/library/{tool.slug}").text


def test_a_letter_tells_its_moments_as_its_addressee_reads_them(may, app, people, browse, make, work_off, outbox):
    _choose(browse, people.alice, time_zone="Europe/Berlin", locale="de_DE")
    make.password(people.alice)
    data = {"present": PASSWORD, "new": "pears and plums here"}
    assert browse(people.alice).post("/account/security", data=data).status_code == 303
    work_off()
    assert "Sonntag, 3. Mai 2026 at 22:00 (Mitteleuropäische Sommerzeit)" in outbox[-1].body


def test_what_is_written_to_alice_in_olgas_request_is_in_alices_manner(may, people, browse):
    _choose(browse, people.alice, time_zone="Europe/Berlin", locale="de_DE")
    _choose(browse, people.olga, time_zone="Asia/Tokyo", locale="en_US")
    late = datetime(2026, 5, 3, 23, tzinfo=UTC)
    with browse(people.olga) as window:
        window.get("/account")
        alice = db.session.get_one(Member, people.alice.id)
        assert (day_for(alice, late), money_for(alice, 9950, "usd")) == ("4. Mai 2026", "99,50\xa0$")
        assert (web.day(late), web.money(9950, "usd")) == ("May 4, 2026", "$99.50")


def test_a_letters_template_writes_for_its_addressee_also_in_somebody_elses_request(
    may, app, people, browse, monkeypatch
):
    _choose(browse, people.alice, time_zone="Europe/Berlin", locale="de_DE")
    told = "{{ moment|day }}, {{ 9950|money('usd') }}"
    sheets = {f"mail/told.{part}": told for part in ("subject.txt", "txt", "html")}
    monkeypatch.setattr(app.jinja_env, "loader", ChoiceLoader([DictLoader(sheets), app.jinja_env.loader]))
    late = datetime(2026, 5, 3, 23, tzinfo=UTC)
    with app.test_request_context("/", method="POST"), transaction():
        letters.post("told", to=db.session.get_one(Member, people.alice.id), key="told", moment=late)
        letter = db.session.scalars(select(Letter).where(Letter.key == "told")).one()
        assert letter.subject == "4. Mai 2026, 99,50 $"
        assert letter.text == "4. Mai 2026, 99,50\xa0$\n"
        assert "4. Mai 2026" in letter.html
