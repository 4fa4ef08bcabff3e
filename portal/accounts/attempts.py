"""Failed sign-ins are counted: per account, so that nobody guesses; per network address, so that nobody tries many; and
over all, so that many addresses together cannot either.

The count stands in the database, so all processes share it and a restart does not forget it. It forgives by itself
after a quarter of an hour, and a passkey or a mailed code opens the account at any time: nobody can lock another person
out. Codes of the second step are counted by themselves; only who knows the first gets so far.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from datetime import timedelta

from flask import current_app
from sqlalchemy import ColumnElement, delete, func, select, true

from portal.accounts.addresses import folded
from portal.accounts.models import SignInAttempt
from portal.core.clock import now
from portal.core.db import db, is_postgresql, release, transaction
from portal.core.errors import TooMuch
from portal.core.jobs import periodic

WINDOW = timedelta(minutes=15)
PER_ACCOUNT = 10
PER_ADDRESS = 40  # an office behind one address has many people
OVER_ALL = 2_000
SECOND_WINDOW = timedelta(hours=1)
PER_SECOND = 10
KEPT = timedelta(days=1)


def begin(email: str, network: str | None) -> None:
    """Count an attempt before the password is looked at. Raises TooMuch, which itself counts for nothing.

    Counting first makes the limit hold for guesses sent all at once. The count is committed at once, in a
    transaction of its own, so that an answer that refuses keeps it.
    """
    account, address = _account(email), _address(network)
    release()
    with transaction():
        _queue_up(account, address)
        _refuse_when_full(SignInAttempt.account_hash == account, WINDOW, PER_ACCOUNT)
        _refuse_when_full(SignInAttempt.address_hash == address, WINDOW, PER_ADDRESS)
        _refuse_when_full(true(), WINDOW, OVER_ALL)
        db.session.add(SignInAttempt(account_hash=account, address_hash=address))


def begin_second(member_id: int) -> None:
    """Count a code of somebody's second step before it is looked at. Raises TooMuch."""
    key = _second(member_id)
    release()
    with transaction():
        _queue_up(key)
        _refuse_when_full(SignInAttempt.account_hash == key, SECOND_WINDOW, PER_SECOND)
        db.session.add(SignInAttempt(account_hash=key, address_hash=key))


def forgive(email: str, network: str | None) -> None:
    """They did know the password: forget what they mistyped from there."""
    db.session.execute(
        delete(SignInAttempt).where(
            SignInAttempt.account_hash == _account(email), SignInAttempt.address_hash == _address(network)
        )
    )


def forgive_second(member_id: int) -> None:
    """The code was right: forget the ones that were not."""
    db.session.execute(delete(SignInAttempt).where(SignInAttempt.account_hash == _second(member_id)))


def forgive_all(email: str) -> None:
    """They proved who they are by their mailbox: forget all guesses at this account."""
    db.session.execute(delete(SignInAttempt).where(SignInAttempt.account_hash == _account(email)))


@periodic("accounts.sweep_attempts", every=timedelta(hours=6))
def sweep() -> None:
    """Forget attempts of yesterday."""
    with transaction():
        db.session.execute(delete(SignInAttempt).where(SignInAttempt.created_at < now() - KEPT))


def _refuse_when_full(which: ColumnElement[bool], window: timedelta, most: int) -> None:
    """Full when `most` attempts lie in the window; there is room again when the oldest of them leaves it."""
    since = now() - window
    oldest = db.session.scalar(
        select(SignInAttempt.created_at)
        .where(which, SignInAttempt.created_at > since)
        .order_by(SignInAttempt.created_at.desc())
        .offset(most - 1)
        .limit(1)
    )
    if oldest is None:
        return
    seconds = max(1, int((oldest - since).total_seconds()) + 1)
    minutes = -(-seconds // 60)
    raise TooMuch(
        f"Too many attempts. Please wait {minutes} {'minute' if minutes == 1 else 'minutes'}, "
        "or get in at once by e-mail or with a passkey.",
        retry_after=seconds,
    )


def _queue_up(*keys: str) -> None:
    """Attempts at one account wait for each other; SQLite queues writers by itself."""
    if is_postgresql():
        for key in sorted(keys):
            db.session.execute(select(func.pg_advisory_xact_lock(int(key[:15], 16))))


def _account(email: str) -> str:
    return _keyed("account", folded(email))


def _second(member_id: int) -> str:
    return _keyed("second step", str(member_id))


def _address(network: str | None) -> str:
    return _keyed("address", _neighbourhood(network or ""))


def _neighbourhood(network: str) -> str:
    """An IPv6 household owns a /64 and could count afresh with each of its addresses."""
    try:
        address = ipaddress.ip_address(network)
    except ValueError:
        return "unknown"
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)


def _keyed(kind: str, text: str) -> str:
    """Addresses are not kept, only whether two are the same; without our key nobody can try them out."""
    key = str(current_app.config["SECRET_KEY"]).encode()
    return hmac.new(key, f"sign-in attempt:{kind}:{text}".encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()
