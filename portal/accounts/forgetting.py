"""An account without a person: the row stays, because posts point to it, and says nothing of who it was."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

from sqlalchemy import Table, delete, func, or_, update

from portal.accounts import attempts
from portal.accounts.models import Invitation, Member, Role
from portal.accounts.rules_models import RulesAcceptance
from portal.core import indexing, letters
from portal.core.clock import now
from portal.core.db import db

FORMER_MEMBER = "Former member"


def forget(member: Member) -> None:
    """Close the account for good. Columns that may be empty are emptied, so that a new one is never forgotten here."""
    attempts.forgive_all(member.email)
    for table in _belonging_to_members():
        db.session.execute(delete(table).where(table.c.member_id == member.id))
    letters.forget(member.id)
    indexing.forget("member", member.id)
    for column in Member.__mapper__.column_attrs:
        if column.columns[0].nullable:
            setattr(member, column.key, None)
    alias = str(uuid.uuid4())
    _forget_invitations(member, alias)
    member.uuid, member.email, member.handle = alias, f"{alias}@former.invalid", f"former-{alias[:8]}-{member.id}"
    member.name, member.role, member.words_go_too, member.closed_at = FORMER_MEMBER, Role.MEMBER, False, now()


def _belonging_to_members() -> Iterator[Table]:
    """The tables of this area whose rows go with their member: devices, links, factors, steps, changes of address,
    what they agreed to."""
    here = {Member.__module__, RulesAcceptance.__module__}
    for mapper in Member.registry.mappers:
        table = mapper.local_table
        if mapper.class_.__module__ not in here or not isinstance(table, Table) or "member_id" not in table.c:
            continue
        if any(key.ondelete == "CASCADE" for key in table.c.member_id.foreign_keys):
            yield table


def _forget_invitations(member: Member, alias: str) -> None:
    """That somebody was invited stays for the one who did it; the mailbox goes."""
    db.session.execute(
        update(Invitation)
        .where(or_(Invitation.member_id == member.id, Invitation.email == member.email))
        .values(email=f"{alias}@former.invalid", ended_at=func.coalesce(Invitation.ended_at, now()))
        .execution_options(synchronize_session=False)
    )
