"""The demo's members pay, each with a real subscription in the Stripe sandbox, so that billing pages are alive.

Where no sandbox answers (a test, a database filled by hand) they get a grant instead.
"""

from __future__ import annotations

import json
import urllib.request
from datetime import timedelta
from urllib.parse import urlsplit

import structlog
from flask import current_app
from sqlalchemy import select, update

from portal.billing import checkout, syncing
from portal.billing.customers import customer_of
from portal.billing.gateway import stripe_gateway
from portal.billing.models import BillingCustomer
from portal.billing.webhooks import keep
from portal.core.clock import now
from portal.core.db import db, transaction
from portal.core.errors import Refusal
from portal.core.letters import Letter
from portal.seeds import lapsing, people, reading

log = structlog.get_logger()
CARD = "4242424242424242"


def pay_all(ids: dict[str, int]) -> int:
    """Everyone who pays in the demo's story, by handle and id; returns how many have a subscription now."""
    plans = people.payers()
    paid = 0
    for handle, plan in plans.items():
        if paid == 0 and handle != next(iter(plans)):  # the first found no sandbox, so nobody will
            break
        paid += _pay(ids[handle], plan)
    with transaction():
        for handle in list(plans)[paid:]:
            people.grant(ids[handle])
    if paid:
        _have_troubles(ids)
        _take_what_was_sent()
        for member_id in ids.values():
            _read(member_id)
    _leave_the_outbox_to_newcomers()
    return paid


def _have_troubles(ids: dict[str, int]) -> None:
    """Those of the story whose payment failed, who are leaving, or who left."""
    for about in reading.people():
        member_id, plan = ids[about["handle"]], about.get("membership", "").partition("_")[2]
        if "owes" in about:
            lapsing.fall_behind(member_id, plan, **about["owes"])
        elif "left" in about:
            lapsing.leave(member_id, plan, **about["left"])
        elif "leaving" in about:
            lapsing.be_leaving(member_id, **about["leaving"])


def _take_what_was_sent() -> None:
    """What Stripe sent while no server was there to take it."""
    for event in stripe_gateway().events_since(now() - timedelta(days=60)):
        with transaction():
            keep(event, deliveries=1)


def _read(member_id: int) -> None:
    with transaction():
        query = select(BillingCustomer.id).where(BillingCustomer.member_id == member_id)
        row_id = db.session.scalar(query.where(BillingCustomer.customer_id.is_not(None)))
    if row_id is not None:
        syncing.read_now(row_id, cause="demo")


def _pay(member_id: int, plan: str) -> bool:
    """Through the same doors as everyone: our checkout, Stripe's page (its button pressed for them), our return."""
    try:
        way = checkout.begin(member_id, plan)
    except Refusal as no:
        log.info("seeds.nobody_pays", because=str(no))
        return False
    if way.url is not None:
        session = urlsplit(way.url).path.rpartition("/")[2]
        address = f"{current_app.config['STRIPE_API_BASE']}/_sandbox/pay"
        body = json.dumps({"session": session, "card": CARD}).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(address, data=body, headers=headers)
        urllib.request.urlopen(request, timeout=10).close()
    syncing.read_now(customer_of(member_id)[0], cause="demo")
    return True


def _leave_the_outbox_to_newcomers() -> None:
    """They were welcomed long ago; only letters to whoever joins now belong into the outbox."""
    with transaction():
        db.session.execute(update(Letter).where(Letter.sent_at.is_(None)).values(dropped_at=now()))
