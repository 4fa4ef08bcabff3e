"""A member's private feed: its address, who may hear through it, and another address in place of a leaked one.

The address holds a random nonce and our key's mark on it. The row keeps the nonce alone, so a stolen database opens
nothing, and a forged address is refused before anything is asked. What the address opens is asked anew at each request.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from enum import StrEnum

import structlog
from flask import current_app
from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError

from portal.accounts.models import Member
from portal.billing.entitlements import audiences_of
from portal.core.admission import Audience
from portal.core.clock import now
from portal.core.db import db
from portal.core.errors import Refusal
from portal.library.feed_models import Feed, FeedVisit

log = structlog.get_logger()

PREFIX = "pff_"  # so that a leaked one is recognised by scanners of code and logs
_SHAPE = re.compile(rf"{PREFIX}([\w-]{{22}})([\w-]{{24}})\Z", re.ASCII)


class Door(StrEnum):
    """What somebody's address opens at this moment."""

    OPEN = "open"
    LAPSED = "lapsed"
    SUSPENDED = "suspended"
    LEAVING = "leaving"  # the account is being deleted, and that can be taken back


class FeedIsForMembers(Refusal):
    message = "The private feed comes with a membership."
    status = 403


def feed_of(member: Member) -> Feed | None:
    return db.session.scalar(select(Feed).where(Feed.member_id == member.id))


def begin(member: Member) -> Feed:
    """The member's feed, made if there is none. Raises FeedIsForMembers."""
    if door_of(member) is not Door.OPEN:
        raise FeedIsForMembers()
    feed = feed_of(member)
    if feed is not None:
        return feed
    try:
        with db.session.begin_nested():
            feed = Feed(member_id=member.id, nonce=_nonce())
            db.session.add(feed)
            db.session.flush()
    except IntegrityError:  # the same click, twice
        return db.session.scalars(select(Feed).where(Feed.member_id == member.id)).one()
    log.info("feed.begun", by=member.id)
    return feed


def rotate(feed: Feed) -> None:
    """Another address; the one before is dead from this moment, and what was noted of it is forgotten."""
    feed.nonce, feed.rotated_at = _nonce(), now()
    feed.fetched_at = feed.fetched_by = None
    db.session.execute(delete(FeedVisit).where(FeedVisit.feed_id == feed.id))
    log.info("feed.rotated", by=feed.member_id)


def door_of(member: Member) -> Door:
    """Whether the episodes are there, or the notice and why."""
    if member.is_leaving:
        return Door.LEAVING
    if member.is_suspended:
        return Door.SUSPENDED
    return Door.OPEN if Audience.ENTITLED in audiences_of(member) else Door.LAPSED


def token_of(feed: Feed) -> str:
    return PREFIX + feed.nonce + _mark(feed.nonce)


def nonce_in(token: str) -> str | None:
    """The nonce of a token that was made with our key, None for anything else. Asks no database."""
    found = _SHAPE.match(token)
    if found is None or not hmac.compare_digest(_mark(found[1]), found[2]):
        return None
    return found[1]


def _nonce() -> str:
    return secrets.token_urlsafe(16)


def _mark(nonce: str) -> str:
    """144 bits of our key's mark. The key is made for this purpose alone, so that no other mark of ours fits here."""
    key = hmac.digest(str(current_app.config["SECRET_KEY"]).encode(), b"private feed", hashlib.sha256)
    return base64.urlsafe_b64encode(hmac.digest(key, nonce.encode(), hashlib.sha256)[:18]).decode()
