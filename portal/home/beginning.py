"""The first steps of a member. They differ by the part somebody has in their practice, and each is seen to be done
from what they really did: nothing is ticked by hand, and nothing is lost by putting the list away.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import Integer, Select, bindparam, case, exists, select

from portal.accounts.models import Member
from portal.conversations.models import Post
from portal.core.clock import now
from portal.core.db import Moment, db
from portal.core.to_do import Step
from portal.library.feed_models import Feed
from portal.library.models import Download, File, Item, Kind, Version, is_out, item_topic
from portal.practices.describing import say_part, wait_for_turn
from portal.practices.models import Affiliation, Beginning, Part
from portal.topics.models import Topic


@dataclass(frozen=True)
class FirstSteps:
    """The list as its reader finds it."""

    steps: list[Step]
    asks_part: bool  # what they are in their practice; asked until they say it or skip it

    @property
    def done(self) -> int:
        return sum(step.is_done for step in self.steps)

    @property
    def is_complete(self) -> bool:
        return self.done == len(self.steps)


class _Last(NamedTuple):
    """The step that differs: a tool by its slug in the starter content, else the newest of a topic, else any."""

    slug: str
    topic: str
    title: str
    text: str


_LAST: dict[Part | None, _Last] = {
    Part.OWNER: _Last(
        "monday-numbers", "owners-numbers", "Choose your own numbers",
        "A few numbers that you look at every Monday tell you what needs you, and what does not.",
    ),
    Part.MANAGER: _Last(
        "surgical-team-expectations", "managing-with-empathy", "Agree on what you expect",
        "Write down with one team what you expect of each other, before the next hard day.",
    ),
    Part.EXPERT: _Last(
        "contributor-or-manager", "expert-contributors", "Look at both paths: contributor or manager",
        "You need not lead people to grow. The guide shows what each path asks of you, and gives.",
    ),
    None: _Last(
        "role-card", "role-clarity", "Write down what your seat is for",
        "One page that says what you answer for, what you decide alone, and how both sides know it goes well.",
    ),
}  # fmt: skip


def first_steps_of(member: Member) -> FirstSteps | None:
    """The list for this member, None if they put it away. Two queries."""
    row = db.session.connection().execute(_done(), {"reader_id": member.id}).one()
    if row.put_away_at is not None:
        return None
    return FirstSteps(
        [
            Step(
                "Say who you are",
                "Your name and what you are in your practice, so that others can answer you as who you are.",
                "/account/profile",
                "Open your profile",
                row.part is not None,
            ),
            Step(
                "Get your first tool",
                "Choose one for something that is on your desk this week.",
                "/library?kind=tool",
                "Look at the tools",
                row.has_tool,
            ),
            Step(
                "Listen in your own podcast app",
                "One tap adds the members’ feed to the app on your phone; new episodes come by themselves.",
                "/account/feed",
                "Set it up",
                row.has_feed,
            ),
            Step(
                "Say hello",
                "Tell the others what you lead, or join a conversation that is yours too.",
                "/rooms",
                "Open the rooms",
                row.has_spoken,
            ),
            _last_step(member, row.part),
        ],
        asks_part=row.part is None and row.part_skipped_at is None,
    )


def answer_part(member: Member, part: Part) -> None:
    """What they are in their practice, answered on the first page."""
    say_part(member, part)


def skip_part(member: Member) -> None:
    """They would rather not say; the question is not asked again."""
    _beginning_of(member).part_skipped_at = now()


def put_away(member: Member) -> None:
    _beginning_of(member).put_away_at = now()


def bring_back(member: Member) -> None:
    _beginning_of(member).put_away_at = None


def _last_step(member: Member, part: Part | None) -> Step:
    wanted = _LAST.get(part, _LAST[None])
    asked = {"slug": wanted.slug, "topic": wanted.topic, "reader_id": member.id, "moment": now()}
    found = db.session.connection().execute(_last_tool(), asked).one_or_none()
    if found is None:
        return Step(wanted.title, wanted.text, "/library", "Open the library", is_done=False)
    return Step(wanted.title, wanted.text, f"/library/{found.slug}", f"Get “{found.title}”", bool(found.has))


# Asked each time somebody opens the first page, so they are built once.


@cache
def _done() -> Select[*tuple[Any, ...]]:
    a_tool = _downloads().join(Item, Item.id == Version.item_id).where(Item.kind == Kind.TOOL)
    reader_id = bindparam("reader_id", type_=Integer())
    return (
        select(
            Affiliation.part,
            Beginning.part_skipped_at,
            Beginning.put_away_at,
            a_tool.exists().label("has_tool"),
            exists().where(Post.author_id == reader_id).label("has_spoken"),
            exists().where(Feed.member_id == reader_id, Feed.fetched_at.is_not(None)).label("has_feed"),
        )
        .select_from(Member)
        .outerjoin(Affiliation, Affiliation.member_id == Member.id)
        .outerjoin(Beginning, Beginning.member_id == Member.id)
        .where(Member.id == reader_id)
    )


@cache
def _last_tool() -> Select[*tuple[Any, ...]]:
    about = exists().where(
        item_topic.c.item_id == Item.id, item_topic.c.topic_id == Topic.id, Topic.slug == bindparam("topic")
    )
    has = _downloads().where(Version.item_id == Item.id).correlate(Item).exists()
    first = case((Item.slug == bindparam("slug"), 0), (about, 1), else_=2)
    return (
        select(Item.id, Item.slug, Item.title, has.label("has"))
        .where(Item.kind == Kind.TOOL, is_out(Item, bindparam("moment", type_=Moment())))
        .order_by(first, Item.published_at.desc(), Item.id.desc())
        .limit(1)
    )


def _downloads() -> Select[int]:
    return (
        select(Download.id)
        .join(File, File.id == Download.file_id)
        .join(Version, Version.id == File.version_id)
        .where(Download.member_id == bindparam("reader_id", type_=Integer()))
    )


def _beginning_of(member: Member) -> Beginning:
    wait_for_turn(member)
    found = db.session.scalar(select(Beginning).where(Beginning.member_id == member.id))
    if found is None:
        found = Beginning(member_id=member.id)
        db.session.add(found)
        db.session.flush()
    return found
