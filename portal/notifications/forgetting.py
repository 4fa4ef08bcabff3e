"""What somebody chose to hear of, and the news of their posts that is still on its way."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import delete, select

from portal.accounts.models import Member
from portal.core import jobs, letters
from portal.core.db import db
from portal.core.jobs import Job
from portal.notifications.models import Notification, Preference
from portal.notifications.telling import write_news


def forget(member: Member) -> None:
    """Their choices and their inbox go."""
    db.session.execute(delete(Notification).where(Notification.member_id == member.id))
    db.session.execute(delete(Preference).where(Preference.member_id == member.id))


def forget_news(about_kind: str, about_ids: Collection[int]) -> None:
    """News of these things carries a name: what is unsent is not sent, what was told is not kept."""
    letters.drop_about(about_kind, about_ids)
    db.session.execute(
        delete(Notification)
        .where(Notification.about_kind == about_kind, Notification.about_id.in_(about_ids))
        .execution_options(synchronize_session=False)
    )
    news = select(Job.id, Job.args).where(Job.work == jobs.name_of(write_news))
    about = [
        row.id
        for row in db.session.execute(news)
        if row.args.get("about_kind") == about_kind and row.args.get("about_id") in about_ids
    ]
    db.session.execute(delete(Job).where(Job.id.in_(about)))
