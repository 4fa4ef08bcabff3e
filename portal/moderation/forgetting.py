"""A flag stays as a count for whoever rules on it; what its member wrote with it goes. With a profile go its flags."""

from __future__ import annotations

from sqlalchemy import delete, update

from portal.accounts.models import Member
from portal.core.db import db
from portal.moderation.models import Flag


def forget(member: Member) -> None:
    db.session.execute(
        update(Flag).where(Flag.by_id == member.id).values(words="").execution_options(synchronize_session=False)
    )
    db.session.execute(delete(Flag).where(Flag.member_id == member.id).execution_options(synchronize_session=False))
