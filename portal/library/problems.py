"""Problems as a way in: the questions that leaders have, each with the items that answer it."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import Select, and_, bindparam, func, select

from portal.core.clock import now
from portal.core.db import db
from portal.library.models import Item, item_topic
from portal.library.queries import IS_OUT
from portal.library.shelves import Shelf
from portal.topics.models import Topic

_item, _topic = Item.__table__.c, Topic.__table__.c
_ELSE = "Everything else"


class Question(NamedTuple):
    """What a leader asks, and how many items answer."""

    words: str
    answers: int


def questions(shelf: Shelf, *, most: int) -> list[Question]:
    """Those that items of this kind and topic answer, the newest answer first."""
    values = {"moment": now(), "kind": shelf.kind, "topic": shelf.topic, "most": most}
    statement = _questions(kind=shelf.kind is not None, topic=shelf.topic is not None)
    return [Question(*row) for row in db.session.connection().execute(statement, values)]


def by_topic() -> dict[str, list[Question]]:
    """All of them, each below the first topic (its title) that an answer is about, in the coach's order."""
    answers: dict[str, set[int]] = {}
    found: dict[str, list[str]] = {}
    for row in db.session.connection().execute(_ALL, {"moment": now()}):
        if row.problem not in answers:
            found.setdefault(row.title or _ELSE, []).append(row.problem)
        answers.setdefault(row.problem, set()).add(row.id)
    return {title: [Question(words, len(answers[words])) for words in asked] for title, asked in found.items()}


def is_asked(problem: str) -> bool:
    """Whether anything that is out answers this question."""
    asked = select(_item.id).where(_ASKED, _item.problem == bindparam("problem")).limit(1)
    return db.session.connection().execute(asked, {"moment": now(), "problem": problem}).first() is not None


_ASKED = and_(IS_OUT, _item.problem != "")


@cache
def _questions(*, kind: bool, topic: bool) -> Select[Any]:
    asked = select(_item.problem, func.count()).where(_ASKED)
    if kind:
        asked = asked.where(_item.kind == bindparam("kind"))
    if topic:
        about = select(item_topic.c.item_id).join(Topic.__table__, _topic.id == item_topic.c.topic_id)
        asked = asked.where(_item.id.in_(about.where(_topic.slug == bindparam("topic"))))
    newest_first = func.max(_item.published_at).desc(), _item.problem
    return asked.group_by(_item.problem).order_by(*newest_first).limit(bindparam("most"))


_ALL = (
    select(_item.problem, _item.id, _topic.title)
    .select_from(
        Item.__table__.outerjoin(item_topic, item_topic.c.item_id == _item.id).outerjoin(
            Topic.__table__, _topic.id == item_topic.c.topic_id
        )
    )
    .where(_ASKED)
    .order_by(_topic.position.nulls_last(), _topic.title, _item.published_at.desc(), _item.id)
)
