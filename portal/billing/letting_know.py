"""What a member is told about their own money: written in the transaction that follows Stripe, once per cause.

The keys are the memory: "mail:welcome:sub_…" is written once, however often events come, and a letter that was not
due (an incomplete first payment, an old subscription that ends beside a new one) is not written at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from portal.accounts.models import Member
from portal.billing.entitlements import Entitlement, Why
from portal.billing.models import NEVER_PAID, Subscription
from portal.billing.wording import day_for, money_for, zone_name
from portal.core import letters
from portal.core.clock import now
from portal.core.web import absolute

TRIAL_NOTICE = timedelta(days=3)  # as Stripe's own trial_will_end


@dataclass(frozen=True)
class Followed:
    """A subscription as it is now, and the status it had before this reading (None: it was not known)."""

    row: Subscription
    earlier: str | None


def of_changes(member: Member, followed: Sequence[Followed], *, after: Entitlement) -> None:
    """Write the letters that follow from one reading of a customer. Whoever is leaving was told all of it then."""
    if member.is_leaving:
        return
    for each in followed:
        row = each.row
        if row.plan_id is None:
            continue
        if row.status in {"active", "trialing"}:
            _welcome(member, row, again=any(_is_past(other.row, row) for other in followed))
            if row.ends_at is not None and row.ends_at > now():
                _ending(member, row, row.ends_at)
            if row.status == "trialing":
                trial_ends_soon(member, row)
        elif row.status == "past_due" and after.why is Why.PAST_DUE:
            _payment_failed(member, row, after)
        elif row.status in _OVER and each.earlier in _HAD_SOMETHING and not after.is_open:
            ended(member, row)


def trial_ends_soon(member: Member, row: Subscription) -> None:
    """Three days before the first charge, whether Stripe's event or the calendar says so; nothing to somebody who
    cancelled, and nothing after a trial so short that the welcome has just said the same."""
    end = row.trial_end
    if end is None or row.ends_at is not None or end - row.started_at <= TRIAL_NOTICE:
        return
    if not timedelta(0) < end - now() <= TRIAL_NOTICE:
        return
    letters.post(
        "billing/trial-ending",
        to=member,
        key=f"mail:trial_ending:{row.sub_id}:{end:%Y%m%d}",
        price=money_for(member, row.price_minor, row.currency or "usd"),
        interval=row.plan.interval if row.plan else "",
        charged_on=day_for(member, end),
        card=row.card,
        zone=zone_name(member),
        billing_url=absolute("billing.billing"),
    )


def grace_ends_soon(member: Member, row: Subscription, *, until: datetime) -> None:
    """Two days before the door closes."""
    letters.post(
        "billing/grace-ending",
        to=member,
        key=f"mail:grace_ending:{row.past_due_invoice_id}",
        closes_on=day_for(member, until),
        zone=zone_name(member),
        pay_url=row.latest_invoice_url,
        billing_url=absolute("billing.billing"),
    )


def ended(member: Member, row: Subscription) -> None:
    """The door is closed; what stays theirs. Once for each reason, whether the clock or Stripe said so first."""
    unpaid = (
        row.status in {"past_due", "unpaid"}
        or row.latest_invoice_status == "open"
        or row.cancel_reason == "payment_failed"  # Stripe ended it after its last try
    )
    if row.status == "paused" and not unpaid:
        _paused(member, row)
        return
    letters.post(
        "billing/ended",
        to=member,
        key=f"mail:ended:{row.sub_id}:{row.latest_invoice_id}:{'unpaid' if unpaid else 'over'}",
        unpaid=unpaid,
        zone=zone_name(member),
        join_url=absolute("membership.join"),
        billing_url=absolute("billing.billing"),
    )


def _paused(member: Member, row: Subscription) -> None:
    letters.post(
        "billing/paused",
        to=member,
        key=f"mail:paused:{row.sub_id}:{row.latest_invoice_id}",
        billing_url=absolute("billing.billing"),
    )


_HAD_SOMETHING = frozenset({"active", "trialing", "past_due", "unpaid", "paused"})
_OVER = frozenset({"canceled", "unpaid", "paused"})


def _is_past(other: Subscription, row: Subscription) -> bool:
    """Whether `other` was a membership before `row`; an attempt that was never paid was none."""
    return other.started_at < row.started_at and other.status not in NEVER_PAID


def _welcome(member: Member, row: Subscription, *, again: bool) -> None:
    letters.post(
        "billing/welcome",
        to=member,
        key=f"mail:welcome:{row.sub_id}",
        again=again,
        price=money_for(member, row.price_minor, row.currency or "usd"),
        interval=row.plan.interval if row.plan else "",
        next_on=day_for(member, row.renews_at or row.started_at),
        is_trial=row.status == "trialing",
        zone=zone_name(member),
        library_url=absolute("library.library"),
        billing_url=absolute("billing.billing"),
    )


def _ending(member: Member, row: Subscription, ends_at: datetime) -> None:
    letters.post(
        "billing/ending",
        to=member,
        key=f"mail:ending:{row.sub_id}:{ends_at:%Y%m%d%H%M}",
        ends_on=day_for(member, ends_at),
        zone=zone_name(member),
        billing_url=absolute("billing.billing"),
    )


def _payment_failed(member: Member, row: Subscription, after: Entitlement) -> None:
    kind, word = ("action-required", "action_required") if row.needs_action else ("payment-failed", "payment_failed")
    letters.post(
        f"billing/{kind}",
        to=member,
        key=f"mail:{word}:{row.past_due_invoice_id}",
        amount=money_for(member, row.latest_invoice_due_minor or row.amount_minor or 0, row.currency or "usd"),
        closes_on=day_for(member, after.until or now()),
        zone=zone_name(member),
        pay_url=row.latest_invoice_url,
        billing_url=absolute("billing.billing"),
    )
