"""Signing in and out: each browser is a row, and ending the row ends the sign-in."""

from __future__ import annotations

import secrets
from datetime import timedelta

from portal.accounts.models import Device, Member
from portal.accounts.signed_in import hashed
from portal.core.clock import now
from portal.core.db import db

LIFETIME = timedelta(days=60)  # then one signs in again, however often one came


def open_device(member: Member, *, user_agent: str) -> str:
    """Sign this browser in as `member`; the raw token for its session is known only to the caller."""
    token = secrets.token_urlsafe(32)
    device = Device(
        member_id=member.id, token_hash=hashed(token), label=_label(user_agent), expires_at=now() + LIFETIME
    )
    db.session.add(device)
    db.session.flush()
    return token


_BROWSERS = (  # the first that is found; Chrome names itself Safari too, and Edge names itself Chrome
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Firefox", "Firefox"),
    ("FxiOS", "Firefox"),
    ("CriOS", "Chrome"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
)
_SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS X", "Mac"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)


def _label(user_agent: str) -> str:
    """What people recognise a browser by: "Firefox on Windows"."""
    browser = next((name for mark, name in _BROWSERS if mark in user_agent), "A browser")
    system = next((name for mark, name in _SYSTEMS if mark in user_agent), "")
    return f"{browser} on {system}" if system else browser
