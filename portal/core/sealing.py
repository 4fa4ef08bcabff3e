"""The log under seal: each line is bound to all before it, so that a change made past the portal shows.

The triggers refuse UPDATE and DELETE to everybody who goes through the database's rules. Whoever owns the database can
still set them aside; then the chain no longer fits, and `flask audit verify` says at which line. What no chain can tell
by itself is that its newest end was cut off: for that, keep the total that `verify` prints (the worker's log has it
too) and hand it back with `--expect`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import click
import structlog
from flask import Flask
from flask.cli import AppGroup
from sqlalchemy import ForeignKey, Select, String, select, text
from sqlalchemy.orm import Mapped, mapped_column

from portal.core.audit import Record
from portal.core.clock import now
from portal.core.db import Model, db, is_postgresql, transaction
from portal.core.jobs import periodic

log = structlog.get_logger()

AT_ONCE = 2000  # lines sealed in one transaction
_UNSEALED = timedelta(minutes=10)  # a line older than this without a seal means that nobody seals
_NOTHING = "0" * 64


class Seal(Model):
    """A line's place in the chain. Written after the line's own commit, so that no two transactions wait for each other
    over it; the order of the seals is the order of the chain. Append-only, as the log is."""

    __tablename__ = "seal"

    record_id: Mapped[int] = mapped_column(ForeignKey("record.id"), unique=True)
    total: Mapped[str] = mapped_column(String(64))  # SHA-256 in hex, over the total before and this line


@dataclass(frozen=True)
class Chain:
    """What a walk over the chain found: how many seals, the newest total, and what does not fit, in words."""

    length: int
    total: str
    wrong: list[str]


@periodic("audit.seal", every=timedelta(minutes=1))
def seal() -> None:
    """Seal the lines written since; once, however many workers are at it."""
    while seal_next() == AT_ONCE:
        pass


def seal_next() -> int:
    """Seal as many lines as one transaction should hold; says how many there were."""
    with transaction():
        if is_postgresql():  # SQLite has one writer anyway
            db.session.execute(text("LOCK TABLE seal IN SHARE ROW EXCLUSIVE MODE"))
        total = db.session.scalar(select(Seal.total).order_by(Seal.id.desc()).limit(1)) or _NOTHING
        lines = db.session.scalars(_unsealed().limit(AT_ONCE)).all()
        for line in lines:
            total = _total(total, line)
            db.session.add(Seal(record_id=line.id, total=total))
            db.session.flush()  # in this order
    if lines:
        log.info("audit.sealed", lines=len(lines), newest=lines[-1].id, total=total)
    return len(lines)


def verify(*, expect: str | None = None) -> Chain:
    """Walk the chain from its beginning. `expect` is a total noted earlier, which must still be part of it."""
    total, length, met = _NOTHING, 0, expect is None
    wrong: list[str] = []
    for seal_, line in _chain():
        length += 1
        if line is None:
            wrong.append(f"line {seal_.record_id} is sealed and no longer in the log")
        elif seal_.total != _total(total, line):
            wrong.append(f"line {line.id} or its seal does not fit what stood there: {line.action}")
        total = seal_.total  # go on from what is written, so that one change is told once
        met = met or total == expect
    overdue = db.session.scalars(_unsealed().where(Record.created_at < now() - _UNSEALED)).all()
    wrong += [f"line {line.id} has no seal: {line.action}" for line in overdue]
    if not met:
        wrong.append("the total you expect is not part of the chain: its end was cut off, or it is another log")
    return Chain(length, total, wrong)


def _chain() -> Iterator[tuple[Seal, Record | None]]:
    rows = select(Seal, Record).outerjoin(Record, Record.id == Seal.record_id).order_by(Seal.id)
    for row in db.session.execute(rows.execution_options(yield_per=AT_ONCE)):
        yield row[0], row[1]


def _unsealed() -> Select[Any]:
    return select(Record).outerjoin(Seal, Seal.record_id == Record.id).where(Seal.id.is_(None)).order_by(Record.id)


def _total(before: str, line: Record) -> str:
    says = [
        line.id,
        _moment(line.created_at),
        line.by_id,
        line.action,
        line.ref_kind,
        line.ref_id,
        line.because,
        line.details,
    ]
    return hashlib.sha256(f"{before}\n{json.dumps(says, sort_keys=True)}".encode()).hexdigest()


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")


commands = AppGroup("audit", help="The log of what staff decided and money did.")


@commands.command("verify")
@click.option("--expect", metavar="TOTAL", help="a total that an earlier run printed; it must still be in the chain")
def verify_command(expect: str | None) -> None:
    """Check that nobody changed, added or removed a line of the log; exits with 1 if somebody did."""
    chain = verify(expect=expect)
    for sentence in chain.wrong:
        click.echo(sentence, err=True)
    click.echo(f"{chain.length} lines, total {chain.total}")
    if chain.wrong:
        raise SystemExit(1)
    click.echo("The log is as it was written. Keep the total: `flask audit verify --expect` compares with it.")


def init_app(app: Flask) -> None:
    app.cli.add_command(commands)
