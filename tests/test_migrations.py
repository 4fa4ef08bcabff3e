"""Migrations climb from nothing, come down again, and leave autogenerate nothing to do, on either database."""

from __future__ import annotations

import json
import os
from datetime import date

import pytest
from flask import Flask
from sqlalchemy import JSON, Column, MetaData, create_engine, inspect, text
from sqlalchemy.exc import DatabaseError

import config
from portal import create_app
from portal.core.clock import now
from portal.core.db import db, is_postgresql


@pytest.fixture
def fresh(tmp_path) -> Flask:
    """The application on a database of its own with no tables."""
    env = {"PORTAL_INSTANCE": str(tmp_path), "SECRET_KEY": "x" * 40}
    base = os.environ.get("TEST_DATABASE_URL")
    if base:
        stem, _, _name = base.partition("?")[0].rpartition("/")
        query = "?" + base.partition("?")[2] if "?" in base else ""
        admin = create_engine(base, isolation_level="AUTOCOMMIT")
        with admin.connect() as connection:
            connection.execute(text("DROP DATABASE IF EXISTS climbing WITH (FORCE)"))
            connection.execute(text("CREATE DATABASE climbing"))
        admin.dispose()
        env["DATABASE_URL"] = f"{stem}/climbing{query}"
    app = create_app(config.Testing(env))
    yield app
    with app.app_context():
        db.engine.dispose()


def test_climbing_from_empty_leaves_nothing_to_do(fresh: Flask):
    from flask_migrate import check, upgrade

    with fresh.app_context():
        upgrade()
        check()  # exits when autogenerate finds a difference


def test_climbing_twice_changes_nothing_and_coming_down_leaves_no_table(fresh: Flask):
    from flask_migrate import downgrade, upgrade

    with fresh.app_context():
        upgrade()
        before = set(inspect(db.engine).get_table_names())
        upgrade()
        assert set(inspect(db.engine).get_table_names()) == before
        downgrade(revision="base")
        left = {t for t in inspect(db.engine).get_table_names() if t != "alembic_version"}
        assert left == set()


def test_the_log_refuses_change_and_deletion(app: Flask):
    with app.app_context():
        db.session.execute(
            text("INSERT INTO record (created_at, action, ref_kind, ref_id) VALUES (CURRENT_TIMESTAMP, 'x', 'post', 1)")
        )
        db.session.commit()
        statements = ["UPDATE record SET action = 'y'", "DELETE FROM record"]
        if is_postgresql():
            statements.append("TRUNCATE record CASCADE")
        for statement in statements:
            with pytest.raises(DatabaseError, match="append-only"):
                db.session.execute(text(statement))
            db.session.rollback()
        assert db.session.scalar(text("SELECT action FROM record")) == "x"


def test_files_are_numbered_without_a_gap_and_each_can_come_down():
    from config import ROOT

    files = sorted((ROOT / "migrations" / "versions").glob("[0-9]*.py"))
    assert [f.name[:4] for f in files] == [f"{n:04}" for n in range(1, len(files) + 1)]
    for file in files:
        assert "def downgrade() -> None:\n    pass" not in file.read_text(encoding="utf-8")


def test_what_alice_said_of_her_practice_climbs_into_a_row_of_its_own_and_comes_down_again(fresh: Flask):
    from flask_migrate import downgrade, upgrade

    (mine,) = (config.ROOT / "migrations" / "versions").glob("*_practices.py")
    before = f"{int(mine.name[:4]) - 1:04}"
    with fresh.app_context():
        upgrade(revision=before)
        _add_members("alice", "sam")
        db.session.execute(text("UPDATE member SET practice = 'Adams', title = 'Owner' WHERE handle = 'alice'"))
        db.session.commit()
        upgrade()
        told = "SELECT m.handle, p.name, a.title FROM affiliation a JOIN member m ON m.id = a.member_id "
        told += "JOIN practice p ON p.id = a.practice_id"
        assert db.session.execute(text(told)).all() == [("alice", "Adams", "Owner")]
        db.session.execute(text("INSERT INTO practice (created_at, name) VALUES (CURRENT_TIMESTAMP, 'New')"))
        db.session.execute(text("UPDATE practice SET name = 'Adams Orthodontics' WHERE name = 'Adams'"))
        db.session.commit()
        downgrade(revision=before)
        rows = db.session.execute(text("SELECT handle, practice, title FROM member ORDER BY handle")).all()
        assert rows == [("alice", "Adams Orthodontics", "Owner"), ("sam", None, None)]
        db.session.rollback()


