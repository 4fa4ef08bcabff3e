"""The log is narrowed by who decided, whom it befell and when, and an owner takes it along as a file."""

from __future__ import annotations

import csv
import io
from datetime import timedelta

import pytest
from sqlalchemy import select

from portal.conversations.models import RoomKind
from portal.core import audit
from portal.core.audit import Record
from portal.core.clock import now
from portal.core.db import db, transaction
from portal.moderation import appealing, narrowing, ruling
from portal.moderation.models import Verdict
from tests.make import again


@pytest.fixture
def decided(app, people, make):
    """Mo hid Bob's post, Cory closed Alice's thread, Olga changed something about Alice."""
    thread = make.thread(by=people.alice)
    post = make.reply(thread, by=people.bob)
    with app.app_context(), transaction():
        ruling.hide(again(post), because="MO-HID", by=again(people.mo))
        ruling.lock(again(thread), because="CORY-CLOSED", by=again(people.cory))
        audit.record(again(people.olga), "grant.given", again(people.alice), because="OLGA-GAVE")
    return post


def _shown(browse, who, query):
    page = browse(who).get(f"/moderation/log?{query}").text
    return {word for word in ("MO-HID", "CORY-CLOSED", "OLGA-GAVE") if word in page}


def test_the_log_is_narrowed_by_who_decided_and_whom_it_befell(browse, people, decided):
    assert _shown(browse, people.olga, "by=mo") == {"MO-HID"}
    assert _shown(browse, people.olga, "by=@Cory") == {"CORY-CLOSED"}
    assert _shown(browse, people.olga, "about=bob") == {"MO-HID"}
    assert _shown(browse, people.olga, "about=alice") == {"CORY-CLOSED", "OLGA-GAVE"}
    assert _shown(browse, people.olga, "about=alice&by=cory&action=closed") == {"CORY-CLOSED"}
    assert _shown(browse, people.olga, "about=nobody-here") == set()
    assert _shown(browse, people.mo, "about=alice") == {"CORY-CLOSED"}


def test_the_log_is_narrowed_to_days_and_nonsense_narrows_nothing(browse, people, decided):
    tomorrow = f"{now() + timedelta(days=2):%Y-%m-%d}"
    every = {"MO-HID", "CORY-CLOSED", "OLGA-GAVE"}
    assert _shown(browse, people.olga, f"since={now() - timedelta(days=1):%Y-%m-%d}&until={tomorrow}") == every
    assert _shown(browse, people.olga, f"since={tomorrow}") == set()
    assert _shown(browse, people.olga, "until=2020-01-01") == set()
    for nonsense in ("since=x&until=", "since=9999-12-31", "until=0001-01-01", "action=x", "older=x", "by=%00"):
        assert _shown(browse, people.olga, nonsense) == every, nonsense


def test_who_asked_under_no_name_is_not_found_by_it_in_the_log(app, browse, people, make):
    thread = make.thread(by=people.alice)
    with app.app_context(), transaction():
        again(thread).author_hidden_at = now()
        ruling.lock(again(thread), because="CORY-CLOSED", by=again(people.cory))
    assert _shown(browse, people.mo, "about=alice") == set()
    assert _shown(browse, people.cory, "about=alice") == {"CORY-CLOSED"}


def test_olga_takes_the_narrowed_log_along_and_that_is_recorded(app, browse, people, decided):
    with app.app_context(), transaction():
        audit.record(again(people.mo), "post.restored", again(decided), because="=HYPERLINK(0)")
    answer = browse(people.olga).post("/moderation/log/file", data={"by": "mo"})
    assert answer.mimetype == "text/csv"
    rows = list(csv.reader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    assert rows[0][0] == "Number"
    assert [(row[4], row[7]) for row in rows[1:]] == [("post.restored", "'=HYPERLINK(0)"), ("post.hidden", "MO-HID")]
    with app.app_context():
        line = db.session.scalars(select(Record).where(Record.action == "list.exported")).one()
        assert (line.by_id, line.details) == (people.olga.id, {"list": "log", "rows": 2})


def test_only_owners_take_the_log_along(browse, people, decided):
    for who in (people.alice, people.mo, people.cory):
        assert browse(who).post("/moderation/log/file").status_code == 403
    assert "Download as CSV" not in browse(people.mo).get("/moderation/log").text
    assert "Download as CSV" in browse(people.olga).get("/moderation/log").text


def test_every_way_to_narrow_the_log_goes_by_an_index(app, people, decided):
    with app.app_context():
        reader = again(people.mo)
        for asked in ({"by": "mo"}, {"about": "alice"}, {"since": "2099-01-01"}, {"action": "hidden"}):
            wanted = select(Record.id).where(*narrowing.conditions(narrowing.asked(asked), reader=reader))
            bound = wanted.compile(db.engine, compile_kwargs={"literal_binds": True})
            if db.engine.dialect.name == "sqlite":
                plan = [row[-1] for row in db.session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {bound}")]
            else:
                db.session.connection().exec_driver_sql("SET LOCAL enable_seqscan = off")
                plan = [row[0] for row in db.session.connection().exec_driver_sql(f"EXPLAIN {bound}")]
            text = " ".join(plan)
            assert "SCAN record" not in text
            assert "Seq Scan on record" not in text


def test_the_reasons_of_what_was_decided_among_the_coaches_are_theirs_to_read(app, browse, people, make, decided):
    thread = make.thread(by=people.cory, room=make.room("Among us", kind=RoomKind.COACHES))
    post = make.reply(thread, by=people.cory, body="It was Dana.")
    with app.app_context(), transaction():
        hidden = ruling.hide(again(post), because="QUARZENFELS", by=again(people.olga))
        ruling.lock(again(thread), because="QUARZENFELS", by=again(people.olga))
        asked = appealing.appeal(hidden, words="Please.", by=again(people.cory))
        appealing.decide(asked, Verdict.UPHELD, because="QUARZENFELS", by=again(people.olga))
    for query in ("", "about=cory", "action=appeals"):
        page = browse(people.mo).get(f"/moderation/log?{query}").text
        assert "QUARZENFELS" not in page, query
    assert "MO-HID" in browse(people.mo).get("/moderation/log").text
    for who in (people.cory, people.olga):
        assert browse(who).get("/moderation/log").text.count("QUARZENFELS") == 3
