"""Sign-ins under way: each step belongs to the browser that began it, runs out, and is finished once.

The session holds only the step's random token, so nothing in a cookie says how far somebody has come.
"""

from __future__ import annotations

import secrets
from datetime import timedelta

from flask import session
from sqlalchemy import delete, select, update

from portal.accounts.models import Member, SignInStep, Step
from portal.accounts.signed_in import hashed
from portal.core.clock import now
from portal.core.db import db, release, transaction
from portal.core.errors import Refusal
from portal.core.jobs import periodic

LASTS = timedelta(minutes=10)
TRIES = 5  # then one begins again, which is counted as well
KEPT = timedelta(days=1)


class StepOver(Refusal):
    message = "That took too long, or was tried too often. Please begin again."
    status = 410


def begin(kind: Step, member_id: int | None, *, first_proof: str | None = None) -> SignInStep:
    """Begin a step in this browser; one begun before for the same thing is forgotten."""
    token = secrets.token_urlsafe(32)
    step = SignInStep(
        kind=kind,
        token_hash=hashed(token),
        member_id=member_id,
        first_proof=first_proof,
        expires_at=now() + LASTS,
    )
    db.session.add(step)
    db.session.flush()
    session[_place(kind)] = token
    return step


def under_way(kind: Step) -> SignInStep:
    """The step this browser has begun. Raises StepOver."""
    step = db.session.scalar(
        select(SignInStep).where(
            SignInStep.token_hash == hashed(str(session.get(_place(kind)))),
            SignInStep.kind == kind,
            SignInStep.used_at.is_(None),
            SignInStep.expires_at > now(),
            SignInStep.tries < TRIES,
        )
    )
    if step is None or (step.member_id and db.session.get_one(Member, step.member_id).closed_at):
        raise StepOver()
    return step


def count_try(step: SignInStep) -> None:
    """Count a try before it is looked at, kept whatever the answer will be. Raises StepOver."""
    release()
    with transaction():
        counted = db.session.scalar(
            update(SignInStep)
            .where(SignInStep.id == step.id, SignInStep.used_at.is_(None), SignInStep.tries < TRIES)
            .values(tries=SignInStep.tries + 1)
            .returning(SignInStep.id)
        )
    if counted is None:
        raise StepOver()


def finish(step: SignInStep) -> None:
    """Use the step up; one conditional UPDATE decides, so twenty at once are one. Raises StepOver."""
    finished = db.session.scalar(
        update(SignInStep)
        .where(SignInStep.id == step.id, SignInStep.used_at.is_(None), SignInStep.expires_at > now())
        .values(used_at=now())
        .returning(SignInStep.id)
    )
    if finished is None:
        raise StepOver()
    session.pop(_place(step.kind), None)


def void(member: Member) -> None:
    """Whatever was begun for this member leads nowhere any more."""
    db.session.execute(
        update(SignInStep)
        .where(SignInStep.member_id == member.id, SignInStep.used_at.is_(None))
        .values(used_at=now())
        .execution_options(synchronize_session=False)
    )


@periodic("accounts.sweep_steps", every=timedelta(hours=6))
def sweep() -> None:
    """Forget steps of yesterday."""
    with transaction():
        db.session.execute(delete(SignInStep).where(SignInStep.expires_at < now() - KEPT))


def _place(kind: Step) -> str:
    return f"step: {kind}"
