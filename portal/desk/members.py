"""Everyone who has an account, for the owner: how each stands, and what is known about one of them."""

from __future__ import annotations

from collections import Counter

from sqlalchemy import select

from portal.accounts.models import Member, Role
from portal.billing.entitlements import everyone
from portal.billing.states import State, state_of
from portal.core.db import db


def by_state() -> dict[State, int]:
    """How many accounts are in each state; two statements."""
    answers = everyone()
    counted: Counter[State] = Counter()
    for member_id, role in db.session.execute(select(Member.id, Member.role).where(Member.closed_at.is_(None))):
        answer = answers.get(member_id)
        if role is not Role.MEMBER:
            counted[State.STAFF] += 1
        else:
            counted[state_of(answer) if answer is not None else State.NEVER] += 1
    return {state: counted[state] for state in State}
