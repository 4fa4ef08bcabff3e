"""Reading one customer anew because somebody asked for it, and saying what that changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from portal.accounts.models import Member
from portal.billing.entitlements import Entitlement, paid_or_given
from portal.billing.models import BillingCustomer, Subscription
from portal.billing.syncing import UNREADABLE, Busy, read_now
from portal.core import audit
from portal.core.db import db, transaction
from portal.core.errors import Refusal, Unavailable

# What of a subscription somebody at the desk would notice.
_TOLD = ("status", "plan_id", "quantity", "amount_minor", "discount_minor", "period_end", "ends_at", "past_due_since")


class NoCustomer(Refusal):
    message = "They were never sent to Stripe, so there is nothing to read there."


class BeingRead(Unavailable):
    message = "They are being read from Stripe at this moment. Look again in a few seconds."


class StripeSilent(Unavailable):
    """Stripe gave no usable answer; what we know stays as it is."""


@dataclass(frozen=True)
class Resynced:
    """What a reading changed: ids of Stripe's, and access before and after."""

    before: Entitlement
    after: Entitlement
    new: list[str]
    changed: list[str]

    @property
    def is_as_before(self) -> bool:
        return not self.new and not self.changed and self.before.facts() == self.after.facts()


def resync(member_id: int, *, by_id: int) -> Resynced:
    """Read a member's customer now. Nothing may be open while it asks. Raises NoCustomer, BeingRead, StripeSilent."""
    with transaction():
        row_id, customer_id = _row_of(member_id)
        before, known = paid_or_given(member_id), _picture(row_id)
    if customer_id is None:
        raise NoCustomer()
    try:
        read_now(row_id, cause=f"desk, member {by_id}", quick=True, patience=5.0)
    except Busy:
        raise BeingRead() from None
    except UNREADABLE as error:
        raise StripeSilent(f"Stripe gave no usable answer, so nothing was changed: {error}") from None
    with transaction():
        found = _picture(row_id)
        new = sorted(found.keys() - known.keys())
        changed = sorted(sub_id for sub_id in found.keys() & known.keys() if found[sub_id] != known[sub_id])
        by = db.session.get_one(Member, by_id)
        row = db.session.get_one(BillingCustomer, row_id)
        audit.record(by, "customer.resynced", row, member=member_id, new=new, changed=changed)
        return Resynced(before, paid_or_given(member_id), new, changed)


def _row_of(member_id: int) -> tuple[int, str | None]:
    found = db.session.execute(
        select(BillingCustomer.id, BillingCustomer.customer_id).where(BillingCustomer.member_id == member_id)
    ).one_or_none()
    if found is None:
        raise NoCustomer()
    return found


def _picture(row_id: int) -> dict[str, tuple[Any, ...]]:
    columns = [getattr(Subscription, name) for name in _TOLD]
    rows = db.session.execute(select(Subscription.sub_id, *columns).where(Subscription.customer_id == row_id))
    return {sub_id: tuple(values) for sub_id, *values in rows}
