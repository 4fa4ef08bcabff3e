"""The log is bound into a chain: whoever changes it past the portal is found out."""

from datetime import timedelta

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from portal.core import audit, sealing
from portal.core.db import db, is_postgresql, release, transaction
from portal.core.sealing import Seal


@pytest.fixture
def three_lines(app, people):
    """Mo did three things that are recorded and sealed."""
    with app.app_context():
        for number in range(3):
            with transaction():
                audit.record(people.mo, "post.kept", people.alice, because=f"Reason {number}.", thread=number)
        sealing.seal()
        return db.session.scalars(select(audit.Record.id).order_by(audit.Record.id)).all()


def _verified(expect: str | None = None) -> sealing.Chain:
    """What a walk finds, its reading ended as the command's ends."""
    found = sealing.verify(expect=expect)
    release()
    return found


def _past_the_triggers(*statements: str) -> None:
    """What somebody does who owns the database and sets its triggers aside."""
    with transaction():
        for table in ("record", "seal"):
            if is_postgresql():
                db.session.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
            else:
                for name in ("changed", "deleted"):
                    db.session.execute(text(f"DROP TRIGGER IF EXISTS {table}_is_not_{name}"))
        for statement in statements:
            db.session.execute(text(statement))


@pytest.fixture
def triggers_back(app):
    """Puts back what _past_the_triggers took away."""
    sqlite = "SELECT sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name IN ('record', 'seal')"
    with app.app_context():
        before = [] if is_postgresql() else list(db.session.scalars(text(sqlite)))
        db.session.rollback()
    yield
    with app.app_context(), transaction():
        if is_postgresql():
            for table in ("record", "seal"):
                db.session.execute(text(f"ALTER TABLE {table} ENABLE TRIGGER USER"))
        there = [] if is_postgresql() else list(db.session.scalars(text(sqlite)))
        for statement in before:
            if statement not in there:
                db.session.execute(text(statement))


def test_a_log_that_nobody_touched_verifies_and_names_its_total(app, three_lines):
    with app.app_context():
        chain = _verified()
        assert chain.wrong == []
        assert chain.length == 3
        assert _verified(expect=chain.total).wrong == []


def test_sealing_twice_seals_nothing_twice(app, people, three_lines):
    with app.app_context():
        assert sealing.seal_next() == 0
        with transaction():
            audit.record(people.mo, "post.kept", people.alice, because="One more.")
        assert sealing.seal_next() == 1
        assert _verified().wrong == []


@pytest.mark.parametrize(
    ("tampering", "told"),
    [
        ("UPDATE record SET because = 'Another reason.' WHERE id = {1}", "line {1} or its seal does not fit"),
        ("UPDATE record SET by_id = NULL WHERE id = {1}", "line {1} or its seal does not fit"),
        ("UPDATE record SET created_at = '2020-01-01 00:00:00' WHERE id = {0}", "line {0} or its seal does not fit"),
        ("UPDATE record SET details = NULL WHERE id = {2}", "line {2} or its seal does not fit"),
        ("DELETE FROM seal WHERE record_id = {1}", "line {2} or its seal does not fit"),
    ],
)
def test_a_line_changed_past_the_triggers_is_named(app, three_lines, triggers_back, tampering, told):
    with app.app_context():
        _past_the_triggers(tampering.format(*three_lines))
        assert told.format(*three_lines) in _verified().wrong[0]


def test_a_line_taken_out_with_its_seal_is_missed_by_the_next(app, three_lines, triggers_back):
    _first, second, third = three_lines
    with app.app_context():
        _past_the_triggers(f"DELETE FROM seal WHERE record_id = {second}", f"DELETE FROM record WHERE id = {second}")
        assert _verified().wrong == [f"line {third} or its seal does not fit what stood there: post.kept"]


def test_an_end_that_was_cut_off_is_missed_by_whoever_kept_the_total(app, three_lines, triggers_back):
    last = three_lines[-1]
    with app.app_context():
        kept = _verified().total
        _past_the_triggers(f"DELETE FROM seal WHERE record_id = {last}", f"DELETE FROM record WHERE id = {last}")
        assert _verified().wrong == []
        assert "not part of the chain" in _verified(expect=kept).wrong[0]


def test_a_line_that_nobody_sealed_for_ten_minutes_is_told(app, people, three_lines, clock):
    with app.app_context():
        with transaction():
            late = audit.record(people.mo, "post.kept", people.alice, because="Nobody seals.")
        assert _verified().wrong == []
        clock.shift(timedelta(minutes=11))
        assert _verified().wrong == [f"line {late.id} has no seal: post.kept"]


@pytest.mark.parametrize("change", ["UPDATE seal SET total = 'x'", "DELETE FROM seal"])
def test_seals_refuse_change_and_deletion(app, three_lines, change):
    with app.app_context():
        with pytest.raises(DBAPIError, match="append-only"), transaction():
            db.session.execute(text(change))
        assert len(db.session.scalars(select(Seal)).all()) == 3


def test_the_command_says_whether_the_log_is_whole(app, three_lines, triggers_back):
    run = app.test_cli_runner().invoke
    good = run(args=["audit", "verify"])
    assert good.exit_code == 0
    assert "3 lines, total" in good.output
    with app.app_context():
        _past_the_triggers(f"UPDATE record SET because = 'Other.' WHERE id = {three_lines[0]}")
    bad = run(args=["audit", "verify"])
    assert bad.exit_code == 1
    assert f"line {three_lines[0]} or its seal" in bad.output
