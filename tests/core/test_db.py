"""One request is one transaction; nothing acknowledged is lost and nothing refused is kept; a GET never writes."""

from __future__ import annotations

import threading

import pytest
from flask import Flask
from sqlalchemy import NullPool, create_engine, select, text, update

import config
from portal import create_app
from portal.core import db as database
from portal.core.db import db, release, transaction
from portal.topics.models import Topic
from tests.test_config import COMPLETE

THREADS, TIMES = 8, 60


def _topic(app: Flask) -> int:
    with app.app_context(), transaction():
        topic = Topic(slug="counting", title="Counting", position=0)
        db.session.add(topic)
        db.session.flush()
        return topic.id


def _position(app: Flask, topic_id: int) -> int:
    with app.app_context():
        return db.session.scalars(select(Topic.position).where(Topic.id == topic_id)).one()


def _all_at_once(work, many: int = THREADS) -> list[BaseException]:
    errors: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001  # whatever went wrong in the thread is the finding
            errors.append(error)

    threads = [threading.Thread(target=run) for _ in range(many)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors


def test_eight_writers_who_read_first_lose_no_update(app: Flask):
    """Without BEGIN IMMEDIATE on SQLite and a row lock on PostgreSQL this ends far below 480, without any error."""
    topic_id = _topic(app)

    def count() -> None:
        for _ in range(TIMES):
            with app.app_context(), transaction():
                topic = db.session.scalars(select(Topic).where(Topic.id == topic_id).with_for_update()).one()
                topic.position = topic.position + 1

    assert _all_at_once(count) == []
    assert _position(app, topic_id) == THREADS * TIMES


def test_eight_counters_as_sql_expressions_lose_none(app: Flask):
    topic_id = _topic(app)

    def count() -> None:
        for _ in range(TIMES):
            with app.app_context(), transaction():
                db.session.execute(update(Topic).where(Topic.id == topic_id).values(position=Topic.position + 1))

    assert _all_at_once(count) == []
    assert _position(app, topic_id) == THREADS * TIMES


def test_a_failed_transaction_leaves_nothing(app: Flask):
    topic_id = _topic(app)

    def stop_halfway() -> None:
        with app.app_context(), transaction():
            db.session.get_one(Topic, topic_id).position = 7
            db.session.flush()
            raise RuntimeError("halfway")

    with pytest.raises(RuntimeError, match="halfway"):
        stop_halfway()
    assert _position(app, topic_id) == 0


def test_a_view_that_answers_commits_and_one_that_raises_does_not(app: Flask):
    topic_id = _topic(app)

    def request(fails: bool) -> None:
        with app.test_request_context("/", method="POST"):
            database._choose_intent()
            db.session.get_one(Topic, topic_id).position += 1
            db.session.flush()
            if fails:
                database.give_up()
            database._commit(app.response_class())
            db.session.remove()

    request(fails=True)
    assert _position(app, topic_id) == 0
    request(fails=False)
    assert _position(app, topic_id) == 1


def test_a_get_that_would_write_is_an_error(app: Flask):
    topic_id = _topic(app)
    with app.test_request_context("/somewhere"):
        database._choose_intent()
        db.session.get_one(Topic, topic_id).position = 5
        with pytest.raises(RuntimeError, match="a GET never writes"):
            db.session.flush()
        db.session.rollback()
    assert _position(app, topic_id) == 0


def test_slow_work_cannot_begin_after_a_change(app: Flask):
    topic_id = _topic(app)
    with app.app_context():
        db.session.get_one(Topic, topic_id).position = 5
        with pytest.raises(RuntimeError, match="slow work first"):
            release()
        db.session.rollback()


def test_nul_is_dropped_and_letters_are_composed(app: Flask):
    with app.app_context(), transaction():
        db.session.add(Topic(slug="words", title="Words", description="cafe\u0301 \x00au lait"))
    with app.app_context():
        assert db.session.scalars(select(Topic.description)).one() == "café au lait"


def test_a_moment_without_a_zone_is_refused(app: Flask):
    from datetime import datetime

    from sqlalchemy.exc import StatementError

    with app.app_context():
        with pytest.raises(StatementError, match="without a time zone"):
            db.session.scalar(select(Topic.id).where(Topic.created_at > datetime(2026, 1, 1)))  # noqa: DTZ001
        db.session.rollback()


def test_sqlite_syncs_each_commit_and_keeps_foreign_keys(tmp_path):
    """As a portal in production does; only that of the tests does not wait for the disk."""
    file = {"PORTAL_INSTANCE": str(tmp_path), "DATABASE_URL": f"sqlite:///{tmp_path}/portal.sqlite"}
    with create_app(config.chosen(COMPLETE | file)).app_context():
        settings = {
            p: db.session.execute(db.text(f"PRAGMA {p}")).scalar()
            for p in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
        db.engine.dispose()
    assert settings == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 10000}


def test_columns_keep_the_names_that_a_statement_of_ones_own_gives_them(app: Flask):
    topic_id = _topic(app)
    with app.app_context(), db.engine.connect() as connection:
        asked = connection.execute(text("SELECT id, title AS name, position FROM topic"))
        assert list(asked.keys()) == ["id", "name", "position"]
        assert asked.mappings().all() == [{"id": topic_id, "name": "Counting", "position": 0}]
        described = connection.exec_driver_sql("SELECT id, title FROM topic").cursor.description
        assert [column[0] for column in described] == ["id", "title"]
        assert {len(column) for column in described} == {7}
        assert connection.exec_driver_sql("UPDATE topic SET position = 1").returns_rows is False


def test_a_connection_that_was_lost_while_nobody_used_it_is_replaced(app: Flask, monkeypatch):
    with app.app_context():
        db.engine.dispose()  # so that there is one, and the next to ask gets it
    topic_id = _topic(app)
    with app.app_context():
        one = db.session.connection().connection.driver_connection
        url = db.engine.url
        db.session.remove()
    if url.get_backend_name() == "postgresql":
        with create_engine(url, poolclass=NullPool).begin() as other:
            other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": one.info.backend_pid})
    monkeypatch.setattr(database, "_TRUSTED", 0.0)
    assert _position(app, topic_id) == 0
