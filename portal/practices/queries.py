"""What is told of a member, and to whom. A hidden field leaves the database only for themselves and for staff."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, SQLColumnExpression, and_, select

from portal.accounts.models import Member
from portal.core.db import db
from portal.practices.models import (
    Affiliation,
    Discretion,
    Field,
    Part,
    Photo,
    Practice,
    Region,
    Size,
    Specialty,
    in_words,
)
from portal.practices.policy import sees_all


@dataclass(frozen=True)
class Told:
    """What one reader may know of one member; None where nothing was said or it is not for them."""

    practice: str | None = None
    specialty: Specialty | None = None
    part: Part | None = None
    title: str | None = None
    size: Size | None = None
    region: Region | None = None
    bio: str | None = None
    photo: str | None = None  # its address
    hidden: frozenset[Field] = frozenset()  # of what the reader does see: kept from the other members
    is_listed: bool = True

    @property
    def line(self) -> str:
        return line(self.title, self.part, self.practice)

    @property
    def facts(self) -> list[tuple[str, str]]:
        """What is said by choice from a list, in words."""
        said = [(Field.ROLE, self.part), (Field.SPECIALTY, self.specialty), (Field.SIZE, self.size)]
        return [(in_words(field), in_words(value)) for field, value in [*said, (Field.REGION, self.region)] if value]


def line(title: str | None, part: Part | None, practice: str | None) -> str:
    """ "Owner and orthodontist, Millbrook Orthodontics": the line under a name."""
    return ", ".join(filter(None, [title or (in_words(part) if part else None), practice]))


def told_of(member: Member, *, reader: Member) -> Told:
    """One person's page for one reader, in one query."""
    row = db.session.execute(
        select(Affiliation, Discretion, Photo.token)
        .select_from(Member)
        .outerjoin(Affiliation, Affiliation.member_id == Member.id)
        .outerjoin(Discretion, Discretion.member_id == Member.id)
        .outerjoin(Photo, Photo.member_id == Member.id)
        .where(Member.id == member.id)
    ).one()
    works: Affiliation | None = row[0]
    discretion: Discretion | None = row[1]
    hidden = discretion.hidden if discretion else frozenset[Field]()
    kept_back = frozenset[Field]() if sees_all(reader, member) else hidden
    firm = works.practice if works else Practice()

    def unless_hidden(field: Field, value: Any) -> Any:
        return None if field in kept_back else value

    return Told(
        practice=unless_hidden(Field.PRACTICE, firm.name),
        specialty=unless_hidden(Field.SPECIALTY, firm.specialty),
        part=unless_hidden(Field.ROLE, works.part if works else None),
        title=unless_hidden(Field.ROLE, works.title if works else None),
        size=unless_hidden(Field.SIZE, firm.size),
        region=unless_hidden(Field.REGION, firm.region),
        bio=unless_hidden(Field.ABOUT, member.bio),
        photo=unless_hidden(Field.PHOTO, row.token),
        hidden=hidden - kept_back,
        is_listed=discretion is None or not discretion.is_unlisted,
    )


def is_shown(field: Field) -> ColumnElement[bool]:
    """Whether other members may read this field of a row outer-joined with Discretion. No row hides nothing."""
    hides: ColumnElement[bool] = getattr(Discretion, f"hides_{field}")
    return hides.is_not(True)


def says(field: Field, column: SQLColumnExpression[Any], value: Any) -> ColumnElement[bool]:
    """That a member says this for all to read: a filter must not tell what the page does not (CVE-2023-31133)."""
    return and_(is_shown(field), column == value)
