"""What coaches and owners are told about others' money: by letter, once per cause, in the transaction of the cause."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from portal.accounts.models import Member, Role
from portal.billing.entitlements import HARMLESS_DISPUTES, Entitlement
from portal.billing.models import PaymentReversal, ReversalKind
from portal.billing.reversing import Moved
from portal.core import letters
from portal.core.db import db
from portal.core.web import money


def of_changes(member: Member, moved: Sequence[Moved], *, after: Entitlement) -> None:
    """Write the alerts that follow from one reading of a customer."""
    for each in moved:
        _money_moved(member, each, after)


def tell_staff(key: str, *, subject: str, told: Sequence[str]) -> None:
    """One letter a coach and owner for this key, ever; `told` are its paragraphs."""
    staff = select(Member).where(Member.role.in_([Role.COACH, Role.OWNER]), Member.closed_at.is_(None))
    for each in db.session.scalars(staff.order_by(Member.id)).all():
        try:
            with db.session.begin_nested():
                letters.post("billing/alert", to=each, key=f"alert:{key}:{each.id}", subject=subject, told=list(told))
        except IntegrityError:  # another process had the same to tell at this moment
            continue


def _money_moved(member: Member, moved: Moved, after: Entitlement) -> None:
    row = moved.row
    amount = money(row.amount_minor, row.currency)
    if row.kind is ReversalKind.REFUND:
        if row.is_full and row.status in {"succeeded", "pending"}:
            _refunded(member, row, after)
    elif _is_open(row.status) and (moved.earlier is None or not _is_open(moved.earlier)):
        told = [
            f"The bank of {_named(member)} disputes a payment of {amount} (dispute {row.reversal_id}).",
            f"{_access(after)} It comes back by itself if the dispute is won.",
            "Answer the dispute in Stripe's dashboard before its date runs out there.",
        ]
        tell_staff(
            f"dispute:{row.reversal_id}:{row.status}", subject=f"{member.name}: a payment is disputed", told=told
        )
    elif row.status in {"won", "lost"}:
        told = [
            f"The dispute {row.reversal_id} of {_named(member)} over {amount} was {row.status}.",
            _access(after),
        ]
        if row.status == "lost":
            told.append(_may_still_charge(row))
        tell_staff(
            f"dispute:{row.reversal_id}:{row.status}", subject=f"{member.name}: the dispute was {row.status}", told=told
        )


def _is_open(dispute: str) -> bool:
    """Whether a dispute waits for a decision, in a word of Stripe's that we know or one that we do not."""
    return dispute != "lost" and dispute not in HARMLESS_DISPUTES


def _refunded(member: Member, row: PaymentReversal, after: Entitlement) -> None:
    told = [
        f"{_named(member)} got a payment back in full: the last refund was {money(row.amount_minor, row.currency)} "
        f"({row.reversal_id}).",
        _access(after),
        _may_still_charge(row),
    ]
    tell_staff(f"refund:{row.charge_id}", subject=f"{member.name}: a payment was given back in full", told=told)


def _access(after: Entitlement) -> str:
    if after.is_open:
        return f"Their access is open ({after.why})."
    return f"Their access is closed ({after.why})."


def _may_still_charge(row: PaymentReversal) -> str:
    return (
        "The subscription itself goes on at Stripe until somebody cancels it there, and would charge again."
        if row.subscription_id is not None
        else "The payment belonged to no subscription of ours."
    )


def _named(member: Member) -> str:
    return f"{member.name} ({member.email})"
