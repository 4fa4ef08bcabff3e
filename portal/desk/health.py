"""Is everything well? Probes for the operator's tools, and the checks that the desk shows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import cache
from pathlib import Path

from flask import Blueprint, Response, flash, redirect, render_template, url_for
from sqlalchemy import func, select, text
from werkzeug.wrappers import Response as Answer

from config import ROOT
from portal.accounts.signed_in import me
from portal.billing.checking import Finding, ask_job, asked_at, local_findings
from portal.core import audit
from portal.core.admission import Audience, admits
from portal.core.clock import now
from portal.core.db import db
from portal.core.jobs import Job, JobState, enqueue
from portal.core.letters import Letter
from portal.core.limits import limiter

bp = Blueprint("health", __name__)
MOST_SHOWN = 50


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


@bp.get("/desk/health")
@admits(Audience.OWNERS)
def health() -> str:
    """What is not well first, each with what mends it; work that gave up, with its reason."""
    return render_template("desk/health.html", checks=checks(), asked_at=asked_at(), given_up=_given_up())


@bp.post("/desk/health/asking")
@admits(Audience.OWNERS)
@limiter.limit("6/minute")
def ask() -> Answer:
    """Stripe is asked in the background: if it does not answer, nobody's page waits for it."""
    enqueue(ask_job, key=f"billing.ask:{now():%Y%m%d%H%M%S}")
    flash("Stripe is being asked. Reload in a few seconds to read its answers.", "success")
    return redirect(url_for("health.health"), 303)


@bp.post("/desk/health/work")
@admits(Audience.OWNERS)
@limiter.limit("6/minute")
def retry_work() -> Answer:
    """All work that gave up, once more."""
    given_up = db.session.scalars(select(Job).where(Job.state == JobState.DEAD).with_for_update()).all()
    for each in given_up:
        each.try_again()
    if given_up:
        audit.record(me(), "work.retried", me(), pieces=len(given_up))
    flash(f"{len(given_up)} back in the queue." if given_up else "Nothing had given up.", "success")
    return redirect(url_for("health.health"), 303)


def _given_up() -> Sequence[Job]:
    query = select(Job).where(Job.state == JobState.DEAD).order_by(Job.run_at.desc(), Job.id.desc())
    return db.session.scalars(query.limit(MOST_SHOWN)).all()


def _jobs() -> Finding:
    dead = db.session.scalar(select(func.count()).where(Job.state == JobState.DEAD)) or 0
    return Finding(
        "Background work",
        not dead,
        f"{dead} piece{'s' if dead != 1 else ''} of work gave up" if dead else "nothing has given up",
        "Mend what its reason below names, then press “Try all again” there, or run: flask jobs retry",
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
