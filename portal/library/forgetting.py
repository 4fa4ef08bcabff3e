"""What somebody downloaded, heard, saved, was done with and thought of it is nobody's affair once they are gone, and
their private feed is dead."""

from __future__ import annotations

from sqlalchemy import delete

from portal.accounts.models import Member
from portal.core.db import db
from portal.library.feed_models import Feed
from portal.library.models import Done, Download, Listening, Opinion, Saved, StepDone


def forget(member: Member) -> None:
    for table in (Download, Listening, StepDone, Saved, Done, Opinion, Feed):
        db.session.execute(delete(table).where(table.member_id == member.id))
