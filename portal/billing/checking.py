"""Is the connection to Stripe as it must be? Each finding that is not well names what mends it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta

import structlog
from flask import current_app
from sqlalchemy import func, select

from portal.billing.gateway import API_VERSION, SUBSCRIBED, StripeAway, StripeRefused, stripe_gateway
from portal.billing.models import EventState, Plan, StripeEvent
from portal.billing.shapes import Endpoint
from portal.billing.watching import note, noted
from portal.core.clock import now
from portal.core.db import db, transaction
from portal.core.web import absolute

log = structlog.get_logger()
CLOCKS_MAY_DIFFER = 60.0  # seconds
RECENTLY = timedelta(hours=24)
_ASKED = "asked_stripe"


@dataclass(frozen=True)
class Finding:
    """One thing that should be so; when it is not, `mend` says what to do."""

    name: str
    is_well: bool
    finding: str
    mend: str = ""


def findings() -> list[Finding]:
    """All of it, Stripe asked as well; for the command and the owner's health page, never for a gate."""
    asked = ask_stripe()
    return [*_known_here(), *asked]


def local_findings() -> list[Finding]:
    """What our own tables say, what Stripe last answered included: quick enough for the desk."""
    return [*_known_here(), *_asked_last()]


def _known_here() -> list[Finding]:
    return [_secret(), _plans(), _clock_of_deliveries(), _dead_events(), _missed(), _reconciled()]


def ask_stripe() -> list[Finding]:
    """Ask Stripe whether key, endpoint and clock are as they must be, and remember the answers for the desk."""
    found = [_ask("Key", _key), _ask("Webhook endpoint", _endpoint), _ask("Clock against Stripe's", _clock)]
    with transaction():
        note(_ASKED, findings=[asdict(each) for each in found])
    for each in found:
        if not each.is_well:
            log.error("stripe.not_as_it_must_be", name=each.name)
    return found


def _secret() -> Finding:
    has = bool(current_app.config["STRIPE_WEBHOOK_SECRETS"])
    told = "a secret is set" if has else "no secret is set, every delivery is answered 503"
    return Finding("Signature of deliveries", has, told, "Set STRIPE_WEBHOOK_SECRET (several, with commas, to rotate)")


def _plans() -> Finding:
    plans = db.session.scalars(select(Plan).where(Plan.withdrawn_at.is_(None))).all()
    closed = [f"{plan.key}: {plan.refused_because}" for plan in plans if plan.refused_because]
    if not plans:
        closed = ["no plan is known yet"]
    return Finding(
        "Plans and prices", not closed, "; ".join(closed) or "all are open for joining", "flask billing sync-prices"
    )


def _clock_of_deliveries() -> Finding:
    skew = noted("clock_skew")
    recent = skew is not None and skew[1] > now() - RECENTLY
    told = f"a delivery was signed {skew[0].get('seconds')} s away from our clock" if skew and recent else "in step"
    return Finding("Clock", not recent, told, "Switch time synchronisation on (timedatectl set-ntp true)")


def _dead_events() -> Finding:
    dead = db.session.scalar(select(func.count()).where(StripeEvent.state == EventState.DEAD)) or 0
    return Finding(
        "Events", not dead, f"{dead} could not be worked on" if dead else "none has given up", "flask billing reconcile"
    )


def _missed() -> Finding:
    missed = noted("missed_deliveries")
    recent = missed is not None and missed[1] > now() - RECENTLY
    told = f"{missed[0].get('count')} were found by reconciling only" if missed and recent else "all have come"
    return Finding(
        "Deliveries", not recent, told, "flask billing check, and look at the endpoint in Stripe's dashboard"
    )


def _reconciled() -> Finding:
    last = noted("reconciled")
    if last is None:
        return Finding("Comparison with Stripe", True, "has not run yet")
    people = last[0].get("needs_a_person") or []
    told = f"{len(people)} need a person" if people else f"{last[0].get('checked')} subscriptions agree"
    return Finding(
        "Comparison with Stripe",
        not people,
        told,
        "/desk/billing/comparison says what to do; so does flask billing reconcile",
    )


def _asked_last() -> list[Finding]:
    last = noted(_ASKED)
    return [Finding(**each) for each in last[0]["findings"]] if last is not None else []


def _ask(name: str, question: Callable[[str], Finding]) -> Finding:
    try:
        return question(name)
    except (StripeAway, StripeRefused) as error:
        return Finding(name, False, str(error), "Check STRIPE_SECRET_KEY and the way to Stripe, then try again")


def _key(name: str) -> Finding:
    account, wanted = stripe_gateway().account_id(), current_app.config["STRIPE_ACCOUNT"]
    good = not wanted or wanted == account
    return Finding(name, good, f"opens {account}", f"STRIPE_ACCOUNT says {wanted}; use that account's key")


def _endpoint(name: str) -> Finding:
    url = absolute("billing.stripe_events")
    known = stripe_gateway().endpoints()
    problem = _endpoint_problem(next((e for e in known if _same_place(e.url, url)), None), url, known)
    return Finding(
        name,
        problem is None,
        problem or f"{url} gets what it needs",
        "flask billing setup",
    )


def _same_place(one: str, other: str) -> bool:
    """On one machine the demo is reached under two names."""
    return one.replace("//127.0.0.1", "//localhost") == other.replace("//127.0.0.1", "//localhost")


def _endpoint_problem(endpoint: Endpoint | None, url: str, known: Sequence[Endpoint]) -> str | None:
    if endpoint is None:
        others = f", only at {' and '.join(each.url for each in known)}" if known else ""
        return f"Stripe has no endpoint at {url}{others}"
    if not endpoint.is_enabled:
        return f"{endpoint.id} is disabled"
    missing = set(SUBSCRIBED) - endpoint.types
    if missing and "*" not in endpoint.types:
        return f"{endpoint.id} does not send {', '.join(sorted(missing))}"
    if endpoint.api_version not in {None, API_VERSION}:
        return f"{endpoint.id} speaks {endpoint.api_version}"
    return None


def _clock(name: str) -> Finding:
    offset = stripe_gateway().clock_offset()
    return Finding(
        name,
        abs(offset) <= CLOCKS_MAY_DIFFER,
        f"{offset:+.0f} s",
        "Switch time synchronisation on (timedatectl set-ntp true)",
    )
