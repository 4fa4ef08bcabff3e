"""What somebody wanted to hear of is nobody's affair once they are gone."""

from __future__ import annotations

from sqlalchemy import delete

from portal.accounts.models import Member
from portal.core.db import db
from portal.topics.models import TopicFollow


def forget(member: Member) -> None:
    db.session.execute(delete(TopicFollow).where(TopicFollow.member_id == member.id))
