"""Who is signed in here: me()."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import structlog
from flask import Flask, current_app, g, request, session
from flask_login import LoginManager, current_user, login_user, logout_user
from sqlalchemy import Row, Select, bindparam, select, update
from sqlalchemy.exc import DBAPIError

from portal.accounts.models import Device, Member
from portal.core.clock import now
from portal.core.db import db, transaction

log = structlog.get_logger()
SEEN_EVERY = timedelta(minutes=15)
Asking = Callable[[Select[Device]], Select[*tuple[Any, ...]]]
Told = Callable[[Member, Sequence[Row[Any]]], None]

login = LoginManager()
login.session_protection = None  # the device row is the protection; addresses of phones change all day


def init_app(app: Flask, *, asking: Asking, told: Told) -> None:
    """Every request finds who is here, and then wants to know of them what accounts cannot say: `asking` adds it to the
    one statement that finds their device, `told` is given the member and the rows that came, the device first in each.
    """
    login.init_app(app)
    by_token = select(Device).where(Device.token_hash == bindparam("token_hash"))
    app.extensions["who_is_here"] = asking(by_token), told  # the statement is built once


def me() -> Member:
    """The member of this request. Only behind a gate that asked for a sign-in."""
    member: Member = current_user.member
    return member


def me_or_none() -> Member | None:
    """The member of this request, None for a visitor."""
    return me() if current_user.is_authenticated else None


def this_device() -> Device:
    device: Device = current_user._get_current_object()
    return device


def begin_session(token: str) -> Member:
    """Sign this browser in with a token of signing_in.open_device(). Nothing of the session before it is kept."""
    device = _load(token)
    if device is None:
        raise LookupError("a token just made opens no device")
    if current_user.is_authenticated:  # as somebody else, or in another tab: that sign-in is over
        before = this_device()
        before.ended_at = before.ended_at or now()
    session.clear()
    session.permanent = True
    login_user(device)
    g.pop("audiences", None)  # the gate asked for somebody else
    log.info("member.signed_in", member=device.member_id, device=device.id)
    member: Member = device.member
    return member


def renew_session(token: str) -> None:
    """Go on with the same device under a new token, after they proved again who they are; the rest stays."""
    session["_user_id"] = token
    log.info("member.proved_again", member=this_device().member_id, device=this_device().id)


def end_session() -> None:
    """Make this browser a visitor's again; the device row is ended by signing_in.end_device()."""
    logout_user()
    session.clear()
    g.pop("audiences", None)


def hashed(token: str) -> str:
    """How a token is kept. SHA-256 is enough for 256 random bits."""
    return hashlib.sha256(token.encode()).hexdigest()


@login.user_loader  # type: ignore[untyped-decorator]  # Flask-Login ships no types
def _load(token: str) -> Device | None:
    by_token, told = current_app.extensions["who_is_here"]
    rows = db.session.execute(by_token, {"token_hash": hashed(token)}).all()
    device: Device | None = rows[0][0] if rows else None
    if device is None or not device.is_open or device.member.closed_at is not None:
        return None
    told(device.member, rows)
    device._token = token  # type: ignore[attr-defined]  # for this request only, no column
    if request.method in {"GET", "HEAD"} and device.seen_at < now() - SEEN_EVERY:
        _note_seen(device.id)
    return device


def _note_seen(device_id: int) -> None:
    """Move `seen_at` on, beside the reading; a database that cannot write just now keeps nobody from reading."""
    try:
        with transaction():
            db.session.execute(
                update(Device)
                .where(Device.id == device_id, Device.seen_at < now() - SEEN_EVERY)
                .values(seen_at=now())
                .execution_options(synchronize_session=False)
            )
    except DBAPIError as error:
        log.warning("device.seen_not_noted", device=device_id, kind=type(error).__name__)
