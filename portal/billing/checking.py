"""Is the connection to Stripe as it must be? Each finding that is not well names what mends it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

import structlog
from flask import current_app
from sqlalchemy import func, or_, select

from portal.billing import verifying
from portal.billing.asking import API_VERSION, StripeAway, StripeRefused
from portal.billing.event_calls import SUBSCRIBED
from portal.billing.gateway import is_live, own_account, stripe_gateway
from portal.billing.models import LIVE, BillingCustomer, EventState, Plan, StripeEvent, Subscription
from portal.billing.shapes import Endpoint
from portal.billing.watching import note, noted
from portal.core.clock import now
from portal.core.db import db, transaction
from portal.core.jobs import job
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
    return [
        _mode(),
        _account(),
        _secret(),
        _plans(),
        _last_delivery(),
        _version(),
        _clock_of_deliveries(),
        _dead_events(),
        _missed(),
        _reconciled(),
        _compared(),
    ]


def asked_at() -> datetime | None:
    """When Stripe was last asked about itself."""
    last = noted(_ASKED)
    return last[1] if last is not None else None


@job("billing.ask")
def ask_job() -> None:
    """Ask Stripe in the background, because somebody at the desk wants to know now."""
    ask_stripe()


def ask_stripe() -> list[Finding]:
    """Ask Stripe whether key, endpoint and clock are as they must be, and remember the answers for the desk."""
    found = [_ask("Key", _key), _ask("Webhook endpoint", _endpoint), _ask("Clock against Stripe's", _clock)]
    with transaction():
        note(_ASKED, findings=[asdict(each) for each in found])
    for each in found:
        if not each.is_well:
            log.error("stripe.not_as_it_must_be", name=each.name)
    return found


def _mode() -> Finding:
    other = db.session.scalar(
        select(func.count()).where(
            StripeEvent.state == EventState.IGNORED,
            StripeEvent.ignored_because == "livemode",
            StripeEvent.received_at > now() - RECENTLY,
        )
    )
    if other:
        told = f"deliveries of the other mode (test or live) came within a day: {other}"
        return Finding("Mode", False, told, "Remove the other mode’s endpoint at Stripe, or change STRIPE_SECRET_KEY")
    if not is_live() and current_app.config["ENV"] == "production":
        return Finding("Mode", False, "a test key: nobody can pay", "Set STRIPE_SECRET_KEY to the live key")
    return Finding("Mode", True, "live: real money moves" if is_live() else "test: no real money moves")


def _account() -> Finding:
    """Rows that carry another account or mode than the settings: after a copy of the database, or a changed setting."""
    strangers = db.session.scalar(
        select(func.count()).where(
            or_(BillingCustomer.account != own_account(), BillingCustomer.livemode.is_not(is_live()))
        )
    )
    told = f"customers here of another account or mode than the settings name: {strangers}" if strangers else ""
    return Finding(
        "Account",
        not strangers,
        told or f"all customers here are of {own_account() or 'the one account'}",
        "Set STRIPE_ACCOUNT and STRIPE_SECRET_KEY back to what they were, or begin with an empty database",
    )


def _last_delivery() -> Finding:
    newest = select(StripeEvent.received_at).where(StripeEvent.deliveries > 0)
    last = db.session.scalar(newest.order_by(StripeEvent.received_at.desc()).limit(1))
    if last is not None:
        return Finding("Last delivery", True, f"came {_ago(last)}")
    payers = db.session.scalar(select(func.count()).where(Subscription.status.in_(LIVE))) or 0
    told = "none has ever come, although somebody pays" if payers else "none yet, and nobody pays yet"
    return Finding("Last delivery", not payers, told, "flask billing setup")


def _ago(moment: datetime) -> str:
    minutes = int((now() - moment).total_seconds() // 60)
    for size, unit in ((1440, "day"), (60, "hour"), (1, "minute")):
        if (many := minutes // size) > 0:
            return f"{many} {unit}{'s' if many > 1 else ''} ago"
    return "less than a minute ago"


def _version() -> Finding:
    latest = select(StripeEvent.api_version).where(StripeEvent.deliveries > 0, StripeEvent.api_version.is_not(None))
    spoken = db.session.scalar(latest.order_by(StripeEvent.received_at.desc()).limit(1))
    told = f"deliveries come in {spoken}, this program speaks {API_VERSION}"
    if spoken in {None, API_VERSION}:
        told = f"both sides speak {API_VERSION}" if spoken else f"this program speaks {API_VERSION}"
    return Finding("API version", spoken in {None, API_VERSION}, told, "flask billing setup")


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
        "Events",
        not dead,
        f"{dead} could not be worked on" if dead else "none has given up",
        "/desk/billing/events has the reasons and a button to try them again",
    )


def _missed() -> Finding:
    missed = noted("missed_deliveries")
    recent = missed is not None and missed[1] > now() - RECENTLY
    told = f"{missed[0].get('count')} were found by reconciling only" if missed and recent else "all have come"
    return Finding(
        "Deliveries",
        not recent,
        told,
        "flask billing setup",
    )


def _reconciled() -> Finding:
    last = noted("reconciled")
    if last is None:
        return Finding("Comparison with Stripe", True, "has not run yet")
    report, at = last
    people = report.get("needs_a_person") or []
    told = f"{_ago(at)}: {report.get('checked')} checked, {report.get('repaired_in_all', 0)} repaired"
    if people:
        told += f", {report.get('needs_in_all', len(people))} need a person"
    return Finding(
        "Comparison with Stripe",
        not people,
        told,
        "/desk/billing/comparison says what to do",
    )


def _compared() -> Finding:
    """Bad only where a live key is used: in the demo and on the way to going live it is a step still to do, not a
    fault, and a page that is always red is read by nobody."""
    last = verifying.last_compared()
    if last is None:
        told = "what we believe about Stripe was never yet run against the real one"
    elif not last.is_of_today:
        told = f"last run on {last.day} with SDK {last.sdk} and API {last.api}, which are no longer the ones installed"
    else:
        told = f"run on {last.day}, {last.differ} checks differed"
    is_well = not is_live() or (last is not None and last.is_of_today)
    return Finding(
        "Held against the real Stripe", is_well, told, f"{verifying.COMMAND}, and commit the note it ends with"
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
        f"{offset:+.0f} s apart" if round(offset) else "in step with ours",
        "Switch time synchronisation on (timedatectl set-ntp true)",
    )
