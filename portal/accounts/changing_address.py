"""Another mailbox for an account: asked for by whoever is signed in, done by a letter to the new one, and stopped, as
long as it is not done, by a letter to the present one.

The present address keeps working until then. Browsers stay signed in: a member who reads in the old mailbox that
somebody asked for this still has a way in to stop it. Once it is done the old mailbox can undo nothing: it may belong
to a practice that the member has left.
"""

from __future__ import annotations

import secrets
from datetime import timedelta

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.exc import IntegrityError

from portal.accounts import attempts, links, steps
from portal.accounts.addresses import canonical, is_taken
from portal.accounts.models import AddressChange, Member, Purpose
from portal.accounts.signed_in import hashed
from portal.accounts.times import in_their_zone
from portal.core import audit, letters
from portal.core.clock import now
from portal.core.db import db, transaction
from portal.core.errors import Refusal, TooMuch
from portal.core.jobs import periodic
from portal.core.web import absolute

GOOD_FOR = timedelta(hours=24)
PER_HOUR = 5
KEPT = timedelta(days=30)


class SameAddress(Refusal):
    message = "This is your present address. There is nothing to change."
    status = 422


class AddressInUse(Refusal):
    message = "Another account has this address, so it cannot be yours as well."


def ask(member: Member, email: str) -> AddressChange:
    """Write to both mailboxes; an earlier wish that is still open is forgotten.

    Raises NotAnAddress, SameAddress, AddressInUse, TooMuch.
    """
    address = canonical(email)
    if address == member.email:
        raise SameAddress()
    if is_taken(address):
        raise AddressInUse()
    _locked(member)  # twenty at once are counted one after the other
    if _asked_lately(member) >= PER_HOUR:
        raise TooMuch(
            "We have sent several letters already. Please look into your spam folder, and try again in an hour.",
            retry_after=3600,
        )
    stop_all(member)
    to_confirm, to_stop = _token(), _token()
    change = AddressChange(
        member_id=member.id,
        old_email=member.email,
        new_email=address,
        confirm_hash=hashed(to_confirm),
        stop_hash=hashed(to_stop),
        expires_at=now() + GOOD_FOR,
    )
    db.session.add(change)
    db.session.flush()
    until = in_their_zone(member, change.expires_at)
    letters.post(
        "accounts/address-new",
        to=member,
        address=address,
        key=f"address:{change.once}:new",
        link=absolute("address.confirm_address", token=to_confirm),
        until=until,
    )
    letters.post(
        "accounts/address-old",
        to=member,
        key=f"address:{change.once}:old",
        link=absolute("address.stop_address", token=to_stop),
        until=until,
    )
    audit.record(member, "address.change_asked", member)
    return change


def open_change(member: Member) -> AddressChange | None:
    """The wish that waits for its letter to be opened."""
    return db.session.scalar(
        select(AddressChange)
        .where(AddressChange.member_id == member.id, *_is_open())
        .order_by(AddressChange.id.desc())
        .limit(1)
    )


def to_confirm(token: str, *, by: Member) -> AddressChange:
    """What the letter in the new mailbox is about. Changes nothing. Raises links.LinkSpent, also for anybody else's."""
    return _one(AddressChange.confirm_hash == hashed(token), AddressChange.member_id == by.id)


def to_stop(token: str) -> AddressChange:
    """What the letter in the old mailbox is about. Changes nothing. Raises links.LinkSpent."""
    return _one(AddressChange.stop_hash == hashed(token))


def confirm(token: str, *, by: Member) -> AddressChange:
    """Move the account to the new mailbox. Raises links.LinkSpent, AddressInUse.

    Only for the member who asked: a mistyped address belongs to a stranger, who must not get an account by a click.
    One conditional UPDATE decides among twenty clicks, the unique index between two accounts.
    """
    member = _locked(by)  # before the wish itself, as in ask(): or the two would wait for each other
    change = _use(AddressChange.confirm_hash == hashed(token), AddressChange.member_id == member.id, done_at=now())
    if member.email != change.old_email:
        raise links.LinkSpent()
    try:
        with db.session.begin_nested():
            member.email = change.new_email
            db.session.flush()
    except IntegrityError:
        raise AddressInUse() from None
    member.confirmed_at = member.confirmed_at or now()
    for purpose in Purpose:
        links.void(member.id, purpose)  # whatever lies in the old mailbox opens nothing, even if they go back to it
    attempts.forgive_all(change.old_email)
    steps.void(member)  # a sign-in begun by the old mailbox
    audit.record(member, "address.changed", member, change=change.id)
    _tell_both(member, change)
    return change


def stop(token: str) -> AddressChange:
    """Whoever reads the old mailbox says no. Raises links.LinkSpent."""
    change = _use(AddressChange.stop_hash == hashed(token), stopped_at=now())
    audit.record(None, "address.change_stopped", db.session.get_one(Member, change.member_id), change=change.id)
    return change


def stop_all(member: Member) -> None:
    """Whatever was asked for leads nowhere any more."""
    _stop(AddressChange.member_id == member.id)


@periodic("accounts.sweep_address_changes", every=timedelta(days=1))
def sweep() -> None:
    """Forget old addresses after a month."""
    with transaction():
        db.session.execute(delete(AddressChange).where(AddressChange.expires_at < now() - KEPT))


def _is_open() -> tuple[ColumnElement[bool], ...]:
    return (
        AddressChange.done_at.is_(None),
        AddressChange.stopped_at.is_(None),
        AddressChange.expires_at > now(),
        AddressChange.member_id.in_(select(Member.id).where(Member.closed_at.is_(None))),
    )


def _one(*which: ColumnElement[bool]) -> AddressChange:
    found = db.session.scalar(select(AddressChange).where(*which, *_is_open()))
    if found is None:
        raise links.LinkSpent()
    return found


def _use(*which: ColumnElement[bool], **values: object) -> AddressChange:
    used = db.session.scalar(
        update(AddressChange)
        .where(*which, *_is_open())
        .values(**values)
        .returning(AddressChange.id)
        .execution_options(synchronize_session=False)
    )
    if used is None:
        raise links.LinkSpent()
    return db.session.get_one(AddressChange, used, populate_existing=True)


def _stop(whose: ColumnElement[bool]) -> None:
    db.session.execute(
        update(AddressChange)
        .where(whose, *_is_open())
        .values(stopped_at=now())
        .execution_options(synchronize_session=False)
    )


def _locked(member: Member) -> Member:
    """The row as it is now, until the end of this transaction."""
    return db.session.get_one(Member, member.id, with_for_update=True, populate_existing=True)


def _asked_lately(member: Member) -> int:
    lately = AddressChange.created_at > now() - timedelta(hours=1)
    asked = select(func.count()).select_from(AddressChange).where(AddressChange.member_id == member.id, lately)
    return db.session.scalar(asked) or 0


def _tell_both(member: Member, change: AddressChange) -> None:
    moment = in_their_zone(member, now())
    for which, address in (("new", change.new_email), ("old", change.old_email)):
        letters.post(
            "accounts/address-changed",
            to=member,
            address=address,
            key=f"address:{change.once}:done:{which}",
            moment=moment,
            here=which == "new",
        )


def _token() -> str:
    return links.PREFIX + secrets.token_urlsafe(32)
