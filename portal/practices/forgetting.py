"""A practice is described by those who work in it; when the last of them is gone, so is its description."""

from __future__ import annotations

from sqlalchemy import delete, select

from portal.accounts.models import Member
from portal.core.db import db
from portal.practices import photos
from portal.practices.models import Affiliation, Beginning, Discretion, Practice


def forget(member: Member) -> None:
    photos.remove(member)
    theirs = db.session.scalars(select(Affiliation.practice_id).where(Affiliation.member_id == member.id)).all()
    db.session.execute(delete(Affiliation).where(Affiliation.member_id == member.id))
    db.session.execute(delete(Beginning).where(Beginning.member_id == member.id))
    db.session.execute(delete(Discretion).where(Discretion.member_id == member.id))
    db.session.execute(
        delete(Practice)
        .where(Practice.id.in_(theirs), Practice.id.not_in(select(Affiliation.practice_id)))
        .execution_options(synchronize_session=False)
    )
