"""Who is signed in here: me()."""

from __future__ import annotations

import hashlib

from flask import Flask
from flask_login import LoginManager, current_user
from sqlalchemy import select

from portal.accounts.models import Device, Member
from portal.core.db import db

login = LoginManager()
login.session_protection = None  # the device row is the protection; addresses of phones change all day


def init_app(app: Flask) -> None:
    login.init_app(app)


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


def hashed(token: str) -> str:
    """How a token is kept. SHA-256 is enough for 256 random bits."""
    return hashlib.sha256(token.encode()).hexdigest()


@login.user_loader  # type: ignore[untyped-decorator]
def _load(token: str) -> Device | None:
    device = db.session.scalar(select(Device).where(Device.token_hash == hashed(token)))
    if device is None or not device.is_open or device.member.closed_at is not None:
        return None
    device._token = token  # type: ignore[attr-defined]
    return device
