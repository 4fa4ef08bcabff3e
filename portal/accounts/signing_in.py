"""Signing in and out: each browser is a row, and ending the row ends the sign-in."""

from __future__ import annotations

import secrets
from datetime import timedelta

from sqlalchemy import Select, select, update

from portal.accounts import attempts, passwords
from portal.accounts.addresses import whose
from portal.accounts.models import FRESH_FOR, IDLE, Device, Member
from portal.accounts.signed_in import hashed
from portal.core.clock import now
from portal.core.db import db
from portal.core.errors import Refusal

LIFETIME = timedelta(days=60)  # then one signs in again, however often one came


class NoSuchSignIn(Refusal):
    """One sentence for an unknown address and for a wrong password, so that it tells nobody who has an account."""

    message = "That e-mail address and password do not belong together. Check both and try again."
    status = 422


def by_password(email: str, password: str, *, network: str | None) -> Member:
    """Who knows this password. Whether that is enough is decided in finishing.py.

    Raises NoSuchSignIn, and TooMuch when too many were tried. Slow, and alike for known and unknown addresses.
    """
    attempts.begin(email, network)
    found = db.session.execute(select(Member.id, Member.password_hash).where(whose(email))).one_or_none()
    member_id, kept = (found[0], found[1]) if found else (None, None)
    if not passwords.fits(password, kept) or member_id is None or kept is None:
        raise NoSuchSignIn()
    better = passwords.hashed(password) if passwords.is_outdated(kept) else kept
    # The password may have been changed while we looked at it: the one we looked at must still be theirs.
    member = db.session.scalar(
        select(Member).where(Member.id == member_id, Member.password_hash == kept).with_for_update()
    )
    if member is None:
        raise NoSuchSignIn()
    member.password_hash = better
    attempts.forgive(email, network)
    return member


def open_device(member: Member, *, user_agent: str, strong: bool = False, fresh: bool = True) -> str:
    """Sign this browser in as `member`; the raw token for its session is known only to the caller.

    `strong`: a second factor or a passkey stands behind it. `fresh`: all that this member has was proved just now.
    """
    token = secrets.token_urlsafe(32)
    device = Device(
        member_id=member.id,
        token_hash=hashed(token),
        label=label_of(user_agent),
        expires_at=now() + LIFETIME,
        strong_at=now() if strong else None,
        fresh_at=now() if fresh else now() - FRESH_FOR,
    )
    db.session.add(device)
    db.session.flush()
    return token


def devices_of(member: Member) -> Select[Device]:
    """Where someone is signed in, the latest first."""
    return (
        select(Device)
        .where(
            Device.member_id == member.id,
            Device.ended_at.is_(None),
            Device.expires_at > now(),
            Device.seen_at > now() - IDLE,
        )
        .order_by(Device.seen_at.desc(), Device.id.desc())
    )


def end_device(device: Device) -> None:
    """Sign that browser out; its next request is a visitor's."""
    device.ended_at = device.ended_at or now()


def end_all_devices(member: Member, *, but: Device | None = None) -> None:
    """Sign someone out everywhere, or everywhere else."""
    ending = update(Device).where(Device.member_id == member.id, Device.ended_at.is_(None))
    if but is not None:
        ending = ending.where(Device.id != but.id)
    db.session.execute(ending.values(ended_at=now()))


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


def label_of(user_agent: str) -> str:
    """What people recognise a browser by: "Firefox on Windows"."""
    browser = next((name for mark, name in _BROWSERS if mark in user_agent), "A browser")
    system = next((name for mark, name in _SYSTEMS if mark in user_agent), "")
    return f"{browser} on {system}" if system else browser
