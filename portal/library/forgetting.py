"""Who downloaded what is nobody's affair once they are gone."""

from __future__ import annotations

from sqlalchemy import delete

from portal.accounts.models import Member
from portal.core.db import db
from portal.library.models import Download


def forget(member: Member) -> None:
    db.session.execute(delete(Download).where(Download.member_id == member.id))
