"""Stories from practices like the reader's own, the closest first, each with what they have in common."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import case, literal, select

from portal.accounts.models import Member
from portal.core.clock import now
from portal.core.db import db
from portal.library.models import Nugget, is_out
from portal.library.shelves import ROWS_A_PAGE, ItemRow, rows_of
from portal.practices.models import Affiliation, Practice
from portal.topics.queries import Topics

# What two practices can share, how much it weighs, and what the reader is told.
_SHARED = {"specialty": (2, "Your specialty"), "size": (1, "Your size"), "region": (1, "Your region")}


def practice_of(member: Member) -> Practice | None:
    """The reader's practice, if they have said anything about it that stories can share."""
    found = db.session.scalar(
        select(Practice)
        .join(Affiliation, Affiliation.practice_id == Practice.id)
        .where(Affiliation.member_id == member.id)
    )
    return found if found is not None and any(getattr(found, name) for name in _SHARED) else None


def stories_like(practice: Practice, *, reader_id: int, topics: Topics | None = None) -> list[ItemRow]:
    """At most a page of stories that share something with this practice."""
    said = {name: getattr(practice, name) for name in _SHARED if getattr(practice, name) is not None}
    shares = {name: getattr(Nugget, name) == value for name, value in said.items()}
    closeness = sum((case((same, _SHARED[name][0]), else_=0) for name, same in shares.items()), start=literal(0))
    found = db.session.execute(
        select(Nugget.id, Nugget.specialty, Nugget.size, Nugget.region)
        .where(is_out(Nugget, now()), closeness > 0)
        .order_by(closeness.desc(), Nugget.published_at.desc(), Nugget.id.desc())
        .limit(ROWS_A_PAGE)
    ).all()
    rows = rows_of([row.id for row in found], reader_id=reader_id, topics=topics)
    return [
        rows[row.id]._replace(facts=[*_in_common(row, said), *rows[row.id].facts]) for row in found if row.id in rows
    ]


def _in_common(row: object, said: dict[str, object]) -> Sequence[str]:
    return [_SHARED[name][1] for name, value in said.items() if getattr(row, name) == value]
