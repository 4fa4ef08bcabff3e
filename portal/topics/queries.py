"""The topics as lists and forms offer them."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Row, select

from portal.core.db import db
from portal.topics.models import Topic

Topics = Sequence[Row[int, str, str]]  # id, slug, title of every topic, in the coach's order


def topics_in_order() -> Topics:
    return db.session.connection().execute(_IN_ORDER).all()


_topic = Topic.__table__.c
_IN_ORDER = select(_topic.id, _topic.slug, _topic.title).order_by(_topic.position, _topic.title)
