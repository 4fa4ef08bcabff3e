"""The house rules and the pledge: put in force by the owner, agreed to at joining, and again when they have changed.

Nobody is shut out by a change: they read on, and are asked where they next say something, with their words kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Integer, ScalarSelect, Select, bindparam, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError

from portal.accounts.models import Member
from portal.accounts.rules_models import HouseRules, RulesAcceptance
from portal.core import audit, markdown
from portal.core.clock import now
from portal.core.db import db, is_postgresql
from portal.core.errors import Refusal

FIRST = 1  # the version that came with the portal; its text is never edited, or people agreed to something else
_SHIPPED = Path(__file__).with_name("shipped_rules.md")


class RulesChanged(Refusal):
    """They have not agreed yet to what the rules say now; `changes` are the versions that are new to them."""

    message = "The house rules have changed. Read what is new below; your words are kept."
    status = 422

    def __init__(self, changes: Sequence[HouseRules]) -> None:
        self.changes, self.version = changes, changes[-1].version
        super().__init__()


class ChangedMeanwhile(Refusal):
    message = "Somebody else put other rules in force while you wrote. Look at theirs first; your text is still here."


class SameAsBefore(Refusal):
    message = "This is what the rules say already."
    status = 422


class NothingToRead(Refusal):
    message = "Nothing of this would be visible to others. Write the rules."
    status = 422


def current() -> HouseRules:
    """What is in force now."""
    latest = db.session.scalars(select(HouseRules).order_by(HouseRules.version.desc()).limit(1)).first()
    return latest or shipped()


def in_force(at: datetime) -> HouseRules:
    """What was in force at that moment."""
    then = select(HouseRules).where(HouseRules.created_at <= at).order_by(HouseRules.version.desc()).limit(1)
    return db.session.scalars(then).first() or shipped()


def versions() -> list[HouseRules]:
    """All of them, the newest first."""
    return [*db.session.scalars(select(HouseRules).order_by(HouseRules.version.desc())), shipped()]


def shipped() -> HouseRules:
    """What came with the portal."""
    body, html = _shipped_text()
    return HouseRules(version=FIRST, body=body, body_html=html, changed="", asks_again=False)


def put_in_force(*, body: str, changed: str, asks_again: bool, written_over: int, by: Member) -> HouseRules:
    """Other rules from now on. `written_over` is the version their writer had before them.

    Raises ChangedMeanwhile, SameAsBefore, NothingToRead.
    """
    html = markdown.render(body)
    if not markdown.says_something(markdown.plain(html)):
        raise NothingToRead()
    before = current()
    if before.version != written_over:
        raise ChangedMeanwhile()
    if before.body == body:
        raise SameAsBefore()
    rules = HouseRules(
        version=before.version + 1, body=body, body_html=html, changed=changed, asks_again=asks_again, by_id=by.id
    )
    try:
        with db.session.begin_nested():
            db.session.add(rules)
    except IntegrityError:
        raise ChangedMeanwhile() from None
    accept(by, rules.version)
    audit.record(by, "rules.changed", rules, because=changed, version=rules.version, asks_again=asks_again)
    return rules


def accept(member: Member, number: int) -> None:
    """They agree to this version, and with it to those before. Twice is once; what is not in force yet is nothing."""
    if not FIRST < number <= current().version:
        return
    insert = (postgresql.insert if is_postgresql() else sqlite.insert)(RulesAcceptance)
    db.session.execute(insert.values(member_id=member.id, version=number, created_at=now()).on_conflict_do_nothing())


def check_accepted(member: Member) -> None:
    """Raises RulesChanged where a version that asks again is newer than what they agreed to. One statement."""
    new = db.session.connection().execute(_new_to(), {"member_id": member.id}).all()
    if any(rules.asks_again for rules in new):
        of_them = HouseRules.version.in_([rules.version for rules in new])
        raise RulesChanged(db.session.scalars(select(HouseRules).where(of_them).order_by(HouseRules.version)).all())


def number_owed(member_id: ColumnElement[int]) -> ScalarSelect[int]:
    """How many versions that ask again are newer than what somebody agreed to; for a statement that asks more."""
    return (
        select(func.count()).where(HouseRules.version > _agreed_to(member_id), HouseRules.asks_again).scalar_subquery()
    )


@cache
def _new_to() -> Select[*tuple[Any, ...]]:
    """Asked with every thread, so it is built once."""
    member_id = bindparam("member_id", type_=Integer())
    return select(HouseRules.version, HouseRules.asks_again).where(HouseRules.version > _agreed_to(member_id))


def _agreed_to(member_id: ColumnElement[int]) -> ScalarSelect[int]:
    agreed = select(func.coalesce(func.max(RulesAcceptance.version), FIRST))
    return agreed.where(RulesAcceptance.member_id == member_id).scalar_subquery()


@cache
def _shipped_text() -> tuple[str, str]:
    body = _SHIPPED.read_text(encoding="utf-8").strip()
    return body, markdown.render(body)
