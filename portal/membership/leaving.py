"""Leaving: access ends at once, the account a week later, and the row only after Stripe has confirmed.

What was paid for is not thrown away at once: subscriptions are set to end with their period, so that somebody who stays
after all still has it. Nothing is charged again either way; going on with a plan is then a click of its own.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select, update

from portal.accounts import links
from portal.accounts.forgetting import forget as forget_account
from portal.accounts.models import LEAVES_AFTER, Member, Purpose, Role
from portal.accounts.roles import require_another_owner
from portal.accounts.times import in_their_zone
from portal.billing import ending_charges
from portal.billing.forgetting import forget as forget_billing
from portal.conversations.forgetting import forget as forget_conversations
from portal.core import audit, letters
from portal.core.clock import now
from portal.core.db import db, transaction
from portal.core.errors import Refusal
from portal.core.jobs import enqueue, job, periodic
from portal.core.web import absolute
from portal.library.forgetting import forget as forget_library
from portal.membership import taking_along
from portal.moderation.forgetting import forget as forget_moderation
from portal.notifications.forgetting import forget as forget_notifications
from portal.practices.forgetting import forget as forget_practice
from portal.topics.forgetting import forget as forget_topics


class TooLateToStay(Refusal):
    message = "The week is over, and the account is being deleted. You are welcome to join anew."


def leave(member: Member, *, words_too: bool) -> None:
    """Begin to delete an account; asked twice, it is begun once. Raises roles.LastOwner."""
    if member.is_leaving:
        return
    if member.role is Role.OWNER:
        require_another_owner(member)  # before their own row is locked: two owners would wait for each other
    member = _locked(member.id)
    if member.is_leaving or member.closed_at is not None:
        return
    member.leaving_since, member.words_go_too, member.charges_ended_at = now(), words_too, None
    token, until = links.issue(member, Purpose.STAY)
    letters.post(
        "membership/leaving",
        to=member,
        link=absolute("data.stay_by_link", token=token),
        until=in_their_zone(member, until),
        words_too=words_too,
    )
    audit.record(member, "member.leaving", member, words_go_too=words_too)
    since = member.leaving_since.isoformat()
    enqueue(end_charges, key=f"membership.end_charges:{member.id}:{since}", member_id=member.id, since=since)
    enqueue(forget, key=f"membership.forget:{member.id}:{since}", at=member.leaves_at, member_id=member.id, since=since)


def stay(member: Member) -> None:
    """Take it back: access is as it was, and a plan goes on only if its member says so. Raises TooLateToStay."""
    member = _locked(member.id)
    if not member.is_leaving:
        return
    if member.leaving_since is None or member.leaving_since + LEAVES_AFTER <= now():
        raise TooLateToStay()
    member.leaving_since, member.words_go_too, member.charges_ended_at = None, False, None
    links.void(member.id, Purpose.STAY)
    audit.record(member, "member.stayed", member)


def stay_by_link(token: str) -> Member:
    """Take it back from the letter, without signing in. Raises links.LinkSpent, TooLateToStay."""
    member = links.use(token, Purpose.STAY)
    stay(member)
    return member


@job("membership.end_charges")
def end_charges(member_id: int, since: str) -> None:
    """Nothing more is charged; noted only once Stripe has said so."""
    if _leaving_since(member_id) != since:
        return
    ending_charges.end_charges(member_id, at_once=False)
    with transaction():
        db.session.execute(
            update(Member)
            .where(Member.id == member_id, Member.leaving_since == datetime.fromisoformat(since))
            .values(charges_ended_at=now())
        )


@job("membership.forget")
def forget(member_id: int, since: str) -> None:
    """The week is over: end everything at Stripe, then forget the person here, in one transaction."""
    if _leaving_since(member_id) != since or datetime.fromisoformat(since) + LEAVES_AFTER > now():
        return
    ending_charges.end_charges(member_id, at_once=True)
    ending_charges.delete_customer(member_id)
    with transaction():
        member = _locked(member_id)
        if member.leaving_since is None or member.leaving_since.isoformat() != since:
            return
        taking_along.forget(member)
        forget_moderation(member)
        forget_library(member)
        forget_conversations(member, words_too=member.words_go_too)
        forget_billing(member)
        forget_topics(member)
        forget_notifications(member)
        forget_practice(member)
        forget_account(member)
        audit.record(None, "member.forgotten", member)


@periodic("membership.sweep_leaving", every=timedelta(hours=1))
def sweep() -> None:
    """Whatever gave up is asked for again, also where something that could be charged has come up since."""
    hour = int(now().timestamp() // 3600)
    with transaction():
        for member in db.session.scalars(select(Member).where(Member.leaving_since.is_not(None))).all():
            since = member.leaving_since.isoformat() if member.leaving_since else ""
            if member.leaves_at is not None and member.leaves_at <= now():
                enqueue(forget, key=f"membership.forget:{member.id}:hour:{hour}", member_id=member.id, since=since)
            elif member.charges_ended_at is None or ending_charges.may_be_charged(member.id):
                key = f"membership.end_charges:{member.id}:hour:{hour}"
                enqueue(end_charges, key=key, member_id=member.id, since=since)


def _locked(member_id: int) -> Member:
    """The row as it is now, until the end of this transaction; two buttons pressed at once wait for each other."""
    return db.session.get_one(Member, member_id, with_for_update=True, populate_existing=True)


def _leaving_since(member_id: int) -> str | None:
    with transaction():
        since = db.session.scalar(select(Member.leaving_since).where(Member.id == member_id))
    return since.isoformat() if since else None
