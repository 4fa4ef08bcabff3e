"""Practices, who works in them as what, and what a member keeps from the others."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, String, false
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.accounts.models import Member
from portal.core.db import Model


class Specialty(StrEnum):
    """What a practice practises."""

    MEDICAL = "medical"
    DENTAL = "dental"
    VETERINARY = "veterinary"
    LAW = "law"
    OTHER = "other"


class Size(StrEnum):
    """How many people work there, in bands: a number would say which practice it is."""

    ONE = "1"
    FEW = "2-9"
    SOME = "10-24"
    MANY = "25-49"
    MORE = "50+"


class Region(StrEnum):
    """Where it is, as coarsely as is of use to others."""

    NORTHEAST = "us-northeast"
    MIDWEST = "us-midwest"
    SOUTH = "us-south"
    WEST = "us-west"
    CANADA = "canada"
    LATIN_AMERICA = "latin-america"
    UNITED_KINGDOM = "uk-ireland"
    EUROPE = "europe"
    AFRICA = "africa-middle-east"
    ASIA = "asia"
    OCEANIA = "australia-new-zealand"


class Part(StrEnum):
    """The part somebody has in their practice; what the program suggests first depends on it."""

    OWNER = "owner"
    MANAGER = "manager"
    EXPERT = "expert"
    OTHER = "other"


class Field(StrEnum):
    """What a member may keep from the other members. The name always stands beside what they write."""

    PRACTICE = "practice"
    SPECIALTY = "specialty"
    ROLE = "role"
    SIZE = "size"
    REGION = "region"
    ABOUT = "about"
    PHOTO = "photo"


# By kind first: an enum of words equals its words, so that one "other" is every other.
_WORDS: dict[type[StrEnum], dict[str, str]] = {
    Specialty: {
        Specialty.MEDICAL: "Medicine",
        Specialty.DENTAL: "Dentistry",
        Specialty.VETERINARY: "Veterinary medicine",
        Specialty.LAW: "Law",
        Specialty.OTHER: "Another specialty",
    },
    Size: {
        Size.ONE: "Just me",
        Size.FEW: "2 to 9 people",
        Size.SOME: "10 to 24 people",
        Size.MANY: "25 to 49 people",
        Size.MORE: "50 people or more",
    },
    Region: {
        Region.NORTHEAST: "US Northeast",
        Region.MIDWEST: "US Midwest",
        Region.SOUTH: "US South",
        Region.WEST: "US West",
        Region.CANADA: "Canada",
        Region.LATIN_AMERICA: "Latin America and Caribbean",
        Region.UNITED_KINGDOM: "United Kingdom and Ireland",
        Region.EUROPE: "Continental Europe",
        Region.AFRICA: "Africa and Middle East",
        Region.ASIA: "Asia",
        Region.OCEANIA: "Australia and New Zealand",
    },
    Part: {
        Part.OWNER: "Owner or partner",
        Part.MANAGER: "Manager",
        Part.EXPERT: "Expert contributor",
        Part.OTHER: "Another role",
    },
    Field: {
        Field.PRACTICE: "Practice",
        Field.SPECIALTY: "Specialty",
        Field.ROLE: "Role",
        Field.SIZE: "Size",
        Field.REGION: "Region",
        Field.ABOUT: "About you",
        Field.PHOTO: "Photo",
    },
}


def in_words(option: StrEnum) -> str:
    """What people read for a value of these lists."""
    return _WORDS[type(option)][option]


class Practice(Model):
    """The firm members work in, as far as they say. Until seats come, each is one member's own."""

    __tablename__ = "practice"

    name: Mapped[str | None]  # as they call it
    specialty: Mapped[Specialty | None]
    size: Mapped[Size | None]
    region: Mapped[Region | None]


class Affiliation(Model):
    """That a member works in a practice, and as what."""

    __tablename__ = "affiliation"

    member_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"), unique=True)
    practice_id: Mapped[int] = mapped_column(ForeignKey("practice.id"), index=True)
    part: Mapped[Part | None]
    title: Mapped[str | None] = mapped_column(String(120))  # what they call it themselves
    member: Mapped[Member] = relationship()
    practice: Mapped[Practice] = relationship(lazy="joined")


class Discretion(Model):
    """What a member keeps to themselves. Whoever has no row keeps nothing back and is listed."""

    __tablename__ = "discretion"

    member_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"), unique=True)
    hides_practice: Mapped[bool] = mapped_column(default=False)
    hides_specialty: Mapped[bool] = mapped_column(default=False)
    hides_role: Mapped[bool] = mapped_column(default=False)
    hides_size: Mapped[bool] = mapped_column(default=False)
    hides_region: Mapped[bool] = mapped_column(default=False)
    hides_about: Mapped[bool] = mapped_column(default=False)
    hides_photo: Mapped[bool] = mapped_column(default=False, server_default=false())
    is_unlisted: Mapped[bool] = mapped_column(default=False)  # not in the directory of members

    @property
    def hidden(self) -> frozenset[Field]:
        return frozenset(field for field in Field if getattr(self, f"hides_{field}"))

    def hide(self, fields: frozenset[Field]) -> None:
        for field in Field:
            setattr(self, f"hides_{field}", field in fields)


class Photo(Model):
    """A member's photo in the widths that pages use. Its token is its address; the keys never leave the server."""

    __tablename__ = "photo"

    member_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"), unique=True)
    token: Mapped[str] = mapped_column(String(32), unique=True)
    small_key: Mapped[str] = mapped_column(String(64))
    large_key: Mapped[str] = mapped_column(String(64))


class Beginning(Model):
    """How a member wants the list of first steps. Whoever has no row sees it; what was done is seen, not stored."""

    __tablename__ = "beginning"

    member_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"), unique=True)
    part_skipped_at: Mapped[datetime | None]  # they would rather not say what they are; we do not ask again
    put_away_at: Mapped[datetime | None]
