"""The people of the demo. All invented; they exist only where the portal runs as a demo or under test."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from portal.accounts import passwords
from portal.accounts.models import Member, Role
from portal.billing.models import Grant, GrantSource
from portal.core.clock import now
from portal.core.db import db
from portal.practices import photos
from portal.practices.describing import describe
from portal.practices.models import Field, Part, Region, Size, Specialty
from portal.practices.photos import Drawn
from portal.seeds import reading

PASSWORD = "practice freedom demo"  # noqa: S105  # of every demo person, printed by `make run`
SHOWN = {
    "olga": "owner",
    "cory": "coach",
    "mo": "moderator",
    "alice": "member",
    "gil": "silenced",
    "lena": "lapsed",
    "sam": "subscriber",
}
_HERE_SINCE = timedelta(days=200)
_LAPSED_SINCE = timedelta(days=12)


def hashed_password() -> str:
    """One hash for all of them: hashing is slow on purpose, and here it guards nothing."""
    return passwords.hashed(PASSWORD)


def draw_portraits() -> dict[str, Drawn]:
    """The pictures of those who have one, by handle, taken in as anybody's. Slow: before anything is written."""
    found = {}
    for path in sorted((reading.CONTENT / "portraits").glob("*.png")):
        with path.open("rb") as stream:
            found[path.stem] = photos.draw(stream, name=path.name, declared="image/png")
    return found


def load(password_hash: str, portraits: Mapping[str, Drawn]) -> dict[str, Member]:
    """The demo people by handle."""
    found = {}
    for about in reading.people():
        member = Member(
            name=about["name"],
            handle=about["handle"],
            email=about["email"],
            role=Role(about["role"]),
            password_hash=password_hash,
            created_at=now() - _HERE_SINCE,
            confirmed_at=now() - _HERE_SINCE,
        )
        db.session.add(member)
        db.session.flush()
        _describe(member, about)
        if drawn := portraits.get(member.handle):
            photos.keep(member, drawn)
        _admit(member, about)
        found[member.handle] = member
    return found


def sign_ins() -> list[tuple[str, str, str]]:
    """(what they are, name, e-mail) of the people whom one would sign in as."""
    members = {m.handle: m for m in db.session.scalars(select(Member).where(Member.handle.in_(SHOWN)))}
    return [(role, members[handle].name, members[handle].email) for handle, role in SHOWN.items() if handle in members]


def _describe(member: Member, about: dict[str, Any]) -> None:
    """Through the same door as everybody's profile."""
    describe(
        member,
        name=member.name,
        practice=about.get("practice", ""),
        specialty=Specialty(about["specialty"]) if "specialty" in about else None,
        part=Part(about["part"]) if "part" in about else None,
        title=about.get("title", ""),
        size=Size(about["size"]) if "size" in about else None,
        region=Region(about["region"]) if "region" in about else None,
        bio=about.get("bio", ""),
        shown=set(Field) - {Field(field) for field in about.get("hides", [])},
        listed=about.get("listed", True),
    )


def _admit(member: Member, about: dict[str, Any]) -> None:
    """Whoever never paid in the demo's story, and Lena, whose time is over. Who pays does so in paying.py."""
    membership = about.get("membership", "none")
    if membership in {"lapsed", "complimentary"}:
        grant(member.id, until=now() - _LAPSED_SINCE if membership == "lapsed" else None)


def grant(member_id: int, *, until: datetime | None = None) -> None:
    """Access without payment, for the demo's own reasons."""
    db.session.add(
        Grant(
            member_id=member_id,
            source=GrantSource.COMPLIMENTARY,
            because="Invented for the demo",
            until=until,
            created_at=now() - _HERE_SINCE,
        )
    )


def payers() -> dict[str, str]:
    """The plan of everyone who simply pays in the demo's story, by handle: {"alice": "annual"}."""
    plans = {about["handle"]: about.get("membership", "") for about in reading.people()}
    return {handle: plan.removeprefix("member_") for handle, plan in plans.items() if plan.startswith("member_")}
