"""Opening rooms and keeping them: what they are for, who is in them, in what order they stand, and their end."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from sqlalchemy import Select, delete, func, or_, select, update
from sqlalchemy.exc import IntegrityError

from portal.accounts.models import Member, Role
from portal.conversations import finding, policy
from portal.conversations.models import Room, RoomKind, RoomMember, Thread
from portal.core import audit, markdown
from portal.core.clock import now
from portal.core.db import db
from portal.core.errors import Refusal


class OwnersWord(Refusal):
    message = "Only the owner opens a room to readers from outside."
    status = 403


class SpokenInConfidence(Refusal):
    message = (
        "People have spoken here among fewer. Open a new room for more readers; this one stays as closed as it is."
    )
    status = 422


class NotInAnyRoom(Refusal):
    message = "Nobody by that name or handle has an account."
    status = 422


class SeveralByThatName(Refusal):
    message = "Several people have that name. Use the handle, the end of their profile's address."
    status = 422


class NamedAlready(Refusal):
    message = "They are named in this room already."
    status = 422


def open_room(*, title: str, purpose: str, kind: RoomKind, rules: str, by: Member) -> Room:
    """A new room at the end of the list. Raises OwnersWord."""
    _check_owners_word(kind, by)
    last = db.session.scalar(select(func.max(Room.position))) or 0
    room = Room(slug=_free_slug(title), title=title, purpose=purpose, kind=kind, position=last + 1)
    _write_rules(room, rules)
    db.session.add(room)
    db.session.flush()
    audit.record(by, "room.opened", room, kind=kind.value)
    return room


def change(room: Room, *, title: str, purpose: str, kind: RoomKind, rules: str, by: Member) -> None:
    """What it is called and for, and who reads it. Its address stays. Raises OwnersWord, SpokenInConfidence."""
    room = db.session.scalars(
        select(Room).where(Room.id == room.id).with_for_update().execution_options(populate_existing=True)
    ).one()
    came_from, room.title, room.purpose = room.kind, title, purpose
    _write_rules(room, rules)
    if kind is not came_from:
        _check_owners_word(kind, by)
        if policy.reads_wider(kind, came_from) and db.session.scalar(_has_threads(room)):
            raise SpokenInConfidence()
        room.kind = kind
        db.session.flush()
        finding.find_room_again(room)
    _renew_pages(room)
    audit.record(by, "room.changed", room, kind=kind.value, was=came_from.value)


def archive(room: Room, *, by: Member) -> None:
    """It leaves the list; what was said stays to be read and found."""
    if not room.is_archived:
        room.archived_at = now()
        _renew_pages(room)
        audit.record(by, "room.archived", room)


def reopen(room: Room, *, by: Member) -> None:
    if room.is_archived:
        room.archived_at = None
        _renew_pages(room)
        audit.record(by, "room.reopened", room)


def put_before(room: Room, *, places: int, by: Member) -> None:
    """Some places up the list, or down it where negative."""
    rooms = list(db.session.scalars(select(Room).order_by(Room.position, Room.title)))
    at = rooms.index(room)
    rooms.insert(max(0, min(at - places, len(rooms) - 1)), rooms.pop(at))
    for position, each in enumerate(rooms, 1):
        each.position = position
    audit.record(by, "room.ordered", room)


def name(room: Room, who: Member, *, as_host: bool, by: Member) -> None:
    """Put somebody into a circle, or name them as host. Raises NamedAlready."""
    named = RoomMember(room_id=room.id, member_id=who.id, host_since=now() if as_host else None)
    try:
        with db.session.begin_nested():
            db.session.add(named)
            db.session.flush()
    except IntegrityError:
        raise NamedAlready() from None
    audit.record(by, "room.named", room, member=who.id, host=as_host)


def take_out(room: Room, who: Member, *, by: Member) -> None:
    """They are no longer of the circle, or no longer its host; what they said there stays."""
    gone = db.session.scalar(
        delete(RoomMember)
        .where(RoomMember.room_id == room.id, RoomMember.member_id == who.id)
        .returning(RoomMember.id)
        .execution_options(synchronize_session=False)
    )
    if gone is not None:
        audit.record(by, "room.taken_out", room, member=who.id)


def named_in(room: Room) -> Sequence[RoomMember]:
    """Everybody named in a room, hosts first."""
    return db.session.scalars(
        select(RoomMember)
        .join(RoomMember.member)
        .where(RoomMember.room_id == room.id, Member.closed_at.is_(None))
        .order_by(RoomMember.host_since.is_(None), Member.name)
    ).all()


def person_called(typed: str) -> Member:
    """Whom somebody means by a name or a handle. Raises NotInAnyRoom, SeveralByThatName."""
    meant = typed.strip().removeprefix("@")
    people = select(Member).where(Member.closed_at.is_(None))
    if by_handle := db.session.scalar(people.where(Member.handle == meant.lower())):
        return by_handle
    found = db.session.scalars(people.where(func.lower(Member.name) == meant.lower()).limit(2)).all()
    if not found:
        raise NotInAnyRoom()
    if len(found) > 1:
        raise SeveralByThatName()
    return found[0]


def _check_owners_word(kind: RoomKind, by: Member) -> None:
    if kind is RoomKind.PUBLIC and not by.is_at_least(Role.OWNER):
        raise OwnersWord()


def _write_rules(room: Room, rules: str) -> None:
    room.notes, room.notes_html = rules, markdown.render(rules) if rules else ""


def _has_threads(room: Room) -> Select[bool]:
    return select(select(Thread.id).where(Thread.room_id == room.id).exists())


def _renew_pages(room: Room) -> None:
    """Pages that browsers kept of its threads name the room and say whether one may reply."""
    db.session.execute(
        update(Thread)
        .where(Thread.room_id == room.id)
        .values(version=Thread.version + 1)
        .execution_options(synchronize_session=False)
    )


def _free_slug(title: str) -> str:
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    wanted = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:60] or "room"
    if wanted in {"read", "new"}:  # addresses beside those of rooms
        wanted += "-room"
    taken = set(
        db.session.scalars(select(Room.slug).where(or_(Room.slug == wanted, Room.slug.startswith(f"{wanted}-"))))
    )
    return next(slug for slug in (wanted, *(f"{wanted}-{n}" for n in range(2, len(taken) + 3))) if slug not in taken)