def test_a_guest_who_was_one_text_climbs_into_a_name_and_a_role_and_comes_down_again(fresh: Flask):
    from flask_migrate import downgrade, upgrade

    (mine,) = (config.ROOT / "migrations" / "versions").glob("*_guests_and_listening.py")
    before = f"{int(mine.name[:4]) - 1:04}"
    with fresh.app_context():
        upgrade(revision=before)
        item = "INSERT INTO item (id, created_at, kind, slug, title, summary, body, body_html, is_free) "
        db.session.execute(text(item + "VALUES (7, CURRENT_TIMESTAMP, 'episode', 'room', 'Room', '', '', '', FALSE)"))
        episode = "INSERT INTO episode (id, number, aired_on, guests, hear, chapters, public_notes) "
        guests = """'["Grace Adeyemi, Administrator, Stonebridge", "Ruth"]'"""
        db.session.execute(text(episode + f"VALUES (7, 3, '2026-01-07', {guests}, '[]', '[]', FALSE)"))
        db.session.commit()
        upgrade()
        told = "SELECT position, name, role FROM guest ORDER BY position"
        climbed = [(1, "Grace Adeyemi", "Administrator, Stonebridge"), (2, "Ruth", None)]
        assert db.session.execute(text(told)).all() == climbed
        db.session.execute(text("UPDATE guest SET role = 'Owner' WHERE name = 'Ruth'"))
        db.session.commit()
        downgrade(revision=before)
        [kept] = db.session.execute(text("SELECT guests FROM episode")).scalars()
        db.session.rollback()
        wanted = ["Grace Adeyemi, Administrator, Stonebridge", "Ruth, Owner"]
        assert (json.loads(kept) if isinstance(kept, str) else kept) == wanted


def test_who_wanted_no_letters_gets_none_after_the_climb_of_any_kind_that_was_among_them(fresh: Flask):
    from flask_migrate import downgrade, upgrade

    (mine,) = (config.ROOT / "migrations" / "versions").glob("*_inboxes.py")
    chosen = text("SELECT stream, rhythm FROM preference ORDER BY stream")
    with fresh.app_context():
        upgrade(revision=f"{int(mine.name[:4]) - 1:04}")
        _add_members("alice")
        off = "SELECT CURRENT_TIMESTAMP, id, 'replies', 'off' FROM member"
        db.session.execute(text(f"INSERT INTO preference (created_at, member_id, stream, rhythm) {off}"))
        db.session.commit()
        upgrade(revision=mine.name[:4])
        climbed = [("answers", "site"), ("people", "site"), ("replies", "site")]
        assert db.session.execute(chosen).all() == climbed
        db.session.commit()
        downgrade(revision=f"{int(mine.name[:4]) - 1:04}")
        assert db.session.execute(chosen).all() == [("replies", "off")]
        db.session.rollback()


def test_every_row_of_the_first_release_is_there_after_the_climb_and_after_coming_back(fresh: Flask):
    """One row in each table as 0002 had them; a step that remakes a table must not take along what hangs on it."""
    from flask_migrate import downgrade, upgrade

    with fresh.app_context():
        upgrade(revision="0002")
        tables = _filled()
        assert len(tables) > 30
        upgrade()
        upgrade()
        assert _counts(tables) == dict.fromkeys(tables, 1)
        downgrade(revision="0002")
        assert _counts(tables) == dict.fromkeys(tables, 1)


def _filled() -> list[str]:
    """Put one row into every table, each pointing to the first row of the others."""
    kept = MetaData()
    kept.reflect(db.engine)
    left = {"alembic_version", *(name for name in kept.tables if name.startswith("search_fts"))}
    tables = [table for table in kept.sorted_tables if table.name not in left]
    for table in tables:
        values = {column.name: _some(column) for column in table.columns if column.name != "tsv"}
        db.session.execute(table.insert().values(values))
    db.session.commit()
    return [table.name for table in tables]


def _some(column: Column) -> object:
    """A value that fits; nothing where nothing is allowed and the row would point to itself."""
    if column.primary_key and not column.foreign_keys:
        return 1
    if any(key.column.table is column.table for key in column.foreign_keys):
        return None
    if isinstance(column.type, JSON):
        return {}
    words = "member"[: getattr(column.type, "length", None) or 99]
    return {bool: True, int: 1, str: words, date: now().date()}.get(column.type.python_type, now())


def _counts(tables: list[str]) -> dict[str, int]:
    counted = {name: db.session.scalar(text(f'SELECT count(*) FROM "{name}"')) for name in tables}  # ours
    db.session.rollback()
    return counted


def _add_members(*handles: str) -> None:
    for handle in handles:
        db.session.execute(
            text(
                "INSERT INTO member (created_at, uuid, email, name, handle, role) "
                "VALUES (CURRENT_TIMESTAMP, :handle, :handle, :handle, :handle, 'member')"
            ),
            {"handle": handle},
        )
