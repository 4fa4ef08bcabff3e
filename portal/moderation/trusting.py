"""Trusting: whose flags hide something before a moderator has looked, and when several do.

Whoever says that a confidence is broken is believed at once, because each hour makes it worse; a member whose flags
were mostly for nothing is not, and nobody a sixth time a day. Other reasons take several members who do not work
together and have been here for a while.
"""

from __future__ import annotations

from datetime import timedelta

from flask import current_app
from sqlalchemy import func, select

from portal.accounts.models import Member
from portal.conversations.models import Hold, Post, Thread
from portal.core.clock import now
from portal.core.db import db
from portal.moderation.models import Flag, Outcome, Ruling
from portal.practices.models import Affiliation

AT_ONCE_A_DAY = 5  # urgent flags of one member that hide something at once
FOR_NOTHING = 3  # flags after which something stayed; with more of them than of others, a member is not believed
HERE_FOR = timedelta(days=30)
SPOKEN = 5  # posts that stand, for whoever is not here that long


def why_to_hold(thing: Post | Thread, flag: Flag, by: Member) -> Hold | None:
    """What this flag, with those before it, is reason enough for."""
    if flag.reason.is_urgent:
        return Hold.CONFIDENCE if _is_believed(by) and _urgent_today(by) <= AT_ONCE_A_DAY else None
    enough = current_app.config["HOLD_AFTER_FLAGS"]
    return Hold.FLAGS if enough and _independent(flag.about) >= enough else None


def is_trusted(member: Member) -> bool:
    """They are known here, and what they flagged was not mostly for nothing."""
    known = member.created_at <= now() - HERE_FOR or _spoken(member) >= SPOKEN
    return known and _is_believed(member)


def _is_believed(member: Member) -> bool:
    ruled = select(func.count().filter(Ruling.outcome == Outcome.KEPT), func.count())
    found = ruled.select_from(Flag).join(Ruling, Ruling.id == Flag.ruling_id).where(Flag.by_id == member.id)
    kept, decided = db.session.execute(found).one()
    return int(kept) < FOR_NOTHING or 2 * int(kept) <= int(decided)


def _urgent_today(member: Member) -> int:
    today = Flag.by_id == member.id, Flag.rank == 0, Flag.created_at > now() - timedelta(days=1)
    return db.session.scalar(select(func.count()).select_from(Flag).where(*today)) or 0


def _spoken(member: Member) -> int:
    stands = Post.author_id == member.id, Post.hidden_at.is_(None)
    return db.session.scalar(select(func.count()).select_from(Post).where(*stands)) or 0


def _independent(about: str) -> int:
    """Trusted members with an open flag on it; colleagues of one practice count once."""
    flagged = (
        select(Member, Affiliation.practice_id)
        .join(Flag, Flag.by_id == Member.id)
        .outerjoin(Affiliation, Affiliation.member_id == Member.id)
        .where(Flag.about == about, Flag.ruled_at.is_(None))
    )
    found = db.session.execute(flagged).all()
    return len({practice_id or -member.id for member, practice_id in found if is_trusted(member)})
