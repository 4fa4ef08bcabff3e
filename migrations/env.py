"""How Alembic meets our database: plain SQLAlchemy types in the files, search and trigger objects left alone."""

from __future__ import annotations

from contextlib import contextmanager

from alembic import context
from flask import current_app

from portal.core.db import Moment, Words

database = current_app.extensions["migrate"].db


def render_item(kind, thing, _autogen_context):
    """Our own column types as the plain ones below them: a migration never imports portal."""
    if kind == "type" and isinstance(thing, Moment):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and isinstance(thing, Words):
        return "sa.Text()"
    return False


def include_object(_thing, name, kind, reflected, _compare_to):
    """The full-text tables, columns and indexes are made by hand (0002); autogenerate must not drop them."""
    if kind == "table":
        return not name.startswith("search_fts")
    return not (reflected and name in {"tsv", "ix_search_doc_tsv"})


def run() -> None:
    with database.engine.connect() as connection:
        connection.dialect.supports_alter = connection.dialect.name != "sqlite"
        context.configure(
            connection=connection,
            target_metadata=database.metadata,
            render_item=render_item,
            include_object=include_object,
            render_as_batch=True,
            compare_type=True,
            **current_app.extensions["migrate"].configure_args.get("extra", {}),
        )
        with _nothing_is_deleted_along(connection), context.begin_transaction():
            context.run_migrations()


@contextmanager
def _nothing_is_deleted_along(connection):
    """SQLite cannot alter most columns: a batch step remakes the table and drops the old one, and with foreign keys on
    that deletes whatever hangs on its rows. They are off meanwhile and checked at the end (sqlite.org/lang_altertable,
    section 7)."""
    if connection.dialect.name != "sqlite":
        yield
        return
    driver = connection.connection.driver_connection  # outside a transaction, where alone the switch counts
    driver.execute("PRAGMA foreign_keys = OFF")
    try:
        yield
        if broken := driver.execute("PRAGMA foreign_key_check").fetchall():
            raise RuntimeError(f"rows point to nothing after this migration: {broken[:5]}")
    finally:
        driver.execute("PRAGMA foreign_keys = ON")


run()
