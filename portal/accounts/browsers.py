"""Browsers somebody has signed in with before: a new one is told by letter, a trusted one asks for no second step.

The cookie only says "the same browser as then". It opens nothing by itself and lives on when one signs out.
"""

from __future__ import annotations

import secrets
from datetime import timedelta

from flask import current_app, request
from sqlalchemy import delete, select, update
from werkzeug.wrappers import Response

from portal.accounts.models import Device, KnownBrowser, Member
from portal.accounts.signed_in import hashed
from portal.core.clock import now
from portal.core.db import db

TRUSTED_FOR = timedelta(days=30)
_REMEMBERED_FOR = timedelta(days=365)


def is_trusted(member: Member) -> bool:
    """Whether this member asked this browser to be remembered, and nothing has ended that since."""
    found = _found(member)
    return found is not None and found.trusted_until is not None and found.trusted_until > now()


def note(device: Device, *, trust: bool, answer: Response) -> bool:
    """Remember that `device` stands in this browser, and keep its cookie alive; whether it was new to the member."""
    token = _token() or secrets.token_urlsafe(32)
    found = _found(device.member)
    known = found or KnownBrowser(member_id=device.member_id, token_hash=hashed(token))
    known.device_id = device.id
    if trust:
        known.trusted_until = now() + TRUSTED_FOR
    db.session.add(known)
    secure = current_app.config["SESSION_COOKIE_SECURE"]
    answer.set_cookie(_cookie(), token, max_age=_REMEMBERED_FOR, secure=secure, httponly=True, samesite="Lax")
    return found is None


def trusted_devices(member: Member) -> set[int]:
    """Ids of the devices in whose browsers no second step is asked for."""
    trusted = select(KnownBrowser.device_id).where(
        KnownBrowser.member_id == member.id, KnownBrowser.trusted_until > now(), KnownBrowser.device_id.is_not(None)
    )
    return {device_id for device_id in db.session.scalars(trusted) if device_id is not None}


def forget(device: Device) -> None:
    """That browser counts as a stranger's from now on."""
    db.session.execute(delete(KnownBrowser).where(KnownBrowser.device_id == device.id))


def trust_none(member: Member, *, but: Device | None = None) -> None:
    """Ask for the second step everywhere again, or everywhere else."""
    ending = update(KnownBrowser).where(KnownBrowser.member_id == member.id)
    if but is not None:
        ending = ending.where(KnownBrowser.device_id.is_distinct_from(but.id))
    db.session.execute(ending.values(trusted_until=None).execution_options(synchronize_session=False))


def _found(member: Member) -> KnownBrowser | None:
    token = _token()
    if token is None:
        return None
    return db.session.scalar(
        select(KnownBrowser).where(KnownBrowser.member_id == member.id, KnownBrowser.token_hash == hashed(token))
    )


def _token() -> str | None:
    token = request.cookies.get(_cookie())
    return token if token and len(token) <= 64 else None


def _cookie() -> str:
    return "__Host-browser" if current_app.config["SESSION_COOKIE_SECURE"] else "browser"
