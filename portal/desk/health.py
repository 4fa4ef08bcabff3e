"""Is everything well? Probes for the operator's tools, and the checks that the desk shows."""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from pathlib import Path

from flask import Blueprint, Response
from sqlalchemy import func, select, text

from config import ROOT
from portal.billing.checking import Finding, local_findings
from portal.core.admission import Audience, admits
from portal.core.clock import now
from portal.core.db import db
from portal.core.jobs import Job, JobState
from portal.core.letters import Letter

bp = Blueprint("health", __name__)


@bp.get("/health/live")
@admits(Audience.ANYONE)
def live() -> Response:
    """The process answers. Asks nothing else, so a database that is away does not get the process killed."""
    return Response("ok\n", mimetype="text/plain")


@bp.get("/health/ready")
@admits(Audience.ANYONE)
def ready() -> Response:
    """The database answers and its tables are those of this code; 503 while a migration is pending."""
    found = db.session.execute(text("SELECT version_num FROM alembic_version")).scalar()
    if found != newest_migration():
        return Response("a migration is pending\n", status=503, mimetype="text/plain")
    return Response("ready\n", mimetype="text/plain")


@cache
def newest_migration() -> str:
    """The number of the last migration file, "0002"; Alembic itself would take seconds to import."""
    return max(path.name[:4] for path in Path(ROOT / "migrations" / "versions").glob("[0-9]*.py"))


def checks() -> list[Finding]:
    """What the desk shows, payments included: what is not well first. Stripe itself is not asked here."""
    found = [_jobs(), _worker(), _letters(), *local_findings()]
    return sorted(found, key=lambda check: check.is_well)


def _jobs() -> Finding:
    dead = db.session.scalar(select(func.count()).where(Job.state == JobState.DEAD)) or 0
    return Finding(
        "Background work",
        not dead,
        f"{dead} piece{'s' if dead != 1 else ''} of work gave up" if dead else "nothing has given up",
        "Read why in the job table's last_error, mend the cause, then run: flask jobs retry",
    )


def _worker() -> Finding:
    late = db.session.scalar(
        select(func.count()).where(Job.state == JobState.WAITING, Job.run_at < now() - timedelta(minutes=5))
    )
    return Finding(
        "Worker",
        not late,
        f"{late} pieces of work wait for more than five minutes" if late else "keeps up",
        "Start it: flask jobs work",
    )


def _letters() -> Finding:
    waiting = (
        db.session.scalar(
            select(func.count()).where(
                Letter.sent_at.is_(None), Letter.dropped_at.is_(None), Letter.created_at < now() - timedelta(minutes=10)
            )
        )
        or 0
    )
    return Finding(
        "Letters",
        not waiting,
        f"{waiting} letters could not be sent for ten minutes" if waiting else "go out",
        "Check MAIL_SERVER and its password; nothing is lost, the worker tries again",
    )
