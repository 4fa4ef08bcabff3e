"""Trying it out: a free beginning, once in a person's life here.

Once means: on any plan, whatever became of it, and whatever address the account has by now. It hangs on the member's
own row and mirrored subscriptions, never on an e-mail address.
"""

from __future__ import annotations

from flask import current_app
from sqlalchemy import select

from portal.billing.models import NEVER_PAID, BillingCustomer, Subscription
from portal.core.db import db


def trial_days_for(member_id: int | None) -> int:
    """How many days are free before the first charge; 0 for whoever had a trial or a membership, or where none is
    offered. None is a visitor, who is told what newcomers get."""
    days = int(current_app.config["TRIAL_DAYS"])
    return 0 if days and member_id is not None and _was_a_member(member_id) else days


def _was_a_member(member_id: int) -> bool:
    tried = select(BillingCustomer.id).where(
        BillingCustomer.member_id == member_id, BillingCustomer.trial_used_at.is_not(None)
    )
    paid = (
        select(Subscription.id)
        .join(BillingCustomer, BillingCustomer.id == Subscription.customer_id)
        .where(
            BillingCustomer.member_id == member_id,
            Subscription.plan_id.is_not(None),
            Subscription.status.not_in(NEVER_PAID),
        )
    )
    return bool(db.session.scalar(select(tried.exists() | paid.exists())))
