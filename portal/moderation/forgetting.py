"""A flag stays as a count for whoever rules on it; what its member wrote with it goes. With a profile go its flags, and
with one of the staff goes that they saw to a case.

Nobody is left to answer an appeal of theirs; of an answered one stays what was decided, without their words. Silences,
suspensions and notes about somebody go with the account.
"""

from __future__ import annotations

from sqlalchemy import delete, or_, update

from portal.accounts.models import Member
from portal.core.db import db
from portal.moderation.models import Flag, Handling
from portal.moderation.person_models import Appeal, Sanction, StaffNote


def forget(member: Member) -> None:
    db.session.execute(
        update(Flag).where(Flag.by_id == member.id).values(words="").execution_options(synchronize_session=False)
    )
    db.session.execute(delete(Flag).where(Flag.member_id == member.id).execution_options(synchronize_session=False))
    for theirs in (Handling.owner_id, Handling.looked_by_id):
        db.session.execute(delete(Handling).where(theirs == member.id).execution_options(synchronize_session=False))
    appealed = Appeal.by_id == member.id
    db.session.execute(
        delete(Appeal)
        .where(appealed, or_(Appeal.decided_at.is_(None), Appeal.sanction_id.is_not(None)))
        .execution_options(synchronize_session=False)
    )
    db.session.execute(update(Appeal).where(appealed).values(words="").execution_options(synchronize_session=False))
    for table, about in ((Sanction, Sanction.member_id), (StaffNote, StaffNote.about_id)):
        db.session.execute(delete(table).where(about == member.id).execution_options(synchronize_session=False))
