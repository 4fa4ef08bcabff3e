"""What members say about themselves and their practice, and what of it they keep from the others."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import select

from portal.accounts.models import Member
from portal.accounts.policy import is_held_back
from portal.accounts.profiles import clean_name, lines
from portal.core.db import db
from portal.core.errors import Refusal
from portal.core.web import plain_name
from portal.practices.models import Affiliation, Discretion, Field, Part, Photo, Practice, Region, Size, Specialty


class HeldBack(Refusal):
    """What a profile says reaches others, as a post does."""

    message = (
        "While you are silenced or suspended, nothing new can stand on your profile. You can still take words or your "
        "photo down, and choose who sees what."
    )
    status = 403


def describe(
    member: Member,
    *,
    name: str,
    practice: str = "",
    specialty: Specialty | None = None,
    part: Part | None = None,
    title: str = "",
    size: Size | None = None,
    region: Region | None = None,
    bio: str = "",
    shown: Collection[Field] = frozenset(Field),
    listed: bool = True,
) -> None:
    """Replace the profile; what is left empty is said no more. Raises NoName, HeldBack."""
    works = _affiliation(member)
    firm = works.practice
    before = {member.name, member.bio, works.title, firm.name}
    member.name = clean_name(name)
    member.bio = lines(bio) or None
    works.part, works.title = part, plain_name(title) or None
    firm.name, firm.specialty, firm.size, firm.region = plain_name(practice) or None, specialty, size, region
    if {member.name, member.bio, works.title, firm.name} - before - {None}:
        check_may_say_more(member)
    discretion = discretion_of(member)
    discretion.hide(frozenset(Field) - frozenset(shown))
    discretion.is_unlisted = not listed
    show_photo(member)
    member.practice = member.title = None  # where this stood before there were practices; a later release drops both


def check_may_say_more(member: Member) -> None:
    """Raises HeldBack."""
    if is_held_back(member):
        raise HeldBack()


def say_nothing(member: Member) -> None:
    """Take down what they wrote about themselves: about, title, and their practice's name. What was chosen from lists,
    and what they keep to themselves, stays."""
    member.bio = member.practice = member.title = None
    works = _affiliation(member)
    works.title = works.practice.name = None


def say_part(member: Member, part: Part) -> None:
    """Only what they are in their practice; the rest of the profile stays as it is."""
    _affiliation(member).part = part


def discretion_of(member: Member) -> Discretion:
    """What they keep to themselves, to be changed; nothing yet for whoever never said."""
    wait_for_turn(member)
    found = db.session.scalar(select(Discretion).where(Discretion.member_id == member.id))
    if found is None:
        found = Discretion(member_id=member.id)
        db.session.add(found)
        db.session.flush()
    return found


def show_photo(member: Member) -> None:
    """Bring what posts and lists show in line with the photo they have and whether they show it."""
    token = db.session.scalar(select(Photo.token).where(Photo.member_id == member.id))
    shown = token if token and not discretion_of(member).hides_photo else None
    if member.photo != shown:
        member.photo = shown


def _affiliation(member: Member) -> Affiliation:
    wait_for_turn(member)
    found = db.session.scalar(select(Affiliation).where(Affiliation.member_id == member.id))
    if found is None:
        found = Affiliation(member_id=member.id, practice=Practice())
        db.session.add(found)
        db.session.flush()
    return found


def wait_for_turn(member: Member) -> None:
    """The same form sent twice at once makes one row: on PostgreSQL the second waits for the first."""
    db.session.execute(select(Member.id).where(Member.id == member.id).with_for_update())
