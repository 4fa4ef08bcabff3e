"""The database: one request is one transaction, and a write that was acknowledged survives a power cut.

SQLite runs with WAL, synchronous=FULL and foreign keys on. Writers begin with BEGIN IMMEDIATE, so that two
read-then-write requests queue instead of losing one of the updates; readers use a plain BEGIN and are never held up.
"""

from __future__ import annotations

import enum
import time
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from flask import Flask, current_app, g, has_request_context, request
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import (
    JSON,
    ColumnElement,
    DateTime,
    Dialect,
    Engine,
    Enum,
    FromClause,
    FunctionElement,
    MetaData,
    Select,
    SQLColumnExpression,
    String,
    Text,
    event,
    func,
    literal_column,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, make_transient_to_detached, mapped_column, registry
from sqlalchemy.sql.dml import ReturningInsert
from sqlalchemy.types import TypeDecorator
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from portal.core.clock import now

_NAMING = {
    "ix": "ix_%(column_0_N_label)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
T = TypeVar("T")
_TRUSTED = 5.0  # seconds after its last use for which a connection is taken to be alive
_only_reading: ContextVar[bool] = ContextVar("only_reading", default=False)


class Moment(TypeDecorator[datetime]):
    """An aware moment, always UTC; SQLite keeps no zone, so it is put back on the way out."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment without a time zone")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Words(TypeDecorator[str]):
    """Text as typed, without NUL (PostgreSQL refuses it) and in one Unicode form (NFC)."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else unicodedata.normalize("NFC", value.replace("\x00", ""))


class Base(DeclarativeBase):
    """What every table has: a number inside, and the moment its row was made."""

    registry = registry(
        metadata=MetaData(naming_convention=_NAMING),
        type_annotation_map={
            datetime: Moment(),
            str: String(255),
            dict[str, Any]: JSON(),
            list[str]: JSON(),
            enum.Enum: Enum(enum.Enum, native_enum=False, length=32, values_callable=lambda e: [m.value for m in e]),
        },
    )

    id: Mapped[int] = mapped_column(primary_key=True, sort_order=-2)
    created_at: Mapped[datetime] = mapped_column(default=now, sort_order=-1)

    @property
    def once(self) -> str:
        """This row's name in a key that must never come twice: SQLite gives the number of a deleted row to the next."""
        return f"{self.id}-{self.created_at.timestamp():.6f}"


db = SQLAlchemy(model_class=Base, session_options={"expire_on_commit": False})

if TYPE_CHECKING:  # mypy cannot see through db.Model

    class Model(Base):
        __abstract__ = True

else:
    Model = db.Model


def init_app(app: Flask) -> None:
    """Bind the database to the application and give each request its transaction."""
    db.init_app(app)
    app.before_request(_choose_intent)
    app.after_request(_commit)
    app.teardown_request(_forget_intent)


@contextmanager
def transaction() -> Iterator[None]:
    """A transaction of its own for jobs, commands, and the rare write beside a GET: commits at the end, or rolls back.

    It opens a new application context, and with it a new session: pass ids in, not rows of the session around it.
    """
    keeps_nothing = has_request_context() and g.get("keeps_nothing", False)
    app = current_app._get_current_object()  # type: ignore[attr-defined]  # werkzeug's proxy hides it
    intent = _only_reading.set(False)
    try:
        with app.app_context():
            g.keeps_nothing = keeps_nothing  # for a transaction within this one
            try:
                yield
                if keeps_nothing:
                    db.session.rollback()
                else:
                    db.session.commit()
            except BaseException:
                db.session.rollback()
                raise
    finally:
        _only_reading.reset(intent)


def keep_nothing() -> None:
    """Undo whatever this request would note beside its reading: somebody of the staff looks through another's eyes."""
    g.keeps_nothing = True


def release() -> None:
    """End the read so far, so that something slow (a password hash, a file, Stripe) happens while nobody waits for us.

    Rows stay readable. Raises RuntimeError if something was already changed: slow work comes before the writing.
    """
    if db.session.new or db.session.dirty or db.session.deleted:
        raise RuntimeError("release() after a change; do the slow work first")
    db.session.commit()


def one_or_404(query: Select[T]) -> T:
    """The single row, or the 404 page; also for what this reader may not know to exist."""
    row = db.session.scalars(query).unique().one_or_none()
    if row is None:
        raise NotFound()
    return row


def add_once(table: type[Base], **values: Any) -> None:
    """A row with these values, unless its unique key is taken already: twenty equal requests make one."""
    dialect = postgresql if is_postgresql() else sqlite
    db.session.execute(dialect.insert(table).values(**values).on_conflict_do_nothing())


def change_if(row: Base, still: ColumnElement[bool], **values: Any) -> bool:
    """Give a row these values if it still stands as somebody saw it, and say whether it did: of twenty equal requests
    one changes it."""
    table = type(row)
    changed = db.session.scalar(
        update(table)
        .where(table.id == row.id, still)
        .values(**values)
        .returning(table.id)
        .execution_options(synchronize_session=False)
    )
    db.session.expire(row, list(values))
    return changed is not None


def enter(row: Base, *, once: str) -> bool:
    """Write one new row at once, in a statement built once and past the unit of work, which costs more than the row.

    It is then as if it had been read. False, with nothing written, where another row has the same in the unique column
    `once`. For what is written often; its columns have no defaults but `created_at`.
    """
    table = type(row).__table__
    values = {column.key: None for column in table.c} | {"created_at": now()} | vars(row)
    del values["id"], values["_sa_instance_state"]
    row_id = db.session.connection().execute(_entering(is_postgresql(), table, once), values).scalar_one_or_none()
    if row_id is None:
        return False
    vars(row).update(values, id=row_id)
    make_transient_to_detached(row)
    db.session.add(row)
    return True


@cache
def _entering(on_postgresql: bool, table: FromClause, once: str) -> ReturningInsert[int]:
    entering = (postgresql if on_postgresql else sqlite).insert(table).on_conflict_do_nothing(index_elements=[once])
    returning: ReturningInsert[int] = entering.returning(table.c.id)
    return returning


def strung(words: SQLColumnExpression[str], between: str) -> FunctionElement[str]:
    """All of a group's words as one. What stands between them is part of the statement: as a value it would be taken
    apart anew whenever the statement is asked, as an IN with a list is."""
    if "'" in between:
        raise ValueError("would end the literal")
    return func.aggregate_strings(words, literal_column(f"'{between}'", String()))  # type: ignore[arg-type]  # typed as str only


def is_postgresql() -> bool:
    return db.engine.dialect.name == "postgresql"


def give_up() -> None:
    """Undo everything this request changed; what it answers is still answered."""
    g.gave_up = True
    db.session.rollback()


def _choose_intent() -> None:
    _only_reading.set(request.method in {"GET", "HEAD", "OPTIONS"})


def _commit(response: Response) -> Response:
    """Commit before the answer leaves: a 2xx or 3xx to a write is a promise."""
    if g.get("gave_up"):
        return response
    db.session.commit()
    return response


def _forget_intent(_error: BaseException | None) -> None:
    _only_reading.set(False)


@event.listens_for(Session, "before_flush")
def _refuse_writes_on_get(_session: Session, _context: Any, _instances: Any) -> None:
    if _only_reading.get() and has_request_context():
        raise RuntimeError(f"GET {request.path} would change something; a GET never writes (see transaction())")


@event.listens_for(Engine, "connect")
def _prepare(connection: Any, _record: Any) -> None:
    if "sqlite" in type(connection).__module__:
        _prepare_sqlite(connection)
    else:
        from portal.core.plain_cursor import PlainCursor  # only here is there PostgreSQL's driver to build upon

        connection.cursor_factory = PlainCursor


def _prepare_sqlite(connection: Any) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves, see _begin
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=10000", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


@event.listens_for(Engine, "checkin")
def _note_use(_connection: Any, record: Any) -> None:
    record.info["used_at"] = time.monotonic()


@event.listens_for(Engine, "checkout")
def _try_after_a_rest(connection: Any, record: Any, _proxy: Any) -> None:
    """A server that was restarted leaves connections behind that lead nowhere. Trying each before each use, as
    SQLAlchemy would, is a statement more in every request; one that just worked need not be tried, nor a file."""
    rested = time.monotonic() - record.info.get("used_at", time.monotonic())
    if rested < _TRUSTED or "sqlite" in type(connection).__module__:
        return
    try:
        connection.execute("SELECT 1")
        connection.rollback()
    except Exception as lost:
        raise InvalidatePoolError() from lost  # the others are as old; SQLAlchemy makes new ones


@event.listens_for(Engine, "begin")
def _begin(connection: Any) -> None:
    driver = connection.connection.driver_connection
    if connection.dialect.name == "postgresql":
        # Under READ COMMITTED each statement sees its own moment anyway, so a reader needs neither BEGIN nor ROLLBACK.
        reading = _only_reading.get()
        if reading is not connection.info.get("only_reading", False):
            driver.autocommit = connection.info["only_reading"] = reading
    elif _only_reading.get():
        driver.execute("BEGIN")  # waits for nobody, so it needs no error translated
    else:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
